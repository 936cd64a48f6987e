"""Choosing a password."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.accounts import CredentialReader, NamesOfPeople
from services.identity.application.hashing import PasswordHashing, Seat
from services.identity.application.sessions import Session, Sessions
from services.identity.domain.passwords import (
    Defect,
    PasswordRefused,
    Profile,
    defects,
    normalised,
)
from shared.clock import Clock
from shared.database import UnitOfWork


class PasswordStore(Protocol):
    async def put(
        self, person_id: UUID, hash_: str, *, stands_alone: bool, now: datetime, history: int
    ) -> None:
        """Replace the password; `history` hashes are kept, the new one included."""
        ...

    async def rehash(self, person_id: UUID, old: str, new: str) -> None:
        """The same password under other parameters, unless it was changed meanwhile."""
        ...

    async def delete(self, person_id: UUID) -> None: ...


class PasswordReader(CredentialReader, Protocol):
    async def former(self, person_id: UUID) -> Sequence[str]:
        """The hashes kept of earlier passwords and of the present one, if any are kept."""
        ...


@dataclass(frozen=True, slots=True)
class ChosenPassword:
    """A password that was accepted, ready to be stored."""

    hash: str
    stands_alone: bool


class Passwords:
    """``common`` is the blocklist, ``platform`` the names of the platform."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], PasswordStore],
        reader: PasswordReader,
        hashing: PasswordHashing,
        names: NamesOfPeople,
        sessions: Sessions,
        profile: Profile,
        common: Collection[str],
        platform: Collection[str],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._reader = reader
        self._hashing = hashing
        self._names = names
        self._sessions = sessions
        self._profile = profile
        self._common = common
        self._platform = platform
        self._clock = clock

    async def change(self, session: Session, new: str) -> None:
        """Give the person in hand a new password, and end whatever they are signed in to elsewhere.

        Raises `PasswordRefused`, `HashingPoolFull`.
        """
        with self._hashing.seat() as seat:
            chosen = await self.accept(seat, session.person_id, new)
        async with self._new_uow() as uow:
            await self.put(uow, session.person_id, chosen)
            await self._sessions.revoke_all(uow, session.person_id, but=session.id)
            await uow.commit()

    async def accept(
        self, seat: Seat, person_id: UUID, new: str, *, with_factor: bool | None = None
    ) -> ChosenPassword:
        """Judge a new password. ``with_factor`` says whether a second factor will be there, where
        that is about to change. Raises `PasswordRefused`."""
        if with_factor is None:
            with_factor = (await self._reader.credentials(person_id)).has_factor
        password = normalised(new)
        names = await self._names.of(person_id)
        found = defects(
            self._profile,
            password,
            with_factor=with_factor,
            common=self._common,
            context={*self._platform, *names.words},
        )
        if not found and await self._used_before(seat, person_id, password):
            found = [Defect.USED_BEFORE]
        if found:
            raise PasswordRefused(found, self.shortest(with_factor=with_factor))
        return ChosenPassword(
            await seat.hash(password), len(password) >= self._profile.shortest_alone
        )

    async def put(self, uow: UnitOfWork, person_id: UUID, chosen: ChosenPassword) -> None:
        """Store an accepted password. Raises `PasswordRefused` where the factor that it was to
        stand beside has gone meanwhile."""
        credentials = await self._reader.held(uow.connection, person_id)
        if not (chosen.stands_alone or credentials.has_factor):
            raise PasswordRefused([Defect.TOO_SHORT], self.shortest(with_factor=False))
        await self._stores(uow.connection).put(
            person_id,
            chosen.hash,
            stands_alone=chosen.stands_alone,
            now=self._clock(),
            history=self._profile.history,
        )
        uow.audit.record("password.changed", str(person_id))

    async def rehash(self, uow: UnitOfWork, person_id: UUID, old: str, new: str) -> None:
        await self._stores(uow.connection).rehash(person_id, old, new)

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        await self._stores(uow.connection).delete(person_id)

    def shortest(self, *, with_factor: bool) -> int:
        return self._profile.shortest(with_factor=with_factor)

    async def _used_before(self, seat: Seat, person_id: UUID, password: str) -> bool:
        if not self._profile.history:
            return False
        for known in await self._reader.former(person_id):
            if await seat.verify(known, password):
                return True
        return False
