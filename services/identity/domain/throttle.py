"""How often a secret may be guessed wrongly.

Each count is one instant, the theoretical arrival time of the generic cell rate algorithm (ITU-T
I.371 annex A): every failure moves it on by an interval, and as it lies further ahead than the
burst allows, nothing more is admitted. It is the whole state, so it is kept in one column and
needs no clean-up job to be right.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from shared.errors import DomainError

_AT_ONCE = timedelta(0)


class TooManyAttempts(DomainError):
    """Guessed wrongly too often."""

    retry_after: int

    def __init__(self, retry_after: int, *, crowded: bool = False) -> None:
        """``crowded``: others try at the same account from there, and the turn was not this
        browser's. It has waited, and keeps that for when it comes again."""
        super().__init__(
            f"Wait {retry_after} seconds, then try again.",
            zh=f"请在 {retry_after} 秒后再试。",
            retry_after=retry_after,
        )
        self.retry_after = retry_after
        self.crowded = crowded


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` failures at once, then one more every `interval`. With a `lock`, whoever uses up the
    burst waits that long before the next one."""

    burst: int
    interval: timedelta
    lock: timedelta = _AT_ONCE

    def wait(self, tat: datetime | None, now: datetime) -> timedelta:
        """How long until an attempt is admitted; zero when one is."""
        return _AT_ONCE if tat is None else max(_AT_ONCE, tat - now - self._tolerance)

    def charged(self, tat: datetime | None, now: datetime) -> datetime:
        """The state after one failure."""
        moved = max(tat or now, now) + self.interval
        if self.wait(moved, now):
            return max(moved, now + self._tolerance + self.lock)
        return moved

    def narrowed(self) -> Self:
        """The same, one attempt at a time."""
        return replace(self, burst=1)

    @property
    def _tolerance(self) -> timedelta:
        return (self.burst - 1) * self.interval


@dataclass(frozen=True, slots=True)
class Limits:
    """What is counted of attempts at an account.

    `caller` refuses anybody. It counts one account from one browser; where no browser is
    told, from one address. Whoever guesses elsewhere uses up another count.

    `ceiling` refuses unknown browsers: it counts one account from everywhere too, and bounds what
    all addresses together may guess. It is so high that no one address reaches it.

    The others count what many share, the owner perhaps among them: `place` one account from all
    unknown browsers at one address, `account` one account from everywhere, `address` one address
    over all accounts (it is wide: a school shares one). Used up, they refuse nobody: whoever comes
    by a browser takes turns with the others at that place, and whoever does not is left one
    attempt at a time. A known device is counted as `caller` only.
    """

    caller: Limit
    place: Limit = Limit(burst=50, interval=timedelta(seconds=20))
    account: Limit = Limit(burst=100, interval=timedelta(minutes=5))
    address: Limit = Limit(burst=300, interval=timedelta(seconds=5))
    ceiling: Limit = Limit(burst=1000, interval=timedelta(seconds=4))

    def narrowed(self) -> Self:
        """The same, one attempt of a caller at a time."""
        return replace(self, caller=self.caller.narrowed())


@dataclass(frozen=True, slots=True)
class Counts:
    """The states of the counts, as read for one attempt."""

    caller: datetime | None = None
    place: datetime | None = None
    account: datetime | None = None
    address: datetime | None = None
    ceiling: datetime | None = None


def admit(limits: Limits, counts: Counts, now: datetime, ahead: int = 0) -> None:
    """Raises `TooManyAttempts`. `ahead` attempts of the same caller are being judged: they count
    as failures, so that a hundred at the same moment are not one."""
    wait = max(
        limits.caller.wait(_after(ahead, limits.caller, counts.caller, now), now),
        limits.ceiling.wait(counts.ceiling, now),
    )
    if wait:
        raise TooManyAttempts(retry_after=-(-wait // timedelta(seconds=1)))


def is_crowded(limits: Limits, counts: Counts, now: datetime, ahead: int = 0) -> bool:
    """Whether a count that many share is used up; `ahead` attempts are being judged at the
    place."""
    place = _after(ahead, limits.place, counts.place, now)
    return bool(
        limits.place.wait(place, now)
        or limits.account.wait(counts.account, now)
        or limits.address.wait(counts.address, now)
    )


def _after(failures: int, limit: Limit, count: datetime | None, now: datetime) -> datetime | None:
    for _ in range(failures):
        count = limit.charged(count, now)
    return count
