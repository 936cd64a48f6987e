"""Bulk intakes cut short: at every commit, between the parts of a file, and by SIGKILL."""

import asyncio
import hashlib
import random
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.intake import IntakeRepository
from services.catalog.adapters.intake_sending import sending
from services.catalog.adapters.intake_tables import read_table
from services.catalog.adapters.objects import object_store
from services.catalog.application import intake_work
from services.catalog.application.intake_ports import Put
from services.catalog.domain.leases import LEASE
from services.catalog.parts import intake_worker
from services.catalog.settings import Settings
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.ids import uuid7
from tests.service.catalog.test_inspection_kills import environment, until
from tests.service.catalog.test_intake import Office, build_all, table
from tests.service.house import Token

T = TypeVar("T")

ROWS = 20
KILLS = 3
_WORKER = """
import asyncio
from services.catalog.parts.intake_worker import build
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.database import UnitOfWork, create_engine

settings = Settings.load()
engine = create_engine(settings, "catalog-inspector")
asyncio.run(build(lambda: UnitOfWork(engine, "/catalog"), settings, utc_now).run())
"""


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_all


@pytest.fixture
async def office(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Office:
    made = Office(client, owner, token, object_store(settings))
    made.employ(settings, app.state.runtime)
    return made


class Killed(BaseException):
    """What no code of ours catches: as if the process had gone."""


class Trap:
    """Kills at the moment with that number; each commit has one before it and one behind."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.sprung = False

    def pass_by(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.sprung = True
            raise Killed


class Deadly(UnitOfWork):
    trap: Trap

    async def commit(self, result: T = None) -> T:  # type: ignore[assignment]
        self.trap.pass_by()
        committed = await super().commit(result)
        self.trap.pass_by()
        return committed


async def consistent(office: Office, names: list[str]) -> None:
    """Every row has one draft, every file one upload that is counted once."""
    titles = await office.owner.fetch("SELECT title FROM resources ORDER BY title")
    assert [row["title"] for row in titles] == sorted(names)
    states = await office.owner.fetch(
        "SELECT filename, state FROM uploads WHERE filename LIKE '%.pdf' ORDER BY filename"
    )
    assert [tuple(row) for row in states] == [
        (f"{name}.pdf", "AVAILABLE") for name in sorted(names)
    ]
    used = await office.owner.fetchval("SELECT max(used) FROM quotas")
    sizes = await office.owner.fetchval("SELECT sum(size) FROM uploads WHERE filename LIKE '%.pdf'")
    assert used == sizes


async def empty(office: Office) -> None:
    for name in (
        "intake_keys",
        "intake_rows",
        "intake_files",
        "intakes",
        "resource_files",
        "resources",
        "inspections",
        "uploads",
        "holdings",
        "quotas",
        "files",
    ):
        await office.owner.execute(f"DELETE FROM {name}")  # noqa: S608 - a table's name


async def test_a_kill_at_any_commit_loses_and_doubles_nothing(office: Office) -> None:
    names = ["一", "二"]
    engine, kills = office.runtime.engine, 0
    for at in range(1, 100):
        await empty(office)
        trap = Trap(at)

        def deadly(trap: Trap = trap) -> UnitOfWork:
            uow = Deadly(engine, "/catalog")
            uow.trap = trap
            return uow

        sheet = await office.sheet(
            table(*((f"K{name}", name, "", f"{name}.pdf") for name in names))
        )
        files = {f"{name}.pdf": b"%PDF " + secrets.token_bytes(9) for name in names}
        begun = await office.begin(
            table_upload_id=sheet, archive_upload_id=await office.zipped(files)
        )
        office.worker = office.employed(deadly)
        try:
            await office.finish(begun)
        except Killed:
            kills += 1
        office.worker = office.employed(office.runtime.new_uow)
        done = await office.finish(begun)
        assert (done["state"], done["counts"]["created"]) == ("DONE", 2), (at, done)
        await consistent(office, names)
        if not trap.sprung:
            break
    assert kills > 20


async def test_a_large_file_goes_on_where_its_sending_broke(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    @asynccontextmanager
    async def breaking() -> AsyncIterator[Put]:
        async with sending() as put:

            async def flaky(url: str, content: bytes) -> None:
                sent.append(len(content))
                if len(sent) == 2:
                    raise Unavailable("The connection broke.")
                await put(url, content)

            yield flaky

    monkeypatch.setattr(intake_worker, "sending", breaking)
    office.employ(office.settings, office.runtime)
    content = secrets.token_bytes(20 << 20)
    zipped = await office.zipped({"大.pdf": content})
    sheet = await office.sheet(table(("1", "大", "", "大.pdf")))
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=zipped)
    assert (await office.finish(begun))["counts"]["created"] == 1
    assert [size >> 20 for size in sent] == [8, 8, 8, 4]
    digest = hashlib.sha256(content).hexdigest()
    assert await office.objects.get(f"files/{digest[:2]}/{digest}") == content
    assert await office.count("uploads") == 3


async def test_a_worker_whose_lease_went_to_another_changes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = await office.sheet(table(("1", "一", "", "")))
    begun = await office.begin(table_upload_id=sheet)
    reading, taken = threading.Event(), threading.Event()

    def slow(content: bytes) -> Any:
        reading.set()
        taken.wait(10)
        return read_table(content)

    monkeypatch.setattr(intake_worker, "read_table", slow)
    robbed = office.employed(office.runtime.new_uow)
    step = asyncio.create_task(robbed.step())
    await asyncio.to_thread(reading.wait, 10)
    assert (await office.finish(begun))["counts"]["created"] == 1
    taken.set()
    await step
    assert await office.count("resources") == 1
    assert (await office.told(begun))["state"] == "DONE"


async def test_an_import_whose_worker_is_not_heard_of_is_told_as_waiting(office: Office) -> None:
    sheet = await office.sheet(table(("1", "一", "", "")))
    begun = await office.begin(table_upload_id=sheet)
    assert (await office.told(begun))["waiting"]
    async with office.runtime.new_uow() as uow:
        await IntakeRepository(uow.connection).take(uuid7(), LEASE)
        await uow.commit()
    assert not (await office.told(begun))["waiting"]
    await office.owner.execute("UPDATE intakes SET lease_until = now() + interval '9 seconds'")
    assert (await office.told(begun))["waiting"]
    assert not (await office.finish(begun))["waiting"]


async def test_a_worker_that_lives_keeps_its_lease(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_work, "RENEWED", timedelta(seconds=0.05))
    begun = await office.begin(table_upload_id=await office.sheet(table(("1", "一", "", ""))))
    reading, renewed = threading.Event(), threading.Event()

    def slow(content: bytes) -> Any:
        reading.set()
        renewed.wait(10)
        return read_table(content)

    monkeypatch.setattr(intake_worker, "read_table", slow)
    step = asyncio.create_task(office.employed(office.runtime.new_uow).step())
    await asyncio.to_thread(reading.wait, 10)
    await office.owner.execute("UPDATE intakes SET lease_until = now() + interval '1 second'")
    left = "SELECT lease_until > now() + interval '15 seconds' FROM intakes"

    async def is_renewed() -> bool:
        return bool(await office.owner.fetchval(left))

    await until(is_renewed, seconds=10)
    assert not await office.worker.step()
    renewed.set()
    assert await step
    assert (await office.told(begun))["counts"]["created"] == 1


async def test_workers_killed_at_random_take_in_every_row_once(
    office: Office, settings: Settings
) -> None:
    names = [f"第{number:02}课" for number in range(ROWS)]
    sheet = await office.sheet(table(*((f"K{name}", name, "", f"{name}.pdf") for name in names)))
    files = {f"{name}.pdf": b"%PDF " + secrets.token_bytes(99) for name in names}
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=await office.zipped(files))
    dice = random.Random(4)
    # Each row is two steps on the way: its file is sent, its draft is made.
    for wanted in (*sorted(dice.sample(range(1, 2 * ROWS), KILLS)), 2 * ROWS):

        async def so_far(wanted: int = wanted) -> bool:
            await office.inspect()
            sent = await office.count("intake_files")
            made = await office.count("intake_rows WHERE outcome IS NOT NULL")
            return sent + made >= wanted

        await office.owner.execute("UPDATE intakes SET lease_until = now()")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WORKER, env=environment(settings)
        )
        try:
            await until(so_far)
        finally:
            worker.kill()
            await worker.wait()
    done = await office.finish(begun)
    assert (done["state"], done["counts"]["created"]) == ("DONE", len(names))
    await consistent(office, names)
