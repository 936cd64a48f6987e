"""What is counted of statements: progress of each learner in each activity, mastery of knowledge
points, activity by day.

Every figure is a sum, a minimum or a maximum, so the order in which statements arrive is nothing to
it, and a recount from the raw statements gives the same. Progress never regresses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from services.learning.domain.progress import Mastery, score_of
from services.learning.domain.xapi.contents import Figures
from shared.civil import civil_date

N = TypeVar("N", int, float)

MOST_DURATION_MS = 10**15
"""What is longer in sum counts as that long: however much is sent, everything can be added up."""


@dataclass(slots=True)
class Progress:
    """One learner in one activity."""

    first_at: datetime
    last_at: datetime
    statements: int = 0
    duration_ms: int = 0
    progress: int | None = None
    best_scaled: float | None = None
    completed: bool = False
    passed: bool = False

    def add(self, at: datetime, figures: Figures) -> None:
        """Count one more statement."""
        self.first_at = min(self.first_at, at)
        self.last_at = max(self.last_at, at)
        self.statements += 1
        self.duration_ms = min(self.duration_ms + (figures.duration_ms or 0), MOST_DURATION_MS)
        self.progress = _most(self.progress, figures.progress)
        self.best_scaled = _most(self.best_scaled, figures.scaled)
        self.completed = self.completed or figures.completed
        self.passed = self.passed or figures.passed is True


@dataclass(slots=True)
class Day:
    """One activity on one day."""

    statements: int = 0
    completions: int = 0
    passes: int = 0

    def add(self, figures: Figures) -> None:
        """Count one more statement."""
        self.statements += 1
        self.completions += figures.completed
        self.passes += figures.passed is True


class Tally:
    """The aggregates of some statements, to be added to what is stored."""

    def __init__(self) -> None:
        self.progress: dict[tuple[UUID, UUID], Progress] = {}
        self.days: dict[tuple[UUID, date], Day] = {}
        self.mastery: dict[tuple[UUID, UUID], Mastery] = {}

    def add(self, actor: UUID, activity: UUID, at: datetime, figures: Figures) -> None:
        """Count one first-time statement about an activity; `at` is no later than it was stored, as
        nothing happens in the future."""
        progress = self.progress.get((actor, activity))
        if progress is None:
            progress = self.progress[actor, activity] = Progress(at, at)
        progress.add(at, figures)
        key = (activity, civil_date(at))
        day = self.days.get(key)
        if day is None:
            day = self.days[key] = Day()
        day.add(figures)

    def learn(self, actor: UUID, points: Sequence[UUID], at: datetime, figures: Figures) -> None:
        """Count one first-time statement at each of its knowledge points."""
        score = score_of(figures)
        if score is None:
            return
        for point in points:
            mastery = self.mastery.get((actor, point))
            if mastery is None:
                mastery = self.mastery[actor, point] = Mastery(at)
            mastery.add(at, score)


def _most(known: N | None, new: N | None) -> N | None:
    if known is None or new is None:
        return new if known is None else known
    return max(known, new)
