"""What the provider and authentication ask about people, and who else somebody might be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from services.identity.domain.guardians import (
    Consent,
    Guardianship,
    Purpose,
    consented_scopes,
    current_purposes,
)
from services.identity.domain.identifiers import (
    Identifier,
    IdentifierKind,
    international,
)
from services.identity.domain.people import PersonDisabled, Profile, State, is_minor
from shared.civil import civil_date
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Account:
    """What signing in asks of a person. ``locale`` is a BCP 47 tag."""

    person_id: UUID
    code: str
    state: State
    is_minor: bool
    locale: str


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as it is stored; ``enrolled``: whether a membership as student has not ended."""

    person_id: UUID
    code: str
    state: State
    profile: Profile | None
    enrolled: bool


@dataclass(frozen=True, slots=True)
class ClaimsRecord:
    state: State
    profile: Profile | None
    updated_at: datetime
    identifiers: Mapping[IdentifierKind, Identifier]


@dataclass(frozen=True, slots=True)
class Family:
    """What decides on a minor's scopes; ``purposes`` are those that consents may name."""

    consents: Sequence[Consent]
    guardianships: Sequence[Guardianship]
    purposes: Sequence[Purpose]


class DirectoryStore(Protocol):
    """Reads of what is committed; each is one statement on indexes unless it says otherwise."""

    async def account(self, person_id: UUID, day: date) -> AccountRecord | None: ...

    async def claims(self, person_id: UUID) -> ClaimsRecord | None: ...

    async def grants(self, person_id: UUID, at: datetime) -> tuple[State, list[str]] | None:
        """State and compact grants in force, of organisations that are open."""
        ...

    async def holds_until(self, person_id: UUID, at: datetime) -> datetime | None: ...

    async def family(self, child_id: UUID) -> Family:
        """Three statements."""
        ...


class PeopleDirectory:
    """Each method reads what is committed when it is called."""

    def __init__(self, store: DirectoryStore, clock: Clock, minor_age: int) -> None:
        self._store = store
        self._clock = clock
        self._minor_age = minor_age

    async def account(self, person_id: UUID) -> Account | None:
        return self._account(await self._store.account(person_id, self._day()))

    async def userinfo(self, person_id: UUID, scopes: frozenset[str]) -> dict[str, Any]:
        """The claims of OpenID Connect Core §5.1 that the scopes ask for (§5.4), ``sub`` always.

        Raises `PersonDisabled`.
        """
        found = await self._store.claims(person_id)
        if found is None or found.state is not State.ACTIVE:
            raise PersonDisabled
        claims: dict[str, Any] = {"sub": str(person_id)}
        for scope, tell in _CLAIMS.items():
            if scope in scopes:
                claims |= tell(found)
        return {name: value for name, value in claims.items() if value is not None}

    async def grants(self, person_id: UUID) -> tuple[str, ...]:
        """The role grants of this moment as tokens carry them. Raises `PersonDisabled`."""
        found = await self._store.grants(person_id, self._clock())
        if found is None or found[0] is not State.ACTIVE:
            raise PersonDisabled
        return tuple(found[1])

    async def holds_until(self, person_id: UUID, at: datetime) -> datetime | None:
        """When next after `at` a date alone takes something away from what a token says of the
        person: a role ends, a version of a purpose consented to gives way to the next."""
        return await self._store.holds_until(person_id, at)

    async def allowed_scopes(
        self, person_id: UUID, requested: frozenset[str], *, third_party: bool
    ) -> frozenset[str]:
        """Those of the scopes that a token of the person may carry: of a minor, the ungated ones
        and what guardians consent to, to a `third_party` as such. Raises `PersonDisabled`."""
        found = await self.account(person_id)
        if found is None or found.state is not State.ACTIVE:
            raise PersonDisabled
        if not found.is_minor:
            return requested
        family = await self._store.family(person_id)
        current = current_purposes(family.purposes, self._clock())
        return requested & consented_scopes(
            family.consents, family.guardianships, current, third_party=third_party
        )

    def _account(self, found: AccountRecord | None) -> Account | None:
        if found is None:
            return None
        profile = found.profile
        return Account(
            found.person_id,
            found.code,
            found.state,
            is_minor(
                profile.birth_date if profile else None,
                found.enrolled,
                self._day(),
                self._minor_age,
            ),
            profile.locale if profile else "zh-CN",
        )

    def _day(self) -> date:
        return civil_date(self._clock())


_GENDERS = {"1": "male", "2": "female"}


def _profile_claims(found: ClaimsRecord) -> dict[str, Any]:
    profile = found.profile
    username = found.identifiers.get(IdentifierKind.USERNAME)
    if profile is None:
        return {}
    return {
        "name": profile.name,
        "family_name": profile.family_name,
        "given_name": profile.given_name,
        "nickname": profile.nickname,
        "preferred_username": username.key.value if username else None,
        "gender": _GENDERS.get(profile.sex),
        "birthdate": profile.birth_date.isoformat() if profile.birth_date else None,
        "zoneinfo": profile.zoneinfo,
        "locale": profile.locale,
        "updated_at": int(found.updated_at.timestamp()),
    }


def _email_claims(found: ClaimsRecord) -> dict[str, Any]:
    email = found.identifiers.get(IdentifierKind.EMAIL)
    if email is None:
        return {}
    return {"email": email.key.value, "email_verified": email.verified_at is not None}


def _phone_claims(found: ClaimsRecord) -> dict[str, Any]:
    phone = found.identifiers.get(IdentifierKind.PHONE)
    if phone is None:
        return {}
    return {
        "phone_number": international(phone.key.value),
        "phone_number_verified": phone.verified_at is not None,
    }


def _address_claims(found: ClaimsRecord) -> dict[str, Any]:
    if found.profile is None or found.profile.address is None:
        return {}
    return {"address": {"formatted": found.profile.address}}


_CLAIMS: Mapping[str, Callable[[ClaimsRecord], dict[str, Any]]] = {
    "profile": _profile_claims,
    "email": _email_claims,
    "phone": _phone_claims,
    "address": _address_claims,
}
