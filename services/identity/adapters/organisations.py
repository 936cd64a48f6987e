"""The tree of organisations in PostgreSQL.

Whoever changes its shape (creates, moves, closes) first takes the tree's lock: shapes change one at
a time, and what was read under the lock holds until the commit. Whoever renames takes it too, for
no two siblings have one name. Rows come after, several always in the order of their paths, so that
no two wait for each other.
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Row, Text, bindparam, func, or_, select, text, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.tables.organisations import ORGANISATION_HISTORY, ORGANISATIONS
from services.identity.application.organisations import existing
from services.identity.application.organisations_ports import (
    ROOT,
    Change,
    Listed,
    Query,
    Remembered,
)
from services.identity.domain.organisations import (
    CODE_NAMES,
    CodeTaken,
    Kind,
    OfficialCodes,
    Organisation,
    State,
    code_of,
)
from services.identity.domain.rosters import written
from shared.collation import sort_key
from shared.errors import Unavailable

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
    " AND (m.valid_until IS NULL OR m.valid_until > greatest(:today, m.valid_from))) AS members"
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
    " AND o.code = ANY(SELECT substr(label, 1, 1) || '-' || substr(label, 2, 4) || '-'"
    " || substr(label, 6, 4) || '-' || substr(label, 10)"
    " FROM unnest(string_to_array(place.path, '.')) label)"
    " ORDER BY h.id DESC LIMIT 1) m)"
    " SELECT path FROM place"
)


class OrganisationRepository:
    """The `OrganisationStore` of the use cases, and the `OrganisationTree` of everybody else."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def path_of(self, organisation_id: UUID) -> str | None:
        found: str | None = await self._connection.scalar(
            select(_PATH).where(_ROWS.id == organisation_id)
        )
        return found

    async def by_id(self, organisation_id: UUID) -> Organisation | None:
        return await self._one(_ROWS.id == organisation_id)

    async def by_code(self, code: str) -> Organisation | None:
        return await self._one(_ROWS.code == code)

    async def by_label(self, label: str) -> Organisation | None:
        return await self.by_code(code_of(label))

    async def find(self, reference: str) -> Organisation | None:
        return await self._one(_named(reference))

    async def locked(self, reference: str) -> Organisation | None:
        return await self._one(_named(reference), lock=True)

    async def province(self, division_code: str) -> Organisation | None:
        return await self._one(_ROWS.parent_id.is_(None), _ROWS.division_code == division_code)

    async def division(self, division_code: str) -> Organisation | None:
        # Of several from before that was refused, any.
        query = _WHOLE.where(_ROWS.division_code == division_code, _ROWS.state == State.OPEN)
        row = (await self._connection.execute(query.limit(1))).one_or_none()
        return None if row is None else _organisation(row)

    async def namesake(self, organisation: Organisation) -> Organisation | None:
        name = written(organisation.name)
        alike = _WHOLE.where(
            _ROWS.parent_id == organisation.parent_id,
            _ROWS.sort_key == sort_key(organisation.name),
            _ROWS.kind == organisation.kind,
            _ROWS.state == State.OPEN,
            _ROWS.id != organisation.id,
        )
        found = map(_organisation, await self._connection.execute(alike))
        return next((each for each in found if written(each.name) == name), None)

    async def _one(
        self, *conditions: ColumnElement[bool], lock: bool = False
    ) -> Organisation | None:
        query = _WHOLE.where(*conditions)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _organisation(row)

    async def ids_below(self, path: str) -> list[UUID]:
        found = await self._connection.scalars(select(_ROWS.id).where(_at_or_below(path)))
        return list(found)

    async def hold(self, ids: Collection[UUID]) -> list[Organisation]:
        rows = await self._connection.execute(
            _WHOLE.where(_ROWS.id.in_(ids))
            .order_by(_ROWS.path)
            .with_for_update(read=True, key_share=True)
        )
        return [_organisation(row) for row in rows]

    async def lock_tree(self) -> None:
        await self._connection.execute(_LOCK_TREE)

    async def add(self, organisation: Organisation) -> None:
        row = {
            **_names(organisation),
            "code": organisation.code,
            "kind": organisation.kind,
            "parent_id": organisation.parent_id,
            "path": organisation.path,
            "state": organisation.state,
            "created_at": organisation.created_at,
        }
        with _conflicts_named():
            await self._connection.execute(_ADD, row)

    async def save(self, organisation: Organisation) -> None:
        with _conflicts_named():
            await self._connection.execute(_SAVE, _names(organisation))

    async def move(self, organisation: Organisation, old_path: str) -> None:
        row = {
            "id": organisation.id,
            "parent_id": organisation.parent_id,
            "path": organisation.path,
            "old_path": old_path,
            "version": organisation.version,
        }
        await self._connection.execute(_MOVE, row)

    async def use(self, path: str, today: date) -> tuple[int, int]:
        await self._connection.execute(_LOCK_BELOW, {"path": path})
        counts = (await self._connection.execute(_USE, {"path": path, "today": today})).one()
        return counts.open_below, counts.members

    async def close(self, organisation: Organisation, actor: str) -> int:
        row = {"id": organisation.id, "at": organisation.closed_at}
        await self._connection.execute(_CLOSE, {**row, "version": organisation.version})
        below = {**row, "path": organisation.path, "actor": actor}
        return (await self._connection.execute(_CLOSE_BELOW, below)).rowcount

    async def remember(
        self,
        organisation: Organisation,
        at: datetime,
        actor: str,
        change: Change,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
    ) -> None:
        row = {
            "organisation_id": organisation.id,
            "version": organisation.version,
            "at": at,
            "actor": actor,
            "change": change,
            "before": None if before is None else orjson.dumps(before).decode(),
            "after": orjson.dumps(after).decode(),
        }
        await self._connection.execute(_REMEMBER, row)

    async def page(
        self, query: Query, limit: int, after: tuple[str, UUID] | None
    ) -> Sequence[Listed]:
        listed = _LISTED.where(_ROWS.state == query.state)
        if query.parent == ROOT:
            listed = listed.where(_ROWS.parent_id.is_(None))
        elif query.parent is not None:
            listed = listed.where(_ROWS.parent_id == existing(await self.find(query.parent)).id)
        if query.within is not None:
            top = existing(await self.find(query.within))
            listed = listed.where(_at_or_below(top.path), _ROWS.id != top.id)
        if query.kind is not None:
            listed = listed.where(_ROWS.kind == query.kind)
        if query.q is not None:
            listed = listed.where(_matches(query.q))
        if after is not None:
            listed = listed.where(tuple_(_ROWS.sort_key, _ROWS.id) > after)
        rows = await self._connection.execute(
            listed.order_by(_ROWS.sort_key, _ROWS.id).limit(limit)
        )
        return [_listed(row) for row in rows]

    async def ancestors(self, path: str) -> Sequence[Listed]:
        codes = [code_of(label) for label in path.split(".")[:-1]]
        rows = await self._connection.execute(
            _LISTED.where(_ROWS.code.in_(codes)).order_by(_ROWS.path)
        )
        return [_listed(row) for row in rows]

    async def history(
        self, organisation_id: UUID, limit: int, before: int | None
    ) -> Sequence[Remembered]:
        rows = ORGANISATION_HISTORY.c
        query = select(ORGANISATION_HISTORY).where(rows.organisation_id == organisation_id)
        if before is not None:
            query = query.where(rows.id < before)
        found = await self._connection.execute(query.order_by(rows.id.desc()).limit(limit))
        return [
            Remembered(
                id=row.id,
                version=row.version,
                at=row.at,
                actor=row.actor,
                change=Change(row.change),
                before=row.before,
                after=row.after,
            )
            for row in found
        ]

    async def paths_ever(self, path: str) -> list[str]:
        """The path of an organisation and those that it had before it, or one above it, moved."""
        return list(await self._connection.scalars(_FORMER_PATHS, {"path": path}))


