"""The growth archive (成长档案): what stays of a learner's years at school.

Awards and remarks are facts: they are withdrawn, never changed. A snapshot keeps how far the
learner was in one term; there is one a term.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
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


class Kind(StrEnum):
    AWARD = "AWARD"
    REMARK = "REMARK"


class ArchiveFull(DomainError):
    """The archive has as many entries as it may."""


class SnapshotTaken(DomainError):
    """There is a snapshot of that term."""


class TermNotBegun(DomainError):
    """Of what has not begun nothing is kept."""


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

    def __str__(self) -> str:
        return f"{self.year}-{self.half}"

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
    """A course that a class of the learner took, with the resources that it requires."""

    id: UUID
    title: str
    starts_on: date | None
    ends_on: date | None
    rule: CompletionRule
    required: Sequence[UUID]


class CourseStanding(NamedTuple):
    course: TakenCourse
    completion: Completion


class DoneHomework(NamedTuple):
    """Homework that was handed in; ``score`` is None until its marks are published."""

    assignment_id: UUID
    title: str
    subject: str
    handed_in_at: datetime
    late: bool
    score: float | None


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
