"""The applications that a person let in, and letting them in no longer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.sessions import Revocations
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a person lets an application do. ``owner`` is the organisation behind it."""

    client_id: UUID
    name: str
    owner: str
    scopes: frozenset[str]
    given_at: datetime


class AllowanceStore(Protocol):
    async def of_person(self, person_id: UUID, now: datetime) -> Sequence[Allowance]:
        """What the person allowed, and the platform's own applications that can still renew their
        tokens; the latest first."""
        ...

    async def withdraw(self, person_id: UUID, client_id: UUID) -> bool:
        """Forget it; False when there is none."""
        ...

    async def end(self, person_id: UUID, client_id: UUID, at: datetime) -> Sequence[UUID]:
        """End what came of it; returns the token families."""
        ...


class Allowances:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], AllowanceStore],
        revocations: Revocations,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._revocations = revocations
        self._clock = clock

    async def of(self, person_id: UUID) -> Sequence[Allowance]:
        """Every application that the person was asked about and let in, and every one that nobody
        is asked about and that is still signed in, the latest first."""
        async with self._new_uow() as uow:
            return await self._store(uow.connection).of_person(person_id, self._clock())

    async def withdraw(self, person_id: UUID, client_id: UUID) -> None:
        """The application asks again; its tokens are void at once. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store, now = self._store(uow.connection), self._clock()
            withdrawn = await store.withdraw(person_id, client_id)
            ended = await store.end(person_id, client_id, now)
            if not withdrawn and not ended:
                raise NotFound("You have let in no such application.", zh="您没有允许过该应用。")
            for family in ended:
                await self._revocations.revoke(uow, "family", str(family))
            uow.audit.record("client.consent_withdrawn", str(client_id), person=person_id)
            await uow.commit()
