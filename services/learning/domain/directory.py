"""Who belongs where, and what may be taught with: what is kept of what the neighbours tell.

Days are days in China; a membership no longer holds on its last day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

PUPIL = "student"
"""The kind of a pupil's membership."""
STAFF = "staff"
"""That of who works there."""
LEARNING_SPACE = "learning-space"
"""The purpose of identity's dictionary under which a child's learning is recorded and told."""


class Standing(StrEnum):
    """Of a resource of the catalogue."""

    LIVE = "LIVE"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


@dataclass(frozen=True, slots=True)
class Organisation:
    """``path`` leads from the province down, ``kind`` is identity's word."""

    id: UUID
    path: str
    kind: str
    name: str
    open: bool


class Member(NamedTuple):
    """A person at the organisation at ``path``; ``kind`` is student, staff or other. ``key`` is the
    membership's id: one may belong to several places."""

    person: str
    key: UUID
    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class KnownResource:
    """``live`` is the version that everybody may read while it is LIVE; ``published`` are all that
    ever were live."""

    id: UUID
    code: str
    standing: Standing
    live: int
    published: Sequence[int]


def within(path: str, above: str) -> bool:
    """Whether `path` is `above` or below it."""
    return path == above or path.startswith(above + ".")
