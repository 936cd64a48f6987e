"""A TCP proxy that misbehaves on command: what a network does to two processes that trust it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

CHUNK = 1 << 16
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST (tcp(7), socket(7))."""


@dataclass(eq=False)
class _Link:
    """One client's connection and the one made for it to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    abandoned: bool = False
    """Whether the server's side is gone without the client being told."""
    muted: bool = False
    """Whether what the server replies is lost."""
    replied: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class _Snare:
    """Waits for a client to send `pattern`."""

    pattern: bytes
    forward: bool
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


class FaultProxy:
    """Between clients of `port` and a server. Every fault holds for all connections alike.

    ``delay`` is in seconds, for each piece of data in each direction.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._snare: _Snare | None = None
        self._server: asyncio.Server | None = None
        self.delay = 0.0
        self.port = 0

    async def open(self) -> None:
        """Listen on a free port, which `port` then tells."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse new connections and reset those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    def blackhole(self) -> None:
        """Let nothing through, neither data nor the end of a connection, until `heal`."""
        self._flowing.clear()

    def heal(self) -> None:
        """Let everything through again; what was held back arrives now."""
        self.delay = 0.0
        self._snare = None
        self._flowing.set()

    def reset(self) -> None:
        """Reset every connection, on both sides."""
        for link in list(self._links):
            _reset(link.client)
            _reset(link.server)

    def half_open(self) -> None:
        """Reset every connection on the server's side only: clients go on waiting."""
        for link in list(self._links):
            link.abandoned = True
            _reset(link.server)

    def reset_when_sent(self, pattern: bytes, *, forward: bool) -> asyncio.Event:
        """Reset the next connection whose client sends `pattern` within one piece of data.

        With `forward` the server gets it, and its reply is what is lost; without, it never hears
        of it. The event is set once that happened.
        """
        self._snare = _Snare(pattern, forward)
        return self._snare.sprung

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        try:
            server_reader, server = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(client)
            return
        link = _Link(client, server)
        self._links.add(link)
        pumps = [
            asyncio.create_task(self._upstream(link, reader)),
            asyncio.create_task(self._downstream(link, server_reader)),
        ]
        self._tasks.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if link.abandoned:
                await asyncio.wait(pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._tasks.difference_update(pumps)
            self._links.discard(link)
            for side in (client, server):
                side.close()

    async def _upstream(self, link: _Link, source: asyncio.StreamReader) -> None:
        async for data in self._pieces(source):
            snare = self._snare
            if snare is not None and snare.pattern in data:
                self._snare = None
                if snare.forward:
                    link.muted = True
                    link.replied.clear()
                    link.server.write(data)
                    await link.replied.wait()
                _reset(link.client)
                snare.sprung.set()
                return
            if not link.abandoned:
                link.server.write(data)
                await link.server.drain()

    async def _downstream(self, link: _Link, source: asyncio.StreamReader) -> None:
        async for data in self._pieces(source):
            link.replied.set()
            if not link.muted:
                link.client.write(data)
                await link.client.drain()

    async def _pieces(self, source: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """What arrives, as late as the fault of the moment wants it, to the end."""
        with contextlib.suppress(ConnectionError):
            while data := await source.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flowing.wait()
                yield data
        await self._flowing.wait()


def _reset(side: asyncio.StreamWriter) -> None:
    raw: socket.socket | None = side.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    side.transport.abort()
