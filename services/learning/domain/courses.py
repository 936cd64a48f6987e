"""A course (课程): sections of catalogue resources, each pinned to a version, with a schedule; the
classes that take it; and the rule by which somebody has completed it.

Whatever becomes of a resource, the course keeps its reference. A course may be copied; the copy
remembers of what, and of which state.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from services.learning.domain.references import Reference
from shared.errors import DomainError

MOST_SECTIONS = 100
MOST_ITEMS = 500
MOST_CLASSES = 200


class State(StrEnum):
    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


class Action(StrEnum):
    CHANGE = "change"
    ENROL = "enrol"
    PUBLISH = "publish"
    ARCHIVE = "archive"
    DELETE = "delete"


TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.DRAFT, Action.CHANGE): State.DRAFT,
    (State.DRAFT, Action.ENROL): State.DRAFT,
    (State.DRAFT, Action.PUBLISH): State.PUBLISHED,
    (State.DRAFT, Action.DELETE): State.DELETED,
    (State.PUBLISHED, Action.CHANGE): State.PUBLISHED,
    (State.PUBLISHED, Action.ENROL): State.PUBLISHED,
    (State.PUBLISHED, Action.ARCHIVE): State.ARCHIVED,
    (State.ARCHIVED, Action.PUBLISH): State.PUBLISHED,
    (State.ARCHIVED, Action.DELETE): State.DELETED,
}
"""An archived course is read as it was; one that pupils take is archived before it is deleted."""


class ActionRefused(DomainError):
    """The course's state knows no such action."""


class EmptyCourse(DomainError):
    """A course without any resource is not published."""


class NotAClass(DomainError):
    """What is to be enrolled is no open class below the course's organisation."""


class TooManyClasses(DomainError):
    pass


class DatesRefused(DomainError):
    """A course ends before it starts."""


@dataclass(frozen=True, slots=True)
class CompletionRule:
    """``share`` per cent of the required resources are done; with ``passing``, passed."""

    share: int = 100
    passing: bool = False


class Origin(NamedTuple):
    """Of which course a copy was made, and which version of that."""

    course_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Item:
    """``number`` is the version that the resource is pinned to, ``title`` what it is called in the
    course."""

    resource_id: UUID
    number: int
    title: str
    required: bool

    @property
    def reference(self) -> Reference:
        return Reference(self.resource_id, self.number)


@dataclass(frozen=True, slots=True)
class Section:
    """Pupils see its items from ``opens_at`` until ``closes_at``; None: always."""

    title: str
    opens_at: datetime | None
    closes_at: datetime | None
    items: Sequence[Item]

    def open(self, now: datetime) -> bool:
        begun = self.opens_at is None or self.opens_at <= now
        return begun and (self.closes_at is None or now < self.closes_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a course says of itself. Days are days in China; ``ends_on`` is the last.

    Raises `DatesRefused`.
    """

    title: str
    introduction: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    completion: CompletionRule = CompletionRule()

    def __post_init__(self) -> None:
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise DatesRefused("Choose a later last day.", zh="请选择更晚的结课日期。")


@dataclass(frozen=True, slots=True)
class Course:
    """``version`` counts changes of it and of its sections. ``owner`` is None after the owner was
    erased: then the administrators above care for it."""

    id: UUID
    owner: str | None
    organisation_path: str
    state: State
    plan: Plan
    items: int
    origin: Origin | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def actions(self) -> list[Action]:
        """What may be done to it now."""
        return [action for state, action in TRANSITIONS if state is self.state]

    @property
    def record(self) -> dict[str, Any]:
        """What it says of itself, for the audit."""
        return {"title": self.plan.title, "state": self.state, "version": self.version}

    def after(self, action: Action, now: datetime, **fields: Any) -> Self:
        """Raises `ActionRefused`, `EmptyCourse`."""
        state = self.admitted(action)
        if state is State.PUBLISHED and self.items == 0 and action is Action.PUBLISH:
            raise EmptyCourse("Put a resource into it first.", zh="请先加入资源。")
        return replace(self, state=state, version=self.version + 1, updated_at=now, **fields)

    def admitted(self, action: Action) -> State:
        """Where the action leads. Raises `ActionRefused`."""
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise ActionRefused(
                f"The course is {self.state}: {action} does not apply.",
                zh="课程当前状态不支持此操作。",
                state=self.state,
            )
        return state


class Enrolment(NamedTuple):
    """A class that takes the course; it is found by its id, wherever it moves."""

    organisation_id: UUID
    path: str
    name: str
    enrolled_at: datetime


class Achievement(NamedTuple):
    """What somebody did with a resource."""

    completed: bool
    passed: bool
    progress: int | None


class Completion(NamedTuple):
    """Of ``required`` resources ``done`` are; ``completed`` by the course's rule. What was taken
    down counts for those alone who did it before."""

    required: int
    done: int
    completed: bool


NOTHING_YET = Achievement(completed=False, passed=False, progress=None)


def done(rule: CompletionRule, achievement: Achievement) -> bool:
    return achievement.passed if rule.passing else achievement.completed or achievement.passed


def completion(
    rule: CompletionRule,
    required: Collection[UUID],
    achieved: Mapping[UUID, Achievement],
    gone: Collection[UUID] = (),
) -> Completion:
    """How far somebody is; nobody can do what is `gone` any more. A course that requires nothing is
    never completed."""
    finished = {each for each in required if done(rule, achieved.get(each, NOTHING_YET))}
    count, whole = len(finished), len(finished | set(required).difference(gone))
    return Completion(whole, count, whole > 0 and count * 100 >= rule.share * whole)


def references(sections: Sequence[Section]) -> list[Reference]:
    """Of all items, in order."""
    return [item.reference for section in sections for item in section.items]
