"""What keeps the log growing: phases 2 to 4, over and over, each from committed rows alone."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.copyright.application.log_halting import Halt
from services.copyright.application.log_ports import (
    ForkRefused,
    LogBehind,
    PublicFileDiffers,
    SigningRefused,
)
from services.copyright.application.log_publishing import Publisher
from services.copyright.application.log_sequencing import BATCH, Sequencer
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

_HALTED_SECONDS = 5.0
_MOST_BATCHES = 8  # before they are published


class LogWorker:
    """Runs in each replica; locks in the database leave one of them the work."""

    def __init__(
        self, sequencer: Sequencer, publisher: Publisher, seconds: float, halt: Halt
    ) -> None:
        self._sequencer = sequencer
        self._publisher = publisher
        self._seconds = seconds
        self._halt = halt
        self._served = False

    async def run(self) -> None:
        """Work for ever. What only a person can settle is told again and again, and halts it."""
        while True:
            pause = await self._attempt(self.step)
            await asyncio.sleep(pause)

    async def step(self) -> None:
        """One pass: what is pending becomes entries, and the entries become public.

        The first pass, and one after a pass that failed, look first whether the public has seen
        more than this database holds, then serve what was signed and may not be public yet.
        """
        served, self._served = self._served, False
        waits = await self._sequencer.waits()
        if waits or not served:
            await self._publisher.guard()
        if not served:
            await self._publisher.serve_checkpoints()
        if waits:
            for _ in range(_MOST_BATCHES):
                if await self._sequencer.integrate() < BATCH:
                    break
        await self._publisher.publish()
        self._served = True

    async def _attempt(self, phase: Callable[[], Awaitable[object]]) -> float:
        """Seconds to wait before the next attempt."""
        try:
            await phase()
            self._halt.reason = None
        except Unavailable as reason:
            log.warning("the log waits", reason=reason.detail)
        except (LogBehind, PublicFileDiffers, ForkRefused, SigningRefused) as reason:
            log.critical("the log is halted: a person must look", reason=repr(reason))
            self._halt.reason = str(reason)
            return _HALTED_SECONDS
        return self._seconds
