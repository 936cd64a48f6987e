"""The real worker process, killed while it works."""

import asyncio
import hashlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import httpx2
import psutil
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.hostile import pdfs
from tests.service.catalog.conftest import only
from tests.service.catalog.uploads import Person, build_uploads, teacher
from tests.service.house import Token

FILES = 4
KILLS = 3
_LEFT = "SELECT count(*) FROM inspections WHERE state IN ('QUEUED', 'RUNNING')"
_RUNNING = "SELECT count(*) FROM inspections WHERE state = 'RUNNING'"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_uploads)


@pytest.fixture
async def ada(client: httpx2.AsyncClient, token: Token) -> AsyncIterator[Person]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as store:
        yield Person(client, store, teacher(token, "ada"))


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the process reads them."""
    told = {name: getattr(settings, name) for name in type(settings).model_fields}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in told.items()
    }
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("SHUYUAN_")},
        **{f"SHUYUAN_CATALOG_{name.upper()}": str(value) for name, value in plain.items()},
    }


async def started(settings: Settings) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.catalog", "inspect"), env=environment(settings)
    )


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 180) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.05)


async def test_kills_of_the_worker_lose_and_double_nothing(
    ada: Person, settings: Settings, owner: asyncpg.Connection
) -> None:
    contents = [pdfs.pdf(20 + number) for number in range(FILES)]
    ids = [await ada.upload(content) for content in contents]
    dice = random.Random(4)

    async def somebody_works() -> bool:
        return bool(await owner.fetchval(_RUNNING))

    async def all_done() -> bool:
        return not await owner.fetchval(_LEFT)

    for _ in range(KILLS):
        worker = await started(settings)
        await until(somebody_works)
        await asyncio.sleep(dice.uniform(0, 1.0))
        children = psutil.Process(worker.pid).children()
        worker.kill()
        await worker.wait()
        _, alive = psutil.wait_procs(children, timeout=3)
        assert not alive, "an examining process outlived its worker"
        await owner.execute("UPDATE inspections SET lease_until = now() WHERE state = 'RUNNING'")
        if await all_done():
            break
    worker = await started(settings)
    await until(all_done)
    worker.send_signal(signal.SIGTERM)
    assert await worker.wait() == 0

    objects = object_store(settings)
    for upload_id, content in zip(ids, contents, strict=True):
        assert (await ada.get(upload_id)).json()["state"] == "AVAILABLE"
        digest = hashlib.sha256(content).hexdigest()
        assert await objects.get(f"files/{digest[:2]}/{digest}") == content
        assert await objects.head(f"incoming/{upload_id}") is None
    told = await owner.fetch(
        "SELECT count(*) AS times FROM outbox WHERE type LIKE '%inspected%' GROUP BY aggregate"
    )
    assert [row["times"] for row in told] == [1] * FILES
