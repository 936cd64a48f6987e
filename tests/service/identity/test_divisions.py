"""Which organisation stands for which division, and what its code says of the schools below."""

from collections.abc import Callable

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


async def test_a_division_is_one_open_organisation(tree: Tree) -> None:
    first = await tree.add(tree.province.code, "city", "西安市", division_code="610100")
    body = {"parent": tree.province.code, "kind": "city", "name": "长安市"}
    again = await tree.client.post(
        URL, headers=tree.admin, json={**body, "division_code": "610100"}
    )
    assert again.json()["type"].endswith("identity/official-code-taken")
    second = await tree.add(tree.province.code, "city", "长安市")
    changed = await tree.client.patch(
        f"{URL}/{second['id']}",
        headers={**tree.admin, "if-match": '"v1"'},
        json={"division_code": "610100"},
    )
    assert changed.status_code == 409
    closed = await tree.client.post(
        f"{URL}/{first['id']}/close", headers={**tree.admin, "if-match": '"v1"'}, json={}
    )
    assert closed.status_code == 200, closed.text
    await tree.add(tree.province.code, "city", "西京市", division_code="610100")


async def test_a_school_code_of_another_province_is_refused(tree: Tree) -> None:
    county = await tree.add(tree.province.code, "county", "神木", division_code="610881")
    body = {"parent": county["id"], "kind": "school", "name": "一中", "school_code": "2132010001"}
    answer = await tree.client.post(URL, headers=tree.admin, json=body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/school_code"]
