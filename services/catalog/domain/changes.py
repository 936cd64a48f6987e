"""The feed of changes (变更流): what became of resources that everybody may, or might, read."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Kind(StrEnum):
    PUBLISHED = "published"
    SUSPENDED = "suspended"
    RETIRED = "retired"
    RESTORED = "restored"
    CHANGED = "changed"


class Place(NamedTuple):
    """Where a change stands in the feed: behind every change with a smaller place."""

    transaction: int
    position: int


BEGINNING = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """``version`` is the one that everybody may read from then on, None where there is none.
    ``CHANGED`` tells that the same version is shown otherwise, as with another organisation."""

    kind: Kind
    resource_id: UUID
    code: str
    version: int | None
    at: datetime
