"""Handing homework in over HTTP: by whom, by when, with which files."""

import asyncio
from datetime import timedelta

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.learning.domain.submissions import MOST_ANNOUNCED
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.homework import FILE, MARKS, RIGHT, SUBMISSIONS, URL, Classroom, due
from tests.service.learning.school import CLASS, OTHER_CLASS, School

HOUR = timedelta(hours=1)
PICTURE = b"\xff\xd8 a picture of three quarters"


@pytest.fixture
async def room(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Classroom:
    school = School(app, token)
    await school.found()
    return Classroom(school, anonymous, owner)


async def test_nobody_hands_in_anonymously_or_for_another_class(room: Classroom) -> None:
    given = await room.assigned()
    assert (await room.hand_in(given, {})).status_code == 401
    assert (await room.client.get(SUBMISSIONS)).status_code == 401
    child = await room.school.enrol()
    strangers = {
        "another class": await room.pupil(OTHER_CLASS),
        "a guardian": room.school.as_(await room.school.consent(child)),
        "the teacher": room.teacher,
        "one who left": room.school.as_(
            await room.school.enrol(valid_from="2025-09-01", valid_until="2026-01-01")
        ),
        "nobody": room.school.as_(str(uuid7())),
    }
    for name, headers in strangers.items():
        assert (await room.hand_in(given, headers)).status_code == 404, name
        assert (await room.announce(given, headers, PICTURE)).status_code == 404, name
    reading = room.school.as_(child, scopes="learning.read")
    assert (await room.hand_in(given, reading)).status_code == 403


async def test_what_a_pupil_handed_in_is_read_by_guardians_and_the_teachers_of_the_class(
    room: Classroom,
) -> None:
    given = await room.assigned()
    child = await room.school.enrol()
    own = room.school.as_(child)
    made = await room.handed_in(given, own)
    assert (await room.client.get(f"{SUBMISSIONS}/{made['id']}")).status_code == 401
    guardian = room.school.as_(await room.school.consent(child))
    for headers in (own, guardian, room.teacher, room.school.someone("teacher", CLASS)):
        told = await room.read(made, headers)
        assert told.status_code == 200
        assert [each["item"] for each in told.json()["answers"]] == [0, 1]
    for headers in (
        await room.pupil(),
        room.school.someone("teacher", OTHER_CLASS),
        room.school.as_(str(uuid7()), f"teacher@{CLASS}#13"),
        room.school.as_(await room.school.consent(await room.school.enrol())),
    ):
        assert (await room.read(made, headers)).status_code == 404
    read = await room.owner.fetchval(
        "SELECT count(*) FROM audit WHERE action = 'submission.read' AND target = $1", made["id"]
    )
    assert read == 3


async def test_teachers_list_their_classes_and_pupils_their_own(room: Classroom) -> None:
    given = await room.assign(await room.create(), CLASS, OTHER_CLASS)
    homework = given.json()
    child = await room.school.enrol()
    ours, theirs = room.school.as_(child), await room.pupil(OTHER_CLASS)
    guardian = room.school.as_(await room.school.consent(child))
    first = await room.handed_in(homework, ours)
    second = await room.handed_in(homework, theirs)
    params = {"assignment_id": homework["id"]}

    async def listed(headers: dict[str, str], **query: str) -> list[str]:
        answer = await room.client.get(SUBMISSIONS, headers=headers, params=query)
        return [each["id"] for each in answer.json()["items"]]

    assert await listed(room.teacher, **params) == [second["id"], first["id"]]
    assert await listed(room.school.someone("teacher", CLASS), **params) == [first["id"]]
    assert await listed(ours, **params) == [first["id"]]
    assert await listed(guardian, **params) == [first["id"]]
    assert await listed(guardian) == [first["id"]]
    assert await listed(theirs) == [second["id"]]
    assert await listed(room.teacher) == []
    stranger = await room.client.get(
        SUBMISSIONS, headers=room.school.someone("teacher", "P0.C1.S2"), params=params
    )
    assert stranger.status_code == 404


async def test_answers_that_do_not_fit_are_refused_with_every_place(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    answers = [
        {"item": 0, "choices": [2]},
        {"item": 1, "gaps": ["a", "b"]},
        {"item": 2, "choices": [0]},
        {"item": 3, "files": [str(uuid7())]},
        {"item": 0, "choices": [0]},
        {"item": 4, "text": "?"},
    ]
    refused = await room.hand_in(given, pupil, answers)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [
        "#/answers/0/choices",
        "#/answers/1/gaps",
        "#/answers/2",
        "#/answers/3/files",
        "#/answers/4/item",
        "#/answers/5/item",
    ]


async def test_a_file_is_uploaded_to_its_address_handed_in_and_saved_by_the_teacher(
    room: Classroom,
) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    announced = (await room.announce(given, pupil, PICTURE)).json()
    answers = [{"item": 3, "files": [announced["file_id"]]}]
    missing = await room.hand_in(given, pupil, answers)
    assert (missing.status_code, missing.json()["files"]) == (409, [announced["file_id"]])
    async with httpx2.AsyncClient() as browser:
        forged = await browser.put(announced["url"], content=PICTURE[::-1])
        assert forged.status_code >= 400
        assert (await browser.put(announced["url"], content=PICTURE)).status_code == 200
        made = await room.handed_in(given, pupil, answers)
        url = f"{SUBMISSIONS}/{made['id']}/files/{announced['file_id']}"
        assert (await room.client.get(url)).status_code == 401
        other = await room.pupil()
        assert (await room.client.get(url, headers=other)).status_code == 404
        found = await room.client.get(url, headers=room.teacher)
        assert (found.status_code, found.headers["cache-control"]) == (302, "no-store")
        saved = await browser.get(found.headers["location"])
    assert saved.content == PICTURE
    assert saved.headers["content-disposition"].startswith("attachment; filename*=")
    unknown = await room.client.get(f"{SUBMISSIONS}/{made['id']}/files/{uuid7()}", headers=pupil)
    assert unknown.status_code == 404


async def test_a_file_belongs_to_its_pupil_its_homework_and_its_item(room: Classroom) -> None:
    given, other = await room.assigned(items=[FILE, FILE]), await room.assigned(items=[FILE])
    pupil, neighbour = await room.pupil(), await room.pupil()
    announced = (await room.announce(given, pupil, PICTURE, item=0)).json()
    async with httpx2.AsyncClient() as browser:
        await browser.put(announced["url"], content=PICTURE)
    file = [announced["file_id"]]
    for homework, headers, item in ((given, neighbour, 0), (other, pupil, 0), (given, pupil, 1)):
        answer = await room.hand_in(homework, headers, [{"item": item, "files": file}])
        assert answer.status_code == 422
    refused = await room.announce(await room.assigned(), pupil, PICTURE, item=0)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/item")


async def test_a_pupil_announces_so_many_files_and_no_more(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    first = await room.announce(given, pupil, PICTURE)
    await room.owner.execute(
        "INSERT INTO homework_files SELECT gen_random_uuid(), assignment_id, person, item, name,"
        " length, sha256, submission_id, announced_at FROM homework_files, generate_series(2, $1)",
        MOST_ANNOUNCED,
    )
    assert first.status_code == 201
    assert (await room.announce(given, pupil, PICTURE)).status_code == 409
    assert (await room.announce(given, await room.pupil(), PICTURE)).status_code == 201


async def test_what_is_never_handed_in_is_deleted_after_a_day(
    room: Classroom, app: FastAPI
) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    used, unused = [(await room.announce(given, pupil, PICTURE)).json() for _ in range(2)]
    async with httpx2.AsyncClient() as browser:
        for each in (used, unused):
            assert (await browser.put(each["url"], content=PICTURE)).status_code == 200
        made = await room.handed_in(given, pupil, [{"item": 3, "files": [used["file_id"]]}])
        assert await app.state.homework.sweeper.sweep() == 0
        await room.owner.execute("UPDATE homework_files SET announced_at = now() - interval '25h'")
        assert await app.state.homework.sweeper.sweep() == 1
        assert await app.state.homework.sweeper.sweep() == 0
        url = f"{SUBMISSIONS}/{made['id']}/files/{used['file_id']}"
        kept = await room.client.get(url, headers=pupil)
        assert (await browser.get(kept.headers["location"])).status_code == 200


async def test_late_work_is_taken_in_until_its_end_and_loses_points(room: Classroom) -> None:
    items = [{"kind": "choice", "prompt": "?", "points": 10, "options": ["a", "b"], "correct": [1]}]
    right = [{"item": 0, "choices": [1]}]
    late = {"late_until": due(days=4), "late_deduction": 25}
    soft, hard = await room.assigned(items=items, **late), await room.assigned(items=items)
    pupil = await room.pupil()
    for given in (soft, hard):
        await room.set_due(given, timedelta(milliseconds=-1))
    refused = await room.hand_in(hard, pupil, right)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:shuyuan:problem:learning/too-late",
    )
    assert await room.owner.fetchval("SELECT count(*) FROM submissions") == 0
    made = await room.handed_in(soft, pupil, right)
    assert (made["late"], made["score"]) == (True, None)
    told = await room.acted(made, "publish")
    assert told["score"] == 7.5


async def test_in_the_deadlines_last_moments_nothing_is_lost_and_one_clock_decides(
    room: Classroom,
) -> None:
    given = await room.assigned(late_until=due(days=4), attempts=1)
    pupils = [await room.pupil() for _ in range(24)]
    deadline = utc_now() + timedelta(milliseconds=700)
    await room.owner.execute(
        "UPDATE assignments SET due_at = $2 WHERE id = $1", given["id"], deadline
    )

    async def at_last(place: int, headers: dict[str, str]) -> httpx2.Response:
        before = deadline - utc_now() - timedelta(milliseconds=240)
        await asyncio.sleep(before.total_seconds() + place * 0.02)
        return await room.hand_in(given, headers)

    answers = await asyncio.gather(*(at_last(n, each) for n, each in enumerate(pupils)))
    assert {each.status_code for each in answers} == {201}
    rows = await room.owner.fetch("SELECT id, late, handed_in_at FROM submissions")
    assert len(rows) == len(pupils)
    assert all(row["late"] == (row["handed_in_at"] > deadline) for row in rows)
    told = {each.json()["id"]: each.json()["late"] for each in answers}
    assert told == {str(row["id"]): row["late"] for row in rows}


async def test_a_repeat_under_the_same_key_is_the_same_hand_in(room: Classroom) -> None:
    given, pupil = await room.assigned(attempts=3), await room.pupil()
    key = {"idempotency-key": str(uuid7())}
    first = await room.hand_in(given, {**pupil, **key})
    again = await room.hand_in(given, {**pupil, **key})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    await room.set_due(given, -HOUR)
    assert (await room.hand_in(given, {**pupil, **key})).content == first.content
    other = await room.hand_in(given, {**pupil, **key}, [])
    assert other.status_code == 422
    assert await room.owner.fetchval("SELECT count(*) FROM hand_ins") == 1


async def test_two_hand_ins_at_once_come_to_one_result(room: Classroom) -> None:
    given, pupil = await room.assigned(), await room.pupil()
    answers = await asyncio.gather(*(room.hand_in(given, pupil) for _ in range(6)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1
    assert await room.owner.fetchval("SELECT count(*) FROM hand_ins") == 1
    key = {"idempotency-key": str(uuid7())}
    neighbour = await room.pupil()
    answers = await asyncio.gather(*(room.hand_in(given, {**neighbour, **key}) for _ in range(6)))
    assert {each.status_code for each in answers} <= {201, 409}
    assert 201 in {each.status_code for each in answers}
    assert await room.owner.fetchval("SELECT count(*) FROM hand_ins") == 2


async def test_different_answers_at_once_are_attempts_of_which_none_is_lost(
    room: Classroom,
) -> None:
    given, pupil = await room.assigned(attempts=3), await room.pupil()
    some = [[{"item": 2, "text": f"第{n}稿"}] for n in range(5)]
    answers = await asyncio.gather(*(room.hand_in(given, pupil, each) for each in some))
    assert sorted(each.status_code for each in answers) == [201, 201, 201, 409, 409]
    attempts = await room.owner.fetch("SELECT attempt FROM hand_ins ORDER BY attempt")
    assert [row["attempt"] for row in attempts] == [1, 2, 3]
    (last,) = [
        each.json() for each in answers if each.status_code == 201 and each.json()["attempt"] == 3
    ]
    told = (await room.read(last, pupil)).json()
    assert told["answers"] == last["answers"]


async def test_withdrawn_homework_takes_nothing_in_and_keeps_what_it_has(room: Classroom) -> None:
    given = await room.assigned()
    pupil = await room.pupil()
    made = await room.handed_in(given, pupil)
    url = f"{URL}/{given['id']}/withdraw"
    assert (await room.client.post(url, headers=room.tagged(given))).status_code == 200
    assert (await room.hand_in(given, await room.pupil())).status_code == 409
    assert (await room.read(made, pupil)).status_code == 200
    assert (await room.acted(made, "mark", {"marks": MARKS}))["state"] == "MARKED"


async def test_words_of_pupils_are_sealed_and_erasure_leaves_nothing_of_them(
    room: Classroom, app: FastAPI
) -> None:
    given = await room.assigned()
    child, other = await room.school.enrol(), await room.pupil()
    own = room.school.as_(child)
    announced = (await room.announce(given, own, PICTURE)).json()
    async with httpx2.AsyncClient() as browser:
        await browser.put(announced["url"], content=PICTURE)
        answers = [
            *RIGHT,
            {"item": 2, "text": "秘密"},
            {"item": 3, "files": [announced["file_id"]]},
        ]
        made = await room.handed_in(given, own, answers)
        kept = await room.handed_in(given, other)
        stored = await room.owner.fetch("SELECT answers FROM hand_ins")
        assert all("秘密".encode() not in row["answers"] for row in stored)
        url = f"{SUBMISSIONS}/{made['id']}/files/{announced['file_id']}"
        address = (await room.client.get(url, headers=own)).headers["location"]
        await room.school.erase(child)
        assert (await room.read(made, room.teacher)).status_code == 404
        assert await app.state.homework.sweeper.sweep() == 1
        assert (await browser.get(address)).status_code == 404
    for table in ("submissions", "homework_files"):
        query = f"SELECT count(*) FROM {table} WHERE person = $1"  # noqa: S608 - constant names
        assert await room.owner.fetchval(query, child) == 0
    left = await room.owner.fetch("SELECT submission_id FROM hand_ins")
    assert [str(row["submission_id"]) for row in left] == [kept["id"]]
