"""The preview of what it touches to take a resource down."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.app import HEARS
from services.catalog.parts import changes, collections
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import Follower, Office, build_publication, office
from tests.service.catalog.resources import (
    CITY,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    SCOPES,
    URL,
    build_resources,
)

__all__ = ["office"]


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources, build_publication, changes.build, collections.build)


async def collect(office: Office, made: dict[str, Any], school: str, title: str) -> None:
    """A teacher of `school` puts it into a collection there."""
    teacher = office.token(str(uuid7()), SCOPES, (f"teacher@{school}",))
    url = "/catalog/v1/collections"
    body = {"title": title, "organisation": school}
    shelf = await office.client.post(url, headers=teacher, json=body)
    put = await office.client.put(
        f"{url}/{shelf.json()['id']}/items",
        headers={**teacher, "if-match": '"v1"'},
        json={"items": [{"resource_id": made["id"]}]},
    )
    assert put.status_code == 200, put.text


async def hear(app: FastAPI, type_: str, **data: Any) -> None:
    source = type_.partition(".")[0]
    envelope = Envelope(uuid7(), f"/{source}", type_, "-", utc_now(), data)
    async with app.state.runtime.new_uow() as uow:
        await HEARS[source][type_](uow, envelope)
        await uow.commit()


async def preview(office: Office, made: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
    return await office.client.get(f"{URL}/{made['id']}/impact", headers=headers)


async def test_nobody_but_its_owner_and_the_administrators_above_is_told(office: Office) -> None:
    made = await office.published()
    assert (await preview(office, made, {})).status_code == 401
    for headers in (office.colleague(), office.administrator(OTHER_SCHOOL)):
        assert (await preview(office, made, headers)).status_code == 403
    for headers in (office.teacher, office.administrator(PROVINCE)):
        assert (await preview(office, made, headers)).status_code == 200
    draft = await office.finished()
    assert (await preview(office, draft, office.colleague())).status_code == 404


async def test_all_uses_are_counted_and_those_in_the_callers_care_are_named(
    office: Office, app: FastAPI, statements: list[str]
) -> None:
    made = await office.published()
    await collect(office, made, SCHOOL, "我校单元")
    await collect(office, made, OTHER_SCHOOL, "邻校单元")
    for school, course in ((SCHOOL, "c-1"), (OTHER_SCHOOL, "c-2"), (OTHER_SCHOOL, "c-2")):
        fact = {"resource_id": made["id"], "course_id": course, "organisation_path": school}
        await hear(app, "learning.reference.added.v1", **fact)
    statements.clear()
    told = (await preview(office, made, office.administrator(SCHOOL))).json()
    assert len(statements) <= 5
    assert (told["collections"], told["courses"]) == (2, 2)
    assert [each["title"] for each in told["named_collections"]] == ["我校单元"]
    assert told["named_courses"] == [{"id": "c-1", "organisation": SCHOOL}]
    above = (await preview(office, made, office.administrator(CITY))).json()
    assert (len(above["named_collections"]), len(above["named_courses"])) == (2, 2)


async def test_a_course_that_lets_go_of_it_is_counted_no_more(office: Office, app: FastAPI) -> None:
    made = await office.published()
    fact = {"resource_id": made["id"], "course_id": "c-1", "organisation_path": SCHOOL}
    await hear(app, "learning.reference.added.v1", **fact)
    gone = {"resource_id": made["id"], "course_id": "c-1"}
    for _ in range(2):
        await hear(app, "learning.reference.removed.v1", **gone)
    assert (await preview(office, made, office.teacher)).json()["courses"] == 0


async def test_a_school_that_moves_is_told_by_the_feed_and_its_courses_move_along(
    office: Office, app: FastAPI
) -> None:
    made, draft = await office.published(), await office.finished()
    fact = {"resource_id": made["id"], "course_id": "c-1", "organisation_path": SCHOOL}
    await hear(app, "learning.reference.added.v1", **fact)
    await hear(app, "identity.organisation.moved.v1", old_path=SCHOOL, path="P0.C2.S1")
    follower = Follower(office.client)
    await follower.catch_up(2)
    assert follower.kinds == ["published", "changed"]
    assert draft["code"] not in follower.told
    told = (await preview(office, made, office.administrator("P0.C2"))).json()
    assert told["named_courses"] == [{"id": "c-1", "organisation": "P0.C2.S1"}]
