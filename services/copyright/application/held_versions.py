"""Versions that were published while their registration was contested: each is registered once the
dispute is over."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog

from services.copyright.application.intake import Intake
from shared.database import UnitOfWork
from shared.errors import DomainError, Unavailable

LOOK_SECONDS = 60.0

log = structlog.get_logger(__name__)


class HeldVersions:
    def __init__(self, new_uow: Callable[[], UnitOfWork], intake: Intake) -> None:
        self._new_uow = new_uow
        self._intake = intake

    async def run(self) -> None:
        """Work for ever, in each replica."""
        while True:
            with suppress(Unavailable):
                await self.register()
            await asyncio.sleep(LOOK_SECONDS)

    async def register(self) -> None:
        """Register what waits no longer, in order. Raises `Unavailable`."""
        async with self._new_uow() as uow:
            held = await self._intake.store(uow.connection).held()
        for resource_id, version in held:
            try:
                await self._register(resource_id, version)
            except Unavailable:
                raise
            except DomainError as reason:
                log.error(
                    "a version that was held is not registered",
                    resource=resource_id,
                    version=version,
                    reason=str(reason),
                )

    async def _register(self, resource_id: UUID, version: int) -> None:
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            if await self._intake.is_contested(store, resource_id):
                return
            held = await store.released(resource_id, version)
            if held is not None:  # another replica was no faster
                await self._intake.register_published(uow, *held)
            await uow.commit()
