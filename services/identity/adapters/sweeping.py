"""Deletes what signing in leaves behind: sign-ins never finished, challenges never answered, counts
run down, devices and sessions of long ago."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock

SWEEP_SECONDS = 600.0
BATCH = 5000
DEVICES_KEPT = timedelta(days=365)
INVITATIONS_KEPT = timedelta(days=30)
SESSIONS_KEPT = timedelta(days=90)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPIRED = {
    "sign_ins": ("secret_hash", "expires_at", timedelta()),
    "passkey_challenges": ("challenge", "expires_at", timedelta()),
    "throttle": ("key", "tat", timedelta()),
    "invitations": ("id", "expires_at", INVITATIONS_KEPT),
    "known_devices": ("(secret_hash, person_id)", "seen_at", DEVICES_KEPT),
}
_DELETE = (
    "DELETE FROM {table} WHERE {key} IN (SELECT {columns} FROM {table}"
    " WHERE {instant} < :until LIMIT :limit)"
)
# Ids of sessions are UUIDs of version 7, which begin with the time: their primary key finds the old
# ones, and the rest of the condition spares those that were renewed.
_DELETE_SESSIONS = text(
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
    " WHERE id < :first AND expires_at < :until ORDER BY id LIMIT :limit)"
)


class AuthenticationSweeper:
    """Sweeps every ten minutes until cancelled, in batches that hold no lock for long."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def run(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Delete everything that is due; returns the number of rows."""
        now = self._clock()
        deleted = 0
        for table, (key, instant, kept) in _EXPIRED.items():
            statement = text(
                _DELETE.format(table=table, key=key, columns=key.strip("()"), instant=instant)
            )
            deleted += await self._all(statement, until=now - kept)
        until = now - SESSIONS_KEPT
        milliseconds = (until - _EPOCH) // timedelta(milliseconds=1)
        first = UUID(int=milliseconds << 80)
        return deleted + await self._all(_DELETE_SESSIONS, until=until, first=first)

    async def _all(self, statement: TextClause, **values: object) -> int:
        deleted = 0
        while True:
            async with self._engine.begin() as connection:
                gone = await connection.execute(statement, {**values, "limit": BATCH})
            deleted += gone.rowcount
            if gone.rowcount < BATCH:
                return deleted