def _named(reference: str) -> ColumnElement[bool]:
    try:
        return _ROWS.id == UUID(reference)
    except ValueError:
        return _ROWS.code == reference


def _at_or_below(path: str) -> ColumnElement[bool]:
    # The path stands in the SQL itself: a plan for any path walks the whole table for a small one.
    literal = bindparam(None, path, Text, literal_execute=True)
    return _ROWS.path.bool_op("<@")(func.text2ltree(literal))


def _matches(q: str) -> ColumnElement[bool]:
    folded = unicodedata.normalize("NFKC", q).strip()
    pinyin = func.replace(_ROWS.sort_key, " ", "")
    return or_(
        _ROWS.name.icontains(folded, autoescape=True),
        pinyin.startswith(folded.replace(" ", "").lower(), autoescape=True),
        *(
            column == folded.upper()
            for column in (_ROWS.code, _ROWS.division_code, _ROWS.school_code, _ROWS.credit_code)
        ),
    )


def _names(organisation: Organisation) -> dict[str, Any]:
    return {
        "id": organisation.id,
        "name": organisation.name,
        "sort_key": sort_key(organisation.name),
        "division_code": organisation.codes.division_code,
        "school_code": organisation.codes.school_code,
        "credit_code": organisation.codes.credit_code,
        "version": organisation.version,
    }


def _organisation(row: Row[*tuple[Any, ...]]) -> Organisation:
    return Organisation(
        id=UUID(bytes=row.id.bytes),  # the driver's own subclass does not go into an event
        code=row.code,
        kind=Kind(row.kind),
        name=row.name,
        parent_id=row.parent_id,
        path=row.path,
        codes=OfficialCodes(row.division_code, row.school_code, row.credit_code),
        state=State(row.state),
        version=row.version,
        created_at=row.created_at,
        closed_at=row.closed_at,
    )


def _listed(row: Row[*tuple[Any, ...]]) -> Listed:
    return Listed(
        id=row.id,
        code=row.code,
        kind=Kind(row.kind),
        name=row.name,
        parent_id=row.parent_id,
        path=row.path,
        state=State(row.state),
        sort_key=row.sort_key,
    )


@contextmanager
def _conflicts_named() -> Iterator[None]:
    """Tell a violated unique constraint as the fact that it is."""
    try:
        yield
    except IntegrityError as error:
        for column in ("school_code", "credit_code"):
            if f"uq_organisations_{column}" in str(error.orig):
                raise CodeTaken(
                    f"Another organisation has that {column}.",
                    zh=f"该{CODE_NAMES[column]}已被其他机构使用。",
                    pointer=f"#/{column}",
                ) from error
        if "uq_organisations_" in str(error.orig):
            raise Unavailable(
                "The short code drawn is taken. Repeat the request.",
                zh="生成的短编码已被占用，请重试。",
            ) from error
        raise
