"""Courses over HTTP: who makes them, what they hold, what becomes of them."""

import asyncio

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.courses import URL, Desk, placed, section
from tests.service.learning.school import (
    CLASS,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    School,
)


@pytest.fixture
async def desk(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Desk:
    school = School(app, token)
    await school.found()
    return Desk(school, anonymous, owner)


async def test_nobody_makes_courses_anonymously_or_changes_those_of_others(desk: Desk) -> None:
    body = {"title": "课", "organisation": SCHOOL}
    assert (await desk.client.post(URL, json=body)).status_code == 401
    assert (await desk.client.get(URL)).status_code == 401
    school = desk.school
    for headers in (school.someone("student"), school.someone("teacher", OTHER_SCHOOL)):
        assert (await desk.client.post(URL, headers=headers, json=body)).status_code == 403
    draft, taught = await desk.create(), await desk.taught()
    for course, expected in ((draft, 404), (taught, 403)):
        url = f"{URL}/{course['id']}"
        tag = desk.tagged(course, school.someone("teacher"))
        assert (await desk.client.get(url)).status_code == 401
        answers = [
            await desk.client.patch(url, headers=tag, json={"title": "新"}),
            await desk.client.put(f"{url}/sections", headers=tag, json={"sections": []}),
            await desk.client.post(f"{url}/archive", headers=tag),
            await desk.client.delete(url, headers=tag),
            await desk.client.post(f"{url}/enrolments", headers=tag, json={"organisation": CLASS}),
            await desk.client.delete(f"{url}/enrolments/{uuid7()}", headers=tag),
        ]
        assert {each.status_code for each in answers} == {expected}


async def test_who_left_the_place_of_a_course_still_reads_it_and_changes_it_no_more(
    desk: Desk,
) -> None:
    course = await desk.taught()
    desk.teacher = desk.school.as_(desk.subject, f"teacher@{OTHER_SCHOOL}")
    assert (await desk.read(course, desk.teacher)).status_code == 200
    pupil = await desk.school.enrol()
    far = await desk.read(course, desk.teacher, f"/completion?person={pupil}")
    assert far.status_code == 403
    url, tag = f"{URL}/{course['id']}", desk.tagged(course, desk.teacher)
    answers = [
        await desk.client.patch(url, headers=tag, json={"title": "新"}),
        await desk.client.post(f"{url}/archive", headers=tag),
    ]
    assert [each.status_code for each in answers] == [403, 403]


async def test_a_draft_is_seen_by_its_owner_and_the_administrators_above_alone(
    desk: Desk,
) -> None:
    course = await desk.create()
    await desk.enrol(course)
    pupil = desk.school.as_(await desk.school.enrol(), f"student@{CLASS}")
    for headers in (desk.school.someone("teacher"), pupil):
        for rest in ("", "/sections", "/lineage", "/enrolments", "/completion"):
            assert (await desk.read(course, headers, rest)).status_code == 404
    for headers in (desk.teacher, desk.school.someone("administrator", PROVINCE)):
        seen = await desk.read(course, headers)
        assert (seen.status_code, seen.json()["standpoint"]) == (200, "MANAGER")


async def test_a_course_says_of_itself_what_it_is_told(desk: Desk) -> None:
    rule = {"share": 80, "passing": True}
    made = await desk.create(starts_on="2026-11-23", ends_on="2026-12-11", completion=rule)
    assert (made["state"], made["version"], made["organisation"]) == ("DRAFT", 1, SCHOOL)
    assert made["completion"] == rule
    url = f"{URL}/{made['id']}"
    body = {"title": "复习", "ends_on": None}
    changed = await desk.client.patch(url, headers=desk.tagged(made), json=body)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    told = changed.json()
    assert (told["title"], told["starts_on"], told["ends_on"]) == ("复习", "2026-11-23", None)
    stale = await desk.client.patch(url, headers=desk.tagged(made), json=body)
    assert stale.status_code == 412
    missing = await desk.client.patch(url, headers=desk.teacher, json=body)
    assert missing.status_code == 428
    late = await desk.client.patch(url, headers=desk.tagged(told), json={"ends_on": "2026-11-01"})
    assert late.status_code == 422
    assert late.json()["type"].endswith("learning/course-dates-refused")


async def test_sections_keep_their_order_and_the_versions_they_are_pinned_to(desk: Desk) -> None:
    first = await desk.school.publish(version=1)
    second = await desk.school.publish(version=3)
    outline = (
        section(placed(second, version=3, required=False), placed(first), title="第一"),
        section(title="第二", opens_at="2026-11-30T08:00:00+08:00"),
    )
    course = await desk.arranged(await desk.create(), *outline)
    assert (course["item_count"], course["version"]) == (2, 2)
    told = (await desk.read(course, desk.teacher, "/sections")).json()["sections"]
    assert [each["title"] for each in told] == ["第一", "第二"]
    assert [each["resource_id"] for each in told[0]["items"]] == [second, first]
    assert [each["version"] for each in told[0]["items"]] == [3, 1]
    assert [each["required"] for each in told[0]["items"]] == [False, True]
    assert told[1]["opens_at"] == "2026-11-30T00:00:00Z"
    again = await desk.arranged(course, *outline)
    assert again["version"] == 2


async def test_every_bad_reference_is_told_at_once_and_none_is_kept(desk: Desk) -> None:
    live, gone = await desk.school.publish(), await desk.school.publish()
    await desk.school.take_down(gone)
    course = await desk.create()
    refused = await desk.arrange(
        course, section(placed(live, version=2)), section(placed(gone), placed(live))
    )
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [
        "#/sections/0/items/0/version",
        "#/sections/1/items/0/resource_id",
        "#/sections/1/items/1/resource_id",
    ]
    assert await desk.told() == []
    backwards = section(opens_at="2026-11-30T08:00:00Z", closes_at="2026-11-29T08:00:00Z")
    assert (await desk.arrange(course, backwards)).status_code == 422


async def test_a_resource_that_is_taken_down_is_shown_as_such_and_breaks_nothing(
    desk: Desk,
) -> None:
    course = await desk.taught()
    (item,) = (await desk.read(course, desk.teacher, "/sections")).json()["sections"][0]["items"]
    for what, availability, live in (
        ("suspended", "SUSPENDED", None),
        ("restored", "AVAILABLE", 1),
        ("retired", "RETIRED", None),
    ):
        await desk.school.take_down(item["resource_id"], what)
        seen = (await desk.read(course, desk.teacher, "/sections")).json()["sections"][0]
        assert seen["items"] == [{**item, "availability": availability, "live_version": live}]
    other = await desk.school.publish()
    kept = section(placed(other), placed(item["resource_id"]))
    assert (await desk.arranged(course, kept))["item_count"] == 2


async def test_the_catalogue_hears_which_resources_a_course_uses(desk: Desk) -> None:
    one, two, three = [await desk.school.publish() for _ in range(3)]
    course = await desk.arranged(await desk.create(), section(placed(one), placed(two)))
    course = await desk.arranged(course, section(placed(two)), section(placed(three)))
    assert await desk.told() == [
        ("added", one),
        ("added", two),
        ("removed", one),
        ("added", three),
    ]
    copied = await desk.client.post(
        f"{URL}/{course['id']}/copies", headers=desk.teacher, json={"organisation": SCHOOL}
    )
    assert copied.status_code == 201
    url = f"{URL}/{course['id']}"
    assert (await desk.client.delete(url, headers=desk.tagged(course))).status_code == 204
    assert (await desk.told())[4:] == [
        ("added", two),
        ("added", three),
        ("removed", two),
        ("removed", three),
    ]


async def test_its_state_decides_what_may_be_done(desk: Desk) -> None:
    empty = await desk.create()
    url = f"{URL}/{empty['id']}"
    refused = await desk.client.post(f"{url}/publish", headers=desk.tagged(empty))
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("learning/empty-course")
    course = await desk.taught()
    url = f"{URL}/{course['id']}"
    assert set(course["actions"]) == {"change", "enrol", "archive"}
    assert (await desk.client.delete(url, headers=desk.tagged(course))).status_code == 409
    archived = await desk.act(course, "archive")
    assert set(archived["actions"]) == {"publish", "delete"}
    changed = await desk.client.patch(url, headers=desk.tagged(archived), json={"title": "新"})
    assert changed.status_code == 409
    assert (await desk.enrol(archived)).status_code == 409
    assert (await desk.client.delete(url, headers=desk.tagged(archived))).status_code == 204
    assert (await desk.read(course, desk.teacher)).status_code == 404


async def test_of_two_changes_at_once_one_is_kept(desk: Desk) -> None:
    course = await desk.create()
    answers = await asyncio.gather(
        *(
            desk.client.patch(
                f"{URL}/{course['id']}", headers=desk.tagged(course), json={"title": f"第{n}"}
            )
            for n in range(4)
        )
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


async def test_every_change_is_audited(desk: Desk) -> None:
    course = await desk.act(await desk.taught(), "archive")
    url = f"{URL}/{course['id']}"
    assert (await desk.client.delete(url, headers=desk.tagged(course))).status_code == 204
    rows = await desk.owner.fetch(
        "SELECT action, actor, organisation FROM audit WHERE target = $1 ORDER BY id", course["id"]
    )
    done = ("created", "arranged", "class_enrolled", "publish", "archive", "deleted")
    assert [each["action"] for each in rows] == [f"course.{each}" for each in done]
    assert {(each["actor"], each["organisation"]) for each in rows} == {(desk.subject, SCHOOL)}


async def test_a_repeated_creation_makes_one_course(desk: Desk) -> None:
    headers = {**desk.teacher, "idempotency-key": "once"}
    body = {"title": "课", "organisation": SCHOOL}
    first, second = [await desk.client.post(URL, headers=headers, json=body) for _ in range(2)]
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert len((await desk.client.get(URL, headers=desk.teacher)).json()["items"]) == 1


async def test_a_copy_is_ones_own_draft_and_remembers_its_origin(desk: Desk) -> None:
    course = await desk.taught()
    colleague = desk.school.someone("teacher")
    body = {"organisation": SCHOOL, "title": "二班"}
    url = f"{URL}/{course['id']}/copies"
    copied = await desk.client.post(url, headers=colleague, json=body)
    assert copied.status_code == 201
    copy = copied.json()
    assert (copy["state"], copy["title"], copy["item_count"]) == ("DRAFT", "二班", 1)
    assert copy["derived_from"] == {"course_id": course["id"], "version": course["version"]}
    mine, theirs = [
        (await desk.read(each, headers, "/sections")).json()["sections"]
        for each, headers in ((copy, colleague), (course, desk.teacher))
    ]
    assert mine == theirs
    assert (await desk.read(copy, colleague, "/enrolments")).json()["items"] == []
    (line,) = (await desk.read(copy, colleague, "/lineage")).json()["items"]
    assert (line["available"], line["title"]) == (True, course["title"])
    stranger = desk.school.someone("teacher", OTHER_SCHOOL)
    hidden = await desk.client.post(url, headers=stranger, json={"organisation": OTHER_SCHOOL})
    assert hidden.status_code == 404


async def test_a_lineage_outlives_its_courses(desk: Desk) -> None:
    course = await desk.taught()
    colleague = desk.school.someone("teacher")
    url = f"{URL}/{course['id']}"
    copied = await desk.client.post(
        f"{url}/copies", headers=colleague, json={"organisation": SCHOOL}
    )
    archived = await desk.act(course, "archive")
    assert (await desk.client.delete(url, headers=desk.tagged(archived))).status_code == 204
    (line,) = (await desk.read(copied.json(), colleague, "/lineage")).json()["items"]
    assert line == {
        "course_id": course["id"],
        "version": course["version"],
        "available": False,
        "title": None,
        "present_version": None,
    }


async def test_the_course_of_a_teacher_who_is_erased_is_the_administrators(desk: Desk) -> None:
    course = await desk.taught()
    await desk.school.erase(desk.subject)
    head = desk.school.someone("administrator")
    seen = (await desk.read(course, head)).json()
    assert (seen["owner"], seen["standpoint"]) == (None, "MANAGER")
    archived = await desk.client.post(
        f"{URL}/{course['id']}/archive", headers=desk.tagged(course, head)
    )
    assert archived.status_code == 200
