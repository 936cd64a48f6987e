"""``GET /healthz`` (RFC 9112) answered by the loop that does the work: one that is stuck is silent.

A web framework would be most of what the process weighs while it waits.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from services.catalog.application.inspection_pulse import Pulse

_PATIENCE = 5.0
"""Seconds in which the question must have arrived."""


@asynccontextmanager
async def answering(pulse: Pulse, host: str, port: int) -> AsyncIterator[int]:
    """Answers within the block; the port, which 0 lets the system choose."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ill_asked = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        with suppress(*ill_asked):
            async with asyncio.timeout(_PATIENCE):
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(asked.split(b" ", 2)[:2], pulse.overdue()))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _answer(asked: list[bytes], overdue: list[str]) -> bytes:
    if asked != [b"GET", b"/healthz"]:
        status, told = "404 Not Found", {"status": "there is GET /healthz"}
    elif overdue:
        status, told = "503 Service Unavailable", {"status": f"stuck: {', '.join(overdue)}"}
    else:
        status, told = "200 OK", {"status": "alive"}
    body = json.dumps(told).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
