"""How the inspector's process shows that its work goes on."""

import asyncio
import subprocess
import sys

import pytest

from services.catalog.adapters.inspection_health import answering
from services.catalog.application.inspection_pulse import Pulse
from stack.health import healthy


class Watch:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def pulse(watch: Watch) -> Pulse:
    return Pulse(watch)


async def asked(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def test_a_loop_that_is_not_heard_of_in_time_is_overdue(pulse: Pulse, watch: Watch) -> None:
    pulse.beat("queue", within=10)
    pulse.beat("file", within=20)
    watch.now = 11
    assert pulse.overdue() == ["queue"]
    pulse.beat("queue", within=10)
    assert pulse.overdue() == []


def test_a_loop_that_ended_is_awaited_no_more(pulse: Pulse, watch: Watch) -> None:
    with pulse.watching("file"):
        pulse.beat("file", within=10)
    watch.now = 11
    assert pulse.overdue() == []


async def test_healthz_is_200_while_work_goes_on_and_503_when_it_hangs(
    pulse: Pulse, watch: Watch
) -> None:
    async with answering(pulse, "127.0.0.1", 0) as port:
        address = f"http://127.0.0.1:{port}/healthz"
        assert await healthy(address)
        pulse.beat("queue", within=10)
        watch.now = 11
        assert not await healthy(address)
        answer = await asked(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"queue" in answer


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"GET /healthz?x HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"\r\n\r\n", b"HTTP/1.1 404 "),
        (b"GET /healthz HTTP/1.1\r\n" + b"x" * 70_000 + b"\r\n\r\n", b""),
    ],
    ids=["elsewhere", "not asked for", "with a query", "nothing", "endless"],
)
async def test_what_is_not_a_question_for_health_is_turned_away(
    pulse: Pulse, request_: bytes, answer: bytes
) -> None:
    async with answering(pulse, "127.0.0.1", 0) as port:
        try:
            got = await asked(port, request_)
        except ConnectionResetError:
            got = b""
        assert got[: len(b"HTTP/1.1 404 ")] == answer
        assert await healthy(f"http://127.0.0.1:{port}/healthz")


def test_waiting_for_work_loads_no_web_framework() -> None:
    command = (
        "import sys, services.catalog.parts.inspection_command;"
        "loaded = {'fastapi', 'starlette', 'sqlalchemy', 'minio'} & set(sys.modules);"
        "sys.exit(', '.join(loaded) or None)"
    )
    subprocess.run([sys.executable, "-c", command], check=True)
