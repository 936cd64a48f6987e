"""What is counted can always be added up, taken back and counted anew."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.learning.adapters import aggregates
from services.learning.adapters.days import Days
from services.learning.adapters.recount import recount
from services.learning.domain.xapi.aggregates import MOST_DURATION_MS
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.activity import LESSON, Activity, voided
from tests.service.learning.school import CLASS, SCHOOL, School
from tests.service.learning.statements import statement, voiding
from tests.service.learning.test_progress import counted

LONG_AGO = timedelta(days=20)


@pytest.fixture
async def activity(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Activity:
    school = School(app, token)
    await school.found()
    return Activity(school, anonymous, owner)


def made_at(day: datetime) -> str:
    """An id of that day."""
    return str(UUID(int=int(day.timestamp() * 1000) << 80 | uuid7().int & ((1 << 80) - 1)))


async def drop(owner: asyncpg.Connection, day: datetime) -> None:
    """Take the tables of a day away that was set aside."""
    for table in ("statements", "blobs"):
        await owner.execute(f"DROP TABLE IF EXISTS {table}_{day:%Y%m%d}")


async def test_boards_and_archives_are_read_whatever_was_added_up(
    activity: Activity, client: httpx2.AsyncClient, app: FastAPI
) -> None:
    school = activity.school
    issuer = app.state.runtime.settings.issuer
    pupils = [await school.enrol() for _ in range(3)]
    sent = [
        statement(
            actor={"account": {"homePage": issuer, "name": pupil}},
            object={"id": f"{LESSON}/{n}"},
            result={"duration": "P99Y"},
        )
        for pupil in pupils
        for n in range(3)
    ]
    assert (await client.post("/statements", json=sent)).status_code == 200
    await activity.owner.execute("UPDATE progress SET duration_ms = 4611686018427387904")
    again = [{**each, "id": str(uuid7())} for each in sent]
    assert (await client.post("/statements", json=again)).status_code == 200
    assert {MOST_DURATION_MS} == {
        row[0] for row in await activity.owner.fetch("SELECT duration_ms FROM progress")
    }
    await activity.owner.execute("UPDATE progress SET duration_ms = 9223372036854775807")
    administrator = school.someone("administrator", SCHOOL)
    for path in (CLASS, SCHOOL):
        url = f"/learning/v1/organisations/{path}/board"
        answer = await activity.client.get(url, headers=administrator)
        assert answer.status_code == 200, answer.text
    answer = await activity.client.get(
        f"/learning/v1/people/{pupils[0]}/archive", headers=school.as_(pupils[0])
    )
    assert answer.status_code == 200, answer.text
    assert await recount(app.state.records.pool) == 18


async def test_nothing_is_counted_as_of_the_future(
    activity: Activity, client: httpx2.AsyncClient, app: FastAPI
) -> None:
    pupil = await activity.school.enrol()
    points = [activity.point("F-1")]
    await activity.send(pupil, at="2199-12-31T23:59:59Z", success=True, knowledge_points=points)
    assert await activity.owner.fetchval("SELECT max(last_at) FROM progress") <= utc_now()
    before = await counted(activity.owner)
    await recount(app.state.records.pool)
    assert await counted(activity.owner) == before
    await voided(app, activity.last)
    assert await counted(activity.owner) == [[], [], []]


async def test_what_was_stored_from_the_end_of_time_is_counted_voided_and_erased(
    activity: Activity, app: FastAPI
) -> None:
    pupil, other = await activity.school.enrol(), await activity.school.enrol()
    for person in (pupil, other):
        await activity.send(person)
    await activity.owner.execute("UPDATE statements SET at = '9999-12-31 23:00:00+00'")
    before = await counted(activity.owner)
    await recount(app.state.records.pool)
    assert await counted(activity.owner) == before
    await voided(app, activity.last)
    await activity.school.erase(pupil)
    assert await counted(activity.owner) == [[], [], []]
    assert await activity.owner.fetchval("SELECT count(*) FROM statements") == 1


async def test_to_void_a_group_s_statement_takes_out_what_was_counted_and_no_more(
    client: httpx2.AsyncClient, owner: asyncpg.Connection, app: FastAPI
) -> None:
    group = {"objectType": "Group", "member": [{"mbox": "mailto:a@b.cn"}]}
    one, groups = statement(), statement(actor=group)
    await client.post("/statements", json=[one, groups])
    before = await counted(owner)
    await client.post("/statements", json=voiding(groups["id"]))
    assert await counted(owner) == before
    await recount(app.state.records.pool)
    assert await counted(owner) == before
    await client.post("/statements", json=voiding(one["id"]))
    assert await counted(owner) == [[], [], []]


async def test_progress_that_rests_on_days_set_aside_stays(
    activity: Activity, app: FastAPI
) -> None:
    pupil, then = await activity.school.enrol(), utc_now() - LONG_AGO
    said: dict[str, Any] = {"success": True, "knowledge_points": [activity.point("F-1")]}
    old = await activity.send(pupil, id=made_at(then), at=then.isoformat(), verb="passed", **said)
    alone = await counted(activity.owner)
    new = await activity.send(pupil, score=0.5, **said)
    try:
        assert await activity.owner.fetchval("SELECT retire_day($1)", then.date())
        await voided(app, new)
        assert await counted(activity.owner) == alone
        await recount(app.state.records.pool)
        assert await counted(activity.owner) == alone
        await activity.owner.execute(
            f"UPDATE statements_{then:%Y%m%d} SET application_id ="  # noqa: S608 - a table's name
            " (SELECT min(application_id) FROM statements)"
        )
        await set_aside_voided(app, activity.owner, old)
        assert await counted(activity.owner) == [[], [], []]
        assert await activity.owner.fetchval("SELECT count(*) FROM pending_voids") == 0
    finally:
        await drop(activity.owner, then)


async def set_aside_voided(app: FastAPI, owner: asyncpg.Connection, statement_id: str) -> None:
    """Void a statement that is searched no more, as the application that sent it."""
    application = await owner.fetchval("SELECT application_id FROM statements")
    async with app.state.records.pool.connection() as connection, connection.transaction():
        await aggregates.void(connection, UUID(statement_id), application)


async def test_days_are_set_aside_only_where_that_is_asked_for(
    app: FastAPI, owner: asyncpg.Connection
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=50)
    attached = "SELECT relispartition FROM pg_class WHERE relname = $1"
    await owner.execute("SELECT make_day($1)", long_ago.date())
    try:
        for kept, stays in ((None, True), (60, True), (40, False)):
            await Days(app.state.records.pool, utc_now, kept).refresh()
            assert await owner.fetchval(attached, f"statements_{long_ago:%Y%m%d}") is stays
    finally:
        await drop(owner, long_ago)
    assert app.state.runtime.settings.statement_days is None
