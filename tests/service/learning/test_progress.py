"""Progress and mastery over HTTP."""

from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.learning.adapters.recount import recount
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.activity import Activity, voided
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    SCHOOL,
    School,
)

AGGREGATES = ("progress", "activity_days", "mastery")


@pytest.fixture
async def activity(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Activity:
    school = School(app, token)
    await school.found()
    return Activity(school, anonymous, owner)


async def counted(owner: asyncpg.Connection) -> list[Any]:
    return [await owner.fetch(f"SELECT * FROM {each} ORDER BY 1, 2") for each in AGGREGATES]  # noqa: S608 - constant names


async def test_progress_is_told_of_every_activity_and_never_goes_back(activity: Activity) -> None:
    pupil = await activity.school.enrol()
    resource = activity.resource(str(uuid7()))
    lesson = "https://lessons.example/1"
    await activity.send(pupil, object=resource, verb="progressed", progress=80)
    await activity.send(pupil, object=resource, verb="completed", duration_ms=5000, score=0.75)
    await activity.send(pupil, object=resource, verb="progressed", progress=10)
    await activity.send(pupil, object=lesson, verb="failed", success=False)
    items = (await activity.read(pupil, "progress", activity.school.as_(pupil)))["items"]
    last, first = items
    assert (last["activity"], last["resource_id"], last["status"]) == (lesson, None, "BEGUN")
    assert resource.endswith(first["resource_id"])
    assert (first["status"], first["progress"], first["best_score"]) == ("COMPLETED", 80, 0.75)
    assert (first["statements"], first["duration_ms"]) == (3, 5000)
    await activity.send(pupil, object=lesson, verb="passed")
    await activity.send(pupil, object=lesson, verb="failed", success=False)
    (last, _) = (await activity.read(pupil, "progress", activity.school.as_(pupil)))["items"]
    assert last["status"] == "PASSED"


async def test_mastery_is_told_of_every_knowledge_point_that_was_tried(activity: Activity) -> None:
    pupil = await activity.school.enrol()
    for success in (True, True, False, True):
        await activity.send(pupil, success=success, knowledge_points=[activity.point("F-1")])
    await activity.send(pupil, score=0.25, knowledge_points=[activity.point("F-2")])
    await activity.send(pupil, verb="experienced", knowledge_points=[activity.point("F-3")])
    await activity.send(pupil, success=True, parent="https://lessons.example/of/nothing")
    items = (await activity.read(pupil, "mastery", activity.school.as_(pupil)))["items"]
    told = [(each["subject"], each["code"], each["tries"], each["mean_score"]) for each in items]
    assert told == [("MATH", "F-2", 1, 0.25), ("MATH", "F-1", 4, 0.75)]
    assert [each["estimate"] for each in items] == [0.4167, 0.6667]
    assert {each["estimator"] for each in items} == {1}


@pytest.mark.parametrize("what", ["progress", "mastery"])
async def test_lists_come_page_by_page(activity: Activity, what: str) -> None:
    pupil = await activity.school.enrol()
    headers = activity.school.as_(pupil)
    for n in range(3):
        lesson = f"https://lessons.example/{n}"
        points = [activity.point(f"F-{n}")]
        await activity.send(pupil, object=lesson, success=True, knowledge_points=points)
    whole = (await activity.read(pupil, what, headers))["items"]
    first = await activity.read(pupil, f"{what}?limit=2", headers)
    rest = await activity.read(pupil, f"{what}?limit=2&cursor={first['next']}", headers)
    assert (first["items"] + rest["items"], rest["next"]) == (whole, None)
    other = await activity.client.get(
        f"/learning/v1/people/{await activity.school.enrol()}/{what}?cursor={first['next']}",
        headers=activity.school.someone("teacher"),
    )
    assert other.status_code == 400


@pytest.mark.parametrize("what", ["progress", "mastery"])
async def test_the_learner_the_guardians_and_the_school_read_it_and_nobody_else(
    activity: Activity, what: str
) -> None:
    school = activity.school
    pupil = await school.enrol()
    url = f"/learning/v1/people/{pupil}/{what}"
    assert (await activity.client.get(url)).status_code == 401
    readers = [
        school.as_(pupil),
        school.as_(await school.consent(pupil)),
        school.someone("teacher", CLASS),
        school.someone("administrator", SCHOOL),
    ]
    strangers = [
        school.as_(await school.enrol()),
        school.as_(await school.consent(await school.enrol())),
        school.someone("teacher", OTHER_CLASS),
        school.someone("administrator", OTHER_SCHOOL),
        school.someone("student", CLASS),
        school.someone("guardian", CLASS),
    ]
    for headers in readers:
        assert (await activity.client.get(url, headers=headers)).status_code == 200
    for headers in strangers:
        assert (await activity.client.get(url, headers=headers)).status_code == 404
    audited = await activity.owner.fetchval(
        "SELECT count(*) FROM audit WHERE action = $1 AND target = $2", f"{what}.read", pupil
    )
    assert audited == len(readers) - 1


async def test_a_teacher_loses_sight_of_a_pupil_who_leaves(activity: Activity) -> None:
    school = activity.school
    pupil, membership = str(uuid7()), uuid7()
    await school.enrol(person=pupil, membership_id=membership)
    teacher = school.someone("teacher", CLASS)
    url = f"/learning/v1/people/{pupil}/progress"
    assert (await activity.client.get(url, headers=teacher)).status_code == 200
    await school.enrol(
        person=pupil, membership_id=membership, what="ended", valid_until="2026-10-01"
    )
    assert (await activity.client.get(url, headers=teacher)).status_code == 404


async def test_a_recount_gives_the_same_mastery_and_what_is_voided_counts_no_more(
    activity: Activity, app: FastAPI
) -> None:
    pupils = [await activity.school.enrol() for _ in range(3)]
    points = [activity.point(f"F-{n}") for n in range(4)]
    sent = [
        await activity.send(
            pupils[n % 3],
            at=f"202{4 + n % 3}-0{1 + n % 9}-15T08:00:00+08:00",
            score=n / 40,
            knowledge_points=points[n % 2 :: 2],
        )
        for n in range(40)
    ]
    for each in sent[:10]:
        await voided(app, each)
    before = await counted(activity.owner)
    assert len(before[2]) == 12
    assert sum(row["tries"] for row in before[2]) == 60
    await activity.owner.execute("UPDATE mastery SET weighed_score = 7")
    await recount(app.state.records.pool)
    assert await counted(activity.owner) == before


async def test_a_repeated_statement_counts_once(activity: Activity) -> None:
    pupil = await activity.school.enrol()
    id_, at = str(uuid7()), utc_now().isoformat()
    for _ in range(3):
        points = [activity.point("F-1")]
        await activity.send(pupil, id=id_, at=at, success=True, knowledge_points=points)
    (item,) = (await activity.read(pupil, "mastery", activity.school.as_(pupil)))["items"]
    assert item["tries"] == 1
