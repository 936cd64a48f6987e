"""What signing in asks about a person: the account, and what can prove it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.sessions import TWO_FACTORS
from services.identity.application.stores import OpenStores
from services.identity.domain.identifiers import LOGIN_KINDS, IdentifierKind
from services.identity.domain.passwords import Profile
from shared.access import Grant
from shared.database import UnitOfWork


class Account(Protocol):
    """A person as the people part shows one."""

    @property
    def person_id(self) -> UUID: ...

    @property
    def code(self) -> str: ...

    @property
    def state(self) -> str: ...


class Directory(Protocol):
    """The people part's directory."""

    async def account(self, person_id: UUID) -> Account | None: ...

    async def grants(self, person_id: UUID) -> tuple[str, ...]:
        """Roles in force, each as ``role@path#subject``."""
        ...


NOBODY = UUID(int=0)
"""Whose login an unknown one is."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person can prove themselves with. ``stands_alone`` says that the password is long
    enough without a second factor; ``device_known`` that the person has signed in on the browser
    that asks, ``device_ours`` that somebody has. ``counts`` are of wrong guesses."""

    person_id: UUID
    password_hash: str | None = None
    stands_alone: bool = False
    changed_at: datetime | None = None
    authenticator: bool = False
    passkeys: int = 0
    device_known: bool = False
    device_ours: bool = False
    counts: Mapping[bytes, datetime] = field(default_factory=dict)

    @property
    def has_factor(self) -> bool:
        return self.authenticator or self.passkeys > 0


class CredentialReader(Protocol):
    async def credentials(
        self, person_id: UUID, device: bytes | None = None, guesses: Collection[bytes] = ()
    ) -> Credentials:
        """Those of a person, as a browser asks that is known by `device`; with the counts kept
        under `guesses`."""
        ...

    async def held(self, connection: AsyncConnection, person_id: UUID) -> Credentials:
        """Those of a person, whose row stays locked until the transaction of `connection` ends:
        what is decided by them (a factor goes, a password comes that needs one) is decided one
        after the other."""
        ...


async def factor_is_due(directory: Directory, profile: Profile, person_id: UUID) -> bool:
    """Whether a role of the person asks for a second factor."""
    if not profile.second_factor_roles:
        return False
    return _asks_for_factor(profile, await directory.grants(person_id))


def lacks_factor(profile: Profile, grants: Iterable[str], acr: str) -> bool:
    """Whether one of the roles asks for a second factor, and the sign-in of `acr` had none."""
    return acr != TWO_FACTORS and _asks_for_factor(profile, grants)


def _asks_for_factor(profile: Profile, grants: Iterable[str]) -> bool:
    return any(Grant.parse(each).role in profile.second_factor_roles for each in grants)


@dataclass(frozen=True, slots=True)
class Names:
    """What a person is called: ``name`` and ``login`` to show them, ``words`` to keep out of their
    password."""

    name: str
    login: str
    words: frozenset[str]


class NamesOfPeople:
    def __init__(self, new_uow: Callable[[], UnitOfWork], people: OpenStores) -> None:
        self._new_uow = new_uow
        self._people = people

    async def of(self, person_id: UUID) -> Names:
        """Of an invited person too, who has no claims yet."""
        async with self._new_uow() as uow:
            stores = self._people(uow.connection)
            person = await stores.people.get(person_id)
            keys = [each.key for each in await stores.people.identifiers(person_id)]
        profile = person.profile if person else None
        name = profile.name if profile else ""
        known = {key.kind: key.value for key in keys}
        login = next((known[kind] for kind in LOGIN_KINDS if kind in known), name)
        email = known.get(IdentifierKind.EMAIL, "").partition("@")[0]
        nickname = (profile.nickname or "") if profile else ""
        return Names(name, login, frozenset({name, nickname, email, *known.values()}))
