"""Starts components in order of dependency, keeps them running, stops them in reverse."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stack.adoption import Nursery
from stack.component import Component
from stack.member import Member


class Supervisor:
    """Runs components. Not reusable: one start, one stop.

    `say` receives a line a person should read, `changed` is called whenever `report` differs.
    """

    def __init__(
        self,
        components: Sequence[Component],
        logs: Path,
        say: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._nursery = Nursery(logs)
        self._members = {c.name: Member(c, logs, self._nursery, say, changed) for c in components}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def report(self) -> list[dict[str, Any]]:
        return [member.report() for member in self._members.values()]

    async def start(self) -> None:
        """Returns when every component is ready; CannotStart when one gives up.

        The caller calls `stop` afterwards, whatever happened.
        """
        if any(member.component.early for member in self._members.values()):
            await self._nursery.open()
        for member in self._members.values():
            awaited = [self._members[name] for name in member.component.depends_on]
            member.task = asyncio.create_task(member.live(awaited))
            member.task.add_done_callback(self._note_failure)
        ready = asyncio.create_task(self._all_ready())
        try:
            await asyncio.wait({ready, self._failed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._failed.done():
            self._failed.result()

    async def stop(self) -> None:
        """Stops each component after all that depend on it, also during start."""
        self._failed.cancel()
        await asyncio.gather(*(self._stop(member) for member in self._members.values()))
        await self._nursery.close()

    def force(self) -> None:
        """Kills whatever still runs; a `stop` under way then finishes at once."""
        for member in self._members.values():
            member.send(signal.SIGKILL)

    async def _all_ready(self) -> None:
        for member in self._members.values():
            await member.ready.wait()

    async def _stop(self, member: Member) -> None:
        for other in self._members.values():
            if member.component.name in other.component.depends_on:
                await other.stopped.wait()
        await member.stop()

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)
