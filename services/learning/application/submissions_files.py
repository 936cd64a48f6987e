"""Files of homework that nobody needs: never handed in, or of a pupil who was erased.

Rows go first, objects after: a kill between leaves a key to be taken up again.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.assignments_ports import FileStore
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.storage import ObjectStore

UNUSED_LIFE = timedelta(hours=24)
PASS_SECONDS = 300.0
_BATCH = 100


class FileSweeper:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        files: Callable[[AsyncConnection], FileStore],
        objects: ObjectStore,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._files = files
        self._objects = objects
        self._clock = clock

    async def run(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(PASS_SECONDS)

    async def sweep(self) -> int:
        """One pass: how many objects went."""
        async with self._new_uow() as uow:
            await self._files(uow.connection).discard_unused(self._clock() - UNUSED_LIFE)
            await uow.commit()
        count = 0
        while gone := await self._batch():
            count += gone
        return count

    async def _batch(self) -> int:
        async with self._new_uow() as uow:
            files = self._files(uow.connection)
            keys = await files.discarded(_BATCH)
            for key in keys:
                await self._objects.delete(key)
            await files.gone(keys)
            await uow.commit()
        return len(keys)
