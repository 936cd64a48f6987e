"""A connection that breaks around COMMIT: whoever repeats under the same key has one effect.

The client of PostgreSQL is the service itself; between them stands the proxy.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import database
from shared.database import create_engine
from shared.settings import ServiceSettings
from tests.conftest import ScratchDatabase, Stack
from tests.faults import counters, writer
from tests.faults.proxy import FaultProxy

COMMIT = b"COMMIT"


@pytest.fixture
async def proxy(stack: Stack) -> AsyncIterator[FaultProxy]:
    url = urlsplit(stack.postgres)
    made = FaultProxy(url.hostname or "", url.port or 0)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def engine(scratch_database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    """Past the proxy, for looking."""
    made = create_engine(
        ServiceSettings(
            database_url=scratch_database.url,
            database_password=SecretStr(scratch_database.password),
        ),
        "trial",
    )
    async with made.begin() as connection:
        await connection.run_sync(counters.METADATA.create_all)
    yield made
    await made.dispose()


@pytest.fixture
def patience() -> float:
    """How many seconds the service waits for an answer of PostgreSQL."""
    return database.ANSWER_SECONDS


@pytest.fixture
async def client(
    proxy: FaultProxy,
    engine: AsyncEngine,
    scratch_database: ScratchDatabase,
    tmp_path: Path,
    patience: float,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Of a writing service whose connections to PostgreSQL go through the proxy."""
    monkeypatch.setattr(database, "ANSWER_SECONDS", patience)
    name = scratch_database.name
    app = writer.create_app(
        counters.Settings(
            database_url=f"postgresql://{name}@127.0.0.1:{proxy.port}/{name}",
            database_password=SecretStr(scratch_database.password),
            schemas=tmp_path,
            moments=tmp_path,
        )
    )
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://writer") as client:
        yield client
    await app.state.runtime.engine.dispose()


async def raised(client: httpx2.AsyncClient, key: str) -> httpx2.Response:
    return await client.post("/increments", json={"name": "a"}, headers={"idempotency-key": key})


async def state(engine: AsyncEngine) -> list[int]:
    """The counter's value, and how many events, audit entries and first answers there are."""
    query = text(
        "SELECT coalesce((SELECT value FROM counter), 0), (SELECT count(*) FROM outbox),"
        " (SELECT count(*) FROM audit), (SELECT count(*) FROM idempotency)"
    )
    async with engine.connect() as connection:
        return list((await connection.execute(query)).one())


@pytest.mark.parametrize("forward", [True, False], ids=["answer lost", "question lost"])
async def test_a_commit_in_doubt_is_settled_by_a_repeat(
    client: httpx2.AsyncClient, proxy: FaultProxy, engine: AsyncEngine, forward: bool
) -> None:
    for round_ in range(1, 6):
        key = str(uuid.uuid4())
        sprung = proxy.reset_when_sent(COMMIT, forward=forward)
        lost = await raised(client, key)
        assert sprung.is_set()
        assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
        assert await state(engine) == [round_ if forward else round_ - 1] * 4
        again = await raised(client, key)
        assert (again.status_code, again.json()["value"]) == (201, round_)
        assert ("idempotency-replayed" in again.headers) is forward
        assert await state(engine) == [round_] * 4


async def test_without_a_key_a_repeat_would_have_two_effects(
    client: httpx2.AsyncClient, proxy: FaultProxy, engine: AsyncEngine
) -> None:
    """Why clients send one."""
    proxy.reset_when_sent(COMMIT, forward=True)
    assert (await client.post("/increments", json={"name": "a"})).status_code == 503
    assert (await client.post("/increments", json={"name": "a"})).status_code == 201
    assert (await state(engine))[0] == 2


async def test_connections_that_were_reset_are_replaced(
    client: httpx2.AsyncClient, proxy: FaultProxy, engine: AsyncEngine
) -> None:
    for number in range(1, 4):
        assert (await raised(client, f"key-{number}")).status_code == 201
        proxy.reset()
        await asyncio.sleep(0.1)
    assert (await state(engine))[0] == 3


@pytest.mark.parametrize("patience", [2.0])
async def test_a_server_that_falls_silent_is_given_up_and_the_repeat_is_safe(
    client: httpx2.AsyncClient, proxy: FaultProxy, engine: AsyncEngine, patience: float
) -> None:
    """Half-open: no reset ever comes. Without a limit a request would wait for hours."""
    assert (await raised(client, "before")).status_code == 201
    proxy.blackhole()
    began = time.monotonic()
    silent = await raised(client, "silent")
    took = time.monotonic() - began
    assert silent.status_code == 503
    assert patience <= took < 4 * patience
    proxy.heal()
    again = await raised(client, "silent")
    while again.status_code == 409:
        again = await raised(client, "silent")
    assert again.json()["value"] == 2
    assert (await state(engine))[0] == 2
