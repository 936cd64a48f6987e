"""Homework over HTTP: who gives it, to whom, by when, and how much of it there is."""

from datetime import timedelta

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.homework import ITEMS, URL, V1, Classroom, due
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    OTHER_SCHOOLS_CLASS,
    SCHOOL,
    School,
)

LOAD = f"{V1}/homework-load"


@pytest.fixture
async def room(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Classroom:
    school = School(app, token)
    await school.found()
    return Classroom(school, anonymous, owner)


async def test_nobody_gives_homework_anonymously_or_changes_that_of_others(room: Classroom) -> None:
    draft, given = await room.create(), await room.assigned()
    assert (await room.client.post(URL, json={})).status_code == 401
    assert (await room.client.get(f"{URL}/{given['id']}")).status_code == 401
    body = {
        "title": "题",
        "organisation": SCHOOL,
        "subject": "14",
        "minutes": 5,
        "due_at": due(days=1),
    }
    for role, path in (("student", SCHOOL), ("teacher", OTHER_SCHOOL), ("teacher", CLASS)):
        headers = room.school.someone(role, path)
        assert (await room.client.post(URL, headers=headers, json=body)).status_code == 403
    for made, expected in ((draft, 404), (given, 403)):
        tag = room.tagged(made, room.school.someone("teacher"))
        url = f"{URL}/{made['id']}"
        answers = [
            await room.client.patch(url, headers=tag, json={"title": "新"}),
            await room.client.delete(url, headers=tag),
            await room.client.post(f"{url}/assign", headers=tag, json={"classes": [CLASS]}),
            await room.client.post(f"{url}/withdraw", headers=tag),
        ]
        assert {each.status_code for each in answers} == {expected}


async def test_a_teacher_of_one_subject_gives_homework_in_that_alone(room: Classroom) -> None:
    body = {"title": "题", "organisation": SCHOOL, "minutes": 5, "due_at": due(days=1)}
    headers = room.school.as_(str(uuid7()), f"teacher@{SCHOOL}#13")
    for subject, expected in (("13", 201), ("14", 403)):
        answer = await room.client.post(URL, headers=headers, json={**body, "subject": subject})
        assert answer.status_code == expected
    given = await room.assigned()
    assert (await room.client.get(f"{URL}/{given['id']}", headers=headers)).status_code == 404


async def test_pupils_and_guardians_of_the_class_see_it_without_its_answers(
    room: Classroom,
) -> None:
    given = await room.assigned()
    url = f"{URL}/{given['id']}"
    child = await room.school.enrol()
    guardian = await room.school.consent(child)
    for person in (child, guardian):
        told = (await room.client.get(url, headers=room.school.as_(person))).json()
        assert [each["gap_count"] for each in told["items"]] == [None, 1, None, None]
        secrets = ("correct", "accepted", "model")
        assert {each[name] for each in told["items"] for name in secrets} == {None}
        assert [each["organisation"] for each in told["classes"]] == [CLASS]
    (told,) = (await room.client.get(URL, headers=room.school.as_(guardian))).json()["items"]
    assert told["id"] == given["id"]
    other = await room.pupil(OTHER_CLASS)
    assert (await room.client.get(url, headers=other)).status_code == 404
    assert (await room.client.get(URL, headers=other)).json()["items"] == []
    colleague = (await room.client.get(url, headers=room.school.someone("teacher", CLASS))).json()
    assert colleague["items"][0]["correct"] == [0]


async def test_a_draft_is_changed_and_deleted_what_is_assigned_is_not(room: Classroom) -> None:
    draft = await room.create(items=[])
    url = f"{URL}/{draft['id']}"
    assert (await room.assign(draft)).status_code == 409
    tag = room.tagged(draft)
    assert (await room.client.patch(url, headers=room.teacher, json={})).status_code == 428
    changed = await room.client.patch(url, headers=tag, json={"items": ITEMS, "minutes": 30})
    assert (changed.json()["points"], changed.json()["minutes"]) == (10, 30)
    assert (await room.client.patch(url, headers=tag, json={"minutes": 5})).status_code == 412
    given = (await room.assign(changed.json())).json()
    tag = room.tagged(given)
    assert (await room.client.patch(url, headers=tag, json={"minutes": 5})).status_code == 409
    assert (await room.client.delete(url, headers=tag)).status_code == 409
    other = await room.create()
    gone = await room.client.delete(f"{URL}/{other['id']}", headers=room.tagged(other))
    assert gone.status_code == 204


async def test_deadlines_that_pupils_know_move_away_only(room: Classroom) -> None:
    given = await room.assigned(due_at=due(days=3), late_until=due(days=5))
    url = f"{URL}/{given['id']}"
    for body in ({"due_at": due(days=2)}, {"late_until": None}, {"late_until": due(days=1)}):
        answer = await room.client.patch(url, headers=room.tagged(given), json=body)
        assert answer.status_code == 422, body
    answer = await room.client.patch(url, headers=room.tagged(given), json={"due_at": due(days=4)})
    assert answer.status_code == 200
    past = await room.create(due_at=due(hours=-1))
    assert (await room.assign(past)).status_code == 422


async def test_homework_goes_to_open_classes_of_its_place_where_its_teacher_works(
    room: Classroom,
) -> None:
    draft = await room.create()
    refused = await room.assign(draft, CLASS, f"{SCHOOL}.G1")
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == ["#/classes/1"]
    assert (await room.assign(draft, OTHER_SCHOOLS_CLASS)).status_code == 403
    given = (await room.assign(draft, CLASS)).json()
    given = (await room.assign(given, CLASS, OTHER_CLASS)).json()
    told = (await room.client.get(f"{URL}/{given['id']}", headers=room.teacher)).json()
    assert [each["organisation"] for each in told["classes"]] == [CLASS, OTHER_CLASS]


async def test_the_list_of_a_place_is_for_those_who_work_there_and_goes_by_pages(
    room: Classroom,
) -> None:
    await room.create()
    given = [(await room.assigned())["id"] for _ in range(3)]
    params = {"organisation": SCHOOL, "limit": "2"}
    colleague = room.school.someone("administrator")
    first = (await room.client.get(URL, headers=colleague, params=params)).json()
    params |= {"cursor": first["next"]}
    rest = (await room.client.get(URL, headers=colleague, params=params)).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == given[::-1]
    assert rest["next"] is None
    pupil = await room.pupil()
    refused = await room.client.get(URL, headers=pupil, params={"organisation": SCHOOL})
    assert refused.status_code == 403


async def test_the_load_of_a_class_warns_by_day_over_all_subjects(room: Classroom) -> None:
    day = (utc_now() + timedelta(days=2)).date()
    noon = f"{day}T12:00:00+08:00"
    await room.assigned(minutes=40, due_at=noon)
    await room.assigned(minutes=15, due_at=noon)
    await room.create(minutes=600, due_at=noon)
    params = {"organisation": CLASS}
    assert (await room.client.get(LOAD, params=params)).status_code == 401
    elsewhere = room.school.someone("teacher", OTHER_SCHOOL)
    assert (await room.client.get(LOAD, headers=elsewhere, params=params)).status_code == 403
    (told,) = (await room.client.get(LOAD, headers=room.teacher, params=params)).json()["items"]
    assert (told["minutes"], told["level"]) == (55, "NORMAL")
    assert told["subjects"] == [{"subject": "14", "assignments": 2, "minutes": 55}]
    await room.assigned(minutes=30, due_at=noon, subject="13")
    (told,) = (await room.client.get(LOAD, headers=room.teacher, params=params)).json()["items"]
    assert (told["day"], told["minutes"], told["level"]) == (str(day), 85, "HIGH")
    await room.assigned(minutes=30, due_at=noon, subject="13")
    (told,) = (await room.client.get(LOAD, headers=room.teacher, params=params)).json()["items"]
    assert told["level"] == "EXCESSIVE"
    backwards = {**params, "first": str(day), "last": str(day - timedelta(days=1))}
    refused = await room.client.get(LOAD, headers=room.teacher, params=backwards)
    assert refused.json()["type"].endswith("learning/days-refused")
    params |= {"organisation": SCHOOL}
    assert (await room.client.get(LOAD, headers=room.teacher, params=params)).status_code == 422


async def test_a_teacher_who_left_the_class_still_reads_the_homework_and_changes_it_no_more(
    room: Classroom,
) -> None:
    room.teacher = room.school.as_(room.subject, f"teacher@{CLASS}")
    given, draft = await room.assigned(organisation=CLASS), await room.create(organisation=CLASS)
    room.teacher = room.school.as_(room.subject, f"teacher@{OTHER_CLASS}")
    url = f"{URL}/{given['id']}"
    assert (await room.client.get(url, headers=room.teacher)).status_code == 200
    body = {"due_at": due(days=9)}
    answers = [
        await room.client.patch(url, headers=room.tagged(given), json=body),
        await room.client.post(f"{url}/withdraw", headers=room.tagged(given)),
        await room.assign(given),
        await room.assign(draft),
    ]
    assert [each.status_code for each in answers] == [403] * 4
    own = await room.client.delete(f"{URL}/{draft['id']}", headers=room.tagged(draft))
    assert own.status_code == 204


async def test_homework_moves_with_its_school_and_outlives_its_teacher(room: Classroom) -> None:
    given = await room.assigned()
    await room.school.organise("moved", f"P0.C9.{SCHOOL[6:]}", old_path=SCHOOL)
    await room.school.erase(room.subject)
    head = room.school.someone("administrator", "P0.C9")
    told = (await room.client.get(f"{URL}/{given['id']}", headers=head)).json()
    assert (told["owner"], told["organisation"]) == (None, "P0.C9.S1")
    assert [each["organisation"] for each in told["classes"]] == ["P0.C9.S1.G1.K1"]


@pytest.mark.parametrize(
    "broken",
    [
        {"items": [{**ITEMS[0], "correct": [2]}]},
        {"items": [{**ITEMS[2], "points": 5}]},
        {"items": [{**ITEMS[3], "points": 0.3}]},
        {"due_at": "0001-01-01T00:00:00+08:00"},
        {"late_until": "2026-01-01T00:00:00Z"},
    ],
    ids=["no such option", "rubric", "thirds", "antiquity", "disorder"],
)
async def test_what_does_not_add_up_is_refused(room: Classroom, broken: dict[str, object]) -> None:
    body = {
        "title": "题",
        "organisation": SCHOOL,
        "subject": "14",
        "minutes": 5,
        "due_at": due(days=1),
    }
    answer = await room.client.post(URL, headers=room.teacher, json={**body, **broken})
    assert answer.status_code == 422


async def test_what_may_be_done_is_told_to_those_who_may(room: Classroom) -> None:
    given = await room.assigned()
    assert set(given["actions"]) == {"extend", "assign", "withdraw"}
    head = room.school.someone("administrator")
    colleague, pupil = room.school.someone("teacher", CLASS), await room.pupil()
    for reader, some in ((room.teacher, True), (head, True), (colleague, False), (pupil, False)):
        told = (await room.client.get(f"{URL}/{given['id']}", headers=reader)).json()
        assert bool(told["actions"]) is some
