"""Connections of an HTTP client on which a peer can send only so much."""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

READ_BYTES = 4 << 10
"""Parsed at once: whoever shares the event loop waits no longer than that takes."""


class Wire(httpcore2.AnyIOBackend):
    """Connections on which no more than `left` bytes are read, in small pieces: whatever a peer
    sends, and however it cuts it up, costs no more than so many bytes cost. Reading on raises
    `httpcore2.RemoteProtocolError`."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        opened = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Bounded(opened, self)


class _Bounded(httpcore2.AsyncNetworkStream):
    def __init__(self, stream: httpcore2.AsyncNetworkStream, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,
    ) -> bytes:
        data = await self._stream.read(min(max_bytes, READ_BYTES), timeout)
        self._wire.left -= len(data)
        if self._wire.left < 0:
            raise httpcore2.RemoteProtocolError("the answer has no end within the limit")
        return data

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        inner = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _Bounded(inner, self._wire)
