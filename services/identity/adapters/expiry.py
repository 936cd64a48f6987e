"""Deletes what has expired: codes, authorizations, device codes, assertions, revocations.

The service's role owns no table, so it drops no partition; it deletes in batches, from an index.
Codes and authorizations stay for a day after they expired, so that late reuse is still recognised.
"""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock

SWEEP_SECONDS = 600.0
BATCH = 5000
_DAY = timedelta(days=1)

_DELETE = (
    "DELETE FROM {table} WHERE {key} IN (SELECT {columns} FROM {table}"
    " WHERE expires_at < :until ORDER BY expires_at LIMIT :limit)"
)
_EXPIRED = {
    "authorization_codes": ("hash", _DAY),
    "device_codes": ("hash", _DAY),
    "authorizations": ("id", _DAY),
    "client_assertions": ("(client_id, jti)", timedelta()),
    "revocations": ("id", timedelta()),
}


class ExpirySweeper:
    """Sweeps every ten minutes until cancelled."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def run(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Delete everything that is due; returns the number of rows."""
        deleted = 0
        for table, (key, kept) in _EXPIRED.items():
            statement = text(_DELETE.format(table=table, key=key, columns=key.strip("()")))
            until = self._clock() - kept
            while True:
                async with self._engine.begin() as connection:
                    gone = await connection.execute(statement, {"until": until, "limit": BATCH})
                deleted += gone.rowcount
                if gone.rowcount < BATCH:
                    break
        return deleted
