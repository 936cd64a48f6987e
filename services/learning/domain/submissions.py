"""What a pupil hands in for homework (提交), and what becomes of it.

A pupil has one submission for an assignment; every hand-in is kept as an attempt, the last one
counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from services.learning.domain.assignments import (
    Answer,
    Assignment,
    Choice,
    Cloze,
    DeadlinesRefused,
    File,
    Item,
    Plan,
    Taker,
    Text,
)
from services.learning.domain.assignments import State as AssignmentState
from services.learning.domain.marking import Mark, automatic, score
from shared.errors import DomainError

MOST_ANNOUNCED = 200
"""Files that one pupil may announce for one assignment."""


class State(StrEnum):
    NEW = "NEW"
    HANDED_IN = "HANDED_IN"
    MARKED = "MARKED"
    PUBLISHED = "PUBLISHED"
    RETURNED = "RETURNED"


class Action(StrEnum):
    HAND_IN = "hand_in"
    MARK = "mark"
    PUBLISH = "publish"
    RETURN = "return"


TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.NEW, Action.HAND_IN): State.HANDED_IN,
    (State.HANDED_IN, Action.HAND_IN): State.HANDED_IN,
    (State.HANDED_IN, Action.MARK): State.MARKED,
    (State.HANDED_IN, Action.PUBLISH): State.PUBLISHED,
    (State.HANDED_IN, Action.RETURN): State.RETURNED,
    (State.MARKED, Action.HAND_IN): State.HANDED_IN,
    (State.MARKED, Action.MARK): State.MARKED,
    (State.MARKED, Action.PUBLISH): State.PUBLISHED,
    (State.MARKED, Action.RETURN): State.RETURNED,
    (State.PUBLISHED, Action.HAND_IN): State.HANDED_IN,
    (State.PUBLISHED, Action.MARK): State.PUBLISHED,
    (State.PUBLISHED, Action.RETURN): State.RETURNED,
    (State.RETURNED, Action.HAND_IN): State.HANDED_IN,
    (State.RETURNED, Action.MARK): State.RETURNED,
    (State.RETURNED, Action.PUBLISH): State.PUBLISHED,
    (State.RETURNED, Action.RETURN): State.RETURNED,
}
"""NEW is what nobody handed in yet; it is never kept. Published marks may be corrected. What is
marked by nobody is published if every item marks itself. However early it is marked, a pupil has
all the attempts that the homework gives. What is returned and not handed in again is published as
it is."""


class SubmissionActionRefused(DomainError):
    """The submission's state knows no such action."""


class AttemptsSpent(DomainError):
    """It was handed in as often as it may be."""


class TooLate(DomainError):
    """Nothing is taken in any more."""


class AnswersRefused(DomainError):
    """Some answers do not fit their items; ``errors`` lists each."""


class MarksMissing(DomainError):
    """Marks are told once every item has them."""


class FilesMissing(DomainError):
    """The bytes of announced files have not arrived; ``files`` lists them."""


class TooManyFiles(DomainError):
    pass


class Flaw(NamedTuple):
    """What is wrong at ``pointer`` of a body, in English and in Chinese."""

    pointer: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class HomeworkFile:
    """A file that a pupil announced for the item at place ``item``: ``length`` in bytes, its
    ``sha256`` in hex. ``submission_id`` is None until it is handed in."""

    id: UUID
    assignment_id: UUID
    person: str
    item: int
    name: str
    length: int
    sha256: str
    submission_id: UUID | None
    announced_at: datetime

    @property
    def object_key(self) -> str:
        return f"homework/{self.id}"


