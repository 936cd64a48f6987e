"""Term lists in PostgreSQL: versions that are written once."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.term_lists import ListedTerm, TermList

_COLUMNS = "name, version, effective_from, effective_until, terms"
_IN_EFFECT = text(
    f"SELECT DISTINCT ON (name) {_COLUMNS} FROM term_lists WHERE effective_from <= :now"  # noqa: S608 - constant columns
    " AND (effective_until IS NULL OR effective_until > :now) ORDER BY name, version DESC"
)
_PAGE = text(
    f"SELECT {_COLUMNS} FROM term_lists WHERE (name, version) > (:name, :version)"  # noqa: S608 - likewise
    " ORDER BY name, version LIMIT :limit"
)
_VERSION = text(
    f"SELECT {_COLUMNS} FROM term_lists WHERE name = :name"  # noqa: S608 - likewise
    " AND version = COALESCE(:version, version) ORDER BY version DESC LIMIT 1"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('term_lists ' || :name, 0))")
_LAST = text("SELECT COALESCE(max(version), 0) FROM term_lists WHERE name = :name")
_ADD = text(
    "INSERT INTO term_lists (name, version, effective_from, effective_until, terms, created_by,"
    " created_at) VALUES (:name, :version, :effective_from, :effective_until,"
    " CAST(:terms AS jsonb), :created_by, :created_at)"
)


async def in_effect(connection: AsyncConnection, now: datetime) -> Sequence[TermList]:
    """The version of each list that counts at `now`."""
    return [_list(row) for row in await connection.execute(_IN_EFFECT, {"now": now})]


class TermListRepository:
    """The `TermListStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def last(self, name: str) -> int:
        await self._connection.execute(_LOCK, {"name": name})
        found: int = (await self._connection.execute(_LAST, {"name": name})).scalar_one()
        return found

    async def add(self, made: TermList, person: str, now: datetime) -> None:
        terms = orjson.dumps([asdict(each) for each in made.terms]).decode()
        row = {
            "name": made.name,
            "version": made.version,
            "effective_from": made.effective_from,
            "effective_until": made.effective_until,
            "terms": terms,
            "created_by": person,
            "created_at": now,
        }
        await self._connection.execute(_ADD, row)

    async def page(self, limit: int, after: tuple[str, int]) -> Sequence[TermList]:
        asked = {"name": after[0], "version": after[1], "limit": limit}
        return [_list(row) for row in await self._connection.execute(_PAGE, asked)]

    async def version(self, name: str, version: int | None) -> TermList | None:
        found = await self._connection.execute(_VERSION, {"name": name, "version": version})
        row = found.one_or_none()
        return _list(row) if row else None


def _list(row: Row[Any]) -> TermList:
    terms = [ListedTerm(**each) for each in row.terms]
    return TermList(row.name, row.version, row.effective_from, row.effective_until, terms)
