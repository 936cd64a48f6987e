"""``GET /health``: every component, asked at most once a second however many ask."""

import asyncio
import struct
import time
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import httpx2
import orjson
from fastapi import APIRouter, Response

from shared.service import Part

FRESH_SECONDS = 1.0
ASK_SECONDS = 2.0
SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""PostgreSQL's protocol 3.0, message SSLRequest; S or N answers it, ahead of any password."""


class ComponentHealth:
    """Asks each component's health address; a slow or refused answer is ``down``."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._lock = asyncio.Lock()
        self._asked_at = -FRESH_SECONDS
        self._answers: dict[str, str] = {}

    async def look(self) -> dict[str, str]:
        async with self._lock:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                # verify: nothing here is TLS, and to load certificates takes longer than to ask
                async with httpx2.AsyncClient(
                    timeout=ASK_SECONDS, trust_env=False, verify=False
                ) as client:
                    answers = await asyncio.gather(
                        *(_asked(client, each) for each in self._addresses.values())
                    )
                self._answers = dict(zip(self._addresses, answers, strict=True))
                self._asked_at = time.monotonic()
            return self._answers


async def _asked(client: httpx2.AsyncClient, address: str) -> str:
    url = urlsplit(address)
    if not url.scheme.startswith("http"):
        return await _answers(url)
    try:
        answer = await client.get(address)
    except httpx2.HTTPError:
        return "down"
    return "up" if answer.is_success else "down"


async def _answers(url: SplitResult) -> str:
    """PostgreSQL is up when it says whether it speaks TLS: the kernel alone would accept a
    connection to one that hangs. A server of any other protocol is up when it accepts one."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                if url.scheme == "postgresql":
                    writer.write(SSL_REQUEST)
                    return "up" if await reader.read(1) in (b"S", b"N") else "down"
                return "up"
            finally:
                writer.close()
    except OSError:
        return "down"


def build(addresses: Mapping[str, str]) -> Part:
    health = ComponentHealth(addresses)
    router = APIRouter(include_in_schema=False)

    @router.api_route("/health", methods=["GET", "HEAD"])
    async def components() -> Response:
        found = await health.look()
        up = all(answer == "up" for answer in found.values())
        body = {"status": "up" if up else "degraded", "components": found}
        return Response(
            orjson.dumps(body),
            200 if up else 503,
            {"cache-control": "no-store"},
            media_type="application/json",
        )

    return Part(routers=[router])
