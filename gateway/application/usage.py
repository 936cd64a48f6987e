"""What an application has used and may still use, for itself and for who answers for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from gateway.application.access import INTEGRATE
from gateway.domain.quotas import Quota
from gateway.domain.usage import Counts, UsageKey
from shared.civil import civil_date
from shared.clock import Clock
from shared.errors import DomainError, NotFound
from shared.principal import Principal

LONGEST_DAYS = 366


class BadPeriod(DomainError):
    """It ends before it begins, or is longer than a year."""


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application, as identity's events tell of it."""

    client_id: str
    path: str
    name: str
    quota_class: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """Today's quota of an application: requests a second, a day, and made of the day so far."""

    application: Application
    quota: Quota
    taken: int
    day: date


class ApplicationStore(Protocol):
    async def note(self, client: Mapping[str, Any]) -> None:
        """Keep what an event tells of a client; an older event changes nothing."""

    async def move(self, old_path: str, path: str) -> None:
        """What lay at `old_path` and below lies at `path` now."""


class Applications(Protocol):
    async def get(self, client_id: str) -> Application | None: ...

    async def taken(self, client_id: str, day: date) -> int:
        """Requests of the day that processes have leased."""
        ...


class Counted(Protocol):
    """The part of `gateway.application.quotas.Quotas` that is shown."""

    def quota_of(self, quota_class: str) -> Quota: ...

    def unspent(self, client: str, day: date) -> int: ...


class UsageReader(Protocol):
    async def page(
        self,
        client: str,
        since: date,
        until: date,
        after: tuple[date, str] | None,
        limit: int,
    ) -> Sequence[tuple[UsageKey, Counts]]:
        """By day and operation, behind `after`."""


class Usage:
    """Raises `NotFound` for an application that is not the caller's."""

    def __init__(
        self,
        applications: Applications,
        usage: UsageReader,
        quotas: Counted,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._usage = usage
        self._quotas = quotas
        self._clock = clock

    async def allowed(self, caller: Principal, client_id: str | None) -> Allowed:
        """What the application may ask for; without a name, the caller itself."""
        application = await self._reachable(caller, client_id)
        day = civil_date(self._clock())
        leased = await self._applications.taken(application.client_id, day)
        taken = max(0, leased - self._quotas.unspent(application.client_id, day))
        return Allowed(application, self._quotas.quota_of(application.quota_class), taken, day)

    async def page(
        self,
        caller: Principal,
        client_id: str | None,
        since: date | None,
        until: date | None,
        after: tuple[date, str] | None,
        limit: int,
    ) -> Sequence[tuple[UsageKey, Counts]]:
        """Counts by day in China and operation; of the last thirty days where none are given.
        Raises `BadPeriod`."""
        application = await self._reachable(caller, client_id)
        until = until or civil_date(self._clock())
        since = since or until - timedelta(days=29)
        if not timedelta() <= until - since < timedelta(days=LONGEST_DAYS):
            raise BadPeriod(
                f"Ask for at most {LONGEST_DAYS} days, the first before the last.",
                zh=f"请查询不超过 {LONGEST_DAYS} 天的时段，起始日期不晚于截止日期。",
            )
        return await self._usage.page(application.client_id, since, until, after, limit)

    async def _reachable(self, caller: Principal, client_id: str | None) -> Application:
        asked = client_id or caller.client
        found = await self._applications.get(asked)
        if caller.subject == caller.client:  # an application itself, whatever it is granted
            reachable = asked == caller.client
        else:
            reachable = found is not None and INTEGRATE.holds(caller, found.path)
        if found is None or not reachable:
            raise NotFound("You answer for no such application.", zh="未找到您负责的该应用。")
        return found
