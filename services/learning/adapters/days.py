"""The days into which statements are partitioned: made before they come, retired when old."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from services.learning.adapters.pool import Pool
from services.learning.domain.xapi.contents import moment_of
from shared.clock import Clock

STORE_LOCK = 7101
"""Advisory lock: shared by who stores, exclusive for who needs the store to stand still."""

LATE_MS = 30 * 86_400_000
"""How late a device may send what it kept, for its ids to name a day."""
AHEAD_MS = 86_400_000
"""How far ahead a device's clock may be."""
_DAY = timedelta(days=1)
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_REFRESH = timedelta(minutes=1)
_MADE_AHEAD = 3

_ATTACHED = """
    SELECT to_date(right(child.relname, 8), 'YYYYMMDD') FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'statements'::regclass
"""
SET_ASIDE = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND NOT relispartition AND relname ~ $1 ORDER BY relname
"""
"""The tables of days that were set aside, whose names match."""
_IN_LEDGER = """
    SELECT statement_id FROM ledger
    WHERE statement_id >= first_id_of($1) AND statement_id < first_id_of($2)
"""

log = structlog.get_logger(__name__)


async def tables_of(connection: asyncpg.Connection, name: str) -> Sequence[str]:
    """``statements`` or ``blobs``, and the days of it that were set aside."""
    rows = await connection.fetch(SET_ASIDE, f"^{name}_[0-9]{{8}}$")
    return [name, *(row[0] for row in rows)]


def union(tables: Sequence[str]) -> str:
    """The query of all their rows."""
    return " UNION ALL ".join(f"SELECT * FROM {name}" for name in tables)  # noqa: S608 - names of tables


class Days:
    """Which ids name a day, and the partitions of these days.

    A version 7 id names its day when that is neither far off nor retired. Every other id is kept in
    the ledger, and its row stands on the day it came. Days are retired after `kept_days`, or never:
    what is retired is set aside: counted, and told by its id, but searched no more.
    """

    def __init__(self, pool: Pool, clock: Clock, kept_days: int | None) -> None:
        self._pool = pool
        self._clock = clock
        self._kept = timedelta.max if kept_days is None else timedelta(days=kept_days)
        self._attached: set[date] = set()
        self._mixed: set[date] = set()
        self._refreshed: datetime | None = None
        self._refreshing = asyncio.Lock()

    async def run(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_REFRESH.total_seconds())

    async def ready(self) -> None:
        """Make today's partitions unless that was done within the last minute."""
        if self._refreshed is None or self._clock() - self._refreshed > _REFRESH:
            async with self._refreshing:
                if self._refreshed is None or self._clock() - self._refreshed > _REFRESH:
                    await self.refresh()

    async def refresh(self) -> None:
        """Make the next days, retire the old ones, and see what there is."""
        now = self._clock()
        today = now.date()
        wanted = {today + n * _DAY for n in range(_MADE_AHEAD)}
        async with self._pool.connection() as connection:
            attached = {row[0] for row in await connection.fetch(_ATTACHED)}
            for day in sorted(wanted - attached):
                await connection.execute("SELECT make_day($1)", day)
            for day in sorted(day for day in attached if today - day > self._kept):
                await connection.execute("SELECT retire_day($1)", day)
                log.info("a day of statements was retired", day=day.isoformat())
            self._attached = {row[0] for row in await connection.fetch(_ATTACHED)}
            first, last = min(self._attached), max(self._attached) + _DAY
            moments = [moment_of(row[0]) for row in await connection.fetch(_IN_LEDGER, first, last)]
        self._mixed = {moment.date() for moment in moments if moment is not None}
        self._refreshed = now

    async def make(self, days: Iterable[date]) -> None:
        """Make the partitions of `days` that there are not."""
        for day in sorted(set(days) - self._attached):
            async with self._pool.connection() as connection:
                await connection.execute("SELECT make_day($1)", day)
            self._attached.add(day)

    def named_by(self, ids: Iterable[UUID]) -> dict[UUID, date | None]:
        """The day that each id names, None for one that goes into the ledger."""
        now = int(self._clock().timestamp() * 1000)
        named: dict[UUID, date | None] = {}
        for each in ids:
            value = each.int
            milliseconds = value >> 80
            if value >> 76 & 0xF != 7 or milliseconds > now + AHEAD_MS:
                named[each] = None
                continue
            day = date.fromordinal(_EPOCH + milliseconds // _DAY_MS)
            is_late = milliseconds <= now - LATE_MS
            named[each] = None if is_late and day not in self._attached else day
        return named

    def is_mixed(self, day: date) -> bool:
        """Whether the ledger holds ids of this day: devices sent them from their future."""
        return day in self._mixed

    def note_foreign(self, statement_id: UUID) -> None:
        """An id went into the ledger."""
        moment = moment_of(statement_id)
        if moment is not None:
            self._mixed.add(moment.date())
