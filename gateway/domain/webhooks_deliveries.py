"""Delivering one event to one webhook: at least once, one at a time for a webhook.

What is promised of order: of what is due, the event with the lowest ``sequence`` goes next. One
that failed is repeated later, and others overtake it meanwhile; whoever needs the order compares
``sequence``, which rises with every event recorded.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gateway.domain.webhooks import State as WebhookState
from shared.errors import DomainError

BACK_OFF = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""Before each repetition; an event that failed once more is dead."""

JITTER = 0.2
"""The share by which a back-off is longer at the most."""

GIVEN_UP_AFTER = timedelta(days=5)
"""A webhook with nothing but failures for so long is told no more."""

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=5)
_LONGEST_WISH = timedelta(hours=24)
_GONE = 410


class State(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


class DeliveryNotDead(DomainError):
    """It was delivered or still will be, so there is nothing to retry."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """``status`` and ``failure`` tell of the last attempt, ``due_at`` of the next."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    position: int
    state: State
    attempts: int
    status: int | None
    failure: str | None
    due_at: datetime | None
    attempted_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one attempt. What the receiver wrote is not kept: whoever could read it here
    could read, through us, what an address tells that is not theirs."""

    status: int | None
    failure: str | None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Streak:
    """How a webhook has been failing without one success."""

    failures: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an answer: for the event, and for its webhook, which is left alone until
    ``free_at`` and ends as ``ends`` unless that is None."""

    state: State
    due_at: datetime | None
    streak: Streak
    free_at: datetime
    ends: WebhookState | None = None


def judged(answer: Answer, attempts: int, streak: Streak, now: datetime, jitter: float) -> Verdict:
    """After so many `attempts`, this one counted. `jitter`, between 0 and 1, lengthens the
    back-off; what the receiver asks for with Retry-After it gets, up to a day."""
    if answer.failure is None:
        return Verdict(State.DELIVERED, None, Streak(), now)
    failing = Streak(streak.failures + 1, streak.since or now)
    wish = min(answer.retry_after or timedelta(0), _LONGEST_WISH)
    # A webhook whose address is down is not asked for every single event that waits for it.
    pause = min(_FIRST_PAUSE * 2 ** min(streak.failures, 10), _LONGEST_PAUSE)
    free_at = now + max(pause, wish)
    ends = None
    if answer.status == _GONE:
        ends = WebhookState.GONE
    elif streak.since is not None and now - streak.since >= GIVEN_UP_AFTER:
        ends = WebhookState.FAILING
    if answer.status == _GONE or attempts > len(BACK_OFF):
        return Verdict(State.DEAD, None, failing, free_at, ends)
    wait = BACK_OFF[attempts - 1] * (1 + JITTER * jitter)
    return Verdict(State.PENDING, now + max(wait, wish), failing, free_at, ends)


def sequence_of(position: int) -> str:
    """The CloudEvents extension ``sequence``: as text it sorts as the events were recorded."""
    return f"{position:018}"
