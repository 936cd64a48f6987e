from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, Response
from pydantic import BaseModel

from shared import problems
from shared.context import current
from shared.edge import Edge
from shared.idempotency import Once


class Opened(BaseModel):
    name: str


def application() -> FastAPI:
    app = FastAPI()

    async def opened(name: str) -> str:
        return name

    @app.post("/spaces")
    async def open_space(body: Opened, once: Once) -> Response:
        headers = {"x-claimed": str(current().claim is not None)}
        return await once.answer(
            opened(body.name), lambda name: Opened(name=name), 201, lambda _name: headers
        )

    problems.install(app, {})
    app.add_middleware(Edge, service="test", max_body_bytes=4096)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


async def test_without_a_key_a_request_is_simply_answered(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/spaces", json={"name": "三年二班"})
    assert (answer.status_code, answer.json()) == (201, {"name": "三年二班"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-claimed"] == "False"


@pytest.mark.parametrize(
    "key", ["k", "x" * 255, "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e", '"quoted"', "!~%20"]
)
async def test_any_visible_ascii_is_a_key(client: httpx2.AsyncClient, key: str) -> None:
    headers = {"idempotency-key": key}
    answer = await client.post("/spaces", json={"name": "a"}, headers=headers)
    assert (answer.status_code, answer.headers["x-claimed"]) == (201, "True")


@pytest.mark.parametrize(
    "key", [b"", b"x" * 256, b"two words", b"tab\tbed", "键".encode(), b"\xff", b"del\x7f"]
)
async def test_another_key_is_malformed(client: httpx2.AsyncClient, key: bytes) -> None:
    answer = await client.post("/spaces", json={"name": "a"}, headers=[(b"idempotency-key", key)])
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:shuyuan:problem:idempotency-key-malformed"
    assert "255" in answer.json()["detail"]


def test_the_contract_tells_how_long_a_key_may_be() -> None:
    (header,) = application().openapi()["paths"]["/spaces"]["post"]["parameters"]
    assert header["name"] == "idempotency-key"
    assert header["required"] is False
    assert (header["schema"]["minLength"], header["schema"]["maxLength"]) == (1, 255)
