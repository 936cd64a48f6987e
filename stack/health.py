"""Is a component healthy? Asked by address, so that `status` can ask from another process."""

import asyncio
import contextlib
import struct
from urllib.parse import urlsplit


async def healthy(address: str, within: float = 1.0) -> bool:
    """True when `http://…` answers 200, or `postgresql://…` would let a client log in.

    Refused, silent for `within` seconds or malformed: all False, never an exception.
    """
    url = urlsplit(address)
    ask = _http if url.scheme == "http" else _postgresql
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                return await ask(reader, writer, url.path)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, asyncio.IncompleteReadError):
        return False


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bool:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    status = await reader.readline()
    await reader.read()
    return status.split(b" ", 2)[1:2] == [b"200"]


async def _postgresql(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _path: str
) -> bool:
    """What pg_isready does: a server that is still recovering answers E, a ready one R (53.7)."""
    parameters = b"user\0postgres\0database\0postgres\0\0"
    writer.write(struct.pack("!II", 8 + len(parameters), 3 << 16) + parameters)
    return await reader.readexactly(1) == b"R"
