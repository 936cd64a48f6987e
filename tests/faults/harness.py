"""A stack, a writing and a reading service of the harness's own, clients, and what befalls them.

Clients → writer → PostgreSQL → relay → NATS → reader → PostgreSQL. Everything is reached through
fault proxies. PostgreSQL and NATS are started again by the stack's supervisor, writer and reader
by the harness. What clients were told stands in a journal outside of all this.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
from sqlalchemy.ext.asyncio import create_async_engine

from shared import audit
from shared.database import database_url
from tests.conftest import CHECKOUT, SHUYUAN, Stack
from tests.faults import counters, moments
from tests.faults.checker import Facts, gather
from tests.faults.journal import Journal
from tests.faults.proxy import FaultProxy

RECOVERY_SECONDS = 60.0
"""No killed process may take longer to serve again, on however slow a machine."""


Fault = tuple[str, str]
"""How, and where: a process, a moment or a link."""

DISTURBANCES = ("reset", "half-open", "delay", "blackhole")


class Program:
    """A process of the harness's own, started again whenever it ends.

    A spare one is imported and waits its turn, so that a death costs no second of importing.
    """

    def __init__(self, name: str, environment: Mapping[str, str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._module = f"tests.faults.{name}"
        self._environment = {**os.environ, **environment, "SHUYUAN_TRIAL_PORT": str(port)}
        self._log = log
        self._processes: list[asyncio.subprocess.Process] = []
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._task = asyncio.create_task(self._keep_running())
        try:
            yield
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            for process in self._processes:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def kill(self) -> None:
        """SIGKILL the one whose turn it is."""
        if self._processes:
            with suppress(ProcessLookupError):
                self._processes[0].kill()

    async def _keep_running(self) -> None:
        while True:
            while len(self._processes) < 2:
                self._processes.append(await self._spare())
            process = self._processes[0]
            assert process.stdin is not None
            process.stdin.write(b"your turn\n")
            await process.wait()
            self._processes.remove(process)

    async def _spare(self) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module),
                cwd=CHECKOUT,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
            )


class Siege:
    """All of one campaign. ``kills`` counts what was killed, ``faults`` what else was done."""

    def __init__(self, stack: Stack, folder: Path, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.journal = Journal(folder / "journal.jsonl")
        self.writer: Program
        self.reader: Program
        self.proxies: dict[str, FaultProxy] = {}
        self._stack = stack
        self._folder = folder
        self._moments = moments.Moments(folder / "moments")
        self._suffix = uuid.uuid4().hex[:8]

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[None]:
        """Make databases, proxies and processes; gone again after the block."""
        for name in ("schemas", "moments"):
            (self._folder / name).mkdir()
        counters.write_schemas(self._folder / "schemas")
        async with AsyncExitStack() as stack:
            for name, address in (
                ("writer-postgres", self._stack.postgres),
                ("writer-nats", self._stack.nats),
                ("reader-postgres", self._stack.postgres),
                ("reader-nats", self._stack.nats),
            ):
                url = urlsplit(address)
                assert url.hostname is not None
                assert url.port is not None
                proxy = self.proxies[name] = FaultProxy(url.hostname, url.port)
                await proxy.open()
                stack.push_async_callback(proxy.close)
            self.writer = await self._program("writer", counters.SOURCE)
            self.reader = await self._program("reader", counters.HEARER)
            await stack.enter_async_context(self.writer.running())
            await stack.enter_async_context(self.reader.running())
            stack.callback(self.journal.close)
            await self.recovered("writer")
            await self.recovered("reader")
            yield

    async def _program(self, name: str, service: str) -> Program:
        database, password = f"{name}_{self._suffix}", uuid.uuid4().hex
        superuser = await self._stack.superuser()
        await superuser.execute(f"CREATE ROLE {database} LOGIN PASSWORD '{password}'")
        await superuser.execute(f"CREATE DATABASE {database} OWNER {database} TEMPLATE template0")
        await superuser.close()
        engine = create_async_engine(
            database_url(f"{self._stack.postgres}/{database}", password).set(username=database)
        )
        async with engine.begin() as connection:
            await connection.run_sync(counters.METADATA.create_all)
        await engine.dispose()
        postgres, nats = (self.proxies[f"{name}-{server}"].port for server in ("postgres", "nats"))
        environment = {
            "DATABASE_URL": f"postgresql://{database}@127.0.0.1:{postgres}/{database}",
            "DATABASE_PASSWORD": password,
            "NATS_URL": f"nats://127.0.0.1:{nats}",
            "NATS_USER": service,
            "NATS_PASSWORD": self._stack.service_secret(service, "nats_password").strip(),
            "JWKS_URL": "http://127.0.0.1:9/",
            "SCHEMAS": str(self._folder / "schemas"),
            "MOMENTS": str(self._folder / "moments"),
        }
        return Program(
            name,
            {f"SHUYUAN_TRIAL_{variable}": value for variable, value in environment.items()},
            free_port(),
            self._folder / f"{name}.log",
        )

    async def recovered(self, name: str) -> None:
        """Return once the component or process serves; AssertionError when it does not."""
        began = time.monotonic()
        while not await self._serves(name):
            took = time.monotonic() - began
            assert took < RECOVERY_SECONDS, f"{name} did not come back within {took:.0f} s"
            await asyncio.sleep(0.1)

    async def _serves(self, name: str) -> bool:
        if name in ("writer", "reader"):
            program = self.writer if name == "writer" else self.reader
            with suppress(httpx2.HTTPError):
                async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
                    answer = await client.get(f"{program.url}/readyz")
                    found = answer.json()["dependencies"]
                    return bool(found["database"] == found["bus"] == "up")
            return False
        if name == "postgres":
            with suppress(OSError, asyncpg.PostgresError):
                await (await self._stack.superuser()).close()
                return True
            return False
        url = urlsplit(self._stack.nats)
        with suppress(OSError):
            _, connection = await asyncio.open_connection(url.hostname, url.port)
            connection.close()
            return True
        return False

    async def pid(self, name: str) -> int | None:
        """The process of a component of the stack; None while it is down."""
        status = await asyncio.create_subprocess_exec(
            *(SHUYUAN, "status", "--json", "--data", str(self._stack.data)),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await status.communicate()  # its exit code says that not everything is well
        found = json.loads(told)["components"]
        (pid,) = (component["pid"] for component in found if component["name"] == name)
        return None if pid is None else int(pid)

    async def kill(self, name: str) -> None:
        """SIGKILL the writer, the reader, or a component of the stack."""
        if name in ("writer", "reader"):
            (self.writer if name == "writer" else self.reader).kill()
        else:
            pid = await self.pid(name)
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills[name] += 1
        await asyncio.sleep(0.2)

    async def kill_at(self, moment: str, within: float = 5.0) -> None:
        """Let the writer or the reader die at a named moment, if it comes by."""
        self._moments.arm(moment)
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            if not (self._folder / "moments" / moment).exists():
                self.kills[moment] += 1
                return
        self._moments.disarm(moment)

    async def wipe_nats(self) -> None:
        """Kill NATS and take away all it holds before it is started again."""
        await self.kill("nats")
        for path in sorted((self._stack.data / "nats").rglob("*"), reverse=True):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        self.faults["wiped NATS"] += 1

    async def disturb(self, name: str, how: str) -> None:
        """Let the network between two processes misbehave for a moment."""
        proxy = self.proxies[name]
        self.faults[f"{how} {name}"] += 1
        match how:
            case "reset":
                proxy.reset()
            case "half-open":
                proxy.half_open()
            case "delay":
                proxy.delay = self.random.uniform(0.01, 0.1)
                await asyncio.sleep(self.random.uniform(0.5, 2))
                proxy.heal()
            case "blackhole":
                proxy.blackhole()
                await asyncio.sleep(self.random.uniform(0.5, 3))
                proxy.heal()

    async def campaign(self, seconds: float, kills: int) -> None:
        """One fault after another, for that long and at least that many kills."""
        deck: list[Fault] = []
        began = time.monotonic()
        while time.monotonic() - began < seconds or self.kills.total() < kills:
            assert time.monotonic() - began < 5 * seconds, "recovery takes far too long"
            await asyncio.sleep(self.random.uniform(0.1, 1.0))
            deck = deck or self._deck()
            await self._befall(deck.pop())

    def _deck(self) -> list[Fault]:
        """The faults of one round, shuffled: every process and every moment is among them."""
        links = [(how, link) for how in DISTURBANCES for link in self.proxies]
        cards = [
            *(("kill", name) for name in ("writer", "reader", "nats", "postgres") * 2),
            *(("moment", moment) for moment in moments.WRITER + moments.READER),
            *self.random.sample(links, 4),
        ]
        self.random.shuffle(cards)
        return cards

    async def _befall(self, fault: Fault) -> None:
        how, where = fault
        if how == "kill":
            await self.kill(where)
        elif how == "moment":
            await self.kill_at(where)
        else:
            await self.disturb(where, how)
        # Now and then the next fault comes before this one is over.
        if self.random.random() < 0.6:
            await self.recovered(where.partition("-")[0].replace("relay", "writer"))

    async def quiet(self) -> Facts:
        """Wait until every event arrived and every entry is chained; then everything there is."""
        for proxy in self.proxies.values():
            proxy.heal()
        for moment in moments.WRITER + moments.READER:
            self._moments.disarm(moment)
        for name in ("postgres", "nats", "writer", "reader"):
            await self.recovered(name)
        writing, reading = [
            await self._stack.superuser(f"{name}_{self._suffix}") for name in ("writer", "reader")
        ]
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            facts = await gather(self.journal, writing, reading)
            settled = not facts.unpublished and not facts.unchained
            if settled and len(facts.heard) + facts.parked >= len(facts.recorded):
                break
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.3)
        await writing.close()
        await reading.close()
        return facts

    async def chain(self) -> audit.ChainReport:
        """The writer's audit chain, recomputed."""
        url = f"{self._stack.postgres}/writer_{self._suffix}"
        password = self._stack.secret("postgres", "superuser_password").strip()
        engine = create_async_engine(database_url(url, password).set(username="postgres"))
        try:
            return await audit.verify(engine)
        finally:
            await engine.dispose()

    @property
    def tally(self) -> str:
        """What was done, with the seed by which it can be done again."""
        return (
            f"seed {self.seed}: {self.kills.total()} kills {dict(self.kills)},"
            f" other faults {dict(self.faults)}"
        )


