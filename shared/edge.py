"""The edge of every service: one ASGI middleware around all of its routes.

It names the request (``X-Request-ID``), goes on with its trace (W3C Trace Context), settles the
language, limits the body, measures, logs one line, and turns an unexpected failure into a 500
that tells nothing but the request id.
"""

import re
import secrets
import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import logs, problems
from shared.context import Language, RequestContext, enter, worded
from shared.ids import uuid7
from shared.metrics import REQUESTS

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_QUIET = {"/healthz", "/readyz", "/metrics"}

log = structlog.get_logger(__name__)


class BodyTooLarge(HTTPException):
    """More bytes arrived than the service takes. FastAPI, which reads the body, takes any other
    exception for a malformed one."""

    def __init__(self, limit: int) -> None:
        detail = worded(f"At most {limit} bytes are taken.", f"最多接受 {limit} 字节。")
        super().__init__(problems.TOO_LARGE.status, detail)


class Edge:
    """Wraps `app`; ``max_body_bytes`` bounds every request body."""

    def __init__(self, app: ASGIApp, service: str, max_body_bytes: int) -> None:
        self._app = app
        self._log = logs.AccessLog(service)
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        context = _context_of(headers)
        enter(context)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = MutableHeaders(scope=message)
                added["x-request-id"] = context.request_id
                added.setdefault("cache-control", "no-store")
                added.setdefault("x-content-type-options", "nosniff")
            await send(message)

        try:
            if _declared_length(headers) > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            await self._app(scope, self._counted(receive), sending)
        except BodyTooLarge as error:
            if status:
                raise
            await problems.render(problems.TOO_LARGE, error.detail)(scope, receive, sending)
        except Exception:
            log.exception("unexpected failure")
            if status:
                raise
            await problems.render(problems.UNEXPECTED)(scope, receive, sending)
        finally:
            self._observe(scope, status, time.perf_counter() - started)

    def _counted(self, receive: Receive) -> Receive:
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            return message

        return counting

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        if scope["path"] in _QUIET:
            return
        route: Any = scope.get("route")
        template = getattr(route, "path", "unmatched")
        method = scope["method"]
        REQUESTS.labels(method, template, str(status)).observe(seconds)
        milliseconds = round(seconds * 1000, 2)
        self._log.note(method=method, route=template, status=status, ms=milliseconds)


def _context_of(headers: Headers) -> RequestContext:
    request_id = headers.get("x-request-id", "")
    traceparent = headers.get("traceparent", "")
    trace = traceparent[3:35] if _TRACEPARENT.fullmatch(traceparent) else secrets.token_hex(16)
    return RequestContext(
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else str(uuid7()),
        traceparent=f"00-{trace}-{secrets.token_hex(8)}-01",
        language=language_of(headers.get("accept-language", "")),
    )


def language_of(accept_language: str) -> Language:
    """``en`` where English is preferred over Chinese (RFC 9110 §12.5.4), else ``zh``."""
    weights: dict[str, float] = {"zh": -1.0, "en": -1.0}
    for item in accept_language[:256].split(","):
        tag, *parameters = (part.strip().lower() for part in item.split(";"))
        primary = tag.split("-")[0]
        if primary not in weights:
            continue
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        weights[primary] = max(weights[primary], weight)
    return "en" if weights["en"] > max(weights["zh"], 0.0) else "zh"


def _declared_length(headers: Headers) -> int:
    declared = headers.get("content-length", "0")
    return int(declared) if declared.isascii() and declared.isdigit() else 0
