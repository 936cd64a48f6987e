"""Marking over HTTP: by rule, by people; told, returned, corrected."""

import asyncio
from datetime import timedelta

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.homework import CHOICE, MARKS, RIGHT, URL, Classroom, due
from tests.service.learning.school import CLASS, OTHER_CLASS, School


@pytest.fixture
async def room(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Classroom:
    school = School(app, token)
    await school.found()
    return Classroom(school, anonymous, owner)


async def test_nobody_marks_anonymously_or_what_is_not_of_their_class(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    made = await room.handed_in(given, pupil)
    bodies = {"mark": {"marks": MARKS}, "return": {}, "publish": None}
    strangers = (
        (room.school.someone("teacher", OTHER_CLASS), 404),
        (room.school.as_(str(uuid7()), f"teacher@{CLASS}#13"), 404),
        (await room.pupil(), 404),
        (pupil, 403),
    )
    for action, body in bodies.items():
        anonymous = {"if-match": '"v1"'}
        url = f"/learning/v1/submissions/{made['id']}/{action}"
        answer = await room.client.post(url, headers=anonymous, json=body)
        assert answer.status_code == 401
        for headers, expected in strangers:
            assert (await room.act(made, action, body, headers)).status_code == expected
    url = f"{URL}/{given['id']}/publish-marks"
    assert (await room.client.post(url)).status_code == 401
    assert (await room.client.post(url, headers=pupil)).status_code == 403


async def test_choices_and_gaps_mark_themselves_and_the_teacher_adds_the_rest(
    room: Classroom,
) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    made = await room.handed_in(given, pupil)
    seen = (await room.read(made, room.teacher)).json()
    assert [each and each["points"] for each in seen["marks"]] == [2, 2, None, None]
    body = {"marks": MARKS, "feedback": "思路清楚"}
    assert (await room.act(made, "publish")).status_code == 409
    marked = await room.acted(made, "mark", body)
    assert (marked["state"], marked["score"]) == ("MARKED", 9)
    hidden = (await room.read(made, pupil)).json()
    assert (hidden["score"], hidden["marks"], hidden["feedback"]) == (None, None, None)
    assert hidden["items"][0]["correct"] is None
    assert (await room.act(made, "publish")).status_code == 412
    await room.acted(marked, "publish")
    told = (await room.read(made, pupil)).json()
    assert (told["score"], told["feedback"], told["state"]) == (9, "思路清楚", "PUBLISHED")
    assert told["marks"][2] == {"points": 3.5, "criteria": [2.5, 1], "comment": "好"}
    assert told["items"][0]["correct"] is None
    corrected = await room.acted(told, "mark", {"marks": [{"item": 0, "points": 1}]})
    assert (corrected["state"], corrected["score"]) == ("PUBLISHED", 8)


async def test_marks_that_do_not_fit_are_refused_with_every_place(room: Classroom) -> None:
    made = await room.handed_in(await room.assigned(), await room.pupil())
    marks = [
        {"item": 0, "points": 2.5},
        {"item": 2, "points": 3},
        {"item": 2, "criteria": [1, 1]},
        {"item": 9, "points": 1},
    ]
    refused = await room.act(made, "mark", {"marks": marks})
    assert refused.status_code == 422
    pointers = [each["pointer"] for each in refused.json()["errors"]]
    assert pointers == [
        *("#/marks/0/points", "#/marks/1/criteria", "#/marks/2/item", "#/marks/3/item", "#/marks"),
    ]
    for points in (0.3, "1", True):
        answer = await room.act(made, "mark", {"marks": [{"item": 0, "points": points}]})
        assert answer.status_code == 422


async def test_of_two_teachers_who_mark_at_once_the_second_reads_again(room: Classroom) -> None:
    made = await room.handed_in(await room.assigned(), await room.pupil())
    colleague = room.school.someone("teacher", CLASS)
    answers = await asyncio.gather(
        room.act(made, "mark", {"marks": MARKS}),
        room.act(made, "mark", {"marks": MARKS}, colleague),
    )
    assert sorted(each.status_code for each in answers) == [200, 412]


async def test_nobody_marks_answers_that_the_pupil_is_just_replacing(room: Classroom) -> None:
    given, pupil = await room.assigned(attempts=9), await room.pupil()
    outcomes = set()
    for _ in range(4):
        made = await room.handed_in(given, pupil, [])
        marked, replaced = await asyncio.gather(
            room.act(made, "mark", {"marks": [*MARKS, {"item": 0, "points": 0}]}),
            room.hand_in(given, pupil, RIGHT),
        )
        outcomes.add((marked.status_code, replaced.status_code))
        now = (await room.read(made, room.teacher)).json()
        assert (now["state"], now["marks"][2]) == ("HANDED_IN", None)
    assert outcomes <= {(200, 201), (412, 201)}


async def test_returned_work_is_handed_in_once_more_whatever_the_deadline(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    made = await room.handed_in(given, pupil)
    assert (await room.hand_in(given, pupil, [])).status_code == 409
    body = {"feedback": "请订正", "again_until": due(days=1)}
    returned = await room.acted(made, "return", body)
    assert returned["state"] == "RETURNED"
    assert (await room.read(made, pupil)).json()["feedback"] == "请订正"
    await room.set_due(given, timedelta(days=-1))
    again = await room.handed_in(given, pupil, RIGHT)
    assert (again["id"], again["attempt"], again["late"]) == (made["id"], 2, False)
    assert (await room.hand_in(given, pupil, [])).status_code == 409
    returned = await room.acted(again, "return", {})
    assert (await room.hand_in(given, pupil)).status_code == 409


async def test_returned_work_is_no_dead_end(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    made = await room.acted(await room.handed_in(given, pupil), "mark", {"marks": MARKS})
    past = await room.act(made, "return", {"again_until": due(minutes=-1)})
    assert past.status_code == 422
    assert past.json()["type"].endswith("learning/deadlines-refused")
    returned = await room.acted(made, "return", {"feedback": "请订正"})
    assert set(returned["actions"]) == {"mark", "publish", "return"}
    refused = (await room.hand_in(given, pupil, [])).json()
    assert refused["detail"] == "提交次数已用完，可请老师退回并给出再次提交的期限。"
    returned = await room.acted(returned, "return", {"again_until": due(days=1)})
    url = f"{URL}/{given['id']}/publish-marks"
    told = await room.client.post(url, headers=room.teacher)
    assert told.json() == {"published": 0, "unmarked": 0}
    await room.owner.execute("UPDATE submissions SET again_until = now() - interval '1 hour'")
    marked = await room.acted(returned, "mark", {"marks": [{"item": 0, "points": 1}]})
    assert (marked["state"], marked["score"]) == ("RETURNED", 8)
    told = await room.client.post(url, headers=room.teacher)
    assert told.json() == {"published": 1, "unmarked": 0}
    assert (await room.read(made, pupil)).json()["state"] == "PUBLISHED"


async def test_marks_are_published_to_a_class_at_once_by_its_teachers(room: Classroom) -> None:
    given = (await room.assign(await room.create(), CLASS, OTHER_CLASS)).json()
    ours = [await room.pupil() for _ in range(3)]
    theirs = await room.pupil(OTHER_CLASS)
    made = [await room.handed_in(given, each) for each in [*ours, theirs]]
    for each in (made[0], made[1], made[3]):
        await room.acted(each, "mark", {"marks": MARKS})
    url = f"{URL}/{given['id']}/publish-marks"
    mine = room.school.someone("teacher", CLASS)
    told = await room.client.post(url, headers=mine)
    assert told.json() == {"published": 2, "unmarked": 1}
    assert (await room.client.post(url, headers=mine)).json()["published"] == 0
    assert (await room.read(made[3], theirs)).json()["score"] is None
    elsewhere = room.school.someone("teacher", "P0.C1.S2")
    assert (await room.client.post(url, headers=elsewhere)).status_code == 404


async def test_what_marks_itself_is_published_without_anybody_marking_it(room: Classroom) -> None:
    given, pupil = await room.assigned(items=[CHOICE], attempts=2), await room.pupil()
    await room.handed_in(given, pupil, [{"item": 0, "choices": [1]}])
    made = await room.handed_in(given, pupil, RIGHT[:1])
    told = await room.client.post(f"{URL}/{given['id']}/publish-marks", headers=room.teacher)
    assert told.json() == {"published": 1, "unmarked": 0}
    seen = (await room.read(made, pupil)).json()
    assert (seen["score"], seen["attempt"]) == (2, 2)


async def test_marks_outlive_the_teacher_who_gave_them(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    made = await room.acted(await room.handed_in(given, pupil), "mark", {"marks": MARKS})
    await room.school.erase(room.subject)
    colleague = room.school.someone("teacher", CLASS)
    assert (await room.act(made, "publish", headers=colleague)).status_code == 200
    assert (await room.read(made, pupil)).json()["score"] == 9
    query = "SELECT count(*) FROM submissions WHERE marked_by IS NOT NULL"
    assert await room.owner.fetchval(query) == 0
