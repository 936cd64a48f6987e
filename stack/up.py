"""`./shuyuan up`: starts everything, says when it is ready, and stays until told to stop."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack import background, demonstration, plan, ports
from stack.archive import check_restored
from stack.component import Component
from stack.data import DataDirectory, explained
from stack.journal import Journal
from stack.leftovers import end_leftovers
from stack.processes import Process, boot_id
from stack.settings import StackSettings
from stack.supervisor import Supervisor


def up(
    path: Path, port: int | None, archive: Path | None, *, demo: bool, detach: bool, as_json: bool
) -> int:
    """Runs the stack on a data directory until it is told to stop; returns the exit code.

    With `detach`, a child does so, and the caller returns when everything is ready. With
    `as_json`, standard output gets one JSON object then. With `archive`, that directory follows
    every commit. StackError when it cannot start.
    """
    began = time.monotonic()
    data = DataDirectory(path)
    check_restored(data)
    data.prepare()
    release = None
    if detach and (release := background.fork()) is None:
        return 0
    with explained(data.path), data.locked():
        run = _Run(data, StackSettings.load(), began)
        return asyncio.run(run.run(port, archive, demo=demo, as_json=as_json, release=release))


class _Run:
    """One life of the supervisor process."""

    def __init__(self, data: DataDirectory, settings: StackSettings, began: float) -> None:
        self._data = data
        self._settings = settings
        self._began = began
        self._journal = Journal(data.logs / "supervisor.log")
        self._facts: dict[str, Any] = {}
        self._me = Process.current()

    async def run(
        self,
        port: int | None,
        archive: Path | None,
        *,
        demo: bool,
        as_json: bool,
        release: Callable[[], None] | None,
    ) -> int:
        say = self._journal.say
        end_leftovers(self._data, say)
        chosen = ports.choose(self._data.ports_file, port)
        say(f"书院 Shuyuan starts on {self._data.path}")
        components = plan.components(self._data, chosen, self._settings, archive)
        supervisor = Supervisor(components, self._data.logs, say, lambda: self._record(supervisor))
        self._facts = self._addresses(chosen)
        stop = _on_signals(supervisor)
        ready = asyncio.create_task(self._become_ready(supervisor, components, demo=demo))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                self._announce(as_json=as_json)
                if release:
                    self._journal.detach()
                    release()
                await stopped
        finally:
            ready.cancel()
            say("stopping")
            await supervisor.stop()
            ports.remove_sockets(chosen)
            self._data.write_state({})
            say("stopped")
        return 0 if self._facts["seconds"] else 130

    async def _become_ready(
        self, supervisor: Supervisor, components: list[Component], *, demo: bool
    ) -> None:
        await supervisor.start()
        if demo:
            accounts = self._data.accounts_file
            await demonstration.seed(components, accounts, self._data.logs)
            self._facts["accounts_file"] = str(accounts)
        self._facts["seconds"] = round(time.monotonic() - self._began, 2)
        self._record(supervisor)

    def _addresses(self, chosen: dict[str, int]) -> dict[str, Any]:
        where = plan.addresses(chosen, self._settings)
        accounts = self._data.accounts_file
        return {
            "gateway": where.gateway,
            "issuer": f"{where.gateway}/identity",
            "object_store": where.object_store_origin,
            "postgres": where.postgres,
            "nats": where.nats,
            "accounts_file": str(accounts) if accounts.exists() else None,
            "data": str(self._data.path),
            "seconds": None,
        }

    def _announce(self, *, as_json: bool) -> None:
        facts = self._facts
        self._journal.say(f"ready in {facts['seconds']} s")
        if as_json:
            print(json.dumps(facts), flush=True)
            return
        rows = {
            "网关 gateway": facts["gateway"],
            "签发者 issuer": facts["issuer"],
            "对象存储 object store": facts["object_store"],
            "数据 data": facts["data"],
            "账号 accounts": facts["accounts_file"] or "none (--demo makes some)",
            "日志 logs": self._data.logs,
        }
        print(*(f"{name}: {value}" for name, value in rows.items()), sep="\n", flush=True)

    def _record(self, supervisor: Supervisor) -> None:
        """Tells `status`, `down` and the next `up`; a full disk must not take the stack down."""
        state = {
            **self._facts,
            "boot": boot_id(),
            "pid": self._me.pid,
            "started": self._me.started,
            "components": supervisor.report(),
        }
        try:
            self._data.write_state(state)
        except OSError as error:
            self._journal.say(f"state.json could not be written: {error}")


def _on_signals(supervisor: Supervisor) -> asyncio.Event:
    """An event that the first signal sets; the second one kills all components."""
    stop = asyncio.Event()

    def received() -> None:
        if stop.is_set():
            supervisor.force()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, received)
    return stop
