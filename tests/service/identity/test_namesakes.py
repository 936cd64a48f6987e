"""Under one parent no two open organisations of a kind bear one name."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.organisations import Organisation
from services.identity.parts import organisations as part
from services.identity.settings import Settings
from tests.service.house import Token
from tests.service.identity.conftest import only
from tests.service.identity.organisations import SCOPES, URL, Tree


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(part.build)


@pytest.fixture
async def tree(client: httpx2.AsyncClient, token: Token, province: Organisation) -> Tree:
    admin = token("admin", SCOPES, (f"administrator@{province.path}",))
    return Tree(client, admin, province)


async def rename(tree: Tree, organisation: dict[str, Any], name: str) -> httpx2.Response:
    headers = {**tree.admin, "if-match": f'"v{organisation["version"]}"'}
    return await tree.client.patch(
        f"{URL}/{organisation['id']}", headers=headers, json={"name": name}
    )


async def create(tree: Tree, parent: str, kind: str, name: str) -> httpx2.Response:
    body = {"parent": parent, "kind": kind, "name": name}
    return await tree.client.post(URL, headers=tree.admin, json=body)


def assert_name_taken(answer: httpx2.Response) -> None:
    assert answer.status_code == 409, answer.text
    assert answer.json()["type"].endswith("identity/organisation-name-taken")


@pytest.mark.parametrize("name", ["七年级", "七年级（1）", "七 年级"])
async def test_a_second_sibling_of_a_name_is_refused_and_told_which_has_it(
    tree: Tree, name: str
) -> None:
    school = await tree.school()
    first = await tree.add(school["id"], "grade", name)
    answer = await create(tree, school["id"], "grade", name.replace("（", "(").replace("）", ")"))
    assert_name_taken(answer)
    assert first["code"] in answer.json()["detail"]


async def test_a_name_is_free_of_another_kind_or_under_another_parent_or_once_closed(
    tree: Tree,
) -> None:
    city = await tree.city()
    school = await tree.school("一中", city["id"])
    await tree.add(city["id"], "company", "一中")
    await tree.add(tree.province.code, "school", "一中")
    closed = await tree.post(school["id"], "close", 1)
    assert closed.status_code == 200, closed.text
    await tree.add(city["id"], "school", "一中")


async def test_institutions_at_the_root_have_the_names_of_others(tree: Tree) -> None:
    for _ in range(2):
        await tree.add(None, "studio", "星光工作室")


async def test_a_name_is_not_taken_by_renaming_or_moving(tree: Tree) -> None:
    city, other = await tree.city("西安市"), await tree.city("宝鸡市")
    await tree.school("一中", city["id"])
    second, elsewhere = [
        await tree.school("二中", city["id"]),
        await tree.school("一中", other["id"]),
    ]
    assert_name_taken(await rename(tree, second, "一中"))
    assert_name_taken(await tree.post(elsewhere["id"], "move", 1, parent=city["id"]))
    assert (await rename(tree, second, "三中")).status_code == 200
    assert (await rename(tree, elsewhere, "二中")).status_code == 200
    assert (await tree.post(elsewhere["id"], "move", 2, parent=city["id"])).status_code == 200


async def test_of_two_that_take_a_name_at_once_one_has_it(tree: Tree) -> None:
    city = await tree.city()
    other = await tree.school("二中", city["id"])
    answers = await asyncio.gather(
        *(create(tree, city["id"], "school", "一中") for _ in range(3)),
        rename(tree, other, "一中"),
    )
    good = [each for each in answers if each.status_code in (200, 201)]
    assert len(good) == 1
    for each in answers:
        if each not in good:
            assert_name_taken(each)
