"""Boards of classes, schools and regions over HTTP."""

from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from tests.service.house import Token, statements_of
from tests.service.learning.activity import LESSON, Activity
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    OTHER_SCHOOLS_CLASS,
    PROVINCE,
    SCHOOL,
    School,
    organisation_id,
)

CITY = "P0.C1"
FIGURES = ("pupils", "begun", "active", "activities", "completed", "passed", "statements")


@pytest.fixture
async def activity(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Activity:
    school = School(app, token)
    await school.found()
    return Activity(school, anonymous, owner)


async def board(activity: Activity, path: str, place: str = SCHOOL) -> Any:
    """As the administrator of `place` reads it."""
    url = f"/learning/v1/organisations/{path}/board"
    head = activity.school.someone("administrator", place)
    answer = await activity.client.get(url, headers=head)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_class_is_shown_by_pupil(activity: Activity) -> None:
    diligent, idle, new = sorted([await activity.school.enrol() for _ in range(3)])
    await activity.school.enrol(kind="staff")
    await activity.send(await activity.school.enrol(OTHER_CLASS))
    long_ago = "2026-09-01T08:00:00+08:00"
    await activity.send(diligent, verb="completed", duration_ms=1000, progress=100)
    await activity.send(diligent, object="https://lessons.example/2", success=True)
    await activity.send(idle, at=long_ago, progress=50)
    told = await board(activity, CLASS)
    assert (told["kind"], told["pupils"], told["name"]) == ("class", 3, "机构K1")
    figures = {each["key"]: [each[name] for name in FIGURES] for each in told["groups"]}
    assert figures == {
        diligent: [1, 1, 1, 2, 1, 1, 2],
        idle: [1, 1, 0, 1, 0, 0, 1],
        new: [1, 0, 0, 0, 0, 0, 0],
    }
    first, second = told["activities"]
    assert (first["activity"], first["begun"], first["completed"]) == (LESSON, 2, 1)
    assert (first["progress"], second["passed"]) == (75, 1)


async def test_a_grade_or_school_is_shown_by_class(activity: Activity) -> None:
    for path in (CLASS, CLASS, OTHER_CLASS):
        pupil = await activity.school.enrol(path)
        points = [activity.point("F-1")]
        await activity.send(pupil, success=path == CLASS, knowledge_points=points)
    for path in (SCHOOL, f"{SCHOOL}.G1"):
        told = await board(activity, path)
        groups = [(each["key"], each["name"], each["pupils"]) for each in told["groups"]]
        assert groups == [(CLASS, "机构K1", 2), (OTHER_CLASS, "机构K2", 1)]
        assert [each["passed"] for each in told["groups"]] == [2, 0]
        (point,) = told["knowledge_points"]
        assert (point["code"], point["begun"], point["tries"]) == ("F-1", 3, 3)
        assert point["estimate"] == round((2 / 3 + 2 / 3 + 1 / 3) / 3, 4)


async def test_the_mean_estimate_is_that_of_the_learners(activity: Activity) -> None:
    pupils = [await activity.school.enrol() for _ in range(2)]
    points = [activity.point("F-1")]
    for n, month in enumerate(("2025-01", "2026-03", "2026-09", "2026-11")):
        at = f"{month}-01T08:00:00+08:00"
        await activity.send(pupils[n % 2], at=at, score=n / 4, knowledge_points=points)
        await activity.send(pupils[0], at=at, success=n > 1, knowledge_points=points)
    estimates = [
        (await activity.read(each, "mastery", activity.school.as_(each)))["items"][0]["estimate"]
        for each in pupils
    ]
    (point,) = (await board(activity, CLASS))["knowledge_points"]
    assert point["estimate"] == pytest.approx(sum(estimates) / 2, abs=1e-4)


async def test_a_school_takes_as_many_queries_as_a_class(
    activity: Activity, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = app.state.runtime.reader
    fetch, sent = reader.fetch, []

    async def noting(query: str, *parameters: Any) -> Any:
        sent.append(query)
        return await fetch(query, *parameters)

    monkeypatch.setattr(reader, "fetch", noting)
    counts = []
    with statements_of(app.state.runtime.engine) as written:
        for path in (CLASS, CLASS, SCHOOL):
            sent.clear()
            written.clear()
            await board(activity, path)
            counts.append((len(sent), len(written)))
            for place in (CLASS, OTHER_CLASS):
                await activity.send(await activity.school.enrol(place), success=True)
            assert not any("FROM statements" in query for query in sent)
    assert len(set(counts)) == 1
    assert sum(counts[0]) <= 8


async def test_who_teaches_or_administers_there_reads_it_and_nobody_else(
    activity: Activity,
) -> None:
    school = activity.school
    url = f"/learning/v1/organisations/{CLASS}/board"
    assert (await activity.client.get(url)).status_code == 401
    for role, path, status in (
        ("teacher", CLASS, 200),
        ("administrator", SCHOOL, 200),
        ("teacher", OTHER_CLASS, 404),
        ("administrator", OTHER_SCHOOL, 404),
        ("student", CLASS, 404),
        ("guardian", CLASS, 404),
    ):
        answer = await activity.client.get(url, headers=school.someone(role, path))
        assert answer.status_code == status, (role, path)
    pupil = school.as_(await school.enrol())
    assert (await activity.client.get(url, headers=pupil)).status_code == 404
    audited = await activity.owner.fetchval(
        "SELECT count(*) FROM audit WHERE action = 'board.read' AND target = $1",
        str(organisation_id(CLASS)),
    )
    assert audited == 2


async def counted(activity: Activity) -> None:
    """The schools are counted, as the background task does."""
    run = activity.school.app.state.runtime.tasks["school-figures"]
    await run.__self__.refresh()


async def test_a_region_is_shown_by_its_parts_from_the_sums_of_its_schools(
    activity: Activity,
) -> None:
    first = [await activity.school.enrol(path) for path in (CLASS, CLASS, OTHER_CLASS)]
    elsewhere = await activity.school.enrol(OTHER_SCHOOLS_CLASS)
    for pupil in (first[0], first[1], elsewhere):
        await activity.send(pupil, success=pupil == first[0], duration_ms=1000)
    await counted(activity)
    told = await board(activity, CITY, PROVINCE)
    groups = {each["key"]: [each[name] for name in FIGURES] for each in told["groups"]}
    assert groups == {SCHOOL: [3, 2, 2, 2, 0, 1, 2], OTHER_SCHOOL: [1, 1, 1, 1, 0, 0, 1]}
    assert (told["kind"], told["pupils"], told["activities"]) == ("city", 4, [])
    above = await board(activity, PROVINCE, PROVINCE)
    [city] = above["groups"]
    assert (city["key"], city["pupils"], city["begun"], city["duration_ms"]) == (CITY, 4, 3, 3000)
    assert above["at"] == told["at"]


async def test_sums_of_schools_are_kept_for_an_hour_and_closed_schools_count_nowhere(
    activity: Activity,
) -> None:
    assert (await board(activity, CITY, PROVINCE))["groups"] == []
    pupil = await activity.school.enrol()
    await counted(activity)
    await activity.send(pupil)
    await counted(activity)
    [told, _] = (await board(activity, CITY, PROVINCE))["groups"]
    assert (told["pupils"], told["begun"], told["last_at"]) == (1, 0, None)
    await activity.owner.execute("UPDATE school_figures SET at = at - interval '61 minutes'")
    await counted(activity)
    [told, _] = (await board(activity, CITY, PROVINCE))["groups"]
    assert (told["pupils"], told["begun"]) == (1, 1)
    await activity.school.organise("closed", SCHOOL)
    [other] = (await board(activity, CITY, PROVINCE))["groups"]
    assert other["key"] == OTHER_SCHOOL


async def test_only_classes_grades_schools_and_regions_have_a_board(activity: Activity) -> None:
    await activity.school.organise("created", "P0.A1")
    head = activity.school.someone("administrator", PROVINCE)
    refused = await activity.client.get("/learning/v1/organisations/A1/board", headers=head)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("learning/no-board")
    unknown = await activity.client.get("/learning/v1/organisations/K77/board", headers=head)
    assert unknown.status_code == 404
    by_code = await activity.client.get("/learning/v1/organisations/k-1/board", headers=head)
    assert by_code.json()["organisation"] == CLASS
