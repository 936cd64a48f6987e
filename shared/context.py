"""The request in hand: who asks, under which id, and what a repeat must be told.

One object per request (or per background job) reaches everything that writes: audit rows take the
actor and the request id from it, events the trace, the unit of work the idempotency claim.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from shared.idempotency import Claim

Language = Literal["zh", "en"]


@dataclass(slots=True)
class RequestContext:
    """``traceparent`` is a W3C Trace Context header value (Level 1, §3.2)."""

    request_id: str = "-"
    traceparent: str | None = None
    language: Language = "zh"
    actor: str = "anonymous"
    on_behalf_of: str | None = None
    client: str | None = None
    claim: "Claim | None" = field(default=None, repr=False)


_current: ContextVar[RequestContext | None] = ContextVar("shuyuan_request", default=None)


def current() -> RequestContext:
    """The request in hand, or a nameless one outside any request (``actor`` is then ``system``)."""
    return _current.get() or RequestContext(actor="system")


def worded(en: str, zh: str) -> str:
    """That of the two which is in the language of the request in hand; the other when it is
    empty."""
    return zh if zh and (current().language == "zh" or not en) else en


def enter(context: RequestContext) -> None:
    """Make `context` the request in hand for this task and the tasks it starts."""
    _current.set(context)


@contextmanager
def acting(context: RequestContext) -> Iterator[None]:
    """`context` is the request in hand within the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
