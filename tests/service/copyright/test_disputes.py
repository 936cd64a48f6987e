"""Takedown notices, answers and decisions: their deadlines, and what each of them keeps."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from services.copyright.settings import Settings
from services.copyright.verify.canonical import text_commitment
from tests.service.copyright.registering import SCHOOL, V1, WORK, Person, file
from tests.service.copyright.test_licences import after, told
from tests.service.house import Token

NOTICE = {"kind": "takedown.notice", "text": "插图取自我的教案。"}
COUNTER = {"kind": "takedown.counter", "text": "插图是我自己画的。"}
CLAIM = {"kind": "claim.dispute", "text": "我才是作者。"}
DECISION = {"kind": "takedown.decision", "outcome": "rejected", "text": "证据不足。"}
OVERDUE = "copyright.dispute.overdue.v1"


@pytest.fixture
def ben(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


@pytest.fixture
def chief(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token, f"administrator@{SCHOOL}")


async def disputed(holder: Person, other: Person, *said: dict[str, Any]) -> str:
    registered = await holder.registered(organisation=SCHOOL)
    for body in said:
        speaker = holder if body["kind"] == "takedown.counter" else other
        answer = await speaker.post(f"/{registered}/disputes", body)
        assert answer.status_code == 202, answer.text
    return registered


async def dues(person: Person, registered: str) -> tuple[timedelta | None, timedelta | None]:
    """How long after the last event an answer and a decision are due."""
    shown = (await person.get(f"/{registered}")).json()
    since = datetime.fromisoformat(shown["events"][-1]["claimed_at"])
    due = [shown["answer_due"], shown["decision_due"]]
    answer, decision = (each and datetime.fromisoformat(each) - since for each in due)
    return answer, decision


async def test_each_step_of_a_dispute_sets_its_deadlines(ada: Person, ben: Person) -> None:
    days = [
        (timedelta(days=15), timedelta(days=30)),
        (None, timedelta(days=15)),
        (timedelta(days=15), timedelta(days=30)),
        (None, timedelta(days=15)),
    ]
    disputes = ([NOTICE], [NOTICE, COUNTER], [CLAIM], [CLAIM, COUNTER])
    for said, expected in zip(disputes, days, strict=True):
        registered = await disputed(ada, ben, *said)
        assert await dues(ada, registered) == expected
    assert await dues(ada, await ada.registered()) == (None, None)


async def test_an_answer_that_does_not_come_is_told_and_then_the_missing_decision(
    ada: Person, ben: Person, owner: asyncpg.Connection, settings: Settings
) -> None:
    registered = await disputed(ada, ben, NOTICE)
    await after(settings, timedelta(days=14))
    assert await told(owner, OVERDUE) == []
    await after(settings, timedelta(days=16))
    assert [each["due"] for each in await told(owner, OVERDUE)] == ["ANSWER"]
    for _ in range(2):  # once told, it is not told again
        await after(settings, timedelta(days=31))
    found = await told(owner, OVERDUE)
    assert [each["due"] for each in found] == ["ANSWER", "DECISION"]
    assert {each["registration_id"] for each in found} == {registered}
    assert {each["organisation_path"] for each in found} == {SCHOOL}


async def test_what_was_done_in_time_is_never_overdue(
    ada: Person, ben: Person, chief: Person, owner: asyncpg.Connection, settings: Settings
) -> None:
    registered = await disputed(ada, ben, NOTICE, COUNTER)
    assert (await chief.post(f"/{registered}/decisions", DECISION)).status_code == 202
    await after(settings, timedelta(days=100))
    assert await told(owner, OVERDUE) == []


async def test_a_notice_may_be_decided_without_an_answer_only_when_its_time_is_over(
    ada: Person, ben: Person, chief: Person, owner: asyncpg.Connection
) -> None:
    registered = await disputed(ada, ben, NOTICE)
    early = await chief.post(f"/{registered}/decisions", DECISION)
    assert early.status_code == 409
    assert "answer until" in early.json()["detail"] or "之前答复" in early.json()["detail"]
    claim = await disputed(ada, ben, CLAIM)
    assert (await chief.post(f"/{claim}/decisions", DECISION)).status_code == 202


async def test_a_column_that_was_altered_ripens_no_decision(
    ada: Person, ben: Person, chief: Person, owner: asyncpg.Connection, client: httpx2.AsyncClient
) -> None:
    registered = await disputed(ada, ben, NOTICE)
    due = (await ben.get(f"/{registered}/disputes")).json()["answer_due"]
    await owner.execute("UPDATE registrations SET standing = 'countered'")
    assert (await chief.post(f"/{registered}/decisions", DECISION)).status_code == 409
    shown = (await ben.get(f"/{registered}/disputes")).json()
    assert (shown["standing"], shown["answer_due"]) == ("noticed", due)
    code = (await ada.get(f"/{registered}")).json()["code"]
    [listed] = (await client.get(V1, params={"code": code})).json()["items"]
    assert listed["standing"] == "noticed"


async def test_a_notice_keeps_its_words_its_evidence_and_how_the_registration_stood(
    ada: Person, ben: Person, chief: Person
) -> None:
    evidence = [file(b"my lesson plan", "plan.pdf")]
    registered = await disputed(ada, ben, {**NOTICE, "evidence": evidence})
    before = (await ada.get(f"/{registered}")).json()
    [said] = (await chief.get(f"/{registered}/disputes")).json()["statements"]
    assert (said["text"], said["evidence"], said["mine"]) == (NOTICE["text"], evidence, False)
    snapshot = said["snapshot"]
    assert snapshot["head"] == before["events"][0]["hash"]
    assert snapshot["files"][0]["sha256"] == hashlib.sha256(WORK).hexdigest()
    assert snapshot["details"]["title"] == before["details"]["title"]
    assert snapshot["standing"] == "active"


async def test_what_was_said_is_proved_against_the_log_by_its_salt(
    ada: Person, ben: Person
) -> None:
    registered = await disputed(ada, ben, NOTICE, COUNTER)
    events = (await ada.get(f"/{registered}")).json()["events"][1:]
    statements = (await ben.get(f"/{registered}/disputes")).json()["statements"]
    assert [each["mine"] for each in statements] == [True, False]
    for event, said in zip(events, statements, strict=True):
        bound = text_commitment(bytes.fromhex(said["salt"]), said["statement"])
        assert bound == said["commitment"] == event["detail"]["text"]
        assert json.loads(said["statement"])["text"] == said["text"]


async def test_only_who_decides_decides(ada: Person, ben: Person) -> None:
    registered = await disputed(ada, ben, CLAIM)
    for person in (ada, ben):
        assert (await person.post(f"/{registered}/decisions", DECISION)).status_code == 403
        through_the_other_door = await person.post(f"/{registered}/disputes", DECISION)
        assert through_the_other_door.status_code == 422
