"""The sums of schools in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.boards import Figures, Group, SchoolSums
from services.learning.domain.directory import Organisation

_STALE = text(
    "SELECT o.id, ltree2text(o.path) AS path, o.kind, o.name FROM organisations o"
    " LEFT JOIN school_figures f ON f.organisation_id = o.id"
    " WHERE o.kind = 'school' AND o.state = 'OPEN' AND (f.at IS NULL OR f.at < :before)"
    " ORDER BY f.at NULLS FIRST, o.path LIMIT :limit"
)
_SUM = "least(sum(f.{}), 9223372036854775807)::bigint"
_NAMES = ("pupils", *Figures._fields)
_PUT = text(
    f"INSERT INTO school_figures (organisation_id, at, {', '.join(_NAMES)})"  # noqa: S608 - constant names
    f" VALUES (:organisation_id, :at, {', '.join(f':{name}' for name in _NAMES)})"
    " ON CONFLICT (organisation_id) DO UPDATE SET at = excluded.at,"
    f" {', '.join(f'{name} = excluded.{name}' for name in _NAMES)}"
)
_BELOW = text(
    "SELECT ltree2text(g.path) AS key, g.name, min(f.at) AS at,"  # noqa: S608 - likewise
    f" {', '.join(f'{_SUM.format(name)} AS {name}' for name in _NAMES[:-1])},"
    " max(f.last_at) AS last_at"
    " FROM organisations o JOIN school_figures f ON f.organisation_id = o.id"
    " JOIN organisations g ON g.path = subpath(o.path, 0, nlevel(text2ltree(:path)) + 1)"
    " WHERE o.path <@ text2ltree(:path) AND o.kind = 'school' AND o.state = 'OPEN'"
    " GROUP BY g.path, g.name ORDER BY g.path"
)


class SchoolFigureRepository:
    """`services.learning.application.boards_schools.SchoolFigureStore`, and that of boards."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stale(self, before: datetime, limit: int) -> Sequence[Organisation]:
        asked = {"before": before, "limit": limit}
        return [
            Organisation(UUID(bytes=row.id.bytes), row.path, row.kind, row.name, open=True)
            for row in await self._connection.execute(_STALE, asked)
        ]

    async def put(self, school: UUID, at: datetime, pupils: int, figures: Figures | None) -> None:
        nothing = {**dict.fromkeys(_NAMES, 0), "last_at": None}
        told = {} if figures is None else figures._asdict()
        row = {**nothing, **told, "organisation_id": school, "at": at, "pupils": pupils}
        await self._connection.execute(_PUT, row)

    async def below(self, path: str) -> Sequence[SchoolSums]:
        return [
            SchoolSums(
                row.at,
                Group(
                    row.key,
                    row.name,
                    row.pupils,
                    Figures(*(getattr(row, name) for name in Figures._fields))
                    if row.begun
                    else None,
                ),
            )
            for row in await self._connection.execute(_BELOW, {"path": path})
        ]
