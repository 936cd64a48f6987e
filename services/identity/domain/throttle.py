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

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"Wait {retry_after} seconds, then try again.",
            zh=f"请在 {retry_after} 秒后再试。",
            retry_after=retry_after,
        )
        self.retry_after = retry_after


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

    `caller` counts one account from one place: a known device, else an address. Who guesses from
    elsewhere uses up another count, so nobody keeps the owner out. `account` counts one account
    from all unknown places together; used up, it refuses nobody, but leaves each further address
    one attempt at a time, so that many addresses guess little and the owner, who needs one, gets
    in. `address` counts one address over all accounts, and is wide: a school shares one.
    """

    caller: Limit
    account: Limit = Limit(burst=100, interval=timedelta(minutes=5))
    address: Limit = Limit(burst=300, interval=timedelta(seconds=5))


@dataclass(frozen=True, slots=True)
class Counts:
    """The states of the three counts, as read for one attempt. A known device has `caller` only."""

    caller: datetime | None = None
    account: datetime | None = None
    address: datetime | None = None


def admit(limits: Limits, counts: Counts, now: datetime, ahead: int = 0) -> None:
    """Raises `TooManyAttempts`. `ahead` attempts of the same caller are being judged: they count
    as failures, so that a hundred at the same moment are not one."""
    caller, count = limits.caller, counts.caller
    for _ in range(ahead):
        count = caller.charged(count, now)
    if limits.account.wait(counts.account, now):
        caller = caller.narrowed()
    wait = max(caller.wait(count, now), limits.address.wait(counts.address, now))
    if wait:
        raise TooManyAttempts(retry_after=-(-wait // timedelta(seconds=1)))
