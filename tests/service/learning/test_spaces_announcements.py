"""Announcements over HTTP."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    SCHOOL,
    School,
)
from tests.service.learning.test_spaces import URL, of

SPORTS = {"title": "秋季运动会", "text": "周五下午两点，操场集合。"}


@pytest.fixture
async def school(app: FastAPI, token: Token) -> School:
    school = School(app, token)
    await school.found()
    return school


async def announce(
    anonymous: httpx2.AsyncClient, headers: dict[str, str], path: str = CLASS, **others: Any
) -> dict[str, Any]:
    url = of(path, "/announcements")
    answer = await anonymous.post(url, headers=headers, json={**SPORTS, **others})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{url}/{made['id']}"
    return made


async def test_nobody_announces_anonymously_or_where_they_do_not_work(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    url = of(CLASS, "/announcements")
    assert (await anonymous.post(url, json=SPORTS)).status_code == 401
    assert (await anonymous.get(url)).status_code == 401
    stranger = school.someone("teacher", OTHER_SCHOOL)
    assert (await anonymous.post(url, headers=stranger, json=SPORTS)).status_code == 404
    pupil = school.as_(await school.enrol(), f"student@{CLASS}")
    assert (await anonymous.post(url, headers=pupil, json=SPORTS)).status_code == 403
    person = str(uuid7())
    mine = f"{URL}/{person}/announcements"
    own = await anonymous.post(mine, headers=school.as_(person, f"teacher@{CLASS}"), json=SPORTS)
    assert own.status_code == 403


async def test_whoever_belongs_there_reads_it_and_strangers_do_not(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    made = await announce(anonymous, school.someone("teacher", CLASS))
    url = of(CLASS, f"/announcements/{made['id']}")
    pupil = school.as_(await school.enrol())
    read = await anonymous.get(url, headers=pupil)
    assert (read.status_code, read.json()["title"]) == (200, SPORTS["title"])
    known = {**pupil, "if-none-match": read.headers["etag"]}
    assert (await anonymous.get(url, headers=known)).status_code == 304
    stranger = school.as_(await school.enrol(OTHER_CLASS))
    assert (await anonymous.get(url, headers=stranger)).status_code == 404
    elsewhere = of(SCHOOL, f"/announcements/{made['id']}")
    assert (await anonymous.get(elsewhere, headers=pupil)).status_code == 404


async def test_a_persons_feed_has_all_their_institutions_and_pinned_ones_first(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    head = school.someone("administrator", SCHOOL)
    pinned = await announce(anonymous, head, SCHOOL, title="全校", pinned=True)
    mine = await announce(anonymous, head, CLASS, title="本班")
    await announce(anonymous, head, OTHER_CLASS, title="邻班")
    child = await school.enrol()
    guardian = await school.consent(child)
    for person in (child, guardian):
        url = f"{URL}/{person}/announcements"
        headers = school.as_(person)
        items = (await anonymous.get(url, headers=headers)).json()["items"]
        assert [each["id"] for each in items] == [pinned["id"], mine["id"]]
        first = (await anonymous.get(f"{url}?limit=1", headers=headers)).json()
        rest = await anonymous.get(f"{url}?cursor={first['next']}", headers=headers)
        assert [each["id"] for each in rest.json()["items"]] == [mine["id"]]
    theirs = f"{URL}/{child}/announcements"
    assert len((await anonymous.get(theirs, headers=school.as_(guardian))).json()["items"]) == 2


async def test_its_author_and_the_administrators_change_it_and_no_other_teacher(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    author = school.someone("teacher", CLASS)
    made = await announce(anonymous, author)
    url = of(CLASS, f"/announcements/{made['id']}")
    colleague = {**school.someone("teacher", CLASS), "if-match": '"v1"'}
    changed = await anonymous.patch(url, headers=colleague, json={"pinned": True})
    assert changed.status_code == 403
    assert (await anonymous.delete(url, headers=colleague)).status_code == 403
    mine = {**author, "if-match": '"v1"'}
    nothing = await anonymous.patch(url, headers=mine, json={"title": None})
    assert nothing.status_code == 422
    changed = await anonymous.patch(url, headers=mine, json={"pinned": True})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert (await anonymous.patch(url, headers=mine, json={"pinned": False})).status_code == 412
    head = {**school.someone("administrator"), "if-match": '"v2"'}
    assert (await anonymous.delete(url, headers=head)).status_code == 204
    assert (await anonymous.get(url, headers=author)).status_code == 404


async def test_a_repeated_announcement_is_made_once(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    teacher = {**school.someone("teacher", CLASS), "idempotency-key": "once"}
    assert await announce(anonymous, teacher) == await announce(anonymous, teacher)
    listed = await anonymous.get(of(CLASS, "/announcements"), headers=teacher)
    assert len(listed.json()["items"]) == 1


async def test_an_announcement_outlives_its_author(
    school: School, anonymous: httpx2.AsyncClient
) -> None:
    author = await school.appoint("teacher", CLASS)
    headers = school.as_(author, f"teacher@{CLASS}")
    made = await announce(anonymous, headers)
    assert made["author"] == author
    await school.erase(author)
    url = of(CLASS, f"/announcements/{made['id']}")
    read = await anonymous.get(url, headers=school.someone("teacher", CLASS))
    assert read.json()["author"] is None
