"""How much an application may ask: so many requests a second and so many a day.

A second is counted by the times of the requests that passed in it: no second has more than the
quota, not even after a rest. A day begins at midnight in China; its requests are taken from the
register in blocks, so that a process that dies has spent at most a block or two too many, and
several processes count one quota together.
"""

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from shared.civil import seconds_left

SECOND_COUNTED = 0.995
"""Seconds: a request of somebody who keeps to the quota may arrive a little early."""
BLOCKS = 200
"""A day's quota is taken in so many at least: one is half a percent."""


class Window(StrEnum):
    """The quotas by the name that `RateLimit-Policy` gives them."""

    SECOND = "second"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests that a class of applications may make."""

    per_second: int
    per_day: int

    @property
    def block(self) -> int:
        """Taken at once: what a second may ask, so that the register is asked once a second."""
        return max(1, min(self.per_day // BLOCKS, self.per_second))


class Remaining(NamedTuple):
    """What is left after a request; `exceeded` is why it is refused. Times are seconds."""

    exceeded: Window | None
    second: int
    second_resets: float
    day: int
    day_resets: int

    @property
    def retry_after(self) -> int:
        """Whole seconds, at least one."""
        wait = self.day_resets if self.exceeded is Window.DAY else self.second_resets
        return max(1, int(wait + 0.999))


class Allowance:
    """One application's requests as this process counts them. Its ``quota`` may change at any
    time; what was counted stays."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.day = date.min
        self._leased = 0
        self._taken = 0
        self._passed: deque[float] = deque()

    def lease(self, day: date, granted: int, taken: int) -> None:
        """`granted` more requests of `day`, of which the register has given away `taken` now."""
        if day != self.day:
            self.day, self._leased = day, 0
        self._leased += granted
        self._taken = taken

    def lease_alone(self, day: date) -> None:
        """A block of what the register had left when it was last heard of."""
        taken = self.taken(day)
        granted = max(0, min(self.quota.block, self.quota.per_day - taken))
        self.lease(day, granted, taken + granted)

    def taken(self, day: date) -> int:
        return self._taken if day == self.day else 0

    def unspent(self, day: date) -> int:
        """Requests of `day` that were leased and have not come yet."""
        return self._leased if day == self.day else 0

    def needs_lease(self, day: date) -> bool:
        """Whether nothing can be counted before the register was asked."""
        return day != self.day or (self._leased == 0 and self._taken < self.quota.per_day)

    def runs_low(self) -> bool:
        """Whether the next block should be asked for."""
        return self._leased <= self.quota.block // 2 and self._taken < self.quota.per_day

    @property
    def _left(self) -> int:
        return max(0, self.quota.per_day - self._taken + self._leased)

    def take(self, now: float, at: datetime) -> Remaining:
        """Count a request at the monotonic time `now`, the instant `at`. A refused one is not
        counted."""
        passed, most = self._passed, self.quota.per_second
        while passed and passed[0] <= now - SECOND_COUNTED:
            passed.popleft()
        exceeded = None
        if len(passed) >= most:
            exceeded = Window.SECOND
        elif self._leased == 0 or self._left == 0:
            exceeded = Window.DAY
        else:
            passed.append(now)
            self._leased -= 1
        awaited = -most if exceeded is Window.SECOND else -1
        return Remaining(
            exceeded,
            second=max(0, most - len(passed)),
            second_resets=1.0 - (now - passed[awaited]) if passed else 0.0,
            day=self._left,
            day_resets=seconds_left(at),
        )
