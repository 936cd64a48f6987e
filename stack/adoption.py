"""The supervisor's side of the nursery: children that another process forked for us."""

import asyncio
import contextlib
import ctypes
import json
import os
import socket
import sys
from pathlib import Path
from typing import Protocol

from stack import CHECKOUT, launch
from stack.component import Component
from stack.logs import RotatingFile, pump
from stack.nursery import READY

_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 30.0
_EARLY = ("-m", "stack.early")


class Line(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Child(Protocol):
    """A process of ours, as asyncio's own; `returncode` is None while it runs."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    @property
    def stdin(self) -> Line | None: ...

    async def wait(self) -> int: ...


class Adopted:
    """A `Child` that the nursery forked."""

    def __init__(self, pid: int, stdin: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = os.fdopen(stdin, "wb", buffering=0)
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._watch = os.pidfd_open(pid)
        loop.add_reader(self._watch, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watch)
        os.close(self._watch)
        self.stdin.close()
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # it ended before it was ours
            self.returncode = 1
        self._ended.set_result(self.returncode)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


class Nursery:
    """`stack.nursery` at work. Once it fails it is left alone: what it forks can also be started
    from nothing, only slower."""

    def __init__(self, logs: Path) -> None:
        self._log = RotatingFile(logs / "nursery.log")
        self._one_at_a_time = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._channel: socket.socket | None = None

    async def open(self) -> None:
        """Start it; it is asked as soon as it is ready."""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        output = await pump(self._log)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "15", "same"),
                *(sys.executable, "-m", "stack.nursery"),
                *(str(theirs.fileno()), str(os.getpid())),
                cwd=CHECKOUT,
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        os.close(output)
        self._first = asyncio.create_task(_answer(self._channel))

    async def fork(self, component: Component, output: int) -> Adopted | None:
        """`component` as our child, waiting for a line; None when it is not run by `stack.early`,
        or when the nursery cannot."""
        async with self._one_at_a_time:
            if self._channel is None or component.argv[1:3] != _EARLY:
                return None
            try:
                if await self._first != READY:
                    raise ConnectionError("the nursery ended before it was ready")
                return await self._ask(self._channel, component, output)
            except (OSError, ValueError, TimeoutError):
                await self.close()
                return None

    async def _ask(self, channel: socket.socket, component: Component, output: int) -> Adopted:
        request = {
            "name": component.name,
            "argv": component.argv[3:],
            "env": dict(component.env),
            "cwd": str(component.cwd),
            "signal": int(component.stop_signal),
        }
        theirs, ours = os.pipe()
        try:
            _adopt_orphans(True)
            socket.send_fds(channel, [json.dumps(request).encode()], [theirs, output])
            return Adopted(int(await _answer(channel)), ours)
        except BaseException:
            os.close(ours)
            raise
        finally:
            _adopt_orphans(False)
            os.close(theirs)

    async def close(self) -> None:
        """End it. What it forked goes on."""
        if self._channel is None or self._process is None:
            return
        self._first.cancel()
        self._channel.close()
        self._channel = None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def _answer(channel: socket.socket) -> bytes:
    async with asyncio.timeout(_PATIENCE):
        return await asyncio.get_running_loop().sock_recv(channel, 64)


def _adopt_orphans(yes: bool) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)
