"""`./shuyuan up`: starts everything, says when it is ready, and stays until told to stop."""

import asyncio
import json
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from stack import plan, ports
from stack.data import DataDirectory
from stack.errors import StackError
from stack.leftovers import end_leftovers
from stack.logs import RotatingFile
from stack.processes import Process, boot_id
from stack.supervisor import Supervisor


class Journal:
    """Lines for a person: to standard error until `detach`, and always to supervisor.log."""

    def __init__(self, path: Path) -> None:
        self._file = RotatingFile(path)
        self._attached = True

    def say(self, line: str) -> None:
        if self._attached:
            print(f"  {line}", file=sys.stderr, flush=True)
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._file.write(f"{now} {line}\n".encode())

    def detach(self) -> None:
        """Lets go of the terminal; what Python itself may still print joins the log."""
        self._attached = False
        sys.stdout.flush()
        sys.stderr.flush()
        with open(os.devnull, "rb") as nothing, self._file.path.open("ab") as log:
            os.dup2(nothing.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)


def up(path: Path, port: int | None, *, detach: bool, as_json: bool) -> int:
    """Runs the stack on a data directory; returns the exit code after a stop.

    With `detach` a child stays behind and the caller returns when it is ready. StackError when
    it cannot start.
    """
    began = time.monotonic()
    data = DataDirectory(path)
    data.prepare()
    release = _fork() if detach else None
    if detach and release is None:
        return 0
    with data.locked():
        return asyncio.run(_Session(data, as_json, release, began).run(port))


def _fork() -> int | None:
    """In the child, the pipe end that frees the parent; the parent itself exits or returns None.

    The parent passes on a Ctrl-C and, when the child fails, its exit code.
    """
    wait_end, release_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(wait_end)
        os.setsid()
        return release_end
    os.close(release_end)
    while True:
        try:
            freed = os.read(wait_end, 1)
            break
        except KeyboardInterrupt:
            os.kill(child, signal.SIGTERM)
    if freed:
        return None
    _, status = os.waitpid(child, 0)
    raise SystemExit(os.waitstatus_to_exitcode(status) or 3)


class _Session:
    """One run of the stack under one supervisor process."""

    def __init__(self, data: DataDirectory, as_json: bool, release: int | None, began: float) -> None:
        self._data = data
        self._as_json = as_json
        self._release = release
        self._began = began
        self._journal = Journal(data.logs / "supervisor.log")
        self._ready: dict[str, Any] = {}

    async def run(self, port: int | None) -> int:
        data, say = self._data, self._journal.say
        end_leftovers(data, say)
        chosen = ports.choose(data.ports_file, port)
        components = plan.components(data, chosen)
        supervisor = Supervisor(components, data.logs, say, lambda: self._record(supervisor))
        stop = self._on_signals(supervisor)
        say(f"书院 Shuyuan starts on {data.path}")
        start = asyncio.create_task(supervisor.start())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({start, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                self._announce(supervisor, chosen)
                await stopped
        finally:
            start.cancel()
            say("stopping")
            await supervisor.stop()
            data.write_state({})
            say("stopped")
        return 0

    def _on_signals(self, supervisor: Supervisor) -> asyncio.Event:
        """An event for the first signal; the second one kills."""
        stop = asyncio.Event()

        def received() -> None:
            if stop.is_set():
                supervisor.force()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, received)
        return stop

    def _announce(self, supervisor: Supervisor, chosen: dict[str, int]) -> None:
        gateway = f"http://127.0.0.1:{chosen['gateway']}"
        self._ready = {
            "gateway": gateway,
            "issuer": f"{gateway}/identity",
            "object_store": f"http://127.0.0.1:{chosen['s3']}",
            "accounts_file": None,
            "seconds": round(time.monotonic() - self._began, 2),
            "data": str(self._data.path),
        }
        self._record(supervisor)
        if self._as_json:
            print(json.dumps(self._ready), flush=True)
        self._journal.say(f"ready in {self._ready['seconds']} s: {gateway}")
        if self._release is not None:
            self._journal.detach()
            os.write(self._release, b"\0")
            os.close(self._release)

    def _record(self, supervisor: Supervisor) -> None:
        me = Process.of(os.getpid())
        assert me is not None
        self._data.write_state(
            {
                **self._ready,
                "boot": boot_id(),
                "pid": me.pid,
                "started": me.started,
                "components": supervisor.report(),
            }
        )


__all__ = ["StackError", "up"]
