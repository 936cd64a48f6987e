"""Servers on loopback that hear what the egress client sends, and names that lead there."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest

from shared.egress import (
    Egress,
    EgressPolicy,
    EgressRefused,
    Resolver,
    resolve_by_system,
)

# Reading the authorities of the system takes 30 ms, which most tests need not spend.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Server:
    """Answers every connection with `reply` and remembers the request heads it heard."""

    port: int = 0
    reply: bytes = answer(b"hello")
    heard: list[str] = field(default_factory=list)
    behave: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.behave:
                await self.behave(writer)
            else:
                writer.write(self.reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.heard.append("a connection and no request")
        finally:
            writer.close()


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


@pytest.fixture
async def canary() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@dataclass
class Names:
    """A resolver that answers from a table, in turn when a name has several answers."""

    table: dict[str, list[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.table:
            raise OSError(f"{host} is unknown")
        answers = self.table[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


def allowing_loopback(
    server: Server,
    resolve: Resolver = resolve_by_system,
    max_bytes: int = 1 << 20,
    seconds: float = 5,
) -> Egress:
    ports = frozenset({server.port})
    return Egress(EgressPolicy(LOOPBACK, ports, max_bytes, seconds), resolve, NO_AUTHORITIES)


async def refusal(canary: Server, url: str, resolve: Resolver = resolve_by_system) -> str:
    """The reason given, once it is certain that the canary heard nothing."""
    policy = EgressPolicy(ports=frozenset({80, 443, canary.port}), seconds=5)
    with pytest.raises(EgressRefused) as caught:
        await Egress(policy, resolve, NO_AUTHORITIES).request("GET", url, redirects=3)
    await asyncio.sleep(0)
    assert canary.heard == []
    return str(caught.value)
