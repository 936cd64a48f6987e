"""When a child is erased: what others said of the child goes too, and what is theirs stays."""

import json
import zlib
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.learning.adapters.recount import recount
from tests.service.house import Token
from tests.service.learning.activity import Activity
from tests.service.learning.school import School
from tests.service.learning.statements import LESSON, statement
from tests.service.learning.test_erasure import ANSWER, everything
from tests.service.learning.test_progress import counted
from tests.service.learning.test_xapi_protocol import attached, mixed, send_signed, signed

NAME = "王小明"
TEACHER = {"mbox": "mailto:teacher@school.example"}


@pytest.fixture
async def activity(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Activity:
    school = School(app, token)
    await school.found()
    return Activity(school, anonymous, owner)


@pytest.fixture
def issuer(app: FastAPI) -> str:
    found: str = app.state.runtime.settings.issuer
    return found


@pytest.fixture
async def child(activity: Activity) -> str:
    found = await activity.school.enrol()
    await activity.school.consent(found)
    return found


def agent(issuer: str, person: str) -> dict[str, Any]:
    return {"name": NAME, "account": {"homePage": issuer, "name": person}}


async def stored(client: httpx2.AsyncClient, *sent: dict[str, Any]) -> None:
    answer = await client.post("/statements", json=list(sent))
    assert answer.status_code == 200, answer.text


async def raw(owner: asyncpg.Connection) -> str:
    rows = await owner.fetch("SELECT content FROM blobs")
    return "\n".join(zlib.decompress(row[0]).decode() for row in rows)


async def test_an_attachment_that_others_sent_too_stays_theirs(
    activity: Activity, client: httpx2.AsyncClient, issuer: str, child: str
) -> None:
    usage = "https://usage.example/1"
    sheet, own = (attached(each, "text/plain", usage) for each in (b"sheet", b"own"))
    for actor, entries in ((agent(issuer, child), (sheet, own)), (TEACHER, (sheet,))):
        body, head = mixed(
            statement(actor=actor, attachments=[entry for entry, _ in entries]),
            *((headers, b"sheet" if entry is sheet[0] else b"own") for entry, headers in entries),
        )
        answer = await client.post("/statements", content=body, headers=head)
        assert answer.status_code == 200, answer.text
    await activity.school.erase(child)
    left = await activity.owner.fetch("SELECT sha2 FROM attachments")
    assert [row["sha2"] for row in left] == [sheet[0]["sha2"]]
    found = await client.get("/statements", params={"attachments": "true"})
    assert b"\r\n\r\nsheet\r\n" in found.content


async def test_what_only_names_an_attachment_keeps_it_for_nobody(
    activity: Activity, client: httpx2.AsyncClient, issuer: str, child: str
) -> None:
    entry, headers = attached(b"own", "text/plain", "https://usage.example/1")
    body, head = mixed(
        statement(actor=agent(issuer, child), attachments=[entry]), (headers, b"own")
    )
    assert (await client.post("/statements", content=body, headers=head)).status_code == 200
    await stored(client, statement(attachments=[{**entry, "fileUrl": "https://f.example/1"}]))
    await activity.school.erase(child)
    assert await activity.owner.fetchval("SELECT count(*) FROM attachments") == 0


async def test_a_signature_that_repeats_the_child_s_name_goes(
    activity: Activity, client: httpx2.AsyncClient, issuer: str, child: str
) -> None:
    context = {"team": {"objectType": "Group", "member": [agent(issuer, child)]}}
    for sent in (statement(actor=TEACHER, context=context), statement(actor=TEACHER)):
        assert await send_signed(client, sent, signed(sent)) == 200
    await activity.school.erase(child)
    assert await activity.owner.fetchval("SELECT count(*) FROM statements") == 2
    assert await activity.owner.fetchval("SELECT count(*) FROM attachments") == 1


async def test_what_others_said_of_the_child_goes_and_the_rest_stays(
    activity: Activity, client: httpx2.AsyncClient, app: FastAPI, issuer: str, child: str
) -> None:
    who = agent(issuer, child)
    told = {"result": {"response": ANSWER}}
    inner = {"objectType": "SubStatement", "verb": {"id": "https://v.example"}, **told}
    team = {"team": {"objectType": "Group", "member": [who]}}
    said = [
        statement(actor=TEACHER, object={"objectType": "Agent", **who}, **told),
        statement(actor=TEACHER, object={**inner, "actor": who, "object": {"id": LESSON}}),
        statement(
            actor=TEACHER,
            object={**inner, "actor": TEACHER, "object": {"objectType": "Agent", **who}},
        ),
    ]
    harmless = {**inner, "actor": TEACHER, "object": {"id": LESSON}, "result": {"response": "好"}}
    others = [
        statement(actor=TEACHER, result={"completion": True}, context=team),
        statement(actor=TEACHER, object={**harmless, "context": team}),
    ]
    await stored(client, *said, *others)
    before = await counted(activity.owner)
    await activity.school.erase(child)
    kept = {row["id"] for row in (await client.get("/statements")).json()["statements"]}
    assert kept == {each["id"] for each in others}
    written = await raw(activity.owner)
    assert ANSWER not in written
    assert not [each["id"] for each in said if each["id"] in written]
    assert await counted(activity.owner) == before
    await recount(app.state.records.pool)
    assert await counted(activity.owner) == before


async def test_how_only_the_child_called_an_activity_is_forgotten(
    activity: Activity, client: httpx2.AsyncClient, issuer: str, child: str
) -> None:
    def defined(name: str, iri: str) -> dict[str, Any]:
        return {"id": iri, "definition": {"name": {"zh": name}}}

    diary, parent = (f"https://diary.example/{n}" for n in range(2))
    context = {"contextActivities": {"parent": [defined(f"{NAME}的书", parent)]}}
    await stored(
        client,
        statement(
            actor=agent(issuer, child), object=defined(f"{NAME}的日记", diary), context=context
        ),
        statement(actor=agent(issuer, child), object=defined("第一课", LESSON)),
        statement(actor=TEACHER, object={"id": LESSON}),
    )
    assert NAME in await everything(activity.owner)
    await activity.school.erase(child)
    assert NAME not in await everything(activity.owner)
    found = (await client.get("/activities", params={"activityId": LESSON})).json()
    assert found["definition"] == {"name": {"zh": "第一课"}}


@pytest.mark.parametrize("spelt", ["{issuer}/ {person}", "{issuer} {PERSON}", "{issuer}/ {PERSON}"])
async def test_a_person_who_is_spelt_otherwise_is_counted_read_and_erased(
    activity: Activity, client: httpx2.AsyncClient, issuer: str, child: str, spelt: str
) -> None:
    home, name = spelt.format(issuer=issuer, person=child, PERSON=child.upper()).split()
    who = {"account": {"homePage": home, "name": name}}
    await stored(client, statement(actor=who, result={"success": True}))
    about = {"activityId": LESSON, "agent": json.dumps(who), "stateId": "s"}
    assert (await client.put("/activities/state", params=about, json={})).status_code == 204
    items = (await activity.read(child, "progress", activity.school.as_(child)))["items"]
    assert [item["activity"] for item in items] == [LESSON]
    for each in (who, agent(issuer, child)):
        found = await client.get("/statements", params={"agent": json.dumps(each)})
        assert len(found.json()["statements"]) == 1
    await activity.school.erase(child)
    for table in ("statements", "progress", "documents", "personas"):
        count = await activity.owner.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - constant names
        assert (table, count) == (table, 0)
    late = await client.post("/statements", json=statement(actor=who))
    assert late.status_code == 400


async def test_a_pupil_without_consent_is_withheld_however_spelt(
    activity: Activity, client: httpx2.AsyncClient, issuer: str
) -> None:
    pupil = await activity.school.enrol()
    who = {"account": {"homePage": f"{issuer}/", "name": pupil.upper()}}
    sent = statement(actor=who)
    await stored(client, sent)
    about = {"activityId": LESSON, "agent": json.dumps(who), "stateId": "s"}
    assert (await client.put("/activities/state", params=about, json={})).status_code == 204
    assert (await client.get("/activities/state", params=about)).status_code == 404
    assert (await client.get("/statements")).json()["statements"] == []
    found = await client.get("/statements", params={"statementId": sent["id"]})
    assert found.status_code == 404


async def test_what_is_said_of_an_erased_child_by_one_who_has_not_heard_is_not_kept(
    activity: Activity, client: httpx2.AsyncClient, issuer: str, child: str
) -> None:
    said = {"actor": TEACHER, "object": {"objectType": "Agent", **agent(issuer, child)}}
    await stored(client, statement(**said))
    await activity.owner.execute(
        "UPDATE actors SET erased_at = now() WHERE id IN (SELECT object FROM statements)"
    )  # as another process does it
    await stored(client, statement(**said), statement(actor=TEACHER))
    assert await activity.owner.fetchval("SELECT count(*) FROM statements") == 2
