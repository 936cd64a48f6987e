"""The growth archive (成长档案): what stays of a learner's years at school.

Awards and remarks are facts: they are withdrawn, never changed. A snapshot keeps how far the
learner was in one term; there is one a term, and it too is withdrawn if it was taken by mistake.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from services.learning.domain.courses import Completion, CompletionRule
from shared.errors import DomainError

MOST_ENTRIES = 1000
"""Of one learner."""

_TERM = re.compile(r"(20\d\d)-([12])")
_AUTUMN, _SPRING = 9, 2
"""The months in which terms begin."""
GRACE = timedelta(days=30)
"""For so long after a term its snapshot may still be taken."""
FIRST_DAY = date(2000, 1, 1)
"""No award of somebody at school now is older."""


class Kind(StrEnum):
    AWARD = "AWARD"
    REMARK = "REMARK"


class ArchiveFull(DomainError):
    """The archive has as many entries as it may."""


class SnapshotTaken(DomainError):
    """There is a snapshot of that term."""


class TermNotBegun(DomainError):
    """Of what has not begun nothing is kept."""


class TermOver(DomainError):
    """How far a learner was in a term that is long over, nobody can tell."""


class DayRefused(DomainError):
    """An award is of a day to come, or of one before anybody here was born."""


class Term(NamedTuple):
    """The autumn (1) or spring (2) term of the school year that begins in ``year``."""

    year: int
    half: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-1``. Raises ValueError."""
        found = _TERM.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no term")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def at(cls, day: date) -> Self:
        """The one that has begun last."""
        if day.month >= _AUTUMN:
            return cls(day.year, 1)
        return cls(day.year - 1, 1 if day.month < _SPRING else 2)

    def __str__(self) -> str:
        return f"{self.year}-{self.half}"

    def check_present(self, day: date) -> None:
        """Raises `TermNotBegun`, `TermOver`."""
        if day < self.begins:
            raise TermNotBegun(
                f"That term begins on {self.begins}.", zh=f"该学期将于 {self.begins} 开始。"
            )
        if self not in (Term.at(day), Term.at(day - GRACE)):
            raise TermOver(
                f"That term is over. Take the snapshot of {Term.at(day)}.",
                zh=f"该学期已结束，只能保存 {Term.at(day)} 学期的快照。",
            )

    @property
    def begins(self) -> date:
        if self.half == 1:
            return date(self.year, _AUTUMN, 1)
        return date(self.year + 1, _SPRING, 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """An award or a remark, given on ``day`` at an organisation. ``author`` is None after the
    author was erased; an award has a title."""

    id: UUID
    person: str
    kind: Kind
    title: str | None
    text: str
    day: date
    organisation_id: UUID
    author: str | None
    created_at: datetime


def check_given(day: date, today: date) -> None:
    """Raises `DayRefused`."""
    if not FIRST_DAY <= day <= today:
        raise DayRefused(
            f"Give a day from {FIRST_DAY} to today.", zh=f"日期应在 {FIRST_DAY} 至今天之间。"
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far the learner was when it was taken. ``content`` is a `Standing` as JSON."""

    person: str
    term: Term
    taken_at: datetime
    content: Mapping[str, Any]


class Given(NamedTuple):
    """An entry with the path and the name of its organisation, where it is known."""

    entry: Entry
    path: str | None
    organisation: str | None


class TakenCourse(NamedTuple):
    """A course that a class of the learner took, with the resources that it requires and those of
    them that were taken down."""

    id: UUID
    title: str
    starts_on: date | None
    ends_on: date | None
    rule: CompletionRule
    required: Sequence[UUID]
    gone: Sequence[UUID]


class CourseStanding(NamedTuple):
    course: TakenCourse
    completion: Completion


class DoneHomework(NamedTuple):
    """Homework that was handed in; ``score``, of ``points``, is None until its marks are
    published."""

    assignment_id: UUID
    title: str
    subject: str
    handed_in_at: datetime
    late: bool
    score: float | None
    points: float


class Totals(NamedTuple):
    """What the activity records tell, in sum."""

    activities: int = 0
    completed: int = 0
    passed: int = 0
    statements: int = 0
    duration_ms: int = 0


class Known(NamedTuple):
    """A knowledge point and the estimate of its mastery, 0 to 1."""

    subject: str
    code: str
    tries: int
    estimate: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a learner is; ``estimator`` is the version by which mastery was estimated."""

    totals: Totals
    mastery: Sequence[Known]
    courses: Sequence[CourseStanding]
    estimator: int

    @property
    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.totals._asdict(),
            "estimator": self.estimator,
            "mastery": [each._asdict() for each in self.mastery],
            "courses": [
                {
                    "id": str(each.course.id),
                    "title": each.course.title,
                    **each.completion._asdict(),
                }
                for each in self.courses
            ],
        }


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything, the latest first."""

    person: str
    at: datetime
    standing: Standing
    homework: Sequence[DoneHomework]
    entries: Sequence[Given]
    snapshots: Sequence[Snapshot]