@dataclass(frozen=True, slots=True)
class Submission:
    """``class_id`` is the class in which it was handed in, at ``class_path`` now. ``marks`` go by
    item, None where there is none yet; ``score`` is what all of them come to. Until ``again_until``
    a returned one may be handed in again, whatever the deadline and the attempts."""

    id: UUID
    assignment_id: UUID
    person: str
    class_id: UUID
    class_path: str
    state: State
    attempt: int
    late: bool
    handed_in_at: datetime
    answers: Sequence[Answer]
    marks: Sequence[Mark | None]
    feedback: str
    score: float | None
    marked_by: str | None
    again_until: datetime | None
    version: int
    updated_at: datetime

    @classmethod
    def new(cls, id_: UUID, assignment: Assignment, taker: Taker, now: datetime) -> Self:
        """One that nobody handed in yet."""
        return cls(
            id=id_,
            assignment_id=assignment.id,
            person=taker.person,
            class_id=taker.class_id,
            class_path=taker.class_path,
            state=State.NEW,
            attempt=0,
            late=False,
            handed_in_at=now,
            answers=(),
            marks=(),
            feedback="",
            score=None,
            marked_by=None,
            again_until=None,
            version=0,
            updated_at=now,
        )

    @property
    def actions(self) -> list[Action]:
        """What its state admits, whoever asks, rules of time and number aside."""
        return [action for state, action in TRANSITIONS if state is self.state]

    def open(self, assignment: Assignment, now: datetime) -> bool:
        """Whether the pupil may hand it in, or once more."""
        if self._invited(now):
            return assignment.state is AssignmentState.ASSIGNED
        return assignment.open(now) and self.attempt < assignment.plan.attempts

    def _invited(self, now: datetime) -> bool:
        return self.again_until is not None and now <= self.again_until

    @property
    def judged(self) -> bool:
        """Whether a teacher has marked, published or returned it."""
        return self.state not in (State.NEW, State.HANDED_IN)

    @property
    def told(self) -> bool:
        """Whether the pupil sees marks and feedback."""
        return self.state in (State.PUBLISHED, State.RETURNED)

    @property
    def record(self) -> dict[str, Any]:
        """What it says of itself, for the audit."""
        return {"state": self.state, "attempt": self.attempt, "version": self.version}

    def admitted(self, action: Action) -> State:
        """Where the action leads. Raises `SubmissionActionRefused`."""
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise SubmissionActionRefused(
                f"The submission is {self.state}: {action} does not apply, but these do:"
                f" {', '.join(self.actions)}.",
                zh=f"提交当前为 {self.state}，可进行的操作：{'、'.join(self.actions)}。",
                state=self.state,
            )
        return state

    def _after(self, action: Action, now: datetime, **fields: Any) -> Self:
        state = self.admitted(action)
        return replace(self, state=state, version=self.version + 1, updated_at=now, **fields)

    def repeats(self, answers: Sequence[Answer]) -> bool:
        """Whether these very answers were handed in and still stand."""
        return self.state not in (State.NEW, State.RETURNED) and list(self.answers) == list(answers)

    def handed_in(self, assignment: Assignment, answers: Sequence[Answer], now: datetime) -> Self:
        """One more attempt. Raises `AttemptsSpent`, `TooLate`."""
        plan = assignment.plan
        invited = self._invited(now)
        late = self.late if invited else now > plan.due_at
        if not invited:
            if now > plan.ends_at:
                raise TooLate(
                    "The deadline is past. Your teacher may return it with a time for another.",
                    zh="已过截止时间，可请老师退回并给出再次提交的期限。",
                    due_at=plan.due_at.isoformat(),
                )
            if self.attempt >= plan.attempts:
                raise AttemptsSpent(
                    "No attempt is left. Your teacher may return it with a time for another.",
                    zh="提交次数已用完，可请老师退回并给出再次提交的期限。",
                    attempts=plan.attempts,
                )
        marks = automatic(assignment.items, answers)
        return self._after(
            Action.HAND_IN,
            now,
            attempt=self.attempt + 1,
            late=late,
            handed_in_at=now,
            answers=answers,
            marks=marks,
            feedback="",
            score=score(marks, plan, late=late),
            marked_by=None,
            again_until=None,
        )

    def marked(
        self,
        assignment: Assignment,
        marks: Sequence[Mark],
        feedback: str,
        marker: str,
        now: datetime,
    ) -> Self:
        """By somebody, whole. Raises `SubmissionActionRefused`."""
        return self._after(
            Action.MARK,
            now,
            marks=marks,
            feedback=feedback,
            score=score(marks, assignment.plan, late=self.late),
            marked_by=marker,
        )

    def in_time(self, plan: Plan, now: datetime) -> Self:
        """By a deadline that has moved away."""
        return replace(
            self,
            late=False,
            score=score(self.marks, plan, late=False),
            version=self.version + 1,
            updated_at=now,
        )

    def published(self, now: datetime) -> Self:
        """Raises `SubmissionActionRefused`, `MarksMissing`."""
        after = self._after(Action.PUBLISH, now)
        if self.score is None:
            raise MarksMissing("Mark every item first.", zh="请先完成全部题目的批改。")
        return after

    def returned(self, feedback: str, again_until: datetime | None, now: datetime) -> Self:
        """Raises `SubmissionActionRefused`, `DeadlinesRefused`."""
        if again_until is not None and again_until <= now:
            raise DeadlinesRefused(
                "The time to hand it in again is past: choose a later one.",
                zh="再次提交的期限已过，请重新设定。",
            )
        return self._after(Action.RETURN, now, feedback=feedback, again_until=again_until)


