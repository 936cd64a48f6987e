"""Lists of resources over HTTP, and that their SQL agrees with the rule in the domain."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.catalog.adapters.objects import object_store
from services.catalog.adapters.resources import READABLE
from services.catalog.app import HEARS
from services.catalog.domain.resources import Viewer, readable
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import (
    CITY,
    OTHER_SCHOOL,
    PROVINCE,
    SCHOOL,
    URL,
    Desk,
    build_resources,
)
from tests.service.house import Token


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources)


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


async def listed(desk: Desk, query: str, headers: dict[str, str]) -> list[str]:
    answer = await desk.client.get(f"{URL}?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json()["items"]]


async def test_drafts_are_listed_for_their_owner_and_administrators_alone(desk: Desk) -> None:
    await desk.create({"title": "一"})
    await desk.create({"title": "二"}, organisation=None)
    stranger = Desk(desk.client, desk.owner, desk.token, desk.objects)
    await stranger.create({"title": "三"})
    assert await listed(desk, "owner=me", desk.teacher) == ["二", "一"]
    assert await listed(desk, f"organisation={SCHOOL}", desk.administrator(SCHOOL)) == ["三", "一"]
    assert await listed(desk, "", desk.teacher) == []
    anonymous = await desk.client.get(f"{URL}?owner=me")
    colleague = await desk.client.get(f"{URL}?organisation={SCHOOL}", headers=desk.colleague())
    elsewhere = desk.administrator(OTHER_SCHOOL)
    other = await desk.client.get(f"{URL}?organisation={SCHOOL}", headers=elsewhere)
    narrow = desk.token(desk.subject, "openid")
    scopeless = await desk.client.get(f"{URL}?owner=me", headers=narrow)
    assert [each.status_code for each in (anonymous, colleague, other, scopeless)] == [
        401,
        403,
        403,
        403,
    ]


async def test_everybody_sees_what_is_live_as_it_was_published(desk: Desk) -> None:
    made = await desk.finished()
    assert (await desk.freeze(made)).status_code == 201
    await desk.patch(await desk.read(made), {"metadata": {"title": "草稿里的新题"}})
    await desk.publish(made)
    assert await listed(desk, "", {}) == ["分数的初步认识"]
    assert await listed(desk, "stage=primary&grade=G3&type=coursewares", {}) == ["分数的初步认识"]
    assert await listed(desk, "stage=junior", {}) == []


async def test_filters_hold_together(desk: Desk) -> None:
    await desk.create({"title": "一", "stage": "primary", "grades": ["G1", "G2"]})
    await desk.create({"title": "二", "stage": "primary", "grades": ["G3"], "subject": "x"})
    assert await listed(desk, "owner=me&stage=primary&grade=G2", desk.teacher) == ["一"]
    assert await listed(desk, "owner=me&subject=x&state=DRAFT", desk.teacher) == ["二"]
    assert (await desk.client.get(f"{URL}?stage=%00")).status_code == 422


async def test_pages_follow_one_another_without_gap_or_repeat(desk: Desk) -> None:
    made = [(await desk.create({"title": str(n)}))["id"] for n in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        url = f"{URL}?owner=me&limit=2{cursor}"
        page = (await desk.client.get(url, headers=desk.teacher)).json()
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == list(reversed(made))
    wrong = await desk.client.get(f"{URL}?owner=me&stage=x{cursor}", headers=desk.teacher)
    assert wrong.status_code == 400


async def test_a_page_is_one_statement(
    desk: Desk, app: FastAPI, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await desk.create()
    reader, asked = app.state.runtime.reader, list[str]()
    fetch = reader.fetch

    async def counted(query: str, *parameters: Any) -> Any:
        asked.append(query)
        return await fetch(query, *parameters)

    monkeypatch.setattr(reader, "fetch", counted)
    statements.clear()
    for limit in (1, 3):
        asked.clear()
        await listed(desk, f"owner=me&limit={limit}", desk.teacher)
        assert (len(asked), statements) == (1, [])


async def test_the_predicate_is_the_rule(desk: Desk, app: FastAPI) -> None:
    paths = (None, PROVINCE, CITY, SCHOOL, OTHER_SCHOOL, "P0.C11", "P1")
    viewers = [
        Viewer(),
        Viewer("a"),
        Viewer("b", (CITY,)),
        Viewer("c", (SCHOOL, "P1")),
        Viewer("a", (PROVINCE,)),
        Viewer(None, ("P0.C1.S1.G1",)),
    ]
    query = text(
        f"SELECT {READABLE} FROM (SELECT CAST(:owner AS text) AS owner,"  # noqa: S608 - the predicate under test
        " text2ltree(CAST(:path AS text)) AS organisation_path,"
        " CAST(:live AS int) AS live_version) r"
    )
    async with app.state.runtime.engine.connect() as connection:
        for viewer in viewers:
            for owner in ("a", "b"):
                for path in paths:
                    for live in (None, 1):
                        row: dict[str, Any] = {"owner": owner, "path": path, "live": live}
                        row |= {"subject": viewer.subject, "paths": list(viewer.paths)}
                        in_sql = await connection.scalar(query, row)
                        assert in_sql is readable(viewer, owner, path, live), (viewer, row)


async def hear(app: FastAPI, what: str, **data: Any) -> None:
    """Apply an event of identity as the inbox does."""
    type_ = f"identity.organisation.{what}.v1"
    fact = {"organisation_id": str(uuid7()), "code": "-", "kind": "school", "version": 1}
    envelope = Envelope(
        id=uuid7(),
        source="/identity",
        type=type_,
        aggregate="organisation",
        time=utc_now(),
        data={**fact, "name": "一中", **data},
    )
    async with app.state.runtime.new_uow() as uow:
        await HEARS["identity"][type_](uow, envelope)
        await uow.commit()


async def test_a_school_that_moves_takes_its_resources_along(desk: Desk, app: FastAPI) -> None:
    await hear(app, "created", path=SCHOOL)
    await hear(app, "created", path=f"{SCHOOL}.G1")
    upload = await desk.upload(organisation=SCHOOL)
    made = await desk.create(None, upload)
    await hear(app, "moved", path="P0.C2.S1", old_path=SCHOOL)
    assert (await desk.read(made))["organisation"] == "P0.C2.S1"
    where = "SELECT ltree2text(organisation_path) FROM uploads WHERE id = $1"
    assert await desk.owner.fetchval(where, UUID(upload)) == "P0.C2.S1"
    assert await listed(desk, "organisation=S1", desk.administrator("P0.C2")) == ["草稿"]
    # Her token still names the old place; the school is known to stand elsewhere.
    body = {"organisation": "S1"}
    assert (await desk.client.post(URL, headers=desk.teacher, json=body)).status_code == 403
    below = await desk.owner.fetchval(
        "SELECT ltree2text(path) FROM organisations WHERE label = 'G1'"
    )
    assert below == "P0.C2.S1.G1"


async def test_a_renamed_school_stays_where_it_is_and_a_closed_one_is_closed(
    desk: Desk, app: FastAPI
) -> None:
    await hear(app, "created", path=SCHOOL)
    await hear(app, "renamed", path=SCHOOL, name="第一中学")
    await hear(app, "closed", path=CITY)
    row = await desk.owner.fetchrow("SELECT name, state FROM organisations")
    assert (row["name"], row["state"]) == ("第一中学", "CLOSED")
