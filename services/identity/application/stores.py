"""What the use cases of people, roles and guardians keep, as Protocols.

All work in the caller's transaction. ``lock=True`` holds the row until it ends; whoever changes
what belongs to a person (identifiers, memberships, roles) locks the person first, so that such
changes happen one after the other.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.organisations_ports import OrganisationTree
from services.identity.domain.grants import RoleGrant
from services.identity.domain.guardians import Consent, Guardianship, Purpose
from services.identity.domain.identifiers import Identifier, IdentifierKey, IdentifierKind
from services.identity.domain.people import Membership, Person, State
from shared.database import UnitOfWork
from shared.principal import Principal

NewUow = Callable[[], UnitOfWork]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever is known by `key`."""

    key: IdentifierKey
    person_id: UUID
    verified: bool


@dataclass(frozen=True, slots=True)
class PeopleQuery:
    """Members of the organisation at ``path`` and of what is below it, without those who left
    unless ``state`` asks for them. ``q`` is a whole name, code, or identifier to sign in with."""

    path: str
    state: State | None = None
    q: str | None = None


class PeopleStore(Protocol):
    async def get(self, person_id: UUID, *, lock: bool = False) -> Person | None:
        """The person with all memberships."""
        ...

    async def by_code(self, code: str) -> Person | None: ...

    async def named(self, names: Iterable[str]) -> Mapping[str, list[Person]]:
        """Everybody of each full name, erased people left out, without memberships."""
        ...

    async def several(self, person_ids: Iterable[UUID]) -> dict[UUID, Person]:
        """Those that exist, with their memberships, in two statements."""
        ...

    async def page(
        self, query: PeopleQuery, day: date, limit: int, after: tuple[str, UUID] | None
    ) -> list[tuple[str, Person]]:
        """At most `limit` people, each once, in the order of the tree: with the path of the first
        organisation that they are found in. Two statements, whatever the number."""
        ...

    async def add(self, person: Person) -> Person:
        """Insert with a fresh code; returns the person with it."""
        ...

    async def save(self, person: Person) -> None:
        """Write state, profile and version; memberships are written by themselves."""
        ...

    async def identifiers(self, person_id: UUID) -> list[Identifier]: ...

    async def put_identifier(
        self, person_id: UUID, key: IdentifierKey, verified_at: datetime | None, now: datetime
    ) -> None:
        """In place of the one of the same kind. Raises `IdentifierTaken`."""
        ...

    async def drop_identifiers(self, person_id: UUID, kind: IdentifierKind | None = None) -> int:
        """Remove the one of that kind, or all; returns how many."""
        ...

    async def holders(self, keys: Sequence[IdentifierKey]) -> list[Holder]:
        """Who is known by any of the keys, in one statement."""
        ...

    async def membership_owner(self, membership_id: UUID) -> UUID | None:
        """Whose membership it is."""
        ...

    async def add_membership(self, membership: Membership, now: datetime) -> None: ...

    async def save_membership(self, membership: Membership) -> None: ...


@dataclass(frozen=True, slots=True)
class GrantQuery:
    """Grants of one person, at one organisation, or both."""

    person_id: UUID | None
    organisation_id: UUID | None


class GrantStore(Protocol):
    async def of_person(self, person_id: UUID) -> list[RoleGrant]:
        """All of them, past ones included."""
        ...

    async def get(self, grant_id: UUID) -> RoleGrant | None: ...

    async def page(self, query: GrantQuery, limit: int, after: UUID | None) -> list[RoleGrant]:
        """In the order of their ids."""
        ...

    async def below(self, path: str, now: datetime) -> list[RoleGrant]:
        """Those not over that are held at the organisation at `path` or below it, locked."""
        ...

    async def add(self, grant: RoleGrant, now: datetime) -> None: ...

    async def save(self, grant: RoleGrant) -> None:
        """Write the end."""
        ...


class GuardianStore(Protocol):
    async def get(self, guardianship_id: UUID, *, lock: bool = False) -> Guardianship | None: ...

    async def between(self, guardian_id: UUID, child_id: UUID) -> Guardianship | None: ...

    async def of_child(self, child_id: UUID) -> list[Guardianship]: ...

    async def of_guardian(self, guardian_id: UUID) -> list[Guardianship]: ...

    async def put(self, guardianship: Guardianship) -> None:
        """Insert it, or write it over the one of the same id. Raises `GuardianshipExists` where
        the same two have another link."""
        ...

    async def consents(
        self, child_id: UUID | None = None, guardian_id: UUID | None = None
    ) -> list[Consent]:
        """Those for the child, by the guardian, or both; withdrawn ones included."""
        ...

    async def consent(self, consent_id: UUID) -> Consent | None: ...

    async def consenting(self, purpose: str) -> list[UUID]:
        """The children for whom a consent to any version of the purpose stands."""
        ...

    async def add_consent(self, consent: Consent) -> None:
        """Raises `ConsentGiven`."""
        ...

    async def save_consent(self, consent: Consent) -> None: ...

    async def purposes(self) -> list[Purpose]:
        """Every version of every purpose."""
        ...

    async def add_purposes(self, purposes: Sequence[Purpose]) -> int:
        """Insert the versions that are not there yet; returns how many."""
        ...


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """One reading of a person's data, from the audit trail. ``actor`` is a person or a client."""

    id: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    client: str | None
    organisation: str | None
    fields: Sequence[str]


class ReadLog(Protocol):
    async def reads_of(self, person_id: UUID, limit: int, before: int | None) -> list[ReadEntry]:
        """The latest first, from before the entry `before` on."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    people: PeopleStore
    grants: GrantStore
    guardians: GuardianStore
    organisations: OrganisationTree
    reads: ReadLog


OpenStores = Callable[[AsyncConnection], Stores]


class Revocations(Protocol):
    """Makes tokens void that were issued before now."""

    async def revoke(self, uow: UnitOfWork, kind: str, *values: str) -> None: ...


IssueInvitation = Callable[[UnitOfWork, UUID], Awaitable[str | None]]
OnDisable = Callable[[UnitOfWork, UUID], Awaitable[None]]
OnClose = Callable[[UnitOfWork, Principal, str], Awaitable[None]]
"""What ends with the organisation that the caller closes at a path, and with those below it."""
OnErase = Callable[[UnitOfWork, UUID], Awaitable[None]]