class Clients:
    """Clients that raise counters, each request under a key of its own until it is answered."""

    def __init__(self, siege: Siege, count: int = 6, names: int = 8) -> None:
        self._siege = siege
        self._count = count
        self._names = [f"counter-{number}" for number in range(names)]
        self._stopping = False
        self.answered = 0
        self.repeats = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Keep them busy while the block lasts; each then sees its last request through."""
        self._stopping = False
        tasks = [asyncio.create_task(self._work(number)) for number in range(self._count)]
        try:
            yield
            self._stopping = True
            async with asyncio.timeout(2 * RECOVERY_SECONDS):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, number: int) -> None:
        chance = random.Random(f"{self._siege.seed}/{number}")
        async with httpx2.AsyncClient(
            base_url=self._siege.writer.url, timeout=5, trust_env=False
        ) as client:
            while not self._stopping:
                key, name = str(uuid.uuid4()), chance.choice(self._names)
                self._siege.journal.note("try", key=key)
                patient = chance.random() < 0.95
                while not await self._raise(client, key, name) and patient:
                    self.repeats += 1
                    await asyncio.sleep(chance.uniform(0.05, 0.3))

    async def _raise(self, client: httpx2.AsyncClient, key: str, name: str) -> bool:
        """Ask once; whether there was an answer that settles it."""
        try:
            answer = await client.post(
                "/increments", json={"name": name}, headers={"idempotency-key": key}
            )
        except httpx2.HTTPError:
            return False
        if answer.status_code in (409, 500, 502, 503, 504):
            return False
        assert answer.status_code == 201, answer.text
        told = answer.json()
        self._siege.journal.note("ack", key=key, name=told["name"], value=told["value"])
        self.answered += 1
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
