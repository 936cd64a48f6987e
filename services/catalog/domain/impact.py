"""Whom it touches when a resource is taken down."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

SHOWN = 50
"""So many collections, and so many courses, are named."""


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """A collection that refers to the resource; ``number`` is the version it is pinned to, None
    where it follows the live one."""

    id: UUID
    code: str
    title: str
    organisation_path: str | None
    number: int | None


@dataclass(frozen=True, slots=True)
class CourseUse:
    """A course of the learning service that refers to the resource."""

    id: str
    organisation_path: str | None


@dataclass(frozen=True, slots=True)
class Impact:
    """Totals are of all; named are those that the caller may know, `SHOWN` at most."""

    collections: int
    courses: int
    favourites: int
    named_collections: Sequence[CollectionUse]
    named_courses: Sequence[CourseUse]
