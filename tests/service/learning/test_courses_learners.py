"""Courses over HTTP: the classes that take them, what learners see, and who completed them."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token, statements_of
from tests.service.learning.courses import URL, Desk, placed, section
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    OTHER_SCHOOLS_CLASS,
    SCHOOL,
    School,
    organisation_id,
)


@pytest.fixture
async def desk(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Desk:
    school = School(app, token)
    await school.found()
    return Desk(school, anonymous, owner)


async def test_nobody_but_those_who_take_it_their_guardians_and_the_staff_see_a_course(
    desk: Desk,
) -> None:
    course = await desk.taught()
    school = desk.school
    pupil = await school.enrol()
    guardian = await school.consent(pupil)
    standpoints = {
        "LEARNER": [school.as_(pupil, f"student@{CLASS}"), school.as_(guardian)],
        "STAFF": [
            school.someone("teacher"),
            school.someone("teacher", CLASS),
            school.someone("teacher", OTHER_CLASS),
        ],
        "MANAGER": [desk.teacher, school.someone("administrator")],
    }
    for standpoint, callers in standpoints.items():
        for headers in callers:
            told = (await desk.read(course, headers)).json()
            assert told["standpoint"] == standpoint
            assert bool(told["actions"]) is (standpoint == "MANAGER")
    strangers = (
        school.as_(await school.enrol(OTHER_CLASS), f"student@{OTHER_CLASS}"),
        school.as_(await school.consent(str(uuid7()))),
        school.someone("teacher", OTHER_SCHOOL),
        school.someone("guardian", CLASS),
    )
    for headers in strangers:
        for rest in ("", "/sections", "/lineage", "/enrolments", "/completion"):
            assert (await desk.read(course, headers, rest)).status_code == 404


async def test_a_list_has_ones_own_courses_and_those_one_takes(desk: Desk) -> None:
    draft, taught = await desk.create(), await desk.taught()
    pupil = await desk.school.enrol()
    guardian = await desk.school.consent(pupil)
    for headers, expected in (
        (desk.teacher, [taught["id"], draft["id"]]),
        (desk.school.as_(pupil), [taught["id"]]),
        (desk.school.as_(guardian), [taught["id"]]),
        (desk.school.someone("teacher"), []),
    ):
        found = (await desk.client.get(URL, headers=headers)).json()
        assert [each["id"] for each in found["items"]] == expected
    first = (await desk.client.get(f"{URL}?limit=1", headers=desk.teacher)).json()
    rest = f"{URL}?cursor={first['next']}"
    last = (await desk.client.get(rest, headers=desk.teacher)).json()
    assert ([each["id"] for each in last["items"]], last["next"]) == ([draft["id"]], None)


async def test_reading_takes_as_many_statements_for_many_as_for_one(
    desk: Desk, app: FastAPI
) -> None:
    pupil = desk.school.as_(await desk.school.enrol())
    taught = await desk.taught()
    urls = (URL, f"{URL}/{taught['id']}/sections", "/learning/v1/spaces")
    counts: list[list[int]] = []
    with statements_of(app.state.runtime.engine) as sent:
        for _ in range(2):
            counts.append([])
            for url in urls:
                sent.clear()
                assert (await desk.client.get(url, headers=pupil)).status_code == 200
                counts[-1].append(len(sent))
            resources = [placed(await desk.school.publish()) for _ in range(3)]
            taught = await desk.arranged(taught, *(section(each) for each in resources))
            await desk.taught()
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 6


async def test_whoever_works_at_an_organisation_lists_its_courses_but_no_drafts(
    desk: Desk,
) -> None:
    await desk.create()
    taught = await desk.taught()
    url = f"{URL}?organisation={SCHOOL}"
    found = (await desk.client.get(url, headers=desk.school.someone("administrator"))).json()
    assert [each["id"] for each in found["items"]] == [taught["id"]]
    for headers in (
        desk.school.someone("teacher", OTHER_SCHOOL),
        desk.school.someone("student"),
        desk.school.someone("teacher", CLASS),
    ):
        assert (await desk.client.get(url, headers=headers)).status_code == 403


async def test_only_a_class_of_the_place_is_enrolled_by_who_works_there(desk: Desk) -> None:
    course = await desk.create()
    for path, status in ((OTHER_SCHOOLS_CLASS, 403), (f"{SCHOOL}.G1", 422), ("P0.C9", 403)):
        assert (await desk.enrol(course, path)).status_code == status
    both = desk.school.as_(desk.subject, f"teacher@{SCHOOL}", f"teacher@{OTHER_SCHOOL}")
    elsewhere = await desk.client.post(
        f"{URL}/{course['id']}/enrolments",
        headers=both,
        json={"organisation": OTHER_SCHOOLS_CLASS},
    )
    assert elsewhere.status_code == 422
    assert elsewhere.json()["type"].endswith("learning/not-a-class")
    assert (await desk.enrol(course, "k-1")).status_code == 201
    again = await desk.enrol(course)
    assert (again.status_code, again.json()["name"]) == (201, "机构K1")
    assert (await desk.enrol(course, OTHER_CLASS)).status_code == 201
    listed = (await desk.read(course, desk.teacher, "/enrolments?limit=1")).json()
    assert [each["organisation"] for each in listed["items"]] == [CLASS]
    rest = f"/enrolments?cursor={listed['next']}"
    (last,) = (await desk.read(course, desk.teacher, rest)).json()["items"]
    assert last["organisation"] == OTHER_CLASS


async def test_a_course_has_a_bounded_number_of_classes(desk: Desk) -> None:
    course = await desk.create()
    await desk.owner.execute(
        "WITH made AS (INSERT INTO organisations (id, label, path, kind, name, state)"
        " SELECT gen_random_uuid(), 'KX' || n, text2ltree($2 || '.G1.KX' || n), 'class', '', 'OPEN'"
        " FROM generate_series(1, 200) AS n RETURNING id)"
        " INSERT INTO course_enrolments SELECT $1, id, now() FROM made",
        UUID(course["id"]),
        SCHOOL,
    )
    refused = await desk.enrol(course)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("learning/too-many-classes")
    assert (await desk.enrol(course, f"{SCHOOL}.G1.KX7")).status_code == 201


async def test_a_class_that_is_struck_sees_the_course_no_more(desk: Desk) -> None:
    course = await desk.taught()
    pupil = desk.school.as_(await desk.school.enrol())
    assert (await desk.read(course, pupil)).status_code == 200
    assert (await desk.read(course, pupil, "/enrolments")).status_code == 403
    url = f"{URL}/{course['id']}/enrolments/{organisation_id(CLASS)}"
    assert (await desk.client.delete(url, headers=desk.teacher)).status_code == 204
    assert (await desk.client.delete(url, headers=desk.teacher)).status_code == 404
    assert (await desk.read(course, pupil)).status_code == 404


async def test_a_class_that_moves_keeps_its_course(desk: Desk) -> None:
    course = await desk.taught()
    pupil = desk.school.as_(await desk.school.enrol())
    await desk.school.organise("moved", "P0.C2.S1", old_path=SCHOOL)
    seen = (await desk.read(course, pupil)).json()
    assert seen["organisation"] == "P0.C2.S1"
    teacher = desk.school.as_(desk.subject, "teacher@P0.C2.S1")
    (taking,) = (await desk.read(course, teacher, "/enrolments")).json()["items"]
    assert taking["organisation"] == "P0.C2.S1.G1.K1"


async def test_learners_see_the_resources_of_a_section_while_it_is_open(desk: Desk) -> None:
    resources = [await desk.school.publish() for _ in range(3)]
    now, day = utc_now(), timedelta(days=1)
    course = await desk.arranged(
        await desk.create(),
        section(placed(resources[0]), opens_at=str(now - day)),
        section(placed(resources[1]), opens_at=str(now + day)),
        section(placed(resources[2]), closes_at=str(now - day)),
    )
    await desk.enrol(course)
    course = await desk.act(course, "publish")
    pupil = desk.school.as_(await desk.school.enrol())
    seen = (await desk.read(course, pupil, "/sections")).json()["sections"]
    assert [each["open"] for each in seen] == [True, False, False]
    assert [each["items"] is not None for each in seen] == [True, False, False]
    colleague = (await desk.read(course, desk.school.someone("teacher"), "/sections")).json()
    assert all(each["items"] for each in colleague["sections"])


async def test_a_learner_completes_a_course_by_what_the_activity_records_tell(
    desk: Desk, app: FastAPI
) -> None:
    course = await desk.taught()
    (part,) = (await desk.read(course, desk.teacher, "/sections")).json()["sections"]
    pupil = await desk.school.enrol()
    headers = desk.school.as_(pupil, f"student@{CLASS}")
    before = (await desk.read(course, headers, "/completion")).json()
    assert before == {"required": 1, "done": 0, "completed": False}
    origin = app.state.runtime.settings.public_origin
    event = {
        "id": str(uuid7()),
        "at": utc_now().isoformat(),
        "verb": "completed",
        "object": f"{origin}/catalog/v1/resources/{part['items'][0]['resource_id']}",
        "completion": True,
    }
    sent = await desk.client.post("/learning/v1/events", headers=headers, json={"events": [event]})
    assert sent.status_code == 200, sent.text
    after = {"required": 1, "done": 1, "completed": True}
    assert (await desk.read(course, headers, "/completion")).json() == after
    guardian = desk.school.as_(await desk.school.consent(pupil))
    for reader in (guardian, desk.teacher):
        told = await desk.read(course, reader, f"/completion?person={pupil}")
        assert told.json() == after
    read = await desk.owner.fetchval(
        "SELECT count(*) FROM audit WHERE action = 'course.completion_read' AND target = $1", pupil
    )
    assert read == 2


async def test_how_far_others_are_is_no_business_of_a_pupil(desk: Desk) -> None:
    course = await desk.taught()
    pupil, classmate = await desk.school.enrol(), await desk.school.enrol()
    other = await desk.read(course, desk.school.as_(pupil), f"/completion?person={classmate}")
    assert other.status_code == 403
    outsider = await desk.school.enrol(OTHER_CLASS)
    missing = await desk.read(course, desk.teacher, f"/completion?person={outsider}")
    assert missing.status_code == 404


async def test_who_takes_a_course_is_told_when_it_changes(desk: Desk) -> None:
    course = await desk.taught()
    pupil = await desk.school.enrol()
    headers = desk.school.as_(pupil)
    url = f"/learning/v1/spaces/{pupil}/announcements"

    async def feed() -> list[dict[str, str]]:
        found: list[dict[str, str]] = (await desk.client.get(url, headers=headers)).json()["items"]
        return found

    assert await feed() == []
    held = (await desk.read(course, desk.teacher, "/sections")).json()["sections"]
    first = placed(held[0]["items"][0]["resource_id"])
    new = placed(await desk.school.publish(), title="课堂练习")
    course = await desk.arranged(course, section(first, new))
    [told] = await feed()
    assert (told["title"], told["text"]) == ("课程有更新：分数的初步认识", "新增《课堂练习》")
    await desk.arranged(course, section(new, first))
    assert len(await feed()) == 1


async def test_nobody_is_told_of_what_is_done_to_a_draft(desk: Desk) -> None:
    course = await desk.arranged(await desk.create(), section(placed(await desk.school.publish())))
    await desk.enrol(course)
    await desk.arranged(course, section(placed(await desk.school.publish())))
    assert await desk.owner.fetchval("SELECT count(*) FROM announcements") == 0
