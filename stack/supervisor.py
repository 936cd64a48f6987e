"""Starts components in order of dependency, restarts those that end, stops them in reverse."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from stack import launch
from stack.component import Component
from stack.errors import CannotStart
from stack.health import healthy
from stack.logs import RotatingFile, last_line, pump
from stack.processes import Process

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
STEADY = 30.0
"""Seconds of running after which the next pause is short again."""
POLL = 0.03


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STOPPED = "stopped"


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
        self._members = {c.name: _Member(c, logs, say, changed) for c in components}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def report(self) -> list[dict[str, Any]]:
        return [member.report() for member in self._members.values()]

    async def start(self) -> None:
        """Returns when every component is ready; CannotStart when one gives up.

        The caller calls `stop` afterwards, whatever happened.
        """
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
        await asyncio.gather(*(self._stop(member) for member in self._members.values()))

    def force(self) -> None:
        """Kills whatever still runs; a `stop` under way then finishes at once."""
        for member in self._members.values():
            member.signal(signal.SIGKILL)

    async def _all_ready(self) -> None:
        for member in self._members.values():
            await member.ready.wait()

    async def _stop(self, member: "_Member") -> None:
        for other in self._members.values():
            if member.component.name in other.component.depends_on:
                await other.stopped.wait()
        await member.stop()

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._failed.done():
            return
        if error := task.exception():
            self._failed.set_exception(error)


class _Member:
    """One component and its present process."""

    def __init__(
        self,
        component: Component,
        logs: Path,
        say: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.component = component
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._log = RotatingFile(logs / f"{component.name}.log")
        self._say = say
        self._changed = changed
        self._state = State.WAITING
        self._restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._proof: Process | None = None

    def report(self) -> dict[str, Any]:
        return {
            "name": self.component.name,
            "state": self._state,
            "pid": self._proof.pid if self._proof else None,
            "started": self._proof.started if self._proof else None,
            "restarts": self._restarts,
            "address": self.component.address,
            "health": self.component.health,
            "stop_signal": self.component.stop_signal,
            "grace": self.component.grace,
        }

    async def live(self, awaited: Sequence["_Member"]) -> None:
        for other in awaited:
            await other.ready.wait()
        began = asyncio.get_running_loop().time()
        self._enter(State.STARTING)
        if self.component.before:
            await self.component.before()
        pause = FIRST_PAUSE
        while True:
            started = asyncio.get_running_loop().time()
            ending = await self._start()
            if ending is None:
                await self._become_ready(began)
                if self.component.oneshot:
                    return
                ending = await self._end()
                if asyncio.get_running_loop().time() - started > STEADY:
                    pause = FIRST_PAUSE
            elif not self.ready.is_set() and self._restarts + 1 >= self.component.start_attempts:
                raise CannotStart(self._why(ending))
            self._restarts += 1
            self._enter(State.BACKING_OFF)
            self._say(f"{self.component.name} {ending}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            self._enter(State.STARTING)

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if self._process and self._process.returncode is None:
            self._enter(State.STOPPING)
            self.signal(self.component.stop_signal)
            try:
                await asyncio.wait_for(self._process.wait(), self.component.grace)
            except TimeoutError:
                self._say(f"{self.component.name} did not stop in {self.component.grace:g} s: kill")
                self.signal(signal.SIGKILL)
                await self._process.wait()
        self._proof = None
        self._enter(State.STOPPED)
        self.stopped.set()

    def signal(self, number: signal.Signals) -> None:
        """To the whole group, and only while its leader is ours to reap."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _start(self) -> str | None:
        """One attempt. None when ready, else how it ended."""
        self._process = process = await self._spawn()
        self._proof = Process.of(process.pid)
        self._changed()
        patience = self.component.start_timeout
        try:
            async with asyncio.timeout(patience):
                while process.returncode is None:
                    if self.component.oneshot:
                        await process.wait()
                    elif await healthy(self.component.health) and process.returncode is None:
                        return None
                    else:
                        await asyncio.sleep(POLL)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await process.wait()
            return f"was not ready after {patience:g} s"
        return None if self.component.oneshot and not process.returncode else await self._end()

    async def _spawn(self) -> asyncio.subprocess.Process:
        component = self.component
        output = await pump(self._log)
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", launch.__file__, str(os.getpid())),
                *(str(int(component.stop_signal)), component.identity),
                *component.argv,
                env=dict(component.env),
                cwd=component.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)

    async def _become_ready(self, began: float) -> None:
        if not self.ready.is_set():
            if self.component.after:
                await self.component.after()
            seconds = asyncio.get_running_loop().time() - began
            self._say(f"{self.component.name:<14} {seconds:5.2f} s  {self.component.address}")
        self._enter(State.DONE if self.component.oneshot else State.RUNNING)
        self.ready.set()

    async def _end(self) -> str:
        assert self._process is not None
        code = await self._process.wait()
        self._proof = None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def _enter(self, state: State) -> None:
        self._state = state
        self._changed()

    def _why(self, ending: str) -> str:
        line = last_line(self._log.path)
        if "No space left on device" in line:
            return f"{self.component.name} found the disk full. Free some space, then start again."
        if "No module named" in line:
            return f"{self.component.name} misses a Python module ({line}). Delete .venv, try again."
        return f"{self.component.name} {ending}. Its last words, in {self._log.path}: {line or 'none'}"
