"""Signing keys and their lives: next → active → retiring → gone, never backwards.

Each ring has one active key, which signs, and one next key, which is published well before it is
used, so that whoever caches the key set knows it by then. A retiring key is published for as long
as a token that it signed may live. A key that is gone has lost its private half; its public half
is kept, unpublished, so that an old ID token still serves as a hint.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from shared.errors import DomainError


class Ring(StrEnum):
    """Access tokens are signed with ES256, ID tokens with RS256, by separate keys."""

    ACCESS = "access"
    ID = "id"

    @property
    def algorithm(self) -> str:
        return "ES256" if self is Ring.ACCESS else "RS256"


class KeyState(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


PUBLISHED = (KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING)

PUBLISH_AHEAD = timedelta(minutes=30)
ACTIVE_FOR = timedelta(days=30)
RETIRE_FOR = timedelta(minutes=30)
"""Key sets are cached for 5 minutes, tokens live for 10, a replica lags by less than one."""


class NextKeyTooNew(DomainError):
    """The next key has not been published long enough to be used."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """``kid`` is the thumbprint (RFC 7638) of `public`, a JWK. `entered_at` is when it entered its
    state; `created_at`, when it was first published."""

    kid: str
    ring: Ring
    state: KeyState
    public: Mapping[str, Any]
    created_at: datetime
    entered_at: datetime

    def entering(self, state: KeyState, now: datetime) -> Self:
        return replace(self, state=state, entered_at=now)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is due in a ring: keys that enter another state, and states that need a new key."""

    moved: Sequence[SigningKey]
    wanted: Sequence[KeyState]


def due(keys: Iterable[SigningKey], now: datetime, *, rotate: bool = False) -> Turn:
    """What is due among the `keys` of one ring; `rotate` asks for a new active key now.

    Raises `NextKeyTooNew` when asked to rotate before everybody can know the next key.
    """
    by_state: dict[KeyState, list[SigningKey]] = {state: [] for state in KeyState}
    for key in keys:
        by_state[key.state].append(key)
    moved = [
        key.entering(KeyState.GONE, now)
        for key in by_state[KeyState.RETIRING]
        if now - key.entered_at >= RETIRE_FOR
    ]
    if not by_state[KeyState.ACTIVE]:
        return Turn(moved, [KeyState.ACTIVE, KeyState.NEXT])
    [active], [following] = by_state[KeyState.ACTIVE], by_state[KeyState.NEXT]
    usable_at = following.created_at + PUBLISH_AHEAD
    if rotate and now < usable_at:
        raise NextKeyTooNew(
            f"The next key may be used from {usable_at.isoformat()} on.",
            zh=f"下一把密钥自 {usable_at.isoformat()} 起可用。",
        )
    if now >= usable_at and (rotate or now - active.entered_at >= ACTIVE_FOR):
        moved += [
            active.entering(KeyState.RETIRING, now),
            following.entering(KeyState.ACTIVE, now),
        ]
        return Turn(moved, [KeyState.NEXT])
    return Turn(moved, [])
