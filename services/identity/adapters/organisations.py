"""The tree of organisations in PostgreSQL.

Whoever changes its shape (creates, moves, closes) first takes the tree's lock: shapes change one at
a time, and what was read under the lock holds until the commit. Rows come after, several always in
the order of their paths, so that no two wait for each other. Renaming locks its row alone.
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from pypinyin import lazy_pinyin
from sqlalchemy import ColumnElement, Row, Select, any_, bindparam, func, or_, select, text, tuple_
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.tables.organisations import ORGANISATION_HISTORY, ORGANISATIONS
from services.identity.application.organisations import ROOT, Change, Listed, Query, Remembered
from services.identity.domain.organisations import (
    CodeTaken,
    Kind,
    OfficialCodes,
    Organisation,
    State,
    code_of,
)
from shared.errors import NotFound, Unavailable

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was not got in time."""

_ROWS = ORGANISATIONS.c
_PATH = func.ltree2text(_ROWS.path).label("path")
_WHOLE = select(
    *(_ROWS[name] for name in ("id", "code", "kind", "name", "parent_id")),
    _PATH,
    *(_ROWS[name] for name in ("division_code", "school_code", "credit_code")),
    *(_ROWS[name] for name in ("state", "version", "created_at", "closed_at")),
)
_LISTED = select(
    *(_ROWS[name] for name in ("id", "code", "kind", "name", "parent_id")),
    _PATH,
    *(_ROWS[name] for name in ("state", "sort_key")),
)
_LOCK_TREE = text("SELECT pg_advisory_xact_lock(hashtextextended('organisations', 0))")
_ADD = text(
    "INSERT INTO organisations (id, code, kind, name, sort_key, parent_id, path, division_code,"
    " school_code, credit_code, state, version, created_at)"
    " VALUES (:id, :code, :kind, :name, :sort_key, :parent_id, text2ltree(:path), :division_code,"
    " :school_code, :credit_code, :state, :version, :created_at)"
)
_SAVE = text(
    "UPDATE organisations SET name = :name, sort_key = :sort_key, division_code = :division_code,"
    " school_code = :school_code, credit_code = :credit_code, version = :version WHERE id = :id"
)
_MOVE = text(
    "WITH held AS (SELECT id FROM organisations WHERE path <@ text2ltree(:old_path)"
    " ORDER BY path FOR UPDATE)"
    " UPDATE organisations o SET (parent_id, version, path) = ("
    " CASE WHEN o.id = :id THEN CAST(:parent_id AS uuid) ELSE o.parent_id END,"
    " CASE WHEN o.id = :id THEN :version ELSE o.version END,"
    " text2ltree(:path || substr(ltree2text(o.path), length(:old_path) + 1)))"
    " FROM held WHERE o.id = held.id"
)
# FOR UPDATE waits for memberships under way, whose foreign keys hold a key share of the row.
_LOCK_BELOW = text(
    "SELECT FROM organisations WHERE path <@ text2ltree(:path) ORDER BY path FOR UPDATE"
)
_USE = text(
    "SELECT (SELECT count(*) FROM organisations WHERE path <@ text2ltree(:path)"
    " AND path <> text2ltree(:path) AND state = 'OPEN') AS open_below,"
    " (SELECT count(*) FROM memberships m JOIN organisations o ON o.id = m.organisation_id"
    " WHERE o.path <@ text2ltree(:path)"
    " AND (m.valid_until IS NULL OR m.valid_until > :today)) AS members"
)
_CLOSE = text(
    "UPDATE organisations SET state = 'CLOSED', closed_at = :at, version = :version WHERE id = :id"
)
_CLOSE_BELOW = text(
    "WITH closed AS (UPDATE organisations SET state = 'CLOSED', closed_at = :at,"
    " version = version + 1 WHERE path <@ text2ltree(:path) AND id <> :id AND state = 'OPEN'"
    " RETURNING id, version)"
    " INSERT INTO organisation_history"
    " (organisation_id, version, at, actor, change, before, after)"
    """ SELECT id, version, :at, :actor, 'closed', '{"state":"OPEN"}', '{"state":"CLOSED"}'"""
    " FROM closed"
)
_REMEMBER = text(
    "INSERT INTO organisation_history (organisation_id, version, at, actor, change, before, after)"
    " VALUES (:organisation_id, :version, :at, :actor, :change, CAST(:before AS jsonb),"
    " CAST(:after AS jsonb))"
)
_FORMER_PATHS = text(
    "WITH RECURSIVE place (path, moved) AS ("
    " SELECT CAST(:path AS text), CAST(NULL AS bigint) UNION ALL"
    " SELECT m.old_path || substr(place.path, length(m.new_path) + 1), m.id"
    " FROM place CROSS JOIN LATERAL ("
    " SELECT h.id, h.before->>'path' AS old_path, h.after->>'path' AS new_path"
    " FROM organisation_history h JOIN organisations o ON o.id = h.organisation_id"
    " WHERE h.change = 'moved' AND (place.moved IS NULL OR h.id < place.moved)"
    " AND replace(o.code, '-', '') = ANY(string_to_array(place.path, '.'))"
    " ORDER BY h.id DESC LIMIT 1) m)"
    " SELECT path FROM place"
)
