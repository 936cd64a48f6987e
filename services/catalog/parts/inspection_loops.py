"""The loops that inspect and carry intakes out, with all that they need: see `inspection_command`,
which loads them when there is work."""

import asyncio

import structlog

from services.catalog.adapters.objects import object_store
from services.catalog.application.inspection_pulse import Pulse
from services.catalog.parts import inspection_worker, intake_worker
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.database import UnitOfWork, create_engine
from shared.errors import Unavailable

QUIET_SECONDS = 60.0
_SLOWEST_BYTES = 4 << 20
"""A second, in which the largest file is fetched or sent by an intake."""
_TURN_SECONDS = 60.0

log = structlog.get_logger(__name__)


async def carry_out(settings: Settings, pulse: Pulse) -> None:
    """Until there was no work for a while, or PostgreSQL went away."""
    engine = create_engine(settings, "catalog-inspector")
    carrying: asyncio.Task[None] | None = None

    def new_uow() -> UnitOfWork:
        return UnitOfWork(engine, "/catalog")

    def heard_uow() -> UnitOfWork:
        """An intake that begins a transaction goes on; to keep its lease tells nothing."""
        if asyncio.current_task() is carrying:
            longest = settings.largest_upload_bytes / _SLOWEST_BYTES
            pulse.beat("intakes", within=_TURN_SECONDS + longest)
        return new_uow()

    worker = inspection_worker.build(new_uow, settings, object_store(settings), utc_now, pulse)
    intake = intake_worker.build(heard_uow, settings, utc_now)
    try:
        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(intake.run())
            while True:
                await worker.run(idle_seconds=QUIET_SECONDS)
                if not await intake.due():
                    break
            carrying.cancel()
    except* Unavailable as away:
        log.warning("waiting for PostgreSQL", error=repr(away.exceptions[0]))
    finally:
        await engine.dispose()
