"""What an application reads of pupils is bounded by their guardians' consent."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.activity import Activity
from tests.service.learning.school import School
from tests.service.learning.statements import AGENT, LESSON, statement

Agent = Callable[[str], dict[str, Any]]
NEW = {"if-none-match": "*"}


@pytest.fixture
async def school(app: FastAPI, token: Token) -> School:
    school = School(app, token)
    await school.found()
    return school


@pytest.fixture
def agent(app: FastAPI) -> Agent:
    """The agent that a person of the platform is."""
    issuer = app.state.runtime.settings.issuer
    return lambda person: {"account": {"homePage": issuer, "name": person}}


@pytest.fixture
def did(client: httpx2.AsyncClient, agent: Agent) -> Callable[..., Awaitable[str]]:
    """Stores what the application saw a person do; returns its id."""

    async def storing(person: str, **others: Any) -> str:
        made = statement(**{"actor": agent(person), **others})
        answer = await client.post("/statements", json=made)
        assert answer.status_code == 200, answer.text
        stored: str = made["id"]
        return stored

    return storing


Did = Callable[..., Awaitable[str]]


async def told(client: httpx2.AsyncClient, **asked: Any) -> list[str]:
    """The ids of the statements that an application is told."""
    answer = await client.get("/statements", params=asked)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["statements"]]


async def test_of_a_pupil_without_consent_an_application_is_told_nothing(
    client: httpx2.AsyncClient, school: School, did: Did, agent: Agent
) -> None:
    pupil, teacher = await school.enrol(), await school.enrol(kind="staff")
    hidden, open_ = await did(pupil), await did(teacher)
    assert await told(client) == [open_]
    assert await told(client, agent=json.dumps(agent(pupil))) == []
    assert await told(client, agent=json.dumps(agent(teacher))) == [open_]
    answer = await client.get("/statements", params={"statementId": hidden})
    unknown = await client.get("/statements", params={"statementId": str(uuid7())})
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.json()["detail"] == unknown.json()["detail"]


async def test_what_was_kept_is_told_while_a_guardian_consents(
    client: httpx2.AsyncClient, school: School, did: Did
) -> None:
    pupil = await school.enrol()
    id_ = await did(pupil)
    first, second = [await school.consent(pupil) for _ in range(2)]
    assert await told(client) == [id_]
    await school.withdraw(pupil, first)
    assert await told(client) == [id_]
    await school.withdraw(pupil, second)
    assert await told(client) == []
    assert (await client.get("/statements", params={"statementId": id_})).status_code == 404


async def test_consent_to_something_else_or_to_an_older_text_is_none(
    client: httpx2.AsyncClient, school: School, did: Did
) -> None:
    pupil, other = await school.enrol(), await school.enrol()
    id_ = await did(pupil)
    await school.consent(pupil, purpose="homework")
    assert await told(client) == []
    guardian = await school.consent(pupil)
    assert await told(client) == [id_]
    await school.consent(other, version=2)
    assert await told(client) == []
    await school.consent(pupil, guardian, version=2)
    assert await told(client) == [id_]


@pytest.mark.parametrize("place", ["object", "member", "instructor"])
async def test_what_others_did_is_not_told_where_it_names_such_a_pupil(
    place: str, client: httpx2.AsyncClient, school: School, did: Did, agent: Agent
) -> None:
    pupil, teacher = await school.enrol(), await school.enrol(kind="staff")
    named = agent(pupil)
    said = {
        "object": {"object": {"objectType": "Agent", **named}},
        "member": {"actor": {"objectType": "Group", "member": [agent(teacher), named]}},
        "instructor": {"context": {"instructor": named}},
    }[place]
    id_ = await did(teacher, **said)
    assert await told(client) == []
    await school.consent(pupil)
    assert await told(client) == [id_]


async def test_a_page_goes_on_behind_what_is_not_told(
    client: httpx2.AsyncClient, school: School, did: Did
) -> None:
    pupil, teacher = await school.enrol(), await school.enrol(kind="staff")
    ids = [await did(each) for each in (teacher, pupil, pupil, teacher, pupil)]
    found, more = [], "/statements?limit=2"
    while more:
        page = (await client.get(more.removeprefix("/learning/xapi/2.0.0"))).json()
        found += [each["id"] for each in page["statements"]]
        more = page["more"]
    assert found == [ids[3], ids[0]]


@pytest.mark.parametrize("path", ["/activities/state", "/agents/profile"])
async def test_documents_about_a_pupil_are_told_with_consent_alone(
    path: str, client: httpx2.AsyncClient, school: School, agent: Agent
) -> None:
    pupil = await school.enrol()
    place = {"agent": json.dumps(agent(pupil))}
    if path.endswith("state"):
        place["activityId"] = LESSON
    one = {**place, "stateId" if path.endswith("state") else "profileId": "page"}
    kept = await client.put(path, params=one, json={"page": 3}, headers=NEW)
    assert kept.status_code == 204
    assert (await client.get(path, params=one)).status_code == 404
    assert (await client.get(path, params=place)).json() == []
    home = agent(pupil)["account"]["homePage"]
    spelt = {"account": {"homePage": home + "/", "name": pupil.upper()}}
    other = await client.get(path, params={**one, "agent": json.dumps(spelt)})
    assert other.status_code == 404
    await school.consent(pupil)
    assert (await client.get(path, params=one)).json() == {"page": 3}
    assert (await client.get(path, params=place)).json() == ["page"]


async def test_to_read_documents_about_somebody_notes_nobody(
    client: httpx2.AsyncClient, agent: Agent, owner: asyncpg.Connection
) -> None:
    place = {"agent": json.dumps(agent(str(uuid7()))), "activityId": LESSON}
    assert (await client.get("/activities/state", params=place)).json() == []
    assert await owner.fetchval("SELECT count(*) FROM actors") == 0


async def test_a_pupil_reads_what_is_the_pupils_own(
    anonymous: httpx2.AsyncClient, school: School, owner: asyncpg.Connection, agent: Agent
) -> None:
    activity = Activity(school, anonymous, owner)
    pupil = await school.enrol()
    id_ = await activity.send(pupil)
    headers = {**school.as_(pupil), "x-experience-api-version": "2.0.0"}
    base = "/learning/xapi/2.0.0"
    page = (await anonymous.get(f"{base}/statements", headers=headers)).json()
    assert [each["id"] for each in page["statements"]] == [id_]
    place = {"agent": json.dumps(agent(pupil)), "activityId": LESSON, "stateId": "s"}
    url = f"{base}/activities/state"
    await anonymous.put(url, params=place, json={"page": 1}, headers=headers)
    assert (await anonymous.get(url, params=place, headers=headers)).json() == {"page": 1}


async def test_a_token_of_an_application_itself_is_bounded_too(
    anonymous: httpx2.AsyncClient, school: School, token: Token, agent: Agent
) -> None:
    pupil = await school.enrol()
    own = token("robot", "learning.read learning.write", client_id="robot")
    headers = {**own, "x-experience-api-version": "2.0.0"}
    url = "/learning/xapi/2.0.0/statements"
    sent = statement(actor=agent(pupil))
    assert (await anonymous.post(url, json=sent, headers=headers)).status_code == 200
    assert (await anonymous.get(url, headers=headers)).json()["statements"] == []
    await school.consent(pupil)
    [found] = (await anonymous.get(url, headers=headers)).json()["statements"]
    assert found["id"] == sent["id"]


async def test_leaving_school_opens_nothing_and_who_became_staff_is_no_pupil(
    client: httpx2.AsyncClient, school: School, did: Did
) -> None:
    left = await school.enrol(valid_until="2026-10-01")
    ahead = await school.enrol(valid_from="2099-09-01")
    teacher = await school.enrol(valid_until="2026-10-01")
    await school.enrol(kind="staff", person=teacher, valid_from="2026-10-01")
    _, _, of_teacher = [await did(each) for each in (left, ahead, teacher)]
    assert await told(client) == [of_teacher]


async def test_nobody_is_looked_up_where_no_person_of_the_platform_is_named(
    client: httpx2.AsyncClient, did: Did, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = app.state.runtime.reader
    fetch, sent = reader.fetch, []

    async def noting(query: str, *parameters: Any) -> Any:
        sent.append(query)
        return await fetch(query, *parameters)

    monkeypatch.setattr(reader, "fetch", noting)
    id_ = await did("", actor=AGENT)
    assert await told(client, agent=json.dumps(AGENT)) == [id_]
    assert not any("consents" in query for query in sent)
