"""Revoked tokens: written with the change that voids them, told to others, kept in mind here."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.events_provider import RevocationIssued
from services.identity.domain.tokens import LONGEST_ACCESS_TOKEN_LIFE, Revocation, RevocationKind
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.revocation import RevokedTokens

POLL_SECONDS = 0.5
"""How soon a replica learns what another one revokes; what it revokes itself, it knows at once."""
LEEWAY = timedelta(minutes=1)
SETTLING = timedelta(seconds=3)
"""The time between writing a revocation and its commit, in which tokens may still be issued:
the person's next ones wait for it to pass. The database
refuses a commit more than two seconds after the writing (trigger ``revocation_in_time``)."""
CLIENT_CACHE = timedelta(seconds=5)
"""How long another replica may go on issuing tokens to a client that it has just read."""

_LONGEST_TRANSACTION = timedelta(minutes=1)


class RevocationStore(Protocol):
    async def add(self, events: Sequence[RevocationIssued]) -> None: ...


class RevocationReader(Protocol):
    async def since(self, instant: datetime) -> Sequence[Revocation]:
        """The revocations made after `instant`."""
        ...

    async def page(self, now: datetime, after: int, limit: int) -> Sequence[Revocation]:
        """The revocations in force, in the order of their ids, which is not quite that of their
        commits."""
        ...


class Revocations:
    def __init__(
        self,
        store: Callable[[AsyncConnection], RevocationStore],
        reader: RevocationReader,
        clock: Clock,
    ) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock
        self.in_force = RevokedTokens(lambda: clock().timestamp())
        self._read_from = datetime.fromtimestamp(0, UTC)

    async def revoke(self, uow: UnitOfWork, kind: RevocationKind | str, *values: str) -> None:
        """Void every token issued until `uow` commits that names one of `values`.

        Call it late: a commit that comes more than two seconds afterwards raises `Unavailable`, and
        nothing is changed.
        """
        kind = RevocationKind(kind)
        before = self._clock() + SETTLING
        if kind is RevocationKind.CLIENT:
            before += CLIENT_CACHE
        expires_at = before + LONGEST_ACCESS_TOKEN_LIFE + LEEWAY
        events = [RevocationIssued(kind, value, before, expires_at) for value in values]
        await self._store(uow.connection).add(events)
        for event in events:
            uow.outbox.append(event)
            uow.committed.append(
                partial(
                    self.in_force.add,
                    event.kind,
                    event.value,
                    event.before.timestamp(),
                    event.expires_at.timestamp(),
                )
            )

    async def page(self, after: int, limit: int) -> Sequence[Revocation]:
        """The revocations in force after the one numbered `after`."""
        return await self._reader.page(self._clock(), after, limit)

    async def run(self) -> None:
        """Keep in mind what this and the other replicas revoke."""
        while True:
            await self.load()
            await asyncio.sleep(POLL_SECONDS)

    async def load(self) -> None:
        """Read what was revoked since the last time, and a little before: a transaction may
        commit later than one that revoked after it."""
        now = self._clock()
        for each in await self._reader.since(self._read_from):
            self.in_force.add(
                each.kind, each.value, each.before.timestamp(), each.expires_at.timestamp()
            )
        self._read_from = now - _LONGEST_TRANSACTION
