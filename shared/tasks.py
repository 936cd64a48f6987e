"""Background tasks of a service that are started again when they fail.

Libraries bend cancellation: some cancel what we await without anyone having cancelled us, some
answer our cancellation with another exception or a result (`asyncio.wait_for` of Python 3.11 does;
use `asyncio.timeout`). Hence the care below.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection

import structlog

from shared.metrics import TASK_RESTARTS

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
INSIST_SECONDS = 0.5

log = structlog.get_logger(__name__)


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Await `run` again whenever it ends, with a growing pause; ends by cancellation only."""
    pause = FIRST_PAUSE
    while True:
        started = time.monotonic()
        try:
            await run()
        except (Exception, asyncio.CancelledError) as error:
            if _is_cancelled():
                raise asyncio.CancelledError from error
            log.warning("task failed, starting it again", task=name, error=repr(error))
        if _is_cancelled():
            raise asyncio.CancelledError
        if time.monotonic() - started > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        TASK_RESTARTS.labels(name).inc()
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads restarts only
        pause = min(pause * 2, LONGEST_PAUSE)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel `tasks`, again and again, until each has ended."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _ended, pending = await asyncio.wait(pending, timeout=INSIST_SECONDS)
