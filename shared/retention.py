"""Deletes what has served its time: published events, inbox ids, first answers.

An event goes by the time it was recorded, however often it was published since. Inbox ids outlive
the events of a neighbour's outbox twice over, so a replayed event is always recognised.
"""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.settings import ServiceSettings

SWEEP_SECONDS = 600.0
BATCH = 5000

_EXPIRED = {
    "outbox": "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE published_at IS NOT NULL"
    " AND recorded_at < now() - CAST(:age AS interval) LIMIT :limit)",
    "inbox": "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox WHERE"
    " applied_at < now() - CAST(:age AS interval) LIMIT :limit)",
    "idempotency": "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM"
    " idempotency WHERE stored_at < now() - CAST(:age AS interval) LIMIT :limit)",
}


class Sweeper:
    """Sweeps every ten minutes until cancelled, in batches that hold no lock for long."""

    def __init__(self, engine: AsyncEngine, settings: ServiceSettings) -> None:
        self._engine = engine
        outbox = timedelta(days=settings.outbox_retention_days)
        self._ages = {
            "outbox": outbox,
            "inbox": 2 * outbox,
            "idempotency": timedelta(hours=settings.idempotency_retention_hours),
        }

    async def run(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Delete everything that is due; returns the number of rows."""
        deleted = 0
        for table, age in self._ages.items():
            statement = text(_EXPIRED[table])
            while True:
                async with self._engine.begin() as connection:
                    gone = await connection.execute(statement, {"age": age, "limit": BATCH})
                deleted += gone.rowcount
                if gone.rowcount < BATCH:
                    break
        return deleted
