"""How far a learner is: progress in activities, mastery of knowledge points (知识点).

Both are made of sums and maxima alone, so a recount from the raw statements, in whatever order,
gives the same figures to the last digit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.learning.domain.xapi.contents import Figures, key_of
from services.learning.domain.xapi.rules import Json
from services.learning.domain.xapi.statements import CONTEXT_ACTIVITIES

ESTIMATOR = 1
"""Version of `estimate`, told with what it says. Another one is made of the same statistics."""

HALF_LIFE = timedelta(days=30)
"""After so long a try weighs half as much."""
PRIOR = 2
"""Tries that everybody has had before the first, half of them right."""

_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_POINT = re.compile(r"https?://[^/?#]+/catalog/v1/knowledge/([^/?#]+)/points/([^/?#]+)")


class Point(NamedTuple):
    """A knowledge point of the catalogue, by subject and code."""

    subject: str
    code: str


class Status(StrEnum):
    """Of a learner in an activity; each comes after the one before it and never goes back."""

    BEGUN = "BEGUN"
    COMPLETED = "COMPLETED"
    PASSED = "PASSED"


class Step(NamedTuple):
    """One learner in one activity. ``progress`` is per cent, ``best_scaled`` -1 to 1; None: nobody
    told. ``resource_id`` is that of the catalogue's resource whose address the activity is."""

    key: UUID
    activity: str
    resource_id: UUID | None
    first_at: datetime
    last_at: datetime
    statements: int
    duration_ms: int
    progress: int | None
    best_scaled: float | None
    completed: bool
    passed: bool

    @property
    def status(self) -> Status:
        if self.passed:
            return Status.PASSED
        return Status.COMPLETED if self.completed else Status.BEGUN


@dataclass(slots=True)
class Mastery:
    """The sufficient statistics of one learner at one knowledge point: how many ``tries``, their
    ``score`` in thousandths, and both again, each try weighed as `weight` says."""

    last_at: datetime
    tries: int = 0
    score: int = 0
    weighed_tries: int = 0
    weighed_score: int = 0

    def add(self, at: datetime, score: int) -> None:
        """Count one more try."""
        weighed = weight(at)
        self.last_at = max(self.last_at, at)
        self.tries += 1
        self.score += score
        self.weighed_tries += weighed
        self.weighed_score += weighed * score


class MasteryOf(NamedTuple):
    """What is known of one knowledge point; ``key`` is that of its address."""

    key: UUID
    point: Point
    mastery: Mastery


def point_of(iri: str) -> Point | None:
    """The knowledge point whose address in the catalogue `iri` is."""
    found = _POINT.fullmatch(iri)
    return found and Point(*found.groups())


def points_of(statement: Json) -> Sequence[UUID]:
    """The keys of the knowledge points that the statement's context names, each once, sorted."""
    context = statement.get("context")
    activities = context.get("contextActivities") if context else None
    if not activities:
        return ()
    named = [each["id"] for name in CONTEXT_ACTIVITIES for each in activities.get(name, ())]
    points = {key_of(iri) for iri in named if _POINT.fullmatch(iri)}
    return sorted(points) if points else ()


def score_of(figures: Figures) -> int | None:
    """How well a try went, in thousandths: by its score, or else by whether it succeeded; None for
    what was no try."""
    if figures.scaled is not None:
        return round(max(figures.scaled, 0.0) * 1000)
    return None if figures.passed is None else 1000 * figures.passed


def weight(at: datetime) -> int:
    """Twice as much every `HALF_LIFE`: whole numbers, whose sums are exact in any order."""
    return 1 << max(0, (at - _FIRST) // HALF_LIFE)


def estimate(mastery: Mastery, now: datetime) -> float:
    """How likely the learner masters the point, 0 to 1: the mean of a Beta distribution whose
    evidence fades. Without evidence, or long after it, one half."""
    today = weight(now)
    tries = mastery.weighed_tries / today
    return (mastery.weighed_score / (1000 * today) + PRIOR / 2) / (tries + PRIOR)
