from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.house import Token
from tests.service.identity.people import (
    V1,
    World,
    build_people,
    make_world,
)

PUPIL_ID_NUMBER = "110105201406010019"
PEOPLE = f"{V1}/people"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_people


@pytest.fixture
async def world(
    app: FastAPI, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> AsyncIterator[World]:
    yield await make_world(app, client, owner, token)
    app.state.runtime.reader.close()


async def find(world: World, **probe: str) -> list[dict[str, Any]]:
    answer = await world.client.post(
        f"{PEOPLE}/duplicates", headers=world.admin(world.school), json=probe
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_numbers_are_compared_everywhere_and_strangers_stay_strangers(world: World) -> None:
    await world.invite(
        world.other_school,
        "欧阳娜娜",
        identifiers=[{"kind": "student_number", "value": f"G{PUPIL_ID_NUMBER}"}],
    )
    (found,) = await find(world, id_number=PUPIL_ID_NUMBER)
    assert found == {
        "person_id": None,
        "code": None,
        "masked_name": "欧***",
        "reasons": ["id_number_in_student_number"],
    }
    assert len(await world.audited("people.duplicates.search")) == 1


async def test_the_surest_comes_first(world: World) -> None:
    namesake = await world.invite(world.school, "张伟", birth_date="2015-01-01")
    same = await world.invite(
        world.school,
        "张伟",
        birth_date="2014-06-01",
        identifiers=[{"kind": "phone", "value": "13800008000"}],
    )
    found = await find(world, name="张 伟", birth_date="2014-06-01", phone="+8613800008000")
    assert [(each["person_id"], each["reasons"]) for each in found] == [
        (same["id"], ["phone", "name_and_birth_date"]),
        (namesake["id"], ["name"]),
    ]


async def test_mere_namesakes_elsewhere_are_not_told(world: World) -> None:
    await world.invite(world.other_school, "张伟", birth_date="2014-06-01")
    assert await find(world, name="张伟") == []
    (found,) = await find(world, name="张伟", birth_date="2014-06-01")
    assert found["person_id"] is None


async def test_a_minor_who_may_be_the_one_is_noted_as_read_wherever_they_belong(
    world: World,
) -> None:
    here = await world.invite(world.school, "张伟", birth_date="2018-06-01")
    there = await world.invite(world.other_school, "张伟", birth_date="2018-06-01")
    await find(world, name="张伟", birth_date="2018-06-01")
    noted = {each["target"] for each in await world.audited("person.read")}
    assert noted == {here["id"], there["id"]}


async def test_something_must_be_known(world: World) -> None:
    answer = await world.client.post(
        f"{PEOPLE}/duplicates", headers=world.admin(world.school), json={}
    )
    assert answer.status_code == 422


async def test_only_administrators_look(world: World) -> None:
    answer = await world.client.post(
        f"{PEOPLE}/duplicates",
        headers=world.as_role("teacher", world.school),
        json={"phone": "13800008000"},
    )
    assert answer.status_code == 403
