"""Pages: ``?limit=&cursor=`` in, ``{"items", "next"}`` out (after AIP-158).

A cursor is the position after the last item, signed together with the filter and sort it belongs
to. It is opaque to clients, though not secret, and lives as long as the key that signed it.
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from shared.errors import DomainError

T = TypeVar("T")

Position = Sequence[str | int | None]
"""The sort key of the last item, its unique id included."""

Binding = Mapping[str, object]
"""Filter and sort: names and JSON values. Their order does not matter."""

_MAC_BYTES = 16


class BadCursor(DomainError):
    """The cursor is not one of ours, or belongs to another filter or sort: 400."""


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a client asked for: at most `limit` items after `cursor`."""

    limit: int
    cursor: str | None


def page_limits(default: int = 20, maximum: int = 100) -> Callable[..., Awaitable[PageRequest]]:
    """A FastAPI dependency that reads a `PageRequest`.

    A limit above `maximum` is lowered to it; one below 1 is a 422.
    """

    async def page_request(  # FastAPI sends any other dependency through a thread
        limit: Annotated[
            int, Query(ge=1, description=f"Items per page; above {maximum} counts as {maximum}.")
        ] = default,
        cursor: Annotated[
            str | None, Query(description="`next` of the page before; none asks for the first.")
        ] = None,
    ) -> PageRequest:
        return PageRequest(min(limit, maximum), cursor)

    return page_request


class Cursors:
    """Signs positions and reads them back, with a `key` of at least 16 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _MAC_BYTES:
            raise ValueError("a cursor key has at least 16 bytes")
        self._key = key

    def encode(self, position: Position, bound_to: Binding) -> str:
        """The cursor that continues after `position` within `bound_to`."""
        payload = _json(list(position))
        return _base64url(self._mac(payload, bound_to) + payload)

    def decode(self, text: str, bound_to: Binding) -> list[str | int | None]:
        """The position in a cursor made for the same `bound_to`. Raises `BadCursor`."""
        raw = _unbase64url(text)
        payload = raw[_MAC_BYTES:]
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(payload, bound_to)):
            raise BadCursor("Repeat the request without a cursor.", zh="请去掉 cursor 后重新请求。")
        position: list[str | int | None] = json.loads(payload)
        return position

    def _mac(self, payload: bytes, bound_to: Binding) -> bytes:
        # The payload is a JSON array, so where it ends and the binding begins is never in doubt.
        return hmac.digest(self._key, payload + _json(bound_to), "sha256")[:_MAC_BYTES]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64url(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    # The decoder passes over strange characters and spare bits: it must be the very text we gave.
    return raw if _base64url(raw) == text else b""
