"""The copyright log while its service, its signer, PostgreSQL and the object store are killed.

People register works and ask again until they are told that a work is accepted; the monitor then
reads nothing but the public log. L1 to L5: no acknowledged entry is lost, none is there twice, no
size has two roots, nothing is signed that cannot be read, and every checkpoint that was ever served
is continued by the last.

``SHUYUAN_FAULTS_SEED`` brings a campaign back, ``SHUYUAN_LEDGER_KILLS`` makes it longer.
"""

import asyncio
import hashlib
import json
import os
import random
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from joserfc.jwk import KeySet

from services.copyright.standalone.http import Answer, listening
from services.copyright.verify.merkle import sm3
from services.copyright.verify.monitor import Audit, reader
from services.copyright.verify.notes import Note, VerifierKey
from services.copyright.verify.report import VALID
from services.copyright.verify.tiles import bundles_of, decode_entries
from services.copyright.verify.trust import Trust
from shared.ids import uuid7
from tests.conftest import CHECKOUT, Stack
from tests.faults.harness import free_port
from tests.service import house
from tests.service.house import own_bucket, own_database

KILLS = int(os.environ.get("SHUYUAN_LEDGER_KILLS", "4"))
VICTIMS = ("copyright", "copyright", "signer", "postgres", "object-store")
PEOPLE = 6
LONGEST_SECONDS = 60 + 20.0 * KILLS
LOGS = ("log", "log-sm3")
ISSUER = "http://tests.example/identity"


