"""Knowledge graphs over HTTP."""

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.service.catalog.test_vocabularies_imports import sent
from tests.service.catalog.vocabularies import PROVINCE, admin, build, starter_set
from tests.service.house import Token

__all__ = ["admin", "build", "starter_set"]

URL = "/catalog/v1/knowledge"
POINTS = "subject,code,name_zh,prerequisites,parent\n数学,n,数,,\n数学,a,加法,,n\n数学,m,乘法,a,n\n"


async def put(
    client: httpx2.AsyncClient, headers: dict[str, str], code: str, version: int, **body: Any
) -> httpx2.Response:
    return await client.put(
        f"{URL}/14/points/{code}", json=body, headers={**headers, "if-match": f'"v{version}"'}
    )


@pytest.mark.parametrize("grant", ["", f"administrator@{PROVINCE}.C2", f"teacher@{PROVINCE}"])
async def test_only_administrators_of_the_province_change_a_graph(
    client: httpx2.AsyncClient, token: Token, grant: str
) -> None:
    other = token("other", "catalog.write", (grant,)) if grant else {}
    answer = await put(client, other, "a", 0, name_zh="加法")
    assert answer.status_code == (403 if grant else 401)
    assert (await client.get(URL)).json()["items"] == []


async def test_anybody_reads_nodes_and_edges_in_one_statement(
    client: httpx2.AsyncClient, admin: dict[str, str], statements: list[str]
) -> None:
    await sent(client, admin, POINTS, "knowledge")
    statements.clear()
    answer = await client.get(f"{URL}/14")
    assert len(statements) == 1
    graph = answer.json()
    assert [(each["code"], each["parent"]) for each in graph["points"]] == [
        ("n", None),
        ("a", "n"),
        ("m", "n"),
    ]
    assert graph["prerequisites"] == [{"point": "m", "prerequisite": "a"}]
    assert answer.headers["etag"] == '"v1"'
    kept = await client.get(f"{URL}/14", headers={"if-none-match": '"v1"'})
    assert kept.status_code == 304
    assert (await client.get(URL)).json()["items"] == [{"subject": "14", "version": 1, "points": 3}]


async def test_a_subject_without_points_is_empty_and_no_subject_is_404(
    client: httpx2.AsyncClient,
) -> None:
    assert (await client.get(f"{URL}/13")).json()["version"] == 0
    assert (await client.get(f"{URL}/99")).status_code == 404


async def test_a_point_is_added_then_replaced(
    client: httpx2.AsyncClient, admin: dict[str, str], owner: asyncpg.Connection
) -> None:
    added = await put(client, admin, "a", 0, name_zh="加法")
    assert (added.status_code, added.headers["etag"]) == (201, '"v1"')
    replaced = await put(client, admin, "a", 1, name_zh="加法运算")
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"v2"')
    assert (await put(client, admin, "a", 2, name_zh="加法运算")).headers["etag"] == '"v2"'
    assert (await put(client, admin, "a", 1, name_zh="加")).status_code == 412
    assert await owner.fetchval("SELECT count(*) FROM audit") == 2


async def test_a_cycle_of_prerequisites_is_refused_and_named(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    await sent(client, admin, POINTS, "knowledge")
    answer = await put(client, admin, "a", 1, name_zh="加法", prerequisites=["m"])
    assert answer.status_code == 409
    assert answer.json()["cycle"] == ["a", "m", "a"]
    assert "加法 (a) → 乘法 (m) → 加法 (a)" in answer.json()["detail"]
    itself = await put(client, admin, "n", 1, name_zh="数", prerequisites=["n"])
    assert itself.json()["cycle"] == ["n", "n"]


async def test_every_defect_of_a_point_is_told(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await put(
        client, admin, "a", 0, name_zh="加\u202e法", parent="x", prerequisites=["y", "z"]
    )
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "#/name_zh",
        "#/parent",
        "#/prerequisites",
        "#/prerequisites",
    ]


async def test_nothing_active_rests_on_a_retired_point(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    await sent(client, admin, POINTS, "knowledge")
    for code, told in (("n", {"parent": None}), ("a", {"parent": "n"})):
        body = {"name_zh": "停用", "state": "RETIRED", **told}
        answer = await put(client, admin, code, 1, **body)
        assert answer.status_code == 422
        assert {each["pointer"] for each in answer.json()["errors"]} == {"#/state"}
    retired = await put(client, admin, "m", 1, name_zh="乘法", parent="n", state="RETIRED")
    assert retired.status_code == 200
    for links in ({"parent": "m"}, {"prerequisites": ["m"]}):
        answer = await put(client, admin, "d", 2, name_zh="除法", **links)
        assert answer.status_code == 422
        assert "停用" in str(answer.json()["errors"])
    table = "subject,code,name_zh,prerequisites,parent\n数学,d,除法,m,\n数学,e,乘方,,m\n"
    refused = await sent(client, admin, table, "knowledge")
    assert {(each["column"], each["code"]) for each in refused.json()["errors"]} == {
        ("prerequisites", "retired"),
        ("parent", "retired"),
    }


async def test_two_links_that_would_close_a_cycle_are_not_both_taken(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    await put(client, admin, "a", 0, name_zh="甲")
    await put(client, admin, "b", 1, name_zh="乙")
    answers = await asyncio.gather(
        put(client, admin, "a", 2, name_zh="甲", prerequisites=["b"]),
        put(client, admin, "b", 2, name_zh="乙", prerequisites=["a"]),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
