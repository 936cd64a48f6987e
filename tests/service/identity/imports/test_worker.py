"""An import goes on until it is over, and leaves nothing behind."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.identity.adapters.roster_people import RosterPeopleRepository
from services.identity.application import importing
from services.identity.domain.imports import ATTEMPTS
from shared.testing.storage import FakeObjectStore
from tests.service.identity.imports.desk import (
    Desk,
    Tree,
    counts,
    pupil,
    roster,
)


async def test_a_killed_import_goes_on_where_it_was(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "STAGE_LINES", 7)
    monkeypatch.setattr(importing, "STEP_LINES", 5)
    import_id = await desk.start(
        tree.school, roster(*(pupil(serial, f"学生{serial}") for serial in range(1, 41)))
    )
    cut = 0
    while True:
        running = asyncio.create_task(desk.carry_out())
        await asyncio.sleep(0.02 * (cut + 1))
        if running.done():
            await running
            break
        running.cancel()
        cut += 1
        await asyncio.gather(running, return_exceptions=True)
    view = await desk.read(import_id)
    assert cut > 2
    assert view["state"] == "APPLIED"
    assert counts(view) == {"created": 40}
    assert await owner.fetchval("SELECT count(*) FROM people") == 40


async def test_two_workers_do_not_apply_a_line_twice(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "STEP_LINES", 5)
    lines = [pupil(serial, f"学生{serial}") for serial in range(1, 41)]
    import_id = await desk.start(tree.school, roster(*lines))
    await asyncio.gather(*(desk.carry_out() for _ in range(3)))
    await desk.carry_out()
    assert counts(await desk.read(import_id)) == {"created": 40}
    assert await owner.fetchval("SELECT count(*) FROM people") == 40


async def test_a_worker_that_finds_the_file_read_by_another_leaves_the_import_alone(
    tree: Tree, desk: Desk, objects: FakeObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await desk.start(tree.school, roster(pupil(1, "李明")))
    read = objects.get

    async def outrun(key: str, **where: Any) -> bytes:
        monkeypatch.setattr(objects, "get", read)
        await desk.carry_out()
        return await read(key, **where)

    monkeypatch.setattr(objects, "get", outrun)
    await desk.carry_out()
    view = await desk.read(import_id)
    assert (view["state"], counts(view)) == ("APPLIED", {"created": 1})


async def test_an_import_whose_steps_keep_failing_fails_and_keeps_no_personal_data(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_what: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(RosterPeopleRepository, "write", broken)
    import_id = await desk.start(tree.school, roster(pupil(1, "李明")))
    for _ in range(ATTEMPTS):
        with pytest.raises(RuntimeError, match="planted"):
            await desk.carry_out()
    view = await desk.read(import_id)
    assert view["state"] == "FAILED"
    assert view["failure"]
    assert await owner.fetchval("SELECT count(*) FROM import_lines WHERE content IS NOT NULL") == 0
    assert await owner.fetchval("SELECT count(*) FROM people") == 0


async def test_a_roster_is_gone_once_it_is_read_and_an_unused_one_after_a_day(
    tree: Tree, desk: Desk, objects: FakeObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.done(tree.school, roster(pupil(1, "李明")), dry_run=True)
    await desk.upload(roster(pupil(2, "王芳")))
    await desk.importer.tidy()
    assert len([each async for each in objects.list("rosters/")]) == 1
    monkeypatch.setattr(importing, "UNUSED_UPLOAD_LIFE", timedelta(0))
    await desk.importer.tidy()
    assert [each async for each in objects.list("rosters/")] == []


async def test_a_report_that_nobody_applies_expires(
    tree: Tree, desk: Desk, owner: asyncpg.Connection
) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "李明")), dry_run=True)
    await owner.execute("UPDATE imports SET updated_at = now() - interval '8 days'")
    await desk.importer.tidy()
    expired = await desk.read(view["id"])
    assert (expired["state"], expired["may_be_applied"]) == ("EXPIRED", False)
    assert await owner.fetchval("SELECT count(*) FROM import_lines WHERE content IS NOT NULL") == 0


async def test_a_file_that_changes_while_it_is_read_is_not_mixed_with_the_other(
    tree: Tree, desk: Desk, owner: asyncpg.Connection, objects: FakeObjectStore
) -> None:
    import_id = await desk.start(tree.school, roster(pupil(1, "李明")))
    await owner.execute("UPDATE imports SET file_digest = '\\x00'")
    await desk.carry_out()
    view = await desk.read(import_id)
    assert view["state"] == "FAILED"
    assert "被替换" in view["failure"]
