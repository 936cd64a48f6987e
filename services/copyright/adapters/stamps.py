"""Time-stamps in PostgreSQL."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_UNSTAMPED = text(
    "SELECT h.size, h.note FROM checkpoint_history h"
    " WHERE h.origin = :origin AND h.size > 0 AND (h.witnessed OR NOT EXISTS"
    " (SELECT FROM checkpoint_history w WHERE w.origin = :origin AND w.witnessed))"
    " AND NOT EXISTS (SELECT FROM timestamps t WHERE t.origin = h.origin"
    " AND t.authority = :authority AND t.size >= h.size) ORDER BY h.size DESC LIMIT 1"
)
_KEEP = text(
    "INSERT INTO timestamps (origin, size, authority, response, chain, stamped_at)"
    " VALUES (:origin, :size, :authority, :response, :chain, :at) ON CONFLICT DO NOTHING"
)


class StampRepository:
    """`services.copyright.application.log_stamping.StampStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def unstamped(self, origin: str, authority: str) -> tuple[int, bytes] | None:
        asked = {"origin": origin, "authority": authority}
        row = (await self._connection.execute(_UNSTAMPED, asked)).one_or_none()
        return (row.size, row.note) if row else None

    async def keep(
        self, origin: str, size: int, authority: str, response: bytes, chain: bytes, at: datetime
    ) -> None:
        row = {"origin": origin, "size": size, "authority": authority, "at": at}
        await self._connection.execute(_KEEP, {**row, "response": response, "chain": chain})
