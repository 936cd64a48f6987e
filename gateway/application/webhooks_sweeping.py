"""What webhooks were told is forgotten after a while, and then the events themselves."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.database import UnitOfWork

SWEEP_SECONDS = 600.0
BATCH = 5000


class Expiry(Protocol):
    async def expire(self, before: datetime, limit: int) -> int:
        """Delete deliveries and events, at most `limit` of each, that are older; returns how many
        went. A secret that has served its time goes with them. An event stays as long as one of
        its deliveries."""
        ...


class WebhookSweeper:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], Expiry],
        kept_for: timedelta,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._kept_for = kept_for
        self._clock = clock

    async def run(self) -> None:
        """Sweep every ten minutes until cancelled, in batches that hold no lock for long."""
        while True:
            while await self.sweep() >= BATCH:
                pass
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """One batch."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            return await uow.commit(await store.expire(self._clock() - self._kept_for, BATCH))
