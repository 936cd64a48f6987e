"""``GET /health``: every component, asked at most once a second however many ask;
``GET /openapi.json``: the services' contracts as one document."""

import asyncio
import gzip
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urlsplit

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.compiler.operations import contracts
from gateway.contract import merged
from gateway.settings import Settings

FRESH_SECONDS = 1.0
ASK_SECONDS = 2.0
SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""PostgreSQL's protocol 3.0, message SSLRequest; S or N answers it, ahead of any password."""


class ComponentHealth:
    """Asks each component's health address; a slow or refused answer is ``down``."""

    def __init__(self, addresses: dict[str, str], client: httpx2.AsyncClient) -> None:
        self._addresses = addresses
        self._client = client
        self._lock = asyncio.Lock()
        self._asked_at = -FRESH_SECONDS
        self._answers: dict[str, str] = {}

    async def look(self) -> dict[str, str]:
        async with self._lock:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                answers = await asyncio.gather(*map(self._ask, self._addresses.values()))
                self._answers = dict(zip(self._addresses, answers, strict=True))
                self._asked_at = time.monotonic()
            return self._answers

    async def _ask(self, address: str) -> str:
        url = urlsplit(address)
        if not url.scheme.startswith("http"):
            return await _answers(url)
        try:
            answer = await self._client.get(address)
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


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with httpx2.AsyncClient(timeout=ASK_SECONDS, trust_env=False) as client:
            app.state.health = ComponentHealth(settings.components, client)
            yield

    async def health(request: Request) -> Response:
        components = await request.app.state.health.look()
        up = all(answer == "up" for answer in components.values())
        body = {"status": "up" if up else "degraded", "components": components}
        return Response(
            orjson.dumps(body),
            200 if up else 503,
            {"cache-control": "no-store"},
            media_type="application/json",
        )

    document = orjson.dumps(merged(contracts()))
    compressed = gzip.compress(document)

    async def openapi(request: Request) -> Response:
        headers = {"cache-control": "public, max-age=300", "vary": "accept-encoding"}
        headers["access-control-allow-origin"] = "*"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(compressed, headers=headers, media_type="application/json")
        return Response(document, headers=headers, media_type="application/json")

    async def alive(_request: Request) -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    routes = [
        Route("/health", health),
        Route("/healthz", alive),
        Route("/openapi.json", openapi),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
