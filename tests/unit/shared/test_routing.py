from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query

from shared import problems
from shared.edge import Edge
from shared.pages import PageRequest, page_limits
from shared.routing import shelve


def application() -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    router = APIRouter(prefix="/shop/v1")

    @router.get("/things")
    async def list_things(
        page: Annotated[PageRequest, Depends(page_limits())],
        colour: Annotated[list[str], Query(alias="color")] = [],  # noqa: B006 - read only
    ) -> list[str]:
        return [str(page.limit), *colour]

    @router.get("/things/{id}")
    async def read_thing(id: str) -> str:
        return id

    @router.post("/things")
    async def make_thing() -> str:
        return "made"

    @router.get("/{noun}/{id}/parts")
    async def read_parts(noun: str, id: str) -> str:
        return f"parts of {noun} {id}"

    app.router.routes.extend(router.routes)

    @app.get("/shop/authorize")
    async def authorize(state: str = "") -> str:
        return state

    shelve(app)
    problems.install(app, {})
    app.add_middleware(Edge, service="test", max_body_bytes=4096)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


async def test_parameters_of_the_operation_and_what_it_depends_on_are_taken(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.get("/shop/v1/things?color=red&limit=5&color=%E7%BB%BF&cursor=")
    assert (answer.status_code, answer.json()) == (200, ["5", "red", "绿"])


@pytest.mark.parametrize("query", ["?limt=5&colour=red", "?limt=5&limit=5&limt=6&colour"])
async def test_every_other_one_is_named_once(client: httpx2.AsyncClient, query: str) -> None:
    answer = await client.get(f"/shop/v1/things{query}", headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["type"]) == (
        422,
        "urn:shuyuan:problem:invalid-request",
    )
    assert answer.json()["errors"] == [
        {"parameter": name, "in": "query", "detail": "No such parameter"}
        for name in ("limt", "colour")
    ]
    told = (await client.get(f"/shop/v1/things{query}")).json()["errors"]
    assert {each["detail"] for each in told} == {"不接受此项"}


@pytest.mark.parametrize("query", ["id=2", "%69d=2", "=", "a%00b", "%ff=1", "Limit=1"])
async def test_what_only_looks_like_a_parameter_is_none(
    client: httpx2.AsyncClient, query: str
) -> None:
    assert (await client.get(f"/shop/v1/things/1?{query}")).status_code == 422


@pytest.mark.parametrize("query", ["", "?", "?&&"])
async def test_no_parameter_is_fine(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"/shop/v1/things/1{query}")).status_code == 200


async def test_an_endpoint_of_a_standard_ignores_what_it_does_not_know(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.get("/shop/authorize?state=x&vendor=1")
    assert (answer.status_code, answer.json()) == (200, "x")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("POST", "/shop/v1/things", "made"),
        ("GET", "/shop/v1/things/7", "7"),
        ("GET", "/shop/v1/boxes/7/parts", "parts of boxes 7"),
        ("GET", "/shop/v1/things/7/parts", "parts of things 7"),
    ],
)
async def test_an_operation_is_found_by_path_and_method(
    client: httpx2.AsyncClient, method: str, path: str, answer: str
) -> None:
    assert (await client.request(method, path)).json() == answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/shop/v1/things", 405),
        ("GET", "/shop/v1/thing", 404),
        ("GET", "/shop/v1/things/", 404),
        ("GET", "/shop/v1", 404),
        ("GET", "//shop/v1/things", 404),
        ("GET", "/", 404),
    ],
)
async def test_what_is_no_operation_is_refused(
    client: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await client.request(method, path)).status_code == status
