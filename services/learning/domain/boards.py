"""Boards (学情看板): how far a class, a school or a region is, from what is counted alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.learning.domain.directory import Organisation
from services.learning.domain.progress import Point
from shared.errors import DomainError

ACTIVE = timedelta(days=7)
"""Who did something within it is active."""
MOST_ACTIVITIES = 50
MOST_POINTS = 100

BY_PUPIL = frozenset({"class"})
BY_CLASS = frozenset({"grade", "school"})
BY_PART = frozenset({"county", "city", "province"})
"""Kinds of organisations that have a board, and what its groups are: of a region, what lies right
below it."""


class NoBoard(DomainError):
    """Organisations of that kind have no board."""


class Pupil(NamedTuple):
    """A pupil, and the class."""

    person: str
    path: str
    name: str


class Figures(NamedTuple):
    """Sums over the learners of a group who did anything: how many they are, how many did within
    `ACTIVE`, in how many activities, and how many of these were completed and passed."""

    begun: int
    active: int
    activities: int
    completed: int
    passed: int
    statements: int
    duration_ms: int
    last_at: datetime


class Group(NamedTuple):
    """A pupil, by id, or a class or part of a region, by path and name, of so many pupils.
    ``figures`` are None where nobody did anything."""

    key: str
    name: str | None
    pupils: int
    figures: Figures | None


class SchoolSums(NamedTuple):
    """A part of a region, summed over its schools; ``at`` is when the first of them was counted."""

    at: datetime
    group: Group


class Activity(NamedTuple):
    """An activity, and how many of the learners began, completed and passed it."""

    activity: str
    resource_id: UUID | None
    begun: int
    completed: int
    passed: int
    progress: float | None
    duration_ms: int


class PointFigures(NamedTuple):
    """A knowledge point: how many learners tried it, how often, and their mean estimate."""

    point: Point
    begun: int
    tries: int
    estimate: float


@dataclass(frozen=True, slots=True)
class Board:
    """``activities`` are those that most learners began, ``points`` those tried by most; of a
    region, sums are kept of neither."""

    organisation: Organisation
    at: datetime
    pupils: int
    groups: Sequence[Group]
    activities: Sequence[Activity]
    points: Sequence[PointFigures]
