"""The audit trail, read by its indexes: by actor, target, organisation or time.

That of organisations serves prefixes of paths where the database collates as C.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    Text,
    bindparam,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.tables import METADATA
from services.identity.adapters.tables.people import PEOPLE
from services.identity.application.audit import AuditQuery, Entry, Position, Reach
from services.identity.domain.organisations import CODE_PREFIX, INSTITUTIONS

_ENTRIES = METADATA.tables["audit"]
_ROWS = _ENTRIES.c
_BESIDE_PROVINCES = {CODE_PREFIX[kind] for kind in INSTITUTIONS}


class AuditReader:
    """The `AuditEntries` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def person(self, code: str) -> UUID | None:
        found = await self._connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.code == code))
        return found.scalar_one_or_none()

    async def newest(
        self, query: AuditQuery, reach: Reach, limit: int, before: Position | None
    ) -> Sequence[Entry]:
        wanted = _wanted(query, reach).order_by(_ROWS.at.desc(), _ROWS.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(tuple_(_ROWS.at, _ROWS.id) < before)
        return await self._read(wanted)

    async def oldest(
        self, query: AuditQuery, reach: Reach, limit: int, after: Position | None
    ) -> Sequence[Entry]:
        wanted = _wanted(query, reach).order_by(_ROWS.at, _ROWS.id).limit(limit)
        if after is not None:
            wanted = wanted.where(tuple_(_ROWS.at, _ROWS.id) > after)
        return await self._read(wanted)

    async def _read(self, wanted: Select[*tuple[Any, ...]]) -> Sequence[Entry]:
        return [_entry(row) for row in await self._connection.execute(wanted)]


def _wanted(query: AuditQuery, reach: Reach) -> Select[*tuple[Any, ...]]:
    return select(_ENTRIES).where(or_(*_reached(reach)), *_asked(query))


def _reached(reach: Reach) -> Iterator[ColumnElement[bool]]:
    place = _ROWS.organisation
    for path in reach.paths:
        yield or_(place == _literal(path), place.like(_literal(path + ".%")))
    if reach.rootless:
        yield place.is_(None)
        for letter in _BESIDE_PROVINCES:
            yield place.like(_literal(letter + "%"))


def _literal(path: str) -> BindParameter[str]:
    # In the SQL itself: a plan for any path would not know how few entries this one has.
    return bindparam(None, path, Text, literal_execute=True)


def _asked(query: AuditQuery) -> Iterator[ColumnElement[bool]]:
    if query.person is not None:
        columns = (_ROWS.actor, _ROWS.on_behalf_of, _ROWS.target, _ROWS.facts["person"].astext)
        yield or_(*(column == query.person for column in columns))
    if query.action is not None:
        yield _ROWS.action == query.action
    if query.since is not None:
        yield _ROWS.at >= query.since
    if query.until is not None:
        yield _ROWS.at < query.until


def _entry(row: Row[*tuple[Any, ...]]) -> Entry:
    return Entry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        on_behalf_of=row.on_behalf_of,
        client=row.client,
        action=row.action,
        target=row.target,
        organisation=row.organisation,
        before_digest=row.before_digest,
        after_digest=row.after_digest,
        request_id=row.request_id,
        facts=row.facts,
    )
