from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import text

from gateway.domain.usage import Counts, Tally, UsageKey
from shared.database import UnitOfWork
from shared.reader import Reader

_POSITION = "SELECT position FROM access_log_files WHERE name = $1"
_MOVE = text(
    "INSERT INTO access_log_files (name, position, read_at) VALUES (:name, :after, now())"
    " ON CONFLICT (name) DO UPDATE SET position = :after, read_at = now()"
    " WHERE access_log_files.position = :before RETURNING position"
)
_FORGET = text("DELETE FROM access_log_files WHERE read_at < now() - interval '30 days'")
_ADD = text(
    "INSERT INTO usage_days"
    " (client_id, day, operation, requests, refused, failed, received, sent)"
    " VALUES (:client, :day, :operation, :requests, :refused, :failed, :received, :sent)"
    " ON CONFLICT (client_id, day, operation) DO UPDATE SET"
    " requests = usage_days.requests + excluded.requests,"
    " refused = usage_days.refused + excluded.refused,"
    " failed = usage_days.failed + excluded.failed,"
    " received = usage_days.received + excluded.received,"
    " sent = usage_days.sent + excluded.sent"
)
_PAGE = (
    "SELECT client_id, day, operation, requests, refused, failed, received, sent FROM usage_days"
    " WHERE client_id = $1 AND day BETWEEN $2 AND $3"
    " AND ($4::date IS NULL OR (day, operation) > ($4, $5))"
    " ORDER BY day, operation LIMIT $6"
)


class UsageRows:
    """`gateway.application.metering.UsageStore` over PostgreSQL, and what is read of it."""

    def __init__(self, new_uow: Callable[[], UnitOfWork], reader: Reader) -> None:
        self._new_uow = new_uow
        self._reader = reader

    async def position(self, name: str) -> int:
        row = await self._reader.fetchrow(_POSITION, name)
        return row["position"] if row else 0

    async def add(self, name: str, before: int, after: int, tally: Tally) -> bool:
        async with self._new_uow() as uow:
            moved = {"name": name, "before": before, "after": after}
            if (await uow.connection.execute(_MOVE, moved)).one_or_none() is None:
                return False
            if before == 0:
                await uow.connection.execute(_FORGET)
            rows = [{**key._asdict(), **asdict(tally.counts[key])} for key in sorted(tally.counts)]
            if rows:
                await uow.connection.execute(_ADD, rows)
            return await uow.commit(True)

    async def page(
        self,
        client: str,
        since: date,
        until: date,
        after: tuple[date, str] | None,
        limit: int,
    ) -> Sequence[tuple[UsageKey, Counts]]:
        """By day and operation."""
        day, operation = after or (None, None)
        rows = await self._reader.fetch(_PAGE, client, since, until, day, operation, limit)
        return [
            (
                UsageKey(row["client_id"], row["day"], row["operation"]),
                Counts(*(row[name] for name in Counts.__slots__)),
            )
            for row in rows
        ]
