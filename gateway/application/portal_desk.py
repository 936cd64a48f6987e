"""What somebody who is signed in to the portal sees and does there: their applications.

The register is identity's, which judges every step by the person's own token.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from gateway.application.access import INTEGRATE
from gateway.application.portal import Visitor
from gateway.application.usage import Allowed, Usage
from gateway.application.webhooks import Owner, Webhooks
from gateway.domain.portal import (
    ApiKey,
    Application,
    ClientSecret,
    Listed,
    Organisation,
    Wanted,
)
from gateway.domain.usage import Counts
from gateway.domain.webhooks import Webhook
from shared.access import grants_of
from shared.errors import Forbidden, NotFound
from shared.principal import Principal

ROWS_AT_ONCE = 1000
WEBHOOKS_AT_ONCE = 200


class Registry(Protocol):
    """Identity's register, asked with a person's access token.

    Raises `SignInNeeded` where the token is void, `Forbidden`, `NotFound`, `RequestRefused` and
    `Unavailable`.
    """

    async def organisation(self, token: str, code: str) -> Organisation: ...

    async def applications(
        self, token: str, cursor: str | None
    ) -> tuple[Sequence[Listed], str | None]:
        """A page, the newest first, and the cursor of the next."""
        ...

    async def application(self, token: str, client_id: str) -> Application: ...

    async def register(self, token: str, wanted: Wanted) -> str:
        """Its id."""
        ...

    async def keys(self, token: str, client_id: str) -> Sequence[ApiKey]:
        """The newest fifty."""
        ...

    async def issue_key(
        self, token: str, client_id: str, name: str, scopes: Sequence[str], until: datetime
    ) -> str:
        """The key itself."""
        ...

    async def revoke_key(self, token: str, client_id: str, key_id: str) -> None: ...

    async def secrets(self, token: str, client_id: str) -> Sequence[ClientSecret]: ...

    async def add_secret(
        self, token: str, client_id: str, replaces: str | None, old_ends_in_hours: int | None
    ) -> str:
        """The secret itself. Raises `RequestRefused` where `replaces` is not in use any more."""
        ...

    async def end_secret(self, token: str, client_id: str, secret_id: str) -> None: ...


class Used(NamedTuple):
    """Of the last thirty days, in China."""

    by_day: Sequence[tuple[date, Counts]]
    by_operation: Sequence[tuple[str, Counts]]


@dataclass(frozen=True, slots=True)
class Overview:
    """``allowed`` and ``used`` are None until the application has been approved."""

    application: Application
    keys: Sequence[ApiKey]
    secrets: Sequence[ClientSecret]
    allowed: Allowed | None
    used: Used | None
    webhooks: Sequence[Webhook]

    @property
    def left(self) -> int:
        """Of today's requests."""
        return max(0, self.allowed.quota.per_day - self.allowed.taken) if self.allowed else 0


class Desk:
    def __init__(self, registry: Registry, usage: Usage, webhooks: Webhooks) -> None:
        self._registry = registry
        self._usage = usage
        self._webhooks = webhooks

    async def organisations(self, visitor: Visitor) -> Sequence[Organisation]:
        """Those for which the visitor may ask for an application."""
        labels = dict.fromkeys(
            grant.organisation
            for grant in grants_of(visitor.principal)
            if grant.role in INTEGRATE.roles
        )
        return [await self._registry.organisation(visitor.access_token, each) for each in labels]

    async def overview(self, visitor: Visitor, client_id: str) -> Overview:
        token, caller = visitor.access_token, visitor.principal
        application = await self._registry.application(token, client_id)
        allowed, used = None, None
        try:
            allowed = await self._usage.allowed(caller, client_id)
            used = await self._used(caller, client_id)
        except NotFound:  # no event has told of it yet
            pass
        return Overview(
            application,
            await self._registry.keys(token, client_id),
            await self._registry.secrets(token, client_id) if application.has_secrets else (),
            allowed,
            used,
            await self._webhooks_of(caller, client_id),
        )

    async def subscriber(self, visitor: Visitor, client_id: str) -> Owner:
        """An application as one that may be told of events. Raises `NotFound`, `Forbidden`."""
        application = await self._registry.application(visitor.access_token, client_id)
        if application.state != "APPROVED":
            raise Forbidden("Its application is not approved.", zh="应用尚未通过审批或已停用。")
        allowed = await self._usage.allowed(visitor.principal, client_id)
        return Owner(client_id, frozenset(application.scopes), allowed.application.path)

    async def _used(self, caller: Principal, client_id: str) -> Used:
        days: defaultdict[date, Counts] = defaultdict(Counts)
        operations: defaultdict[str, Counts] = defaultdict(Counts)
        after: tuple[date, str] | None = None
        while True:
            rows = await self._usage.page(caller, client_id, None, None, after, ROWS_AT_ONCE)
            for key, counts in rows:
                _add(days[key.day], counts)
                _add(operations[key.operation], counts)
            if len(rows) < ROWS_AT_ONCE:
                break
            after = rows[-1][0].day, rows[-1][0].operation
        busiest = sorted(operations.items(), key=lambda each: -each[1].requests)
        return Used(sorted(days.items(), reverse=True), busiest)

    async def _webhooks_of(self, caller: Principal, client_id: str) -> Sequence[Webhook]:
        if not INTEGRATE.holds(caller, None):
            return ()
        found: list[Webhook] = []
        before: UUID | None = None
        while True:
            page = await self._webhooks.page(caller, WEBHOOKS_AT_ONCE, before)
            found += (each for each in page if each.client == client_id)
            if len(page) < WEBHOOKS_AT_ONCE:
                return found
            before = page[-1].id


def _add(into: Counts, counts: Counts) -> None:
    for name in Counts.__slots__:
        setattr(into, name, getattr(into, name) + getattr(counts, name))
