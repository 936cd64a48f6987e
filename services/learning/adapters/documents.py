"""Documents in PostgreSQL, sealed: what applications keep of people is theirs."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg

from services.learning.adapters.pool import Pool
from services.learning.domain.xapi import exact
from services.learning.domain.xapi.documents import (
    Document,
    MalformedDocument,
    Preconditions,
    Shelf,
    etag_of,
)
from services.learning.ports import Overwrite
from shared.encryption import KeyRing, Place

_WHERE = """
    organisation_path = $1::text::ltree AND kind = $2 AND activity = $3 AND actor_id = $4
    AND ($5::uuid IS NULL OR registration = $5)
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7102))"
_READ = f"""
    SELECT content_type, sealed, sealed_under, updated_at FROM documents
    WHERE {_WHERE} AND name = $6
"""  # noqa: S608 - constants
_WRITE = """
    INSERT INTO documents (organisation_path, kind, activity, actor_id, registration, name,
        content_type, sealed, etag, updated_at)
    VALUES ($1::text::ltree, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (organisation_path, kind, activity, actor_id, registration, name) DO UPDATE SET
        content_type = excluded.content_type, sealed = excluded.sealed, sealed_under = NULL,
        etag = excluded.etag, updated_at = excluded.updated_at
"""


class DocumentRepository:
    def __init__(self, pool: Pool, keys: KeyRing) -> None:
        self._pool = pool
        self._keys = keys

    async def get(self, shelf: Shelf, name: str) -> Document | None:
        async with self._pool.connection() as connection:
            return await self._read(connection, shelf, name)

    async def names(self, shelf: Shelf, since: datetime | None) -> Sequence[str]:
        """Those changed after `since`, sorted."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(
                f"SELECT DISTINCT name FROM documents WHERE {_WHERE}"  # noqa: S608 - constants
                " AND ($6::timestamptz IS NULL OR updated_at > $6) ORDER BY name",
                *_key(shelf),
                since,
            )
        return [row[0] for row in rows]

    async def put(
        self, shelf: Shelf, name: str, document: Document, allowed: Overwrite, *, merge: bool
    ) -> None:
        """Write what `allowed` lets be written; with `merge`, JSON members over those there."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_LOCK, _place(shelf, name).row)
            current = await self._read(connection, shelf, name)
            allowed(None if current is None else current.etag)
            content = _merged(current, document) if merge else document.content
            text = base64.b64encode(content).decode()
            await connection.execute(
                _WRITE,
                *_key(shelf),
                name,
                document.content_type,
                self._keys.encrypt("documents", text, _place(shelf, name)),
                etag_of(content),
                document.updated_at,
            )

    async def delete(self, shelf: Shelf, name: str, preconditions: Preconditions) -> None:
        """Take it away, if it is there. Raises `PreconditionFailed`."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_LOCK, _place(shelf, name).row)
            current = await self._read(connection, shelf, name)
            preconditions.check(None if current is None else current.etag)
            await connection.execute(
                f"DELETE FROM documents WHERE {_WHERE} AND name = $6",  # noqa: S608 - constants
                *_key(shelf),
                name,
            )

    async def clear(self, shelf: Shelf) -> None:
        """Take every document away."""
        async with self._pool.connection() as connection:
            await connection.execute(f"DELETE FROM documents WHERE {_WHERE}", *_key(shelf))  # noqa: S608 - constants

    async def _read(
        self, connection: asyncpg.Connection, shelf: Shelf, name: str
    ) -> Document | None:
        row = await connection.fetchrow(_READ, *_key(shelf), name)
        if row is None:
            return None
        place = _place(replace(shelf, path=row["sealed_under"] or shelf.path), name)
        text = self._keys.decrypt("documents", row["sealed"], place)
        return Document(row["content_type"], base64.b64decode(text), row["updated_at"])


def _merged(current: Document | None, new: Document) -> bytes:
    """As 1.0.3 part 3 §2.2 says it: top-level members replace, none is taken away."""
    if current is None:
        if new.is_json:
            _members(new)
        return new.content
    if not (current.is_json and new.is_json):
        raise MalformedDocument("Use PUT to replace what is no JSON.", zh="请用 PUT 替换。")
    merged = {**_members(current), **_members(new)}
    try:
        return exact.dumps(merged)
    except ValueError:
        raise MalformedDocument("It is nested too deep.", zh="文档嵌套过深。") from None


def _members(document: Document) -> dict[str, Any]:
    try:
        found = exact.loads(document.content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MalformedDocument("The document is no JSON object.", zh="文档不是 JSON 对象。")
    return found


def _key(shelf: Shelf) -> tuple[Any, ...]:
    return shelf.path, shelf.kind, shelf.activity, shelf.actor, shelf.registration


def _place(shelf: Shelf, name: str) -> Place:
    row = f"{shelf.path} {shelf.kind} {shelf.activity} {shelf.actor} {shelf.registration} {name}"
    return Place("documents", "sealed", row)
