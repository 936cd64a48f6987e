"""Favourites, ratings and counts in PostgreSQL."""

import secrets
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.feedback_readings import Reading
from services.catalog.domain.feedback import Counts, Favourite, Own

_SALT_BYTES = 32

_MAKE = text("INSERT INTO resource_counts (resource_id) VALUES (:id) ON CONFLICT DO NOTHING")
_HOLD = text("SELECT FROM resource_counts WHERE resource_id = :id FOR UPDATE")
_FAVOUR = text(
    "WITH added AS (INSERT INTO favourites (owner, resource_id, at) VALUES (:owner, :id, :at)"
    " ON CONFLICT DO NOTHING RETURNING 1)"
    " UPDATE resource_counts SET favourites = favourites + (SELECT count(*) FROM added)"
    " WHERE resource_id = :id"
)
_FORGO = text(
    "WITH gone AS (DELETE FROM favourites WHERE owner = :owner AND resource_id = :id RETURNING 1)"
    " UPDATE resource_counts SET favourites = favourites - (SELECT count(*) FROM gone)"
    " WHERE resource_id = :id"
)
_FORGET = text(
    "WITH gone AS (DELETE FROM favourites WHERE owner = :owner RETURNING resource_id)"
    " UPDATE resource_counts c SET favourites = c.favourites - 1 FROM gone"
    " WHERE c.resource_id = gone.resource_id"
)
_UNRATE = text(
    "WITH gone AS (DELETE FROM ratings WHERE resource_id = :id"
    " AND rater = ANY(CAST(:raters AS bytea[])) RETURNING stars)"
    " UPDATE resource_counts SET ratings = ratings - (SELECT count(*) FROM gone),"
    " stars = stars - (SELECT COALESCE(sum(stars), 0) FROM gone) WHERE resource_id = :id"
)
_RATE = text(
    "WITH added AS (INSERT INTO ratings (resource_id, rater, stars, at)"
    " VALUES (:id, :rater, :stars, :at) RETURNING stars)"
    " UPDATE resource_counts SET ratings = ratings + 1, stars = stars + (SELECT stars FROM added)"
    " WHERE resource_id = :id"
)
_COUNTS = text(
    "SELECT views, downloads, favourites, ratings, stars FROM resource_counts"
    " WHERE resource_id = :id"
)
_OWN = text(
    "SELECT EXISTS (SELECT FROM favourites WHERE owner = :owner AND resource_id = :id)"
    " AS favourite,"
    " (SELECT stars FROM ratings WHERE resource_id = :id"
    " AND rater = ANY(CAST(:raters AS bytea[]))) AS stars"
)
_PAGE = text(
    "SELECT f.resource_id, r.code, v.title, f.at FROM favourites f"
    " JOIN resources r ON r.id = f.resource_id"
    " LEFT JOIN resource_versions v ON v.resource_id = r.id AND v.number = r.live_version"
    " WHERE f.owner = :owner AND (CAST(:at AS timestamptz) IS NULL OR"
    " (f.at, f.resource_id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))"
    " ORDER BY f.at DESC, f.resource_id DESC LIMIT :limit"
)
_MAKE_SALT = text(
    "INSERT INTO reading_days (day, salt) VALUES (:day, :salt) ON CONFLICT DO NOTHING"
)
_SALT = text("SELECT salt FROM reading_days WHERE day = :day")
# In one order everywhere: two processes may wait for one another, and go on.
_COUNT = text(
    "WITH fresh AS (INSERT INTO readings (day, resource_id, kind, reader)"
    " SELECT :day, seen.* FROM unnest(CAST(:resources AS uuid[]), CAST(:kinds AS text[]),"
    " CAST(:readers AS bytea[])) AS seen (resource_id, kind, reader)"
    " JOIN resources r ON r.id = seen.resource_id AND r.live_version IS NOT NULL"
    " ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING RETURNING resource_id, kind)"
    " INSERT INTO resource_counts (resource_id, views, downloads)"
    " SELECT resource_id, count(*) FILTER (WHERE kind = 'view'),"
    " count(*) FILTER (WHERE kind = 'download') FROM fresh GROUP BY 1 ORDER BY 1"
    " ON CONFLICT (resource_id) DO UPDATE SET views = resource_counts.views + excluded.views,"
    " downloads = resource_counts.downloads + excluded.downloads"
)
_FORGET_DAYS = text("DELETE FROM reading_days WHERE day < :before")


class FeedbackRepository:
    """The `FeedbackStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hold(self, resource_id: UUID) -> None:
        await self._connection.execute(_MAKE, {"id": resource_id})
        await self._connection.execute(_HOLD, {"id": resource_id})

    async def favour(self, owner: str, resource_id: UUID, at: datetime) -> None:
        row = {"owner": owner, "id": resource_id, "at": at}
        await self._connection.execute(_FAVOUR, row)

    async def forgo(self, owner: str, resource_id: UUID) -> None:
        await self._connection.execute(_FORGO, {"owner": owner, "id": resource_id})

    async def rate(
        self, resource_id: UUID, raters: Sequence[bytes], stars: int | None, at: datetime
    ) -> None:
        await self._connection.execute(_UNRATE, {"id": resource_id, "raters": list(raters)})
        if stars is not None:
            row = {"id": resource_id, "rater": raters[0], "stars": stars, "at": at}
            await self._connection.execute(_RATE, row)

    async def counts(self, resource_id: UUID) -> Counts:
        row = (await self._connection.execute(_COUNTS, {"id": resource_id})).one_or_none()
        return Counts() if row is None else Counts(*row)

    async def own(self, resource_id: UUID, owner: str, raters: Sequence[bytes]) -> Own:
        asked = {"id": resource_id, "owner": owner, "raters": list(raters)}
        row = (await self._connection.execute(_OWN, asked)).one()
        return Own(row.favourite, row.stars)

    async def page(
        self, owner: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Favourite]:
        at, id_ = before or (None, None)
        asked: dict[str, Any] = {"owner": owner, "limit": limit, "at": at, "id": id_}
        return [
            Favourite(UUID(bytes=row.resource_id.bytes), row.code, row.title, row.at)
            for row in await self._connection.execute(_PAGE, asked)
        ]

    async def forget(self, owner: str) -> None:
        await self._connection.execute(_FORGET, {"owner": owner})


class ReadingRepository:
    """The `ReadingStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def salt(self, day: date) -> bytes:
        made = {"day": day, "salt": secrets.token_bytes(_SALT_BYTES)}
        await self._connection.execute(_MAKE_SALT, made)
        salt: bytes = (await self._connection.execute(_SALT, {"day": day})).scalar_one()
        return salt

    async def count(self, day: date, readings: Collection[Reading]) -> None:
        row = {
            "day": day,
            "resources": [each.resource_id for each in readings],
            "kinds": [each.kind.value for each in readings],
            "readers": [each.reader for each in readings],
        }
        await self._connection.execute(_COUNT, row)

    async def forget(self, before: date) -> None:
        await self._connection.execute(_FORGET_DAYS, {"before": before})