class Attempt(NamedTuple):
    """One hand-in. ``marks`` and ``feedback`` are what its teachers had given it before the next;
    the pupil sees them if ``told`` by then. Of the last attempt the submission tells."""

    number: int
    handed_in_at: datetime
    late: bool
    answers: Sequence[Answer]
    marks: Sequence[Mark | None] | None
    feedback: str | None
    score: float | None
    told: bool

    def seen(self, *, staff: bool) -> Self:
        """As its reader sees it."""
        if staff or self.told:
            return self
        return self._replace(marks=None, feedback=None, score=None)


def in_time(attempts: Sequence[Attempt], before: Plan, plan: Plan) -> list[Attempt]:
    """Those of one submission's attempts that were late by the plan `before` and are no more by
    `plan`. One by invitation is as late as the one before it."""
    found: list[Attempt] = []
    late = False
    for each in attempts:
        if each.number <= before.attempts and each.handed_in_at <= before.ends_at:
            late = each.handed_in_at > plan.due_at
        if each.late and not late:
            points = None if each.marks is None else score(each.marks, plan, late=False)
            found.append(each._replace(late=False, score=points))
    return found


def flaws(
    items: Sequence[Item], answers: Sequence[Answer], files: Mapping[UUID, HomeworkFile]
) -> list[Flaw]:
    """Every way in which the answers do not fit the items; `files` are the pupil's own for the
    assignment."""
    found: list[Flaw] = []
    seen: set[int] = set()
    used: set[UUID] = set()
    for place, each in enumerate(answers):
        pointer = f"#/answers/{place}"
        if each.item >= len(items) or each.item in seen:
            en, zh = "There is no such item, or it is answered twice.", "没有该题，或重复作答。"
            found.append(Flaw(f"{pointer}/item", en, zh))
            continue
        seen.add(each.item)
        found += (Flaw(f"{pointer}{at}", en, zh) for at, en, zh in _misfits(items, each, files))
        if used & set(each.files or ()):
            found.append(Flaw(f"{pointer}/files", "A file is there twice.", "文件重复。"))
        used |= set(each.files or ())
    return found


_MEMBERS: Mapping[type[Item], str] = {
    Choice: "choices",
    Cloze: "gaps",
    Text: "text",
    File: "files",
}


def _misfits(
    items: Sequence[Item], answer: Answer, files: Mapping[UUID, HomeworkFile]
) -> list[tuple[str, str, str]]:
    item = items[answer.item]
    member = _MEMBERS[type(item)]
    given = [name for name in _MEMBERS.values() if getattr(answer, name) is not None]
    if given != [member]:
        return [("", f"The item is answered by {member} alone.", f"该题仅以 {member} 作答。")]
    match item:
        case Choice():
            fits = all(each < len(item.options) for each in answer.choices or ())
            fits = fits and len(set(answer.choices or ())) == len(answer.choices or ())
        case Cloze():
            fits = len(answer.gaps or ()) == len(item.gaps)
        case Text():
            fits = True
        case File():
            named = [files.get(each) for each in answer.files or ()]
            fits = len(named) <= item.most and all(
                each is not None and each.item == answer.item for each in named
            )
    if fits:
        return []
    return [(f"/{member}", "It does not fit the item.", "作答与题目不符。")]
