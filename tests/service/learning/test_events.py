"""The compact batch of our own clients goes the way of every statement."""

from typing import Any

import asyncpg
import httpx2
import pytest

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.conftest import SCHOOL, Register
from tests.service.learning.statements import LESSON

PATH = "/learning/v1/events"


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "at": "2026-11-22T08:00:00+08:00",
        "verb": "completed",
        "object": LESSON,
        "score": 0.5,
        "progress": 80,
        "duration_ms": 1500,
        **changes,
    }


async def test_without_credentials_nothing_is_stored(anonymous: httpx2.AsyncClient) -> None:
    assert (await anonymous.post(PATH, json={"events": [event()]})).status_code == 401


async def test_events_become_statements_and_repeats_change_nothing(
    anonymous: httpx2.AsyncClient, token: Token, owner: asyncpg.Connection, settings: Any
) -> None:
    headers = token("ann", "learning.read learning.write", (f"student@{SCHOOL}",))
    sent = {"events": [event(), event(progress=20, parent="https://lessons.example")]}
    for _ in range(2):
        answer = await anonymous.post(PATH, json=sent, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"stored": 2})
    row = await owner.fetchrow("SELECT * FROM progress")
    assert (row["statements"], row["progress"], row["completed"]) == (2, 80, True)
    assert (row["duration_ms"], row["best_scaled"]) == (3000, 0.5)
    found = await anonymous.get(
        "/learning/xapi/2.0.0/statements",
        params={"statementId": sent["events"][0]["id"]},
        headers={**headers, "x-experience-api-version": "2.0.0"},
    )
    assert found.json()["actor"]["account"] == {"homePage": settings.issuer, "name": "ann"}
    assert found.json()["verb"]["id"] == "http://adlnet.gov/expapi/verbs/completed"


async def test_another_body_under_a_taken_id_is_a_conflict(
    anonymous: httpx2.AsyncClient, register: Register
) -> None:
    headers = await register("app")
    sent = event(actor="ann")
    await anonymous.post(PATH, json={"events": [sent]}, headers=headers)
    answer = await anonymous.post(PATH, json={"events": [{**sent, "progress": 1}]}, headers=headers)
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"at": "2026-11-22T08:00:00"}, "#/events/0/at"),
        ({"verb": "Did It"}, "#/events/0/verb"),
        ({"object": "lesson"}, "#/events/0/object"),
        ({"score": 2}, "#/events/0/score"),
        ({"progress": 101}, "#/events/0/progress"),
        ({"colour": "red"}, "#/events/0/colour"),
    ],
)
async def test_defects_are_told_with_their_place(
    anonymous: httpx2.AsyncClient, register: Register, change: dict[str, Any], pointer: str
) -> None:
    sent = {"events": [event(actor="ann", **change)]}
    answer = await anonymous.post(PATH, json=sent, headers=await register("app"))
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_what_the_store_finds_wrong_is_told_by_the_event(
    anonymous: httpx2.AsyncClient, register: Register
) -> None:
    sent = event(actor="ann")
    answer = await anonymous.post(
        PATH, json={"events": [sent, sent]}, headers=await register("app")
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "#/events/1/id", "detail": "两条记录使用了同一编号。"}
    ]


async def test_an_application_says_whose_the_events_are(
    anonymous: httpx2.AsyncClient, register: Register
) -> None:
    answer = await anonymous.post(PATH, json={"events": [event()]}, headers=await register("app"))
    assert answer.status_code == 400
