"""One child is erased: gone from rows, aggregates, archive and raw statements."""

import zlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.learning.adapters.recount import recount
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.activity import Activity
from tests.service.learning.homework import Classroom
from tests.service.learning.school import CLASS, School
from tests.service.learning.statements import statement
from tests.service.learning.test_archive import AWARD, REMARK, TERM
from tests.service.learning.test_progress import counted

ANSWER = "我家住在河边"


@pytest.fixture
async def activity(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Activity:
    school = School(app, token)
    await school.found()
    return Activity(school, anonymous, owner)


async def everything(owner: asyncpg.Connection) -> str:
    """All that stands in any table of the service but what the house keeps of events and audit,
    raw statements unpacked."""
    house = ("audit", "inbox", "outbox")
    names = await owner.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    told = []
    for (name,) in names:
        if not name.startswith(house):
            told += [str(dict(row)) for row in await owner.fetch(f"SELECT * FROM {name}")]  # noqa: S608 - a table's name
    for (content,) in await owner.fetch("SELECT content FROM blobs"):
        told.append(zlib.decompress(content).decode())
    return "\n".join(told)


async def lived(activity: Activity, pupil: str) -> list[str]:
    """A pupil learnt and was praised; returns the ids of what was stored."""
    told = [
        await activity.send(
            pupil,
            object=f"https://lessons.example/{n % 2}",
            at=(utc_now() - timedelta(days=n)).isoformat(),
            success=n % 2 == 0,
            completion=True,
            knowledge_points=[activity.point("F-1")],
        )
        for n in range(4)
    ]
    teacher = activity.school.someone("teacher", CLASS)
    for rest, body in (("awards", AWARD), ("remarks", REMARK), ("snapshots", TERM)):
        url = f"/learning/v1/people/{pupil}/archive/{rest}"
        answer = await activity.client.post(url, headers=teacher, json=body)
        assert answer.status_code == 201, answer.text
    return told


async def test_nothing_of_an_erased_child_is_left_anywhere(
    activity: Activity, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    child, classmate = await activity.school.enrol(), await activity.school.enrol()
    ids = await lived(activity, child)
    kept = await lived(activity, classmate)
    issuer = app.state.runtime.settings.issuer
    account = {"account": {"homePage": issuer, "name": child}}
    agents = [account, {"account": {"homePage": issuer, "name": classmate}}]
    foreign = "3f2b9c5e-8a1d-4e6f-9b7a-2c4d6e8f0a1b"
    both = [
        {
            "id": foreign if each is account else str(uuid7()),
            "actor": each,
            "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
            "object": {"id": "https://lessons.example/1"},
            "result": {"response": ANSWER if each is account else "二分之一"},
        }
        for each in agents
    ]
    assert (await client.post("/statements", json=both)).status_code == 200
    about = {"activityId": "https://lessons.example/1", "agent": str(account).replace("'", '"')}
    state = await client.put(
        "/activities/state", params={**about, "stateId": "s"}, json={"page": 3}
    )
    assert state.status_code == 204, state.text
    actor = await activity.owner.fetchval(
        "SELECT actor_id FROM statements WHERE id = $1", UUID(ids[0])
    )
    await activity.school.consent(child)
    room = Classroom(activity.school, activity.client, activity.owner)
    own = activity.school.as_(child, f"student@{CLASS}")
    await room.handed_in(await room.assigned(), {**own, "idempotency-key": "once"})

    before = await everything(activity.owner)
    traces = (child, str(actor), *ids, foreign)
    assert all(each in before for each in (*traces, ANSWER))
    await activity.school.erase(child)

    # The pseudonym and a keyed hash bar the way for what comes late; nothing else knows it.
    barred = await activity.owner.fetch("SELECT * FROM actors WHERE erased_at IS NOT NULL")
    assert [row["id"] for row in barred] == [actor]
    await activity.owner.execute("DELETE FROM actors WHERE erased_at IS NOT NULL")
    after = await everything(activity.owner)
    assert [each for each in (*traces, ANSWER) if each in after] == []
    assert all(each in after for each in (classmate, *kept, "二分之一"))
    for table in ("archive_entries", "archive_snapshots", "documents"):
        people = await activity.owner.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - constant names
        assert people == {"archive_entries": 2, "archive_snapshots": 1, "documents": 0}[table]


async def test_aggregates_are_those_of_a_recount_after_a_child_was_erased(
    activity: Activity, app: FastAPI
) -> None:
    child, classmate = await activity.school.enrol(), await activity.school.enrol()
    await lived(activity, classmate)
    alone = await counted(activity.owner)
    await lived(activity, child)
    await activity.send(child, object="https://lessons.example/alone")
    await activity.school.erase(child)
    assert await counted(activity.owner) == alone
    assert await recount(app.state.records.pool) == 4
    assert await counted(activity.owner) == alone


async def test_days_that_were_set_aside_are_erased_too(activity: Activity, app: FastAPI) -> None:
    child, classmate = await activity.school.enrol(), await activity.school.enrol()
    ids = [*await lived(activity, child), *await lived(activity, classmate)]
    today = utc_now().date()
    try:
        await activity.owner.execute("SELECT retire_day($1)", today)
        await activity.owner.execute("SELECT retire_day($1)", today + timedelta(days=2))
        await activity.school.erase(child)
        told = await everything(activity.owner)
        aside = await activity.owner.fetch(
            f"SELECT content FROM blobs_{today:%Y%m%d}"  # noqa: S608 - a table's name
        )
        told += "".join(zlib.decompress(content).decode() for (content,) in aside)
        assert [each in told for each in ids] == [False] * 4 + [True] * 4
    finally:
        for table in (f"statements_{today:%Y%m%d}", f"blobs_{today:%Y%m%d}"):
            await activity.owner.execute(f"DROP TABLE {table}")
        await activity.owner.execute(f"DROP TABLE statements_{today + timedelta(days=2):%Y%m%d}")


async def test_what_a_device_sends_late_is_refused(activity: Activity) -> None:
    child, unknown = await activity.school.enrol(), str(uuid7())
    await activity.send(child)
    for person in (child, unknown):
        await activity.school.erase(person)
        late = await activity.sent(person)
        assert late.status_code == 400
        assert late.json()["errors"] == [
            {"pointer": "#/events/0/actor", "detail": "此人的记录已被删除，请勿再发送。"}
        ]
    assert await activity.owner.fetchval("SELECT count(*) FROM statements") == 0
    assert await activity.owner.fetchval("SELECT count(*) FROM personas") == 0


async def test_statements_of_others_name_an_erased_person_no_more(
    activity: Activity, client: httpx2.AsyncClient, app: FastAPI
) -> None:
    child = await activity.school.enrol()
    await activity.school.consent(child)
    issuer = app.state.runtime.settings.issuer
    account = {"homePage": issuer, "name": child}
    sent = statement(context={"instructor": {"account": account}})
    assert (await client.post("/statements", json=sent)).status_code == 200
    asked = {"statementId": sent["id"]}
    assert child in (await client.get("/statements", params=asked)).text
    await activity.school.erase(child)
    told = await client.get("/statements", params=asked)
    assert told.status_code == 200
    assert child not in told.text


async def test_what_was_waiting_to_be_stored_is_not_stored(
    activity: Activity, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    child, classmate = await activity.school.enrol(), await activity.school.enrol()
    await activity.send(child)
    # As in another process, which still remembers the pseudonym.
    erasure = app.state.records.forget.__self__
    monkeypatch.setattr(erasure._actors, "forget", lambda _actors: None)
    await activity.school.erase(child)
    await activity.send(child, knowledge_points=[activity.point("F-1")], success=True)
    await activity.send(classmate)
    assert await activity.owner.fetchval("SELECT count(*) FROM statements") == 1
    assert await activity.owner.fetchval("SELECT count(*) FROM progress") == 1
    assert await activity.owner.fetchval("SELECT count(*) FROM mastery") == 0


async def test_an_attachment_of_an_erased_child_goes(
    activity: Activity, client: httpx2.AsyncClient, app: FastAPI
) -> None:
    child = await activity.school.enrol()
    id_ = await activity.send(child)
    blob = await activity.owner.fetchrow(
        "SELECT b.id, b.content FROM blobs b JOIN statements s ON s.blob_id = b.id WHERE s.id = $1",
        UUID(id_),
    )
    raw = zlib.decompress(blob["content"]).decode()
    named: Any = raw[:-1] + ',"attachments":[{"sha2":"AB12"}]}'
    await activity.owner.execute(
        "UPDATE blobs SET content = $2 WHERE id = $1", blob["id"], zlib.compress(named.encode())
    )
    for sha2 in ("ab12", "cd34"):
        await activity.owner.execute(
            "INSERT INTO attachments VALUES ($1, 'image/png', '', now())", sha2
        )
    await activity.school.erase(child)
    left = await activity.owner.fetch("SELECT sha2 FROM attachments")
    assert [row["sha2"] for row in left] == ["cd34"]


async def test_to_erase_again_does_nothing(activity: Activity) -> None:
    child = await activity.school.enrol()
    await lived(activity, child)
    await activity.school.erase(child)
    before = await everything(activity.owner)
    await activity.school.erase(child)
    assert await everything(activity.owner) == before
