import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from shared import problems
from shared.context import RequestContext, current
from shared.edge import Edge, language_of

LIMIT = 2048
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Note(BaseModel):
    text: str


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/context")
    async def context() -> dict[str, Any]:
        seen: RequestContext = current()
        return {
            "request_id": seen.request_id,
            "traceparent": seen.traceparent,
            "language": seen.language,
            "actor": seen.actor,
        }

    @app.post("/notes")
    async def notes(body: Note) -> int:
        return len(body.text)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.get("/cached")
    async def cached() -> StreamingResponse:
        return StreamingResponse(iter([b"x"]), headers={"cache-control": "max-age=60"})

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("the password is 书院-secret")

    @app.get("/broken-midway")
    async def broken_midway() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise LookupError("书院-secret")

        return StreamingResponse(body())

    problems.install(app, {})
    app.add_middleware(Edge, service="test", max_body_bytes=LIMIT)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


async def chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_request_id_is_kept_and_told(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/context", headers={"x-request-id": "order-2026.09_01"})
    assert answer.headers["x-request-id"] == "order-2026.09_01"
    assert answer.json()["request_id"] == "order-2026.09_01"


async def test_without_a_request_id_each_request_gets_its_own(client: httpx2.AsyncClient) -> None:
    first, second = await client.get("/context"), await client.get("/context")
    assert first.headers["x-request-id"] == first.json()["request_id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    "given_id",
    [
        "short",
        "x" * 129,
        "with space in it",
        'quote"and{brace}',
        "semi;colon=1",
        "tab\tinside-it",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "书院书院书院书院".encode(),
        b"line\x0bbreak-inside",
    ],
)
async def test_a_request_id_that_could_forge_a_log_or_a_header_is_replaced(
    client: httpx2.AsyncClient, given_id: str | bytes
) -> None:
    answer = await client.get("/context", headers=[(b"x-request-id", _raw(given_id))])
    assert answer.headers["x-request-id"].encode() != _raw(given_id)
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


async def test_a_trace_goes_on_under_a_new_span(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/context", headers={"traceparent": TRACEPARENT})
    version, trace, span, _flags = answer.json()["traceparent"].split("-")
    assert (version, trace) == ("00", TRACE)
    assert span != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-extra",
        "nonsense",
    ],
)
async def test_a_trace_that_is_none_is_begun_anew(
    client: httpx2.AsyncClient, traceparent: str
) -> None:
    answer = await client.get("/context", headers={"traceparent": traceparent})
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", answer.json()["traceparent"])
    assert TRACE not in answer.json()["traceparent"]


async def test_a_caller_is_anonymous_until_a_token_says_otherwise(
    client: httpx2.AsyncClient,
) -> None:
    assert (await client.get("/context")).json()["actor"] == "anonymous"


async def test_answers_are_not_stored_nor_sniffed_unless_a_route_says_so(
    client: httpx2.AsyncClient,
) -> None:
    plain, cached = await client.get("/context"), await client.get("/cached")
    assert plain.headers["cache-control"] == "no-store"
    assert cached.headers["cache-control"] == "max-age=60"
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert cached.headers["x-content-type-options"] == "nosniff"


async def test_a_body_within_the_limit_is_taken(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/raw", content=b"x" * LIMIT)).json() == LIMIT
    assert (await client.post("/raw", content=chunks(LIMIT // 4, 4))).json() == LIMIT


@pytest.mark.parametrize("path", ["/raw", "/notes", "/nowhere"])
async def test_a_body_that_declares_itself_too_large_is_413(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.post(path, content=b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert answer.json()["type"] == "urn:shuyuan:problem:body-too-large"
    assert str(LIMIT) in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/raw", "/notes"])
async def test_a_body_that_grows_too_large_on_the_way_is_413(
    client: httpx2.AsyncClient, path: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post(path, content=chunks(LIMIT // 4, 5), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:shuyuan:problem:body-too-large"
    assert str(LIMIT) in answer.json()["detail"]


async def test_a_length_below_what_is_sent_does_not_help(client: httpx2.AsyncClient) -> None:
    headers = {"content-length": "1"}
    answer = await client.post("/raw", content=chunks(LIMIT, 2), headers=headers)
    assert answer.status_code == 413


async def test_an_unexpected_failure_tells_nothing_but_the_request_id(
    client: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/broken", headers={"accept-language": "en"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert answer.json() == {
        "type": "urn:shuyuan:problem:unexpected",
        "title": "Something went wrong on our side",
        "status": 500,
        "request_id": answer.headers["x-request-id"],
    }
    capsys.readouterr()


async def test_a_failure_after_the_answer_began_cuts_it_off() -> None:
    transport = httpx2.ASGITransport(application())
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        with pytest.raises(LookupError):
            await client.get("/broken-midway")


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "zh"),
        ("*", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("en;q=0.5, zh;q=0.5", "zh"),
        ("zh;q=0.4, EN ; Q=0.6", "en"),
        ("en;q=0", "zh"),
        ("fr, de", "zh"),
        ("fr, en;q=0.1", "en"),
        ("en;q=high", "zh"),
        ("en;q=nan", "zh"),
        (";;;,,,q=", "zh"),
    ],
)
def test_english_is_spoken_to_those_who_prefer_it(accept_language: str, language: str) -> None:
    assert language_of(accept_language) == language


@given(st.text())
def test_any_accept_language_is_understood(accept_language: str) -> None:
    assert language_of(accept_language) in ("zh", "en")
