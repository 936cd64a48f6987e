"""Handing in again: what a pupil may do, sees of the solution, and keeps of earlier attempts."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.homework import MARKS, RIGHT, SUBMISSIONS, URL, Classroom, due
from tests.service.learning.school import OTHER_CLASS, School

WRONG = [{"item": 0, "choices": [1]}]


@pytest.fixture
async def room(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Classroom:
    school = School(app, token)
    await school.found()
    return Classroom(school, anonymous, owner)


async def told(room: Classroom, made: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    answer = await room.read(made, headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_what_may_be_done_is_what_the_caller_may_do(room: Classroom) -> None:
    given = await room.assigned(attempts=2)
    child = await room.school.enrol()
    own, guardian = room.school.as_(child), room.school.as_(await room.school.guard(child))
    made = await room.handed_in(given, own, WRONG)
    assert made["actions"] == ["hand_in"]
    assert (await told(room, made, guardian))["actions"] == []
    assert set((await told(room, made, room.teacher))["actions"]) == {"mark", "return"}
    marked = await room.acted(made, "mark", {"marks": MARKS})
    assert set(marked["actions"]) == {"mark", "publish", "return"}
    made = await room.handed_in(given, own)
    assert made["actions"] == []


async def test_after_an_early_publication_attempts_that_are_left_are_taken(
    room: Classroom,
) -> None:
    given, pupil = await room.assigned(attempts=2), await room.pupil()
    made = await room.handed_in(given, pupil, WRONG)
    await room.acted(
        await room.acted(made, "mark", {"marks": MARKS, "feedback": "再想"}), "publish"
    )
    seen = await told(room, made, pupil)
    assert (seen["state"], seen["score"], seen["actions"]) == ("PUBLISHED", 5, ["hand_in"])
    assert seen["items"][0]["correct"] is None
    again = await room.handed_in(given, pupil)
    assert (again["state"], again["attempt"], again["score"]) == ("HANDED_IN", 2, None)
    await room.acted(await room.acted(again, "mark", {"marks": MARKS}), "publish")
    assert (await told(room, made, pupil))["actions"] == []
    spent = await room.hand_in(given, pupil, WRONG)
    assert spent.json()["type"].endswith("learning/attempts-spent")


@pytest.mark.parametrize("attempts", [1, 2])
async def test_the_solution_is_seen_once_nobody_may_hand_in_any_more(
    room: Classroom, attempts: int
) -> None:
    given, pupil = await room.assigned(attempts=attempts), await room.pupil()
    made = await room.handed_in(given, pupil)
    await room.acted(await room.acted(made, "mark", {"marks": MARKS}), "publish")
    assert (await told(room, made, pupil))["items"][0]["correct"] is None
    await room.set_due(given, timedelta(seconds=-1))
    assert (await told(room, made, pupil))["items"][0]["correct"] == [0]


async def test_a_pupil_who_left_the_class_hands_in_no_more(room: Classroom) -> None:
    given, membership = await room.assigned(attempts=2), uuid7()
    child = await room.school.enrol(membership_id=membership)
    own = room.school.as_(child)
    made = await room.handed_in(given, own, WRONG)
    await room.school.enrol(
        person=child, membership_id=membership, what="ended", valid_until="2026-10-01"
    )
    assert (await told(room, made, own))["actions"] == []
    assert (await room.hand_in(given, own)).status_code == 404


async def test_marks_that_were_not_told_yet_outlive_another_hand_in(room: Classroom) -> None:
    given, pupil = await room.assigned(attempts=3), await room.pupil()
    made = await room.handed_in(given, pupil, WRONG)
    await room.acted(made, "mark", {"marks": MARKS, "feedback": "再想"})
    await room.handed_in(given, pupil, [])
    await room.handed_in(given, pupil)
    url = f"{SUBMISSIONS}/{made['id']}/attempts"
    for headers, known in ((room.teacher, (5, "再想", 3.5)), (pupil, (None, None, None))):
        first, second, _ = (await room.client.get(url, headers=headers)).json()["items"]
        points = first["marks"] and first["marks"][2]["points"]
        assert (first["score"], first["feedback"], points) == known
        assert second["marks"] is None


async def test_every_attempt_is_read_with_what_was_told_of_it(room: Classroom) -> None:
    given = await room.assigned(attempts=3)
    child = await room.school.enrol()
    own, guardian = room.school.as_(child), room.school.as_(await room.school.guard(child))
    made = await room.handed_in(given, own, WRONG)
    await room.acted(
        await room.acted(made, "mark", {"marks": MARKS, "feedback": "再想"}), "publish"
    )
    await room.handed_in(given, own, [])
    await room.handed_in(given, own)
    url = f"{SUBMISSIONS}/{made['id']}/attempts"
    for headers in (own, guardian, room.teacher):
        first, second, third = (await room.client.get(url, headers=headers)).json()["items"]
        assert [each["attempt"] for each in (first, second, third)] == [1, 2, 3]
        assert first["answers"][0]["choices"] == [1]
        assert (first["score"], first["feedback"]) == (5, "再想")
        assert first["marks"][2]["comment"] == "好"
        assert (second["marks"], second["score"], third["marks"]) == (None, None, None)
        assert len(third["answers"]) == len(RIGHT)
    assert (await room.client.get(url)).status_code == 401
    for headers in (await room.pupil(), room.school.someone("teacher", OTHER_CLASS)):
        assert (await room.client.get(url, headers=headers)).status_code == 404
    sealed = await room.owner.fetchval("SELECT marking FROM hand_ins WHERE attempt = 1")
    assert "再想".encode() not in sealed


async def test_marks_of_direction_are_kept_and_what_is_refused_is_told_plainly(
    room: Classroom,
) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    text = "\u200fئۇيغۇر\u2060 جاۋاب"
    gaps = {"item": 1, "gaps": ["\u200e3/4\u200f"]}
    made = await room.handed_in(given, pupil, [gaps, {"item": 2, "text": text}])
    assert made["answers"][1]["text"] == text
    marked = await room.acted(made, "mark", {"marks": [{"item": 0, "points": 0}, *MARKS]})
    assert marked["marks"][1]["points"] == 2
    for headers, detail in (
        (pupil, "请去掉第 2 个字符，它是控制字符 U+202E。"),
        ({**pupil, "accept-language": "en"}, "Leave out the control character U+202E at place 2."),
    ):
        refused = await room.hand_in(given, headers, [{"item": 2, "text": "因\u202e为"}])
        assert refused.status_code == 422
        [error] = refused.json()["errors"]
        assert error == {"pointer": "#/answers/0/text", "detail": detail}


async def test_what_a_longer_deadline_admits_is_late_no_more(room: Classroom) -> None:
    terms = {"late_until": due(days=4), "late_deduction": 50, "attempts": 1}
    given, child = await room.assigned(**terms), await room.school.enrol()
    own, classmate = room.school.as_(child), await room.pupil()
    await room.set_due(given, timedelta(hours=-2))
    made = await room.handed_in(given, own)
    marked = await room.acted(made, "mark", {"marks": MARKS})
    assert (marked["late"], marked["score"]) == (True, 4.5)
    other = await room.acted(await room.handed_in(given, classmate), "mark", {"marks": MARKS})
    await room.acted(await room.acted(other, "publish"), "return", {"again_until": due(days=9)})
    other = await room.handed_in(given, classmate, WRONG)
    assert other["late"] is True
    await room.owner.execute(
        "UPDATE hand_ins SET handed_in_at = now() + interval '5 days' WHERE attempt = 2"
    )
    body = {"due_at": due(hours=1)}
    extended = await room.client.patch(
        f"{URL}/{given['id']}", headers=room.tagged(given), json=body
    )
    assert extended.status_code == 200, extended.text
    seen = await told(room, made, room.teacher)
    assert (seen["late"], seen["score"], seen["state"]) == (False, 9, "MARKED")
    assert seen["version"] == marked["version"] + 1
    assert (await told(room, other, room.teacher))["late"] is False
    url = f"{SUBMISSIONS}/{other['id']}/attempts"
    attempts = (await room.client.get(url, headers=classmate)).json()["items"]
    assert [(each["late"], each["score"]) for each in attempts] == [(False, 9), (False, None)]
    audited = "SELECT count(*) FROM audit WHERE action = 'submission.in_time'"
    assert await room.owner.fetchval(audited) == 2


async def test_what_was_handed_in_after_the_longer_deadline_stays_late(room: Classroom) -> None:
    given = await room.assigned(late_until=due(days=4), late_deduction=50)
    pupil = await room.pupil()
    await room.set_due(given, timedelta(hours=-2))
    made = await room.handed_in(given, pupil)
    body = {"due_at": due(hours=-1)}
    await room.client.patch(f"{URL}/{given['id']}", headers=room.tagged(given), json=body)
    assert (await told(room, made, room.teacher))["late"] is True
