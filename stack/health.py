"""Is a component healthy? Asked by address, so that `status` can ask from another process."""

import asyncio
import contextlib
import struct
from urllib.parse import urlsplit


async def healthy(address: str, within: float = 1.0) -> bool:
    """True when `http://…` answers 200, when `postgresql://…` would let a client log in, or when
    `tcp://…` accepts a connection.

    Refused, silent for `within` seconds or malformed: all False, never an exception.
    """
    url = urlsplit(address)
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                match url.scheme:
                    case "http":
                        return await _http(reader, writer, url.path)
                    case "postgresql":
                        return await _postgresql(reader, writer)
                    case scheme:
                        return scheme == "tcp"
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, ValueError, asyncio.IncompleteReadError):
        return False


def tcp(url: str, default_port: int) -> str:
    """The `tcp://…` address to ask for a server of any protocol, which need not speak ours."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"tcp://{host}:{parts.port or default_port}"


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bool:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    status = await reader.readline()
    await reader.read()
    return status.split(b" ", 2)[1:2] == [b"200"]


async def _postgresql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """As pg_isready does: one that still starts answers E (protocol 3.0, StartupMessage)."""
    parameters = b"user\0postgres\0database\0postgres\0\0"
    writer.write(struct.pack("!II", 8 + len(parameters), 3 << 16) + parameters)
    return await reader.readexactly(1) == b"R"
