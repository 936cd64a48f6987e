"""One component under supervision, through all the processes it lives in."""

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
from stack.adoption import Child, Nursery
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
SILENCE = 3.0
"""Seconds without an answer from another's server after which people are told."""
WATCH = 1.0
"""Seconds between looks at one that is ready."""


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    EXTERNAL = "external"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Member:
    def __init__(
        self,
        component: Component,
        logs: Path,
        nursery: Nursery,
        say: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.component = component
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._nursery = nursery
        self._log = RotatingFile(logs / f"{component.name}.log")
        self._say = say
        self._changed = changed
        self._state = State.WAITING
        self._restarts = 0
        self._spawned = 0.0
        self._process: Child | None = None
        self._proof: Process | None = None

    def report(self) -> dict[str, Any]:
        """JSON for state.json; `pid` with `started` proves a process, see `stack.processes`."""
        proof = self._proof if self._running() else None
        return {
            "name": self.component.name,
            "state": self._state,
            "pid": proof.pid if proof else None,
            "started": proof.started if proof else None,
            "restarts": self._restarts,
            "address": self.component.address,
            "health": self.component.health,
            "stop_signal": self.component.stop_signal,
            "grace": self.component.grace,
        }

    async def live(self, awaited: Sequence["Member"]) -> None:
        """Starts the component when `awaited` are ready, and again whenever it ends.

        CannotStart when it never became ready; after that, it is never given up.
        """
        if self.component.early:
            await self._spawn()
        for other in awaited:
            await other.ready.wait()
        began = _now()
        self._enter(State.STARTING)
        if self.component.before:
            await self.component.before()
        if not self.component.argv:
            await self._meet(began)
            return
        pause = FIRST_PAUSE
        while ending := await self._one_life(began):
            if not self.ready.is_set() and self._restarts + 1 >= self.component.start_attempts:
                raise CannotStart(self._why(ending))
            if _now() - self._spawned > STEADY:
                pause = FIRST_PAUSE
            self._restarts += 1
            self._enter(State.BACKING_OFF)
            self._say(f"{self.component.name} {ending}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            self._enter(State.STARTING)

    async def stop(self) -> None:
        """Asks, waits for the component's grace, then kills. From any state, also repeatedly."""
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if process := self._running():
            self._enter(State.STOPPING)
            self.send(self.component.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.component.grace)
            except TimeoutError:
                self._say(f"{self.component.name} did not stop when asked, and is killed")
                self.send(signal.SIGKILL)
                await process.wait()
        self._enter(State.STOPPED)
        self.stopped.set()

    def send(self, number: signal.Signals) -> None:
        """To the whole group, and only while its leader is ours to reap."""
        if process := self._running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    async def _meet(self, began: float) -> None:
        """The external counterpart of a life: wait until it answers."""
        patience = self.component.start_timeout
        name = f"{self.component.name} at {self.component.address}"
        notice = asyncio.get_running_loop().call_later(
            SILENCE, self._say, f"{name} does not answer yet; waiting for up to {patience:g} s"
        )
        try:
            async with asyncio.timeout(patience):
                await self._answer_or_end()
        except TimeoutError:
            raise CannotStart(
                f"{name} did not answer within {patience:g} s. "
                "See that it runs and that the address is right."
            ) from None
        finally:
            notice.cancel()
        await self._become_ready(began)

    async def _one_life(self, began: float) -> str | None:
        """Starts a process and waits for its end, which is told; None for a one-shot's success."""
        try:
            process = self._running() or await self._spawn()
        except OSError as error:
            return f"could not be launched ({error})"
        if process.stdin:
            process.stdin.write(b"\n")
        patience = self.component.start_timeout
        try:
            async with asyncio.timeout(patience):
                if self.component.oneshot:
                    await process.wait()
                else:
                    await self._answer_or_end()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await process.wait()
            return f"was not ready after {patience:g} s"
        if process.returncode is None or (self.component.oneshot and not process.returncode):
            await self._become_ready(began)
        if self.component.oneshot and self.ready.is_set():
            return None
        watch = asyncio.create_task(self._kill_when_ill())
        try:
            return _ending(await process.wait())
        finally:
            watch.cancel()

    async def _answer_or_end(self) -> None:
        """Returns when the component is healthy, or its process has ended."""
        while not await healthy(self.component.health):
            if self._process and self._process.returncode is not None:
                return
            await asyncio.sleep(POLL)

    async def _kill_when_ill(self) -> None:
        patience = self.component.patience
        well = _now()
        while patience and _now() - well < patience:
            await asyncio.sleep(WATCH)
            if await healthy(self.component.alive or self.component.health):
                well = _now()
        if patience:
            self._say(f"{self.component.name} has been ill for {patience:g} s, and is killed")
            self.send(signal.SIGKILL)

    async def _spawn(self) -> Child:
        component = self.component
        self._spawned = _now()
        output = await pump(self._log)
        try:
            forked = await self._nursery.fork(component, output) if component.early else None
            self._process = forked or await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid())),
                *(str(int(component.stop_signal)), component.identity),
                *component.argv,
                env=dict(component.env),
                cwd=component.cwd,
                stdin=asyncio.subprocess.PIPE if component.early else asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)
        self._proof = Process.of(self._process.pid)
        self._changed()
        return self._process

    def _running(self) -> Child | None:
        return self._process if self._process and self._process.returncode is None else None

    async def _become_ready(self, began: float) -> None:
        component = self.component
        if self.ready.is_set():
            self._say(f"{component.name} is ready again")
        else:
            if component.after:
                await component.after()
            self._say(f"{_now() - began:5.2f} s  {component.name}  {component.address}".rstrip())
        self._enter(
            State.DONE if component.oneshot else State.RUNNING if component.argv else State.EXTERNAL
        )
        self.ready.set()

    def _enter(self, state: State) -> None:
        self._state = state
        self._changed()

    def _why(self, ending: str) -> str:
        name, line = self.component.name, last_line(self._log.path)
        if "No space left on device" in line:
            return f"{name} found the disk full. Free some space, then start again."
        if "No module named" in line:
            return f"{name} misses a Python module ({line}). Delete .venv, then start again."
        return f"{name} {ending}. Its last words, in {self._log.path}: {line or 'none'}"


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _now() -> float:
    return asyncio.get_running_loop().time()
