from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from shared import problems
from shared.edge import Edge
from shared.errors import PreconditionMalformed, PreconditionMissing
from shared.etags import IfMatch, _if_match, etag


def application() -> FastAPI:
    app = FastAPI()

    @app.put("/thing")
    async def put(version: IfMatch) -> int:
        return version

    problems.install(app, {})
    app.add_middleware(Edge, service="test", max_body_bytes=4096)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@given(st.integers(0, 10**18 - 1))
async def test_the_tag_that_was_given_names_its_version(version: int) -> None:
    assert await _if_match(etag(version)) == version
    assert await _if_match(f"  {etag(version)} ") == version


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "*",
        "v1",
        '"1"',
        '"v"',
        '"v-1"',
        '"v1',
        'W/"v1"',
        '"v1", "v2"',
        "'v1'",
        '"v１"',
        '"v1"x',
        '"v1"\n"v2"',
        '"v' + "9" * 19 + '"',
        '"d41d8cd98f00b204e9800998ecf8427e"',
    ],
)
async def test_a_tag_that_we_never_gave_is_malformed(tag: str) -> None:
    with pytest.raises(PreconditionMalformed, match="exactly as it was given"):
        await _if_match(tag)


async def test_an_update_without_a_tag_is_told_to_read_first() -> None:
    with pytest.raises(PreconditionMissing, match="If-Match"):
        await _if_match(None)


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({}, 428, "precondition-required"),
        ({"if-match": "*"}, 400, "precondition-malformed"),
    ],
)
async def test_each_refusal_has_its_status(
    client: httpx2.AsyncClient, headers: dict[str, str], status: int, slug: str
) -> None:
    answer = await client.put("/thing", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:shuyuan:problem:{slug}")


async def test_a_route_gets_the_version_that_was_read(client: httpx2.AsyncClient) -> None:
    assert (await client.put("/thing", headers={"if-match": '"v7"'})).json() == 7
