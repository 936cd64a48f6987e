"""Keeps the sums of each school, so that the board of a region reads a row a school."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.boards import BoardRecords, Pupils
from services.learning.domain.boards import ACTIVE, Figures
from services.learning.domain.directory import Organisation
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork

EVERY = timedelta(hours=1)
AT_ONCE = 200
_PAUSE_SECONDS = 60.0


class SchoolFigureStore(Protocol):
    async def stale(self, before: datetime, limit: int) -> Sequence[Organisation]:
        """The open schools that were not counted since `before`, those longest ago first."""
        ...

    async def put(self, school: UUID, at: datetime, pupils: int, figures: Figures | None) -> None:
        """In place of what was counted before."""
        ...


class SchoolFigures:
    """Counts each school anew when its sums are older than `EVERY`. Several processes may: they
    come to the same."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], SchoolFigureStore],
        pupils: Callable[[AsyncConnection], Pupils],
        records: BoardRecords,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._pupils = pupils
        self._records = records
        self._clock = clock

    async def run(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def refresh(self) -> None:
        """Count up to `AT_ONCE` schools, a transaction each."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            schools = await store.stale(self._clock() - EVERY, AT_ONCE)
        for school in schools:
            now = self._clock()
            async with self._new_uow() as uow:
                pupils = await self._pupils(uow.connection).below(school.path, civil_date(now))
                people = await self._records.actors([each.person for each in pupils])
                found = await self._records.groups(dict.fromkeys(people, ""), now - ACTIVE)
                store = self._store(uow.connection)
                await store.put(school.id, now, len(pupils), found.get(""))
                await uow.commit()
