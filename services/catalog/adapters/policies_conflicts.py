"""Conflicts of interest in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.policies_conflicts import Conflict, Lifting
from shared.ids import uuid7

_COLUMNS = (
    "c.id, c.reviewer, c.maker, ltree2text(c.path) AS path, c.words, c.declared_by, c.declared_at,"
    " c.lifted_words, c.lifted_by, c.lifted_at"
)
_OWN = text(
    "SELECT maker FROM review_conflicts WHERE reviewer = :reviewer AND path IS NULL"
    " AND lifted_at IS NULL ORDER BY maker"
)
_LIFT_OTHERS = text(
    "UPDATE review_conflicts SET lifted_words = '', lifted_by = :reviewer, lifted_at = :now"
    " WHERE reviewer = :reviewer AND path IS NULL AND lifted_at IS NULL"
    " AND maker <> ALL(CAST(:makers AS text[]))"
)
_INSERT = (
    "INSERT INTO review_conflicts AS c (id, reviewer, maker, path, words, declared_by,"
    " declared_at) VALUES (:id, :reviewer, :maker, text2ltree(CAST(:path AS text)), :words,"
    " :declared_by, :declared_at) ON CONFLICT (reviewer, maker, path) WHERE lifted_at IS NULL"
)
_KEEP = text(f"{_INSERT} DO NOTHING")
_DECLARE = text(
    f"{_INSERT} DO UPDATE SET words = excluded.words, declared_by = excluded.declared_by,"
    f" declared_at = excluded.declared_at RETURNING {_COLUMNS}"
)
_IN_FORCE = text(
    f"SELECT {_COLUMNS} FROM review_conflicts c WHERE id = :id AND lifted_at IS NULL FOR UPDATE"  # noqa: S608 - constant columns
)
_LIFT = text(
    "UPDATE review_conflicts SET lifted_words = :words, lifted_by = :by, lifted_at = :at"
    " WHERE id = :id"
)
_PLACES = text("SELECT DISTINCT ltree2text(path) FROM review_roster WHERE person = :person")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM review_conflicts c"  # noqa: S608 - constant columns
    " WHERE (c.lifted_at IS NOT NULL) = :lifted AND c.id < :before"
    " AND (c.path <@ text2ltree(:path) OR (c.path IS NULL AND EXISTS (SELECT FROM review_roster r"
    " WHERE r.person = c.reviewer AND r.path <@ text2ltree(:path))))"
    " ORDER BY c.id DESC LIMIT :limit"
)
_LAST = UUID(int=2**128 - 1)


class ConflictRepository:
    """The `ConflictStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def own(self, reviewer: str) -> Sequence[str]:
        return list(await self._connection.scalars(_OWN, {"reviewer": reviewer}))

    async def put_own(self, reviewer: str, makers: Sequence[str], now: datetime) -> None:
        asked = {"reviewer": reviewer, "makers": list(makers), "now": now}
        await self._connection.execute(_LIFT_OTHERS, asked)
        for maker in makers:
            made = Conflict(uuid7(), reviewer, maker, None, "", reviewer, now)
            await self._connection.execute(_KEEP, _row(made))

    async def declare(self, conflict: Conflict) -> Conflict:
        return _conflict((await self._connection.execute(_DECLARE, _row(conflict))).one())

    async def in_force(self, conflict_id: UUID) -> Conflict | None:
        row = (await self._connection.execute(_IN_FORCE, {"id": conflict_id})).one_or_none()
        return None if row is None else _conflict(row)

    async def lift(self, conflict_id: UUID, lifting: Lifting) -> None:
        row = {"id": conflict_id, "words": lifting.words, "by": lifting.by, "at": lifting.at}
        await self._connection.execute(_LIFT, row)

    async def places(self, reviewer: str) -> Sequence[str]:
        return list(await self._connection.scalars(_PLACES, {"person": reviewer}))

    async def page(
        self, path: str, lifted: bool, limit: int, before: UUID | None
    ) -> Sequence[Conflict]:
        asked = {"path": path, "lifted": lifted, "limit": limit, "before": before or _LAST}
        return [_conflict(row) for row in await self._connection.execute(_PAGE, asked)]


def _row(conflict: Conflict) -> dict[str, Any]:
    return {name: getattr(conflict, name) for name in Conflict.__slots__ if name != "lifted"}


def _conflict(row: Row[Any]) -> Conflict:
    lifted = None
    if row.lifted_at is not None:
        lifted = Lifting(row.lifted_by, row.lifted_at, row.lifted_words)
    return Conflict(
        id=UUID(bytes=row.id.bytes),
        reviewer=row.reviewer,
        maker=row.maker,
        path=row.path,
        words=row.words,
        declared_by=row.declared_by,
        declared_at=row.declared_at,
        lifted=lifted,
    )