class Process:
    """A process of the test's own, started again whenever it ends."""

    def __init__(self, module: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self._argv = (sys.executable, "-m", module, *arguments)
        self._environment = {**os.environ, **environment}
        self.pid: int | None = None

    @asynccontextmanager
    async def running(self, log: Path) -> AsyncIterator[None]:
        task = asyncio.create_task(self._keep(log))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep(self, log: Path) -> None:
        with log.open("ab") as output:
            while True:
                process = await asyncio.create_subprocess_exec(
                    *self._argv, cwd=CHECKOUT, env=self._environment, stdout=output, stderr=output
                )
                self.pid = process.pid
                try:
                    await process.wait()
                    self.pid = None
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()


class Ledger:
    """A copyright service with a log of its own on the stack's servers."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.vkeys = folder / "signer" / "vkeys"
        self.kills: Counter[str] = Counter()
        self._stack = stack
        self._folder = folder
        self._processes: dict[str, Process] = {}

    @asynccontextmanager
    async def running(self, database: asyncpg.Connection, jwks_url: str) -> AsyncIterator["Ledger"]:
        origin, port = f"tests.example/{secrets.token_hex(8)}", free_port()
        token = self._folder / "token"
        token.write_text(secrets.token_hex())
        (self._folder / "signer").mkdir()
        named = ["--directory", str(self._folder / "signer"), "--token-file", str(token)]
        told = {
            **await own_database(self._stack, "copyright", database),
            **own_bucket(self._stack, "copyright"),
            "port": self.url.rpartition(":")[2],
            "issuer": ISSUER,
            "jwks_url": jwks_url,
            "nats_url": self._stack.nats,
            "nats_user": "copyright",
            "nats_password": self._stack.service_secret("copyright", "nats_password"),
            "log_origin": origin,
            "signer_url": f"http://127.0.0.1:{port}",
            "signer_token": token.read_text(),
            "checkpoint_seconds": "0.2",
        }
        environment = {f"SHUYUAN_COPYRIGHT_{name.upper()}": told[name] for name in told}
        signing = [*named, "--origin", origin, "--port", str(port)]
        self._processes = {
            "signer": Process("services.copyright.signer", signing, {}),
            "copyright": Process("services.copyright", [], environment),
        }
        async with AsyncExitStack() as running:
            for name, process in self._processes.items():
                log = self._folder / f"{name}.log"
                await running.enter_async_context(process.running(log))
            yield self

    async def kill(self, name: str, deadline: float) -> None:
        """SIGKILL it, as soon as it is there."""
        while True:
            with suppress(ProcessLookupError, FileNotFoundError):
                os.kill(self._pid_of(name), signal.SIGKILL)
                break
            assert time.monotonic() < deadline, f"{name} does not come back"
            await asyncio.sleep(0.05)
        self.kills[name] += 1

    def _pid_of(self, name: str) -> int:
        """Raises `ProcessLookupError`, `FileNotFoundError`."""
        if name == "postgres":
            told = (self._stack.data / "postgres" / "data" / "postmaster.pid").read_text()
            return int(told.split()[0])
        if name in self._processes:
            pid = self._processes[name].pid
            if pid is None:
                raise ProcessLookupError
            return pid
        state = json.loads((self._stack.data / "run" / "state.json").read_text())
        [pid] = [each["pid"] for each in state["components"] if each["name"] == name]
        if not pid:
            raise ProcessLookupError
        return int(pid)


class Registrant:
    """Somebody who registers one work after the other, and repeats what was not answered."""

    def __init__(self, ledger: Ledger, headers: Mapping[str, str]) -> None:
        self.acknowledged: list[str] = []
        self._ledger = ledger
        self._headers = headers

    async def work(self) -> None:
        async with httpx2.AsyncClient(
            base_url=self._ledger.url, headers=self._headers, timeout=15, trust_env=False
        ) as client:
            while True:
                content = secrets.token_bytes(16)
                file = {
                    "path": "work.bin",
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "sm3": sm3(content).hex(),
                    "size": 16,
                }
                body = {"title": "作品", "category": "other", "files": [file]}
                key = secrets.token_hex()
                self.acknowledged.append(await self._told(client, body, key))

    async def _told(self, client: httpx2.AsyncClient, body: Any, key: str) -> str:
        while True:
            with suppress(httpx2.HTTPError):
                answer = await client.post(
                    "/copyright/v1/registrations", json=body, headers={"idempotency-key": key}
                )
                if answer.status_code == httpx2.codes.ACCEPTED:
                    return str(answer.json()["id"])
                assert answer.status_code in (401, 409, 500, 503), answer.text
            await asyncio.sleep(0.1)


class Watcher:
    """Keeps every checkpoint that was ever served."""

    def __init__(self, ledger: Ledger) -> None:
        self.seen: dict[str, dict[bytes, None]] = {log: {} for log in LOGS}
        self._ledger = ledger

    async def watch(self) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                for log in LOGS:
                    with suppress(httpx2.HTTPError):
                        answer = await client.get(f"{self._ledger.url}/copyright/{log}/checkpoint")
                        if answer.status_code == httpx2.codes.OK:
                            self.seen[log][answer.content] = None
                await asyncio.sleep(0.1)

    def size(self, log: str = "log") -> int:
        """Of the newest checkpoint."""
        sizes = (int(Note.parse(each).text.split("\n")[1]) for each in self.seen[log])
        return max(sizes, default=0)


@asynccontextmanager
async def database_of_its_own(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    manager = house.migrated_database(stack, "copyright")
    connection = await manager.__aenter__()
    try:
        yield connection
    finally:
        # Killed with its server, the connection drops no database: the stack goes as a whole.
        with suppress(asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
            await manager.__aexit__(None, None, None)


@contextmanager
def keys_served(keys: Mapping[str, Any]) -> Iterator[str]:
    """The address of a key set."""
    body = json.dumps(keys).encode()
    server = listening(lambda *_: Answer(200, body, "application/json"), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def at_work(*coroutines: Any) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("kills", [KILLS])
async def test_no_acknowledged_registration_is_lost_doubled_or_forked(
    stack: Stack, tmp_path: Path, seed: int, kills: int
) -> None:
    chance, key = random.Random(seed), house.new_signing_key()
    token, deadline = house.signer(ISSUER, key), time.monotonic() + LONGEST_SECONDS
    async with AsyncExitStack() as running:
        database = await running.enter_async_context(database_of_its_own(stack))
        jwks_url = running.enter_context(keys_served(KeySet([key]).as_dict(private=False)))
        ledger = Ledger(stack, tmp_path)
        await running.enter_async_context(ledger.running(database, jwks_url))
        people = [
            Registrant(ledger, token(str(uuid7()), "copyright.write", exp=int(time.time()) + 7200))
            for _ in range(PEOPLE)
        ]
        watcher = Watcher(ledger)
        watching = await running.enter_async_context(at_work(watcher.watch()))

        def acknowledged() -> list[str]:
            return [each for person in people for each in person.acknowledged]

        async def until(count: int) -> None:
            while watcher.size() < count:
                assert time.monotonic() < deadline, f"seed {seed}: {ledger.kills} {watcher.size()}"
                assert not (ended := [each for each in (*tasks, *watching) if each.done()]), ended
                await asyncio.sleep(0.05)

        async with at_work(*(each.work() for each in people)) as tasks:
            await until(PEOPLE)
            for _ in range(kills):
                await ledger.kill(chance.choice(VICTIMS), deadline)
                await asyncio.sleep(chance.uniform(0, 0.5))
                await until(watcher.size() + 1)
        tasks.clear()
        everything = acknowledged()
        logged = Counter(await registered(ledger, watcher.size()))
        while not logged.keys() >= set(everything) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            logged = Counter(await registered(ledger, watcher.size()))
        for log in LOGS:
            await audited(ledger, log, watcher.seen[log])
    print(f"seed {seed}: {dict(ledger.kills)} killed, {len(everything)} acknowledged")  # noqa: T201
    assert not [each for each in everything if logged[each] != 1], "lost or doubled"


async def audited(ledger: Ledger, log: str, past: Mapping[bytes, None]) -> None:
    """The monitor finds the log whole, and the continuation of all that was served."""
    keys = {VerifierKey.parse(vkey): None for vkey in ledger.vkeys.read_text().split()}
    read = reader(f"{ledger.url}/copyright/{log}")
    audit = Audit(read, Trust(keys, None, b""), list(past), registrations=True)
    report = await asyncio.to_thread(audit.run)
    assert report.exit_code == VALID, report.text()


async def registered(ledger: Ledger, size: int) -> list[str]:
    """The registrations that the public log has, once for each entry that begins one."""
    read = reader(f"{ledger.url}/copyright/log")
    found = []
    for bundle in bundles_of(size):
        for entry in decode_entries(await asyncio.to_thread(read, bundle.path)):
            leaf = json.loads(entry)
            if leaf["type"] == "register":
                found.append(str(leaf["reg_id"]))
    return found
