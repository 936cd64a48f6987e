import asyncio
import contextlib
import random
from collections.abc import Callable
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from services.identity.adapters.organisations import OrganisationRepository
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Kind, OfficialCodes, Organisation, State
from services.identity.parts import organisations as part
from services.identity.settings import Settings
from shared.errors import DomainError
from tests.service.house import Token
from tests.service.identity.conftest import only
from tests.service.identity.organisations import SCOPES, URL, Tree, belong
from tests.unit.identity.organisations import (
    Operation,
    assert_is_a_tree,
    caller,
    operations,
    play,
)


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(part.build)


@pytest.fixture
async def tree(client: httpx2.AsyncClient, token: Token, province: Organisation) -> Tree:
    admin = token("admin", SCOPES, (f"administrator@{province.path}",))
    return Tree(client, admin, province)


async def stored(owner: asyncpg.Connection) -> list[Organisation]:
    """Every organisation as the database has it."""
    rows = await owner.fetch(
        "SELECT id, code, kind, name, parent_id, ltree2text(path) AS path, state, version,"
        " created_at FROM organisations ORDER BY id"
    )
    return [
        Organisation(
            **{
                **dict(row),
                "kind": Kind(row["kind"]),
                "state": State(row["state"]),
                "codes": OfficialCodes(),
            }
        )
        for row in rows
    ]


@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations)
async def test_whatever_is_attempted_the_stored_tree_stays_a_tree(
    owner: asyncpg.Connection,
    emptying: str,
    organisations: Organisations,
    steps: list[Operation],
) -> None:
    await owner.execute(emptying)
    root = await organisations.found_province("陕西省", "610000")
    admin = caller(f"administrator@{root.path}")
    for step in steps:
        before = await stored(owner)
        try:
            await play(organisations, admin, before, step)
        except DomainError:
            assert await stored(owner) == before
    assert_is_a_tree(await stored(owner))


async def test_changes_made_at_once_leave_a_tree(
    tree: Tree, owner: asyncpg.Connection, organisations: Organisations
) -> None:
    for name in ("西安市", "宝鸡市", "咸阳市"):
        city = await tree.city(name)
        await tree.school("一中", city["id"])
    admin = caller(f"administrator@{tree.province.path}")
    chance = random.Random(7)

    async def change() -> None:
        for _ in range(12):
            step: Operation = (
                chance.choice(("create", "move", "move", "close")),
                chance.randrange(50),
                chance.randrange(50),
                chance.random() < 0.1,
            )
            with contextlib.suppress(DomainError):
                await play(organisations, admin, known, step)

    known = await stored(owner)
    await asyncio.gather(*(change() for _ in range(6)))
    after = await stored(owner)
    assert len(after) > len(known)
    assert_is_a_tree(after)


async def test_of_two_moves_at_once_one_is_made(tree: Tree) -> None:
    first, second = await tree.city("西安市"), await tree.city("宝鸡市")
    school = await tree.add(tree.province.code, "school", "一中")
    answers = await asyncio.gather(
        tree.post(school["id"], "move", 1, parent=first["id"]),
        tree.post(school["id"], "move", 1, parent=second["id"]),
    )
    assert sorted(each.status_code for each in answers) == [200, 412]
    assert (await tree.read(school["id"]))["version"] == 2


async def test_what_is_created_during_a_move_comes_along(tree: Tree) -> None:
    cities = [await tree.city("西安市"), await tree.city("宝鸡市")]
    school = await tree.school("一中", cities[0]["id"])
    for round_ in range(1, 7):
        goal = cities[round_ % 2]
        moved, grade = await asyncio.gather(
            tree.post(school["id"], "move", round_, parent=goal["id"]),
            tree.add(school["id"], "grade", f"{round_}年级"),
        )
        assert moved.status_code == 200
        assert (await tree.read(grade["id"]))["path"].startswith(moved.json()["path"] + ".")


async def test_nothing_is_created_under_what_closes_meanwhile(tree: Tree) -> None:
    city = await tree.city()
    for number in range(5):
        school = await tree.school(f"第{number}中学", city["id"])
        body = {"parent": school["id"], "kind": "grade", "name": "一年级"}
        closed, created = await asyncio.gather(
            tree.post(school["id"], "close", 1),
            tree.client.post(URL, headers=tree.admin, json=body),
        )
        assert {closed.status_code, created.status_code} in ({200, 409}, {409, 201})


@pytest.mark.parametrize(("action", "status"), [("move", 200), ("close", 409)])
async def test_a_held_organisation_stays_until_its_new_member_is_in(
    tree: Tree, app: FastAPI, owner: asyncpg.Connection, action: str, status: int
) -> None:
    school, city = await tree.school(), await tree.city("宝鸡市")
    async with app.state.runtime.new_uow() as uow:
        (held,) = await OrganisationRepository(uow.connection).hold([UUID(school["id"])])
        assert held.state is State.OPEN
        body = {"parent": city["id"]} if action == "move" else {}
        waiting = asyncio.create_task(tree.post(school["id"], action, 1, **body))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await belong(owner, school["id"])
        await uow.commit()
    assert (await waiting).status_code == status
