"""``/check/{mode}/…``: Envoy's ext_authz over HTTP, ahead of every framework, since it stands on
the way of each request. 200 lets the request pass; anything else is what its client is answered.
"""

import math
from collections.abc import Mapping
from functools import cache

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
_CLIENT = CLIENT.encode()
_SECOND, _DAY = Window.SECOND.value, Window.DAY.value

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
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
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

    async def _decide(self, mode: str, headers: Mapping[bytes, bytes]) -> Passed:
        authorization = _text(headers, b"authorization")
        if mode == Mode.TOKEN:
            return await self._checkpoint.token(authorization)
        key, address = _text(headers, b"x-api-key"), _text(headers, ADDRESS)
        return await self._checkpoint.key(key, authorization, address)


def _text(headers: Mapping[bytes, bytes], name: bytes, default: str = "") -> str:
    value = headers.get(name)
    return default if value is None else value.decode("latin-1")


def _counted(told: Passed | QuotaExceeded) -> Headers:
    """For the access log, and for the client."""
    return [(_CLIENT, told.client.encode()), *rate_limit(told.quota, told.remaining)]


def rate_limit(quota: Quota, remaining: Remaining) -> Headers:
    """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10 §3, §4)."""
    left = (
        f'"{_SECOND}";r={remaining.second};t={math.ceil(remaining.second_resets)}, '
        f'"{_DAY}";r={remaining.day};t={remaining.day_resets}'
    )
    return [(b"ratelimit-policy", _policy(quota)), (b"ratelimit", left.encode())]


@cache
def _policy(quota: Quota) -> bytes:
    told = f'"{_SECOND}";q={quota.per_second};w=1, "{_DAY}";q={quota.per_day};w=86400'
    return told.encode()


def _context(headers: Mapping[bytes, bytes]) -> RequestContext:
    return RequestContext(
        request_id=_text(headers, b"x-request-id", "-"),
        language=language_of(_text(headers, b"accept-language")),
    )


async def _pass(send: Send, headers: Headers) -> None:
    length = (b"content-length", b"0")
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": b""})
