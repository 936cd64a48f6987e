"""The real stack, started once a run on free ports, and databases made from it for single tests.

Unit tests use none of this. With ``SHUYUAN_TEST_STACK=DIR`` a stack that already runs on that data
directory is used and left running.
"""

import asyncio
import gc
import json
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
SHUYUAN = str(CHECKOUT / "shuyuan")

LONGEST = (
    *("test_siege.py", "test_everything_under_kills.py", "test_restore.py", "test_demo.py"),
    *("test_portal.py", "test_tutorial.py", "test_founding.py", "test_rollback.py"),
)
"""Files that begin first, so that no worker is alone with one of them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with faults, which mostly wait, lie evenly between the others."""
    files = list(dict.fromkeys(item.path for item in items))
    files.sort(key=lambda path: LONGEST.index(path.name) if path.name in LONGEST else len(LONGEST))
    place: dict[Path, float] = {}
    for waits in (True, False):
        group = [path for path in files if (path.parent.name == "faults") is waits]
        place.update({path: number / len(group) for number, path in enumerate(group)})
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """What was imported stays: looking through all of it again and again for garbage costs a
    seventh of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@dataclass(frozen=True)
class Stack:
    """A running stack: its addresses as ``up --json`` told them, and its data directory."""

    data: Path
    gateway: str
    object_store: str
    postgres: str
    nats: str

    def secret(self, owner: str, name: str) -> str:
        return (self.data / "secrets" / owner / name).read_text()

    def service_secret(self, service: str, name: str) -> str:
        return self.secret(service, f"shuyuan_{service}_{name}")

    def status(self) -> dict[str, object]:
        answer = subprocess.run(
            [SHUYUAN, "status", "--json", "--data", str(self.data)],
            check=True,
            capture_output=True,
            text=True,
        )
        found: dict[str, object] = json.loads(answer.stdout)
        return found

    async def superuser(self, database: str = "postgres") -> asyncpg.Connection:
        return await asyncpg.connect(
            f"{self.postgres}/{database}",
            user="postgres",
            password=self.secret("postgres", "superuser_password"),
        )


def _described(data: Path, told: dict[str, str]) -> Stack:
    return Stack(data, told["gateway"], told["object_store"], told["postgres"], told["nats"])


async def _without_fsync(stack: Stack) -> None:
    """Commits need not outlive the machine here: what outlives kills is tried in `tests/faults`, on
    stacks of their own."""
    superuser = await stack.superuser()
    for setting in ("fsync", "full_page_writes"):
        await superuser.execute(f"ALTER SYSTEM SET {setting} = off")
    await superuser.execute("SELECT pg_reload_conf()")
    await superuser.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack with its services."""
    running = os.environ.get("SHUYUAN_TEST_STACK")
    data = Path(running) if running else tmp_path_factory.mktemp("stack")
    if running:
        answer = subprocess.run(
            [SHUYUAN, "status", "--json", "--data", str(data)],
            check=True,
            capture_output=True,
            text=True,
        )
        found = _described(data, json.loads(answer.stdout))
        asyncio.run(_without_fsync(found))
        yield found
        return
    answer = subprocess.run(
        [SHUYUAN, "up", "--data", str(data), "--port", "0", "--detach", "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    yield _described(data, json.loads(answer.stdout))
    subprocess.run([SHUYUAN, "down", "--data", str(data)], check=True, timeout=60)


@pytest.fixture(scope="session")
async def gateway(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    """An anonymous client of the gateway."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=10, trust_env=False) as client:
        yield client


@dataclass(frozen=True)
class ScratchDatabase:
    """A database of its own for one test, owned by a role that exists only for it."""

    name: str
    url: str
    password: str


@pytest.fixture
async def scratch_database(stack: Stack) -> AsyncIterator[ScratchDatabase]:
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    password = uuid.uuid4().hex
    superuser = await stack.superuser()
    try:
        await superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        await superuser.execute(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0")
        address = stack.postgres.removeprefix("postgresql://")
        yield ScratchDatabase(name, f"postgresql://{name}@{address}/{name}", password)
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await superuser.execute(f"DROP ROLE {name}")
    finally:
        await superuser.close()
