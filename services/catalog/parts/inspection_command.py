"""`python -m services.catalog inspect`: inspects what was uploaded, and carries intakes out.

While there is nothing to do it only asks PostgreSQL for work, in a third of the memory. Work makes
it load everything else; after a quiet while it starts itself anew without.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from services.catalog.adapters.inspection_waiting import until_due
from services.catalog.settings import Settings
from shared import logs

QUIET_SECONDS = 60.0
_NICE = 5


def inspect() -> int:
    """Inspect until told to stop; the exit code."""
    settings = Settings.load()
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    logs.configure("catalog-inspector", settings.log_level)
    if asyncio.run(_stoppable(_wait(settings))) and asyncio.run(_stoppable(_work(settings))):
        again = [sys.executable, "-m", "services.catalog", "inspect"]
        os.execv(sys.executable, again)  # noqa: S606 - ourselves, from nothing
    return 0


async def _stoppable(task: Coroutine[Any, Any, None]) -> bool:
    """Run it to its end; False when SIGTERM or SIGINT came first, and it was cancelled."""
    running = asyncio.ensure_future(task)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
        return True
    return False


@contextlib.asynccontextmanager
async def _answering(settings: Settings) -> Any:
    """Accepts connections, which is how the supervisor sees that the process lives."""

    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, settings.inspector_host, settings.inspector_port)
    async with server:
        yield


async def _wait(settings: Settings) -> None:
    async with _answering(settings):
        await until_due(settings)


async def _work(settings: Settings) -> None:
    async with _answering(settings):
        from services.catalog.adapters.objects import object_store
        from services.catalog.parts import inspection_worker, intake_worker
        from shared.clock import utc_now
        from shared.database import UnitOfWork, create_engine

        engine = create_engine(settings, "catalog-inspector")

        def new_uow() -> UnitOfWork:
            return UnitOfWork(engine, "/catalog")

        worker = inspection_worker.build(new_uow, settings, object_store(settings), utc_now)
        intake = intake_worker.build(new_uow, settings, utc_now)
        try:
            async with asyncio.TaskGroup() as group:
                carrying = group.create_task(intake.run())
                while True:
                    await worker.run(idle_seconds=QUIET_SECONDS)
                    if not await intake.due():
                        break
                carrying.cancel()
        finally:
            await engine.dispose()
