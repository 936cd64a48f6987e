"""``/check/{mode}/…``: Envoy's ext_authz over HTTP, ahead of every framework, since it stands on
the way of each request. 200 lets the request pass; anything else is what its client is answered.
"""

import math
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.application.checkpoint import Checkpoint, Mode, Passed, QuotaExceeded
from gateway.compiler.checks import CLIENT, CLIENT_ADDRESS
from gateway.domain.quotas import Quota, Remaining, Window
from gateway.problems import PROBLEMS
from shared import problems
from shared.context import RequestContext, acting
from shared.edge import language_of
from shared.errors import DomainError, Unavailable

PREFIX = "/check/"
ADDRESS = CLIENT_ADDRESS.encode()

Headers = list[tuple[bytes, bytes]]
_KNOWN = {**problems.COMMON, **PROBLEMS}


class CheckpointEdge:
    """Answers Envoy's questions, and leaves every other request to `app`."""

    def __init__(self, app: ASGIApp, checkpoint: Checkpoint) -> None:
        self._app = app
        self._checkpoint = checkpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        mode = scope["path"][len(PREFIX) :].partition("/")[0]
        try:
            passed = await self._decide(mode, headers)
        except DomainError as error:
            if isinstance(error, Unavailable) and mode == Mode.OPEN:
                await _pass(send, [])
                return
            with acting(_context(headers)):
                answer = problems.told(error, _KNOWN)
            if isinstance(error, QuotaExceeded):
                answer.raw_headers += _counted(error)
            await answer(scope, receive, send)
            return
        told = _counted(passed)
        if passed.access_token is not None:
            told.append((b"authorization", b"Bearer " + passed.access_token.encode()))
        await _pass(send, told)

    async def _decide(self, mode: str, headers: Mapping[bytes, str]) -> Passed:
        authorization = headers.get(b"authorization", "")
        if mode == Mode.TOKEN:
            return await self._checkpoint.token(authorization)
        key, address = headers.get(b"x-api-key", ""), headers.get(ADDRESS, "")
        return await self._checkpoint.key(key, authorization, address)


def _counted(told: Passed | QuotaExceeded) -> Headers:
    """For the access log, and for the client."""
    return [(CLIENT.encode(), told.client.encode()), *rate_limit(told.quota, told.remaining)]


def rate_limit(quota: Quota, remaining: Remaining) -> Headers:
    """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10 §3, §4)."""
    second, day = Window.SECOND, Window.DAY
    policy = f'"{second}";q={quota.per_second};w=1, "{day}";q={quota.per_day};w=86400'
    left = (
        f'"{second}";r={remaining.second};t={math.ceil(remaining.second_resets)}, '
        f'"{day}";r={remaining.day};t={remaining.day_resets}'
    )
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _context(headers: Mapping[bytes, str]) -> RequestContext:
    return RequestContext(
        request_id=headers.get(b"x-request-id", "-"),
        language=language_of(headers.get(b"accept-language", "")),
    )


async def _pass(send: Send, headers: Headers) -> None:
    length = (b"content-length", b"0")
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": b""})
