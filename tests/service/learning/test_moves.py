"""What applications keep and sent stays theirs when their organisation moves."""

import base64
import json
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.learning.domain.xapi.contents import key_of
from services.learning.domain.xapi.documents import NOTHING, Kind
from services.learning.settings import Settings
from shared.encryption import KeyRing, Place
from tests.service.house import Token
from tests.service.learning.school import SCHOOL, School
from tests.service.learning.statements import LESSON, statement
from tests.service.learning.test_xapi_protocol import V2, VERSION

MOVED = "P0.C2.S1"
PROFILE = {"activityId": LESSON, "profileId": "words"}
PROFILES = f"{V2}/activities/profile"
NEW = {"if-none-match": "*"}


@pytest.fixture
async def school(app: FastAPI, token: Token) -> School:
    school = School(app, token)
    await school.found()
    return school


async def move(school: School) -> None:
    await school.organise("moved", MOVED, old_path=SCHOOL)


def itself(token: Token, path: str) -> dict[str, str]:
    """The headers of a client that acts for itself."""
    scopes = "learning.read learning.write"
    return {**token("robot", scopes, (f"integrator@{path}",), client_id="robot"), **VERSION}


async def test_a_profile_of_an_activity_stays_when_the_school_moves(
    school: School, anonymous: httpx2.AsyncClient, register: Any
) -> None:
    headers = {**await register("app", SCHOOL), **VERSION}

    async def put(name: str) -> int:
        asked = {**PROFILE, "profileId": name}
        answer = await anonymous.put(
            PROFILES, params=asked, json={"of": name}, headers={**headers, **NEW}
        )
        return answer.status_code

    assert await put("before") == 204
    await move(school)
    assert (await put("while it is remembered"), await put("before")) == (204, 412)
    school.app.state.records.registry._seen.clear()
    for name in ("before", "while it is remembered"):
        asked = {**PROFILE, "profileId": name}
        found = await anonymous.get(PROFILES, params=asked, headers=headers)
        assert (found.status_code, found.json()) == (200, {"of": name})


async def test_a_profile_that_was_sealed_under_a_path_is_read_and_written(
    school: School,
    anonymous: httpx2.AsyncClient,
    register: Any,
    owner: asyncpg.Connection,
    settings: Settings,
) -> None:
    headers = {**await register("app", SCHOOL), **VERSION}
    await anonymous.put(PROFILES, params=PROFILE, json={}, headers={**headers, **NEW})
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    name = PROFILE["profileId"]
    row = f"{SCHOOL} {Kind.ACTIVITY_PROFILE} {key_of(LESSON)} {NOTHING} {NOTHING} {name}"
    content = base64.b64encode(json.dumps({"a": 1}).encode()).decode()
    sealed = keys.encrypt("documents", content, Place("documents", "sealed", row))
    await owner.execute("UPDATE documents SET sealed = $1, sealed_under = $2", sealed, SCHOOL)
    await move(school)
    added = await anonymous.post(PROFILES, params=PROFILE, json={"b": 2}, headers=headers)
    assert added.status_code == 204, added.text
    found = await anonymous.get(PROFILES, params=PROFILE, headers=headers)
    assert found.json() == {"a": 1, "b": 2}


async def test_a_client_that_acts_for_itself_reads_what_it_sent_before_its_school_moved(
    school: School, anonymous: httpx2.AsyncClient, token: Token
) -> None:
    sent, url = statement(), f"{V2}/statements"
    elsewhere = statement()
    for each, path in ((sent, SCHOOL), (elsewhere, "P0.C1.S2")):
        answer = await anonymous.post(url, json=each, headers=itself(token, path))
        assert answer.status_code == 200, answer.text
    await move(school)
    for each, status in ((sent, 200), (elsewhere, 404)):
        asked = {"statementId": each["id"]}
        found = await anonymous.get(url, params=asked, headers=itself(token, MOVED))
        assert found.status_code == status
