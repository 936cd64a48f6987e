"""The life of a resource, as data: who may do what in which state, and where it leads.

`TRANSITIONS` is the one table. Use cases take their steps from it (`step`), the API tells from it
what the caller may do now and why not the rest (`allowed`), and docs/lifecycle.md is drawn from it.

A review is told by its case, which passes SUBMITTED, MACHINE_REVIEW and IN_REVIEW and ends in
APPROVED, REJECTED or WITHDRAWN, or rests in CHANGES_REQUESTED. A resource that was never published
shows the state of its case; one that is published shows UPDATE_IN_REVIEW as long as its successor
is judged, and goes on being read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.catalog.domain.lifecycle_guards import (
    ACTORS,
    GUARDS,
    JUDGED,
    OPEN,
    Action,
    Actor,
    Guard,
    Situation,
    State,
)
from shared.context import worded
from shared.errors import DomainError, Forbidden

__all__ = [
    "ACTORS",
    "GUARDS",
    "JUDGED",
    "OPEN",
    "Action",
    "Actor",
    "Guard",
    "Situation",
    "State",
]


class ActionRefused(DomainError):
    """In this state the action is not taken, or something stands in its way: ``action`` and
    ``state`` say which, ``guard`` what, None where it is the state itself."""


@dataclass(frozen=True, slots=True)
class Transition:
    """``target`` None: the state stays. ``case``: the state in which the case is afterwards, None
    where it stays as it is, or there is none."""

    action: Action
    sources: frozenset[State]
    target: State | None
    by: frozenset[Actor]
    guards: Sequence[Guard] = ()
    case: State | None = None


def _of(*states: State) -> frozenset[State]:
    return frozenset(states)


_OWNER = frozenset({Actor.OWNER})
_REVIEWER = frozenset({Actor.REVIEWER})
_ADMINISTRATOR = frozenset({Actor.ADMINISTRATOR})
_SYSTEM = frozenset({Actor.SYSTEM})

_UNPUBLISHED = _of(State.DRAFT, State.WITHDRAWN, State.CHANGES_REQUESTED)
_WRITABLE = _UNPUBLISHED | {State.PUBLISHED, State.SUSPENDED}
_WITH_REVIEWERS = _of(State.IN_REVIEW, State.UPDATE_IN_REVIEW)
_UPDATE = _of(State.UPDATE_IN_REVIEW)
_SUBMITTING = (
    Guard.AT_AN_ORGANISATION,
    Guard.AFFILIATED,
    Guard.COMMITMENT,
    Guard.NO_ERRORS,
    Guard.UNJUDGED,
)
_JUDGING = (
    Guard.WITH_REVIEWERS,
    Guard.NOT_MAKER,
    Guard.NO_CONFLICT,
    Guard.FRESH_EYES,
    Guard.IN_PERSON,
)

TRANSITIONS: Sequence[Transition] = (
    Transition(Action.CHANGE, _WRITABLE, None, _OWNER),
    Transition(Action.FREEZE, _WRITABLE, None, _OWNER, (Guard.NO_ERRORS, Guard.CHANGED)),
    Transition(Action.RESTORE_VERSION, _WRITABLE, None, _OWNER, (Guard.HAS_VERSION,)),
    Transition(Action.DELETE, _of(State.DRAFT), None, _OWNER, (Guard.NO_VERSION,)),
    Transition(Action.SUBMIT, _UNPUBLISHED, State.SUBMITTED, _OWNER, _SUBMITTING, State.SUBMITTED),
    Transition(
        Action.SUBMIT,
        _of(State.PUBLISHED),
        State.UPDATE_IN_REVIEW,
        _OWNER,
        _SUBMITTING,
        State.SUBMITTED,
    ),
    Transition(
        Action.WITHDRAW,
        JUDGED | {State.CHANGES_REQUESTED},
        State.WITHDRAWN,
        _OWNER,
        (Guard.CASE_OPEN,),
        State.WITHDRAWN,
    ),
    Transition(
        Action.WITHDRAW,
        _UPDATE | {State.PUBLISHED},
        State.PUBLISHED,
        _OWNER,
        (Guard.CASE_OPEN,),
        State.WITHDRAWN,
    ),
    Transition(
        Action.EXAMINE,
        _of(State.SUBMITTED, State.MACHINE_REVIEW),
        State.MACHINE_REVIEW,
        _SYSTEM,
        (Guard.CASE_SUBMITTED,),
        State.MACHINE_REVIEW,
    ),
    Transition(
        Action.EXAMINE, _UPDATE, None, _SYSTEM, (Guard.CASE_SUBMITTED,), State.MACHINE_REVIEW
    ),
    Transition(
        Action.OPEN_LEVEL,
        _of(State.MACHINE_REVIEW),
        State.IN_REVIEW,
        _SYSTEM,
        (Guard.CASE_EXAMINED,),
        State.IN_REVIEW,
    ),
    Transition(
        Action.OPEN_LEVEL,
        _of(State.IN_REVIEW),
        None,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.LEVEL_PASSED),
        State.IN_REVIEW,
    ),
    # Of an update the case alone tells whether it comes from the machine or from a level.
    Transition(Action.OPEN_LEVEL, _UPDATE, None, _SYSTEM, (Guard.CASE_OPEN,), State.IN_REVIEW),
    Transition(
        Action.CLAIM,
        _WITH_REVIEWERS,
        None,
        _REVIEWER,
        (*_JUDGING, Guard.IN_TIME, Guard.SEAT_FREE),
    ),
    Transition(Action.RELEASE, _WITH_REVIEWERS, None, _REVIEWER, (Guard.HOLDS_CLAIM,)),
    Transition(
        Action.ASSIGN,
        _WITH_REVIEWERS,
        None,
        _ADMINISTRATOR,
        (Guard.WITH_REVIEWERS, Guard.NOT_MAKER, Guard.OF_THE_LEVEL),
    ),
    # Its owner says at first whether it is important, and could leave out the levels above so.
    Transition(
        Action.RAISE,
        _WITH_REVIEWERS,
        None,
        _REVIEWER | _ADMINISTRATOR,
        (Guard.WITH_REVIEWERS, Guard.NOT_IMPORTANT_YET),
    ),
    Transition(
        Action.COMMENT,
        frozenset(State) - {State.DRAFT},
        None,
        _OWNER | _REVIEWER | _ADMINISTRATOR,
        (Guard.CASE_OPEN,),
    ),
    Transition(
        Action.DECIDE,
        _WITH_REVIEWERS,
        None,
        _REVIEWER,
        (*_JUDGING, Guard.HOLDS_CLAIM, Guard.CONTENT_SEEN, Guard.REASONED, Guard.NOT_NAMED),
    ),
    Transition(
        Action.SEND_BACK,
        _of(State.IN_REVIEW),
        State.CHANGES_REQUESTED,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.CHANGES_WANTED),
        State.CHANGES_REQUESTED,
    ),
    Transition(
        Action.SEND_BACK,
        _UPDATE,
        State.PUBLISHED,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.CHANGES_WANTED),
        State.CHANGES_REQUESTED,
    ),
    Transition(
        Action.TURN_DOWN,
        _of(State.IN_REVIEW),
        State.REJECTED,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.TURNED_DOWN),
        State.REJECTED,
    ),
    Transition(
        Action.TURN_DOWN,
        _UPDATE,
        State.PUBLISHED,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.TURNED_DOWN),
        State.REJECTED,
    ),
    Transition(
        Action.ACCEPT,
        _of(State.IN_REVIEW),
        State.APPROVED,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.LAST_LEVEL_PASSED),
        State.APPROVED,
    ),
    Transition(
        Action.ACCEPT,
        _UPDATE,
        None,
        _SYSTEM,
        (Guard.WITH_REVIEWERS, Guard.LAST_LEVEL_PASSED),
        State.APPROVED,
    ),
    Transition(
        Action.PUBLISH,
        _UPDATE | {State.APPROVED},
        State.PUBLISHED,
        _SYSTEM,
        (Guard.CASE_ACCEPTED,),
    ),
    # What is taken down is judged no further: an open case ends with it. The system does it where
    # the right to show the resource ended, and gives back what it took down itself.
    Transition(
        Action.SUSPEND,
        _UPDATE | {State.PUBLISHED},
        State.SUSPENDED,
        _ADMINISTRATOR | _SYSTEM,
        (Guard.REASON_GIVEN,),
        State.WITHDRAWN,
    ),
    Transition(
        Action.RESTORE,
        _of(State.SUSPENDED),
        State.PUBLISHED,
        _ADMINISTRATOR | _SYSTEM,
        (Guard.REASON_GIVEN, Guard.NOT_MAKER, Guard.AUTHORITY),
    ),
    # The notice that stands is that of whoever suspended it: its owner puts no other in its place.
    Transition(
        Action.RETIRE,
        _UPDATE | {State.PUBLISHED, State.SUSPENDED},
        State.RETIRED,
        _OWNER | _ADMINISTRATOR,
        (Guard.AFFILIATED, Guard.REASON_GIVEN, Guard.AUTHORITY),
        State.WITHDRAWN,
    ),
)

ON_RESOURCE = (
    Action.CHANGE,
    Action.FREEZE,
    Action.RESTORE_VERSION,
    Action.DELETE,
    Action.SUBMIT,
    Action.WITHDRAW,
    Action.SUSPEND,
    Action.RESTORE,
    Action.RETIRE,
)
"""What people do to a resource."""

ON_REVIEW = (
    Action.CLAIM,
    Action.RELEASE,
    Action.COMMENT,
    Action.ASSIGN,
    Action.RAISE,
    Action.DECIDE,
    Action.WITHDRAW,
)
"""What people do to the review of one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action cannot be taken now. ``guard`` None: it is not taken in this state."""

    action: Action
    actor: bool
    guard: Guard | None
    en: str
    zh: str

    @property
    def detail(self) -> str:
        """In the language of the request in hand."""
        return worded(self.en, self.zh)

    def error(self, state: State) -> DomainError:
        """What is raised for it."""
        if not self.actor:
            return Forbidden(self.en, zh=self.zh)
        return ActionRefused(
            self.en,
            zh=self.zh,
            action=self.action.value,
            state=state.value,
            guard=self.guard and self.guard.value,
        )


def _rows(action: Action) -> Sequence[Transition]:
    return [each for each in TRANSITIONS if each.action is action]


_BY_ACTION: Mapping[Action, Sequence[Transition]] = {each: _rows(each) for each in Action}


def refusal(action: Action, now: Situation) -> Refusal | None:
    """What keeps the caller from taking `action` now, as far as can be told beforehand, or None."""
    found = _found(action, now)
    return found if isinstance(found, Refusal) else None


def step(action: Action, now: Situation) -> Transition:
    """The row of the table by which `action` is taken now; guards of which nothing can be told
    beforehand are its caller's to ask.

    Raises `Forbidden` where the caller is none of its actors, `ActionRefused` otherwise.
    """
    found = _found(action, now)
    if isinstance(found, Refusal):
        raise found.error(now.state)
    return found


def allowed(
    now: Situation, actions: Collection[Action]
) -> tuple[Sequence[Action], Sequence[Refusal]]:
    """Which of `actions` the caller may take now, and why not the others."""
    refusals = {each: refusal(each, now) for each in actions}
    return [each for each, why in refusals.items() if why is None], [
        why for why in refusals.values() if why is not None
    ]


def _found(action: Action, now: Situation) -> Transition | Refusal:
    rows = _BY_ACTION[action]
    by = {actor for row in rows for actor in row.by}
    if not by & now.actors:
        who = [ACTORS[each] for each in Actor if each in by]
        return Refusal(
            action,
            False,
            None,
            "It is done by: " + "; or ".join(each.en for each in who) + ".",
            "此操作由以下人员进行：" + "；".join(each.zh for each in who) + "。",
        )
    here = next((each for each in rows if now.state in each.sources), None)
    if here is None:
        sources = [state.value for state in State if any(state in each.sources for each in rows)]
        named = ", ".join(sources)
        return Refusal(
            action,
            True,
            None,
            f"In the state {now.state} it is not done; it is in: {named}.",
            f"当前状态 {now.state} 下不能进行；可在以下状态进行：{named}。",
        )
    for guard in here.guards:
        condition = GUARDS[guard]
        if condition.holds is not None and not condition.holds(now):
            return Refusal(action, True, guard, condition.en, condition.zh)
    return here
