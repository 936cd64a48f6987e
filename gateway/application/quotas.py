"""Quotas of the applications, counted in memory, leased from the register."""

import asyncio
import time
from collections.abc import Mapping
from datetime import date
from typing import Protocol

import structlog

from gateway.domain.quotas import Allowance, Quota, Remaining
from shared.civil import civil_date
from shared.clock import Clock
from shared.errors import Unavailable

_REGISTER_SECONDS = 0.2
"""Envoy waits little longer for a decision."""

log = structlog.get_logger(__name__)


class QuotaRegister(Protocol):
    async def lease(self, client: str, day: date, quota: Quota) -> tuple[int, int]:
        """Take a block of the day's quota, or what is left of it: (granted, taken in all).
        Raises `Unavailable`."""


class Quotas:
    """``classes`` are the quotas by the name of their class; an unknown class has the smallest."""

    def __init__(self, register: QuotaRegister, classes: Mapping[str, Quota], clock: Clock) -> None:
        self._register = register
        self._classes = classes
        self._smallest = min(classes.values(), key=lambda each: each.per_day)
        self._clock = clock
        self._allowances: dict[str, Allowance] = {}
        self._leases: dict[str, asyncio.Task[None]] = {}

    async def take(self, client: str, quota_class: str) -> Remaining:
        """Count a request of `client`. While the register is out of reach, the quota of the day
        is counted here alone."""
        allowance, at = self._allowance(client, quota_class), self._clock()
        day = civil_date(at)
        if allowance.needs_lease(day):
            await self._leased(client, allowance, day)
        elif allowance.runs_low():
            self._lease(client, allowance, day)
        return allowance.take(time.monotonic(), at)

    def quota_of(self, quota_class: str) -> Quota:
        return self._classes.get(quota_class, self._smallest)

    def unspent(self, client: str, day: date) -> int:
        """Requests that the register has given to this process, and that have not come yet."""
        known = self._allowances.get(client)
        return known.unspent(day) if known else 0

    def _allowance(self, client: str, quota_class: str) -> Allowance:
        """One a client. Tokens of a class that was changed are good for a while beside newer
        ones: each request is judged by the class it tells, and counted with all others."""
        quota = self.quota_of(quota_class)
        known = self._allowances.setdefault(client, Allowance(quota))
        known.quota = quota
        return known

    async def _leased(self, client: str, allowance: Allowance, day: date) -> None:
        while allowance.needs_lease(day):
            await asyncio.shield(self._lease(client, allowance, day))

    def _lease(self, client: str, allowance: Allowance, day: date) -> asyncio.Task[None]:
        """The asking that is under way for this client, begun now if there was none."""
        known = self._leases.get(client)
        if known is None:
            known = asyncio.create_task(self._ask(client, allowance, day))
            self._leases[client] = known
            known.add_done_callback(lambda _: self._leases.pop(client, None))
        return known

    async def _ask(self, client: str, allowance: Allowance, day: date) -> None:
        try:
            async with asyncio.timeout(_REGISTER_SECONDS):
                granted, taken = await self._register.lease(client, day, allowance.quota)
        except (Unavailable, TimeoutError) as error:
            log.warning("quotas are counted here alone", error=repr(error))
            allowance.lease_alone(day)
        else:
            allowance.lease(day, granted, taken)
