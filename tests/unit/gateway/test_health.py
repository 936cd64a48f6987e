"""What ``GET /health`` takes for an answer of a server that speaks no HTTP."""

import asyncio

import pytest

from gateway.parts import components
from gateway.parts.components import ComponentHealth


async def told(scheme: str, answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The health of a server that gives each request this answer, or keeps silent (None)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert scheme == "tcp" or await reader.readexactly(8) == components.SSL_REQUEST
        if answer is not None:
            writer.write(answer)
            writer.close()

    monkeypatch.setattr(components, "ASK_SECONDS", 0.2)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        health = ComponentHealth({"server": f"{scheme}://127.0.0.1:{port}"})
        return (await health.look())["server"]


@pytest.mark.parametrize("answer", [b"S", b"N"])
async def test_a_postgresql_that_answers_is_up(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await told("postgresql", answer, monkeypatch) == "up"


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400"])
async def test_a_postgresql_that_hangs_or_is_none_is_down(
    answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await told("postgresql", answer, monkeypatch) == "down"


async def test_any_other_server_is_up_when_it_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await told("tcp", None, monkeypatch) == "up"
