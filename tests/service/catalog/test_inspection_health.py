"""The health of the process that inspects."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.application.inspection_ports import Told
from services.catalog.application.inspection_pulse import Pulse
from services.catalog.parts import inspection_worker
from services.catalog.settings import Settings
from shared.clock import utc_now
from stack.health import healthy
from tests.hostile import pdfs
from tests.service.catalog.conftest import only
from tests.service.catalog.test_inspection_kills import started, until
from tests.service.catalog.uploads import Person, build_uploads, teacher
from tests.service.house import Token

_UNDECIDED = "SELECT count(*) FROM inspections WHERE state <> 'DONE'"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_uploads)


@pytest.fixture
async def ada(client: httpx2.AsyncClient, token: Token) -> AsyncIterator[Person]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as store:
        yield Person(client, store, teacher(token, "ada"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_the_process_is_healthy_while_it_waits_and_works_and_not_when_it_stands_still(
    ada: Person, settings: Settings, owner: asyncpg.Connection
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/healthz"
    worker = await started(settings.model_copy(update={"inspector_port": port}))

    async def well() -> bool:
        return await healthy(address)

    async def ill() -> bool:
        return not await healthy(address)

    async def all_done() -> bool:
        return not await owner.fetchval(_UNDECIDED)

    try:
        await until(well)
        await ada.upload(pdfs.pdf(3))
        await until(all_done)
        assert await well()
        os.kill(worker.pid, signal.SIGSTOP)
        await until(ill)
        os.kill(worker.pid, signal.SIGCONT)
        await until(well)
    finally:
        worker.terminate()
        assert await worker.wait() == 0


class Hanging:
    """An examiner that never comes back, nor to an end."""

    longest = 0.0

    def __init__(self, **_limits: int) -> None:
        pass

    async def __call__(
        self, path: Path, filename: str, declared: str, work: Path, told: Told
    ) -> None:
        await asyncio.Event().wait()


async def test_a_step_that_outlives_its_limit_is_told(
    ada: Person, settings: Settings, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection_worker, "ExaminingProcess", Hanging)
    monkeypatch.setattr(inspection_worker, "_STORE_SECONDS", 0.1)
    pulse = Pulse()
    new_uow = app.state.runtime.new_uow
    worker = inspection_worker.build(new_uow, settings, object_store(settings), utc_now, pulse)
    await ada.upload(pdfs.pdf(1))

    async def told() -> bool:
        return any(name.startswith("inspection ") for name in pulse.overdue())

    working = asyncio.create_task(worker.run(idle_seconds=60))
    try:
        await until(told)
    finally:
        working.cancel()
        await asyncio.wait({working})
    assert pulse.overdue() == []
