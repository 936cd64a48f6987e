"""What readers think of a resource, and how many they are; never who read what."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

MOST_STARS = 5


class Kind(StrEnum):
    """How somebody came by a resource; a person counts once a day for each."""

    VIEW = "view"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Counts:
    """``stars`` are those of all ratings together."""

    views: int = 0
    downloads: int = 0
    favourites: int = 0
    ratings: int = 0
    stars: int = 0

    @property
    def average(self) -> float | None:
        """From 1 to `MOST_STARS`, to two places; None while nobody rated."""
        return round(self.stars / self.ratings, 2) if self.ratings else None


@dataclass(frozen=True, slots=True)
class Own:
    """What the caller said of a resource."""

    is_favourite: bool
    stars: int | None


@dataclass(frozen=True, slots=True)
class Favourite:
    """``title`` is None where everybody may not read the resource now."""

    resource_id: UUID
    code: str
    title: str | None
    at: datetime
