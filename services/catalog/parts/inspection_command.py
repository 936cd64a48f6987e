"""`python -m services.catalog inspect`: inspects what was uploaded, and carries intakes out.

While there is nothing to do it only asks PostgreSQL for work, in a third of the memory. Work makes
it load everything else; after a quiet while it starts itself anew without. All the while it answers
``/healthz``: its supervisor ends one that hangs, and what it held is taken again.
"""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from services.catalog.adapters.inspection_health import answering
from services.catalog.adapters.inspection_waiting import until_due
from services.catalog.application.inspection_pulse import Pulse
from services.catalog.settings import Settings
from shared import logs

_NICE = 5


def inspect() -> int:
    """Inspect until told to stop; the exit code."""
    settings = Settings.load()
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    logs.configure("catalog-inspector", settings.log_level)
    if asyncio.run(_stoppable(_run(settings))):
        # Not as it was started: it may be a fork of something else.
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


async def _run(settings: Settings) -> None:
    pulse = Pulse()
    async with answering(pulse, settings.inspector_host, settings.inspector_port):
        await until_due(settings, pulse)
        # Loading takes a second or two, in which health is asked for.
        loops = await asyncio.to_thread(importlib.import_module, f"{__package__}.inspection_loops")
        await loops.carry_out(settings, pulse)
