"""Background tasks of a service that are started again when they fail."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from shared.metrics import TASK_RESTARTS

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

log = structlog.get_logger(__name__)


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Await `run` again whenever it ends, with a growing pause; ends by cancellation only."""
    pause = FIRST_PAUSE
    while True:
        started = time.monotonic()
        try:
            await run()
        except asyncio.CancelledError as error:
            # A client library may cancel what we await without anyone having cancelled us.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("task failed, starting it again", task=name, error=repr(error))
        except Exception as error:
            log.warning("task failed, starting it again", task=name, error=repr(error))
        if time.monotonic() - started > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        TASK_RESTARTS.labels(name).inc()
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads restarts only
        pause = min(pause * 2, LONGEST_PAUSE)
