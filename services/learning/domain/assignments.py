"""Homework (作业): what pupils of some classes are asked to do by a deadline, and its items.

The deadline is the last instant in time. What was assigned changes no more, but for deadlines,
which move away only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

from shared.errors import DomainError

MOST_ITEMS = 100
MOST_CLASSES = 50
MOST_FILES = 9
"""In the answer to one item."""


class State(StrEnum):
    DRAFT = "DRAFT"
    ASSIGNED = "ASSIGNED"
    WITHDRAWN = "WITHDRAWN"
    DELETED = "DELETED"


class Action(StrEnum):
    CHANGE = "change"
    EXTEND = "extend"
    ASSIGN = "assign"
    WITHDRAW = "withdraw"
    DELETE = "delete"


TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.DRAFT, Action.CHANGE): State.DRAFT,
    (State.DRAFT, Action.EXTEND): State.DRAFT,
    (State.DRAFT, Action.ASSIGN): State.ASSIGNED,
    (State.DRAFT, Action.DELETE): State.DELETED,
    (State.ASSIGNED, Action.EXTEND): State.ASSIGNED,
    (State.ASSIGNED, Action.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Action.WITHDRAW): State.WITHDRAWN,
}
"""Assigned homework may be assigned to further classes. Of withdrawn homework nothing is taken in;
what was handed in stays, is marked and told."""


class AssignmentActionRefused(DomainError):
    """The homework's state knows no such action."""


class NothingToDo(DomainError):
    """Homework without any item is not assigned."""


class DeadlinesRefused(DomainError):
    """The deadlines are in disorder, past, or would come earlier."""


class ClassesRefused(DomainError):
    """What is named is no open class; ``errors`` lists each place."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A line of a rubric, with the points it is worth."""

    title: str
    points: float


@dataclass(frozen=True, slots=True)
class Choice:
    """``correct`` are places in ``options``, from 0."""

    kind: ClassVar[str] = "choice"
    prompt: str
    points: float
    options: Sequence[str]
    correct: Sequence[int]


@dataclass(frozen=True, slots=True)
class Cloze:
    """``gaps`` has what is accepted in each gap of the prompt."""

    kind: ClassVar[str] = "cloze"
    prompt: str
    points: float
    gaps: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Text:
    """``model`` is an answer for those who mark. The rubric is empty, or its points are the
    item's."""

    kind: ClassVar[str] = "text"
    prompt: str
    points: float
    model: str
    rubric: Sequence[Criterion]


@dataclass(frozen=True, slots=True)
class File:
    """Answered by up to ``most`` files."""

    kind: ClassVar[str] = "file"
    prompt: str
    points: float
    most: int
    rubric: Sequence[Criterion]


Item = Choice | Cloze | Text | File
KINDS: Mapping[str, type[Item]] = {each.kind: each for each in (Choice, Cloze, Text, File)}


class Answer(NamedTuple):
    """To the item at place ``item``, from 0; the member that fits its kind is set."""

    item: int
    choices: tuple[int, ...] | None = None
    gaps: tuple[str, ...] | None = None
    text: str | None = None
    files: tuple[UUID, ...] | None = None


class Taker(NamedTuple):
    """A pupil of a class to which homework is assigned."""

    person: str
    class_id: UUID
    class_path: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``subject`` is a code of a school subject, ``minutes`` what the homework should take.

    What is handed in after ``due_at``, until ``late_until``, is late and loses ``late_deduction``
    per cent of its points; None: nothing is taken in late. ``attempts`` is how often one may hand
    in. Raises `DeadlinesRefused`.
    """

    title: str
    subject: str
    minutes: int
    due_at: datetime
    instructions: str = ""
    late_until: datetime | None = None
    late_deduction: int = 0
    attempts: int = 1

    def __post_init__(self) -> None:
        if self.late_until is not None and self.late_until <= self.due_at:
            raise DeadlinesRefused(
                "Late work is taken in after the deadline: choose a later end.",
                zh="补交截止时间应晚于作业截止时间。",
            )

    @property
    def ends_at(self) -> datetime:
        """The last instant at which anything is taken in."""
        return self.late_until or self.due_at


@dataclass(frozen=True, slots=True)
class Assignment:
    """``owner`` is None after the owner was erased: then the administrators above care for it."""

    id: UUID
    owner: str | None
    organisation_path: str
    state: State
    plan: Plan
    items: Sequence[Item]
    version: int
    created_at: datetime
    assigned_at: datetime | None
    updated_at: datetime

    @property
    def actions(self) -> list[Action]:
        """What may be done to it now."""
        return [action for state, action in TRANSITIONS if state is self.state]

    def open(self, now: datetime) -> bool:
        """Whether anything is taken in of those whom nobody invited."""
        return self.state is State.ASSIGNED and now <= self.plan.ends_at

    @property
    def points(self) -> float:
        """What all of it is worth."""
        return sum(each.points for each in self.items)

    @property
    def record(self) -> dict[str, Any]:
        """What it says of itself, for the audit."""
        return {"title": self.plan.title, "state": self.state, "version": self.version}

    def admitted(self, action: Action) -> State:
        """Where the action leads. Raises `AssignmentActionRefused`."""
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise AssignmentActionRefused(
                f"The homework is {self.state}: {action} does not apply.",
                zh="作业当前状态不支持此操作。",
                state=self.state,
            )
        return state

    def after(self, action: Action, now: datetime, **fields: Any) -> Self:
        """Raises `AssignmentActionRefused`."""
        state = self.admitted(action)
        return replace(self, state=state, version=self.version + 1, updated_at=now, **fields)

    def changed(self, plan: Plan, items: Sequence[Item], now: datetime) -> Self:
        """Raises `AssignmentActionRefused`, and `DeadlinesRefused` where a deadline that pupils
        know would come earlier."""
        deadlines = replace(self.plan, due_at=plan.due_at, late_until=plan.late_until)
        extended = plan == deadlines and items == self.items
        after = self.after(
            Action.EXTEND if extended else Action.CHANGE, now, plan=plan, items=items
        )
        if self.state is State.ASSIGNED and (
            plan.due_at < self.plan.due_at or plan.ends_at < self.plan.ends_at
        ):
            raise DeadlinesRefused(
                "Deadlines that pupils know move away only.", zh="已布置作业的截止时间只能延后。"
            )
        return after

    def assigned(self, now: datetime) -> Self:
        """Raises `AssignmentActionRefused`, `NothingToDo`, `DeadlinesRefused`."""
        after = self.after(Action.ASSIGN, now, assigned_at=self.assigned_at or now)
        if not self.items:
            raise NothingToDo("Put an item into it first.", zh="请先添加题目。")
        if self.plan.due_at <= now:
            raise DeadlinesRefused(
                "The deadline is past: choose a later one.", zh="截止时间已过，请重新设定。"
            )
        return after
