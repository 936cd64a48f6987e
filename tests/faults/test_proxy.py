import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.faults.proxy import FaultProxy


class EchoServer:
    """Answers each line with itself, and notes what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line)
        except ConnectionError:
            pass
        finally:
            self.ended.set()
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[EchoServer, FaultProxy]]:
    echo = EchoServer()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    proxy = FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1])
    await proxy.open()
    yield echo, proxy
    await proxy.close()
    server.close()


class Client:
    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._proxy.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def say(self, line: bytes) -> bytes:
        self.writer.write(line)
        return await self.reader.readline()


Pair = tuple[EchoServer, FaultProxy]


async def test_without_a_fault_everything_goes_through(echo: Pair) -> None:
    server, proxy = echo
    async with Client(proxy) as one, Client(proxy) as two:
        assert await one.say(b"a\n") == b"a\n"
        assert await two.say(b"b" * 60_000 + b"\n") == b"b" * 60_000 + b"\n"
        assert proxy.connections == 2
    assert len(server.heard) == 2


async def test_the_end_of_a_connection_goes_through(echo: Pair) -> None:
    server, proxy = echo
    async with Client(proxy) as client:
        await client.say(b"a\n")
    await asyncio.wait_for(server.ended.wait(), 5)
    for _ in range(100):
        if proxy.connections == 0:
            break
        await asyncio.sleep(0.01)
    assert proxy.connections == 0


async def test_a_delay_holds_in_both_directions(echo: Pair) -> None:
    _, proxy = echo
    async with Client(proxy) as client:
        proxy.delay = 0.1
        began = time.monotonic()
        assert await client.say(b"a\n") == b"a\n"
        assert time.monotonic() - began >= 0.2


async def test_a_blackhole_keeps_what_it_swallowed_until_it_heals(echo: Pair) -> None:
    server, proxy = echo
    async with Client(proxy) as client:
        proxy.blackhole()
        answer = asyncio.create_task(client.say(b"a\n"))
        await asyncio.sleep(0.1)
        assert not answer.done()
        assert server.heard == []
        proxy.heal()
        assert await asyncio.wait_for(answer, 5) == b"a\n"


async def test_a_blackhole_swallows_new_connections_too(echo: Pair) -> None:
    server, proxy = echo
    proxy.blackhole()
    async with Client(proxy) as client:
        answer = asyncio.create_task(client.say(b"a\n"))
        await asyncio.sleep(0.1)
        assert server.heard == []
        proxy.heal()
        assert await asyncio.wait_for(answer, 5) == b"a\n"


async def test_a_reset_is_felt_on_both_sides(echo: Pair) -> None:
    server, proxy = echo
    async with Client(proxy) as client:
        await client.say(b"a\n")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await client.say(b"b\n")
        await asyncio.wait_for(server.ended.wait(), 5)
    async with Client(proxy) as client:
        assert await client.say(b"c\n") == b"c\n"


async def test_half_open_leaves_the_client_waiting(echo: Pair) -> None:
    server, proxy = echo
    async with Client(proxy) as client:
        await client.say(b"a\n")
        proxy.half_open()
        await asyncio.wait_for(server.ended.wait(), 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.say(b"b\n"), 0.2)
    assert server.heard == [b"a\n"]


@pytest.mark.parametrize("forward", [True, False])
async def test_a_snare_loses_the_answer_or_the_question(echo: Pair, forward: bool) -> None:
    server, proxy = echo
    async with Client(proxy) as client:
        sprung = proxy.reset_when_sent(b"COMMIT", forward=forward)
        assert await client.say(b"BEGIN\n") == b"BEGIN\n"
        assert not sprung.is_set()
        with pytest.raises(ConnectionResetError):
            await client.say(b"COMMIT\n")
        assert sprung.is_set()
    assert (b"COMMIT\n" in server.heard) is forward
    async with Client(proxy) as client:
        assert await client.say(b"COMMIT\n") == b"COMMIT\n"


async def test_a_server_that_is_not_there_is_felt_as_a_reset() -> None:
    proxy = FaultProxy("127.0.0.1", 9)
    await proxy.open()
    async with Client(proxy) as client:
        with pytest.raises(ConnectionResetError):
            await client.say(b"a\n")
    await proxy.close()
