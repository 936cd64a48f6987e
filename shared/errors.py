"""Facts that a use case may raise, ignorant of HTTP.

DomainError
├── NotFound                 what the caller may not know exists
├── StaleVersion             the row moved on since the caller read it
├── PreconditionMissing      an update without If-Match
├── PreconditionMalformed    an If-Match that is no version of ours
├── IdempotencyKeyMalformed  a key too long, or of other characters
├── IdempotencyKeyReused     the same key with another request
├── RequestStillRunning      the same key while the first request is under way
├── Unauthenticated          no token, or one that does not verify
├── Forbidden                a principal without the right
└── Unavailable              a dependency is out of reach; try again

Each is mapped to its answer in a ``problems.py``; a test walks this tree.
"""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """A fact that stops a use case. ``detail`` tells a person what to do, ``zh`` the same in
    Chinese; where one is missing the other is told. Neither is ever secret. ``retry_after``, in
    whole seconds, becomes the header of that name."""

    retry_after: int | None = None

    def __init__(self, detail: str = "", /, *, zh: str = "", **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.detail_zh = zh
        self.members: Mapping[str, Any] = members


class NotFound(DomainError):
    pass


class StaleVersion(DomainError):
    pass


class PreconditionMissing(DomainError):
    pass


class PreconditionMalformed(DomainError):
    pass


class IdempotencyKeyMalformed(DomainError):
    pass


class IdempotencyKeyReused(DomainError):
    pass


class RequestStillRunning(DomainError):
    pass


class Unauthenticated(DomainError):
    pass


class Forbidden(DomainError):
    pass


class Unavailable(DomainError):
    retry_after: int

    def __init__(self, detail: str = "", /, retry_after: int = 5, *, zh: str = "") -> None:
        super().__init__(detail, zh=zh)
        self.retry_after = retry_after
