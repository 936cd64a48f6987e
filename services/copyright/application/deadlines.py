"""What happens to registrations in its own time: licences expire, and disputes fall overdue.

A deadline is a row. Its effect, its event and its removal are one transaction, so a kill in the
middle leaves it to be taken again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.consequences import (
    Consequences,
    Deadline,
    DeadlineKind,
    DeadlineStore,
    Ended,
)
from services.copyright.application.intake import Stores
from services.copyright.domain.events import DisputeOverdue, LicenceExpired
from services.copyright.domain.registrations import Record
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Unavailable

LOOK_SECONDS = 5.0


class Deadlines:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        deadlines: Callable[[AsyncConnection], DeadlineStore],
        store: Stores,
        consequences: Callable[[UnitOfWork], Consequences],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._deadlines = deadlines
        self._store = store
        self._consequences = consequences
        self._clock = clock

    async def run(self) -> None:
        """Work for ever, in each replica."""
        while True:
            with suppress(Unavailable):
                while await self.tell():
                    pass
            await asyncio.sleep(LOOK_SECONDS)

    async def tell(self) -> bool:
        """Do what one passed deadline asks for; whether there was one. Raises `Unavailable`."""
        async with self._new_uow() as uow:
            deadlines = self._deadlines(uow.connection)
            passed = await deadlines.passed(self._clock())
            if passed is None:
                return False
            # The registration is locked first, as by whoever meets the deadline just now.
            record = await self._store(uow.connection).locked(passed.registration_id)
            if await deadlines.remove(passed) and record is not None:
                await self._tell(uow, record, passed)
            return await uow.commit(True)

    async def _tell(self, uow: UnitOfWork, record: Record, passed: Deadline) -> None:
        if passed.kind is DeadlineKind.EXPIRY:
            await self._expired(uow, record, passed)
        else:
            self._overdue(uow, record, passed)

    async def _expired(self, uow: UnitOfWork, record: Record, passed: Deadline) -> None:
        uow.outbox.append(
            LicenceExpired(
                record.id, record.code, record.resource_id, record.resource_version, passed.event
            )
        )
        await self._consequences(uow).end(record, passed.event, Ended.EXPIRED)
        uow.audit.record(
            "licence.expired",
            f"registrations/{record.id}",
            organisation=record.organisation_path,
            offer=passed.event,
        )

    def _overdue(self, uow: UnitOfWork, record: Record, passed: Deadline) -> None:
        uow.outbox.append(
            DisputeOverdue(
                record.id,
                record.code,
                record.resource_id,
                record.organisation_path,
                passed.kind,
                passed.due_at,
            )
        )
        uow.audit.record(
            "dispute.overdue",
            f"registrations/{record.id}",
            organisation=record.organisation_path,
            due=passed.kind,
        )
