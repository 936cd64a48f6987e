"""Accounts: inviting, finding, reading and changing people, and the actions of their life."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.identity.application import memberships
from services.identity.application.grants import give, joinable
from services.identity.application.guardians import readable_by_guardian
from services.identity.application.memberships import NewMembership
from services.identity.application.reach import (
    MANAGE,
    READ,
    governed,
    grow_younger,
    is_self,
    note_read,
    place_of,
    reached,
    reaches,
    standing,
)
from services.identity.application.stores import (
    IssueInvitation,
    NewUow,
    OpenStores,
    PeopleQuery,
    Revocations,
    Stores,
)
from services.identity.domain import events_people as events
from services.identity.domain.grants import RoleGrant, keeper_of
from services.identity.domain.identifiers import (
    Identifier,
    IdentifierKey,
    IdentifierKind,
    birth_date_in,
    doubts,
)
from services.identity.domain.organisations import Kind, Organisation
from services.identity.domain.people import (
    Membership,
    Offer,
    Person,
    PersonActionRefused,
    Profile,
    State,
    offers,
)
from shared.access import Role, Rule, grants_of
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

LIST = Rule(
    "identity.read", frozenset({Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.TEACHER})
)
_LIST_ANYWHERE = Rule("identity.read", frozenset({Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR}))
OWN_FIELDS = frozenset({"nickname", "locale", "zoneinfo", "address"})
"""What people may change of their own profile."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """``identifiers`` come with whether the administrator vouches for each; ``roles`` are ordinary
    ones, held at the organisation of the membership."""

    profile: Profile
    identifiers: Sequence[tuple[IdentifierKey, bool]]
    membership: NewMembership
    roles: Sequence[Role]


@dataclass(frozen=True, slots=True)
class PersonDetail:
    """A person as the caller may see them, with what the caller may do now."""

    person: Person
    minor: bool
    offers: Sequence[Offer]


@dataclass(frozen=True, slots=True)
class Invited:
    """``invitation`` activates the account; ``doubts`` deserve a second look."""

    detail: PersonDetail
    doubts: Sequence[str]
    invitation: str | None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """``following`` is where the next page begins: behind the last person's place and id."""

    people: Sequence[Person]
    following: tuple[str, UUID] | None


class People:
    """``minor_age`` is the age in years from which a person consents for themselves."""

    def __init__(
        self,
        new_uow: NewUow,
        stores: OpenStores,
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
        issue_invitation: IssueInvitation | None,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations
        self._issue_invitation = issue_invitation

    async def invite(self, caller: Principal, new: NewPerson) -> Invited:
        """A new account, INVITED. Raises `OrganisationNotJoinable`, `Forbidden`,
        `IdentifierTaken`, `MembershipDatesRefused`, `HolderUnfit`."""
        now = self._clock()
        day = civil_date(now)
        keys = [key for key, _ in new.identifiers]
        profile = new.profile
        if profile.birth_date is None:
            profile = replace(profile, birth_date=birth_date_in(keys))
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            organisation = await joinable(stores, new.membership.organisation_id)
            if not reaches(MANAGE, caller, organisation.path):
                raise Forbidden(
                    "You are no administrator of that organisation.", zh="您不是该机构的管理员。"
                )
            person = await stores.people.add(
                Person(uuid7(), "", State.INVITED, profile, 1, now, now)
            )
            uow.audit.record(
                "person.invite", str(person.id), organisation=organisation.path, code=person.code
            )
            for key, vouched in new.identifiers:
                await stores.people.put_identifier(person.id, key, now if vouched else None, now)
            membership = Membership(
                id=uuid7(),
                person_id=person.id,
                organisation_id=organisation.id,
                kind=new.membership.kind,
                valid_from=new.membership.valid_from or day,
                valid_until=new.membership.valid_until,
                version=1,
                path=organisation.path,
                organisation_name=organisation.name,
            )
            await memberships.start(uow, stores, person, membership, now)
            for role in new.roles:
                grant = RoleGrant(
                    id=uuid7(),
                    person_id=person.id,
                    role=role,
                    organisation_id=organisation.id,
                    path=organisation.path,
                    subject=None,
                    valid_from=now,
                    valid_until=None,
                    granted_by=caller.subject,
                )
                await give(uow, stores, replace(person, memberships=(membership,)), grant, now)
            issue = self._issue_invitation
            invitation = await issue(uow, person.id) if issue else None
            detail = self._detail(caller, replace(person, memberships=(membership,)), ())
            invited = Invited(detail, doubts(keys, profile.birth_date), invitation)
            # The stored answer is kept for days: it goes without the secret.
            await uow.commit(replace(invited, invitation=None))
            return invited

    async def page(
        self,
        caller: Principal,
        organisation: str,
        state: State | None,
        q: str | None,
        limit: int,
        after: tuple[str, UUID] | None,
    ) -> PeoplePage:
        """At most `limit` people at and below an organisation (id or code) behind `after`, with
        the memberships that they have there.

        Raises `NotFound`, `Forbidden`.
        """
        day = civil_date(self._clock())
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            place = await stores.organisations.find(organisation)
            if place is None:
                raise NotFound(
                    "There is no organisation with that id or code.", zh="没有该标识或编码的机构。"
                )
            if not _may_list(caller, place):
                raise Forbidden(
                    "Administrators list their organisations, teachers their classes.",
                    zh="管理员可查看所管机构，教师可查看所教班级。",
                )
            query = PeopleQuery(place.path, state, q)
            found = await stores.people.page(query, day, limit + 1, after)
            shown = found[:limit]
            for _, person in shown:
                note_read(uow, caller, person, self._is_minor(person), day, "name")
            following = None
            if len(found) > limit:
                path, last = shown[-1]
                following = (path, last.id)
            people = [person.within(place.path) for _, person in shown]
            return await uow.commit(PeoplePage(people, following))

    async def read(self, caller: Principal, person_id: UUID) -> PersonDetail:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await self._readable(uow, stores, caller, person_id, "profile")
            held = await stores.grants.of_person(person_id)
            return await uow.commit(self._detail(caller, person, held))

    async def identifiers(self, caller: Principal, person_id: UUID) -> list[Identifier]:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            await self._readable(uow, stores, caller, person_id, "identifiers")
            return await uow.commit(await stores.people.identifiers(person_id))

    async def memberships(self, caller: Principal, person_id: UUID) -> Sequence[Membership]:
        """Past ones included. Raises `NotFound`."""
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await self._readable(uow, stores, caller, person_id, "memberships")
            return await uow.commit(person.memberships)

    async def _readable(
        self, uow: UnitOfWork, stores: Stores, caller: Principal, person_id: UUID, field: str
    ) -> Person:
        day = civil_date(self._clock())
        person = await stores.people.get(person_id)
        if person is None or not (
            is_self(caller, person_id) or await readable_by_guardian(stores, caller, person, day)
        ):
            person = reached(READ, caller, person, day)
        note_read(uow, caller, person, self._is_minor(person), day, field)
        return person

    async def change(
        self, caller: Principal, person_id: UUID, version: int, changes: Mapping[str, Any]
    ) -> PersonDetail:
        """Set the profile fields in `changes`.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `PersonActionRefused`, and `HolderUnfit`
        where that made a minor of whoever holds what adults hold.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await stores.people.get(person_id, lock=True)
            if person is None or not is_self(caller, person_id):
                person = reached(MANAGE, caller, person, civil_date(now))
            elif not OWN_FIELDS.issuperset(changes):
                allowed = ", ".join(sorted(OWN_FIELDS))
                raise Forbidden(
                    f"An administrator changes that; you may change {allowed}.",
                    zh=f"请由管理员修改；您可以修改 {allowed}。",
                )
            profile = _profile_at(person, version)
            after = replace(person.changed(now), profile=replace(profile, **changes))
            await self._keep(uow, stores, person, after, "person.change", *sorted(changes))
            note_read(uow, caller, after, self._is_minor(after), civil_date(now), "profile")
            held = await stores.grants.of_person(person_id)
            return await uow.commit(self._detail(caller, after, held))

    async def put_identifier(
        self, caller: Principal, person_id: UUID, version: int, key: IdentifierKey, vouched: bool
    ) -> tuple[Person, Identifier, list[str]]:
        """Set the identifier of that kind; also returns what is doubtful about it.

        Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`, `StaleVersion`,
        `PersonActionRefused`, `IdentifierTaken`.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await governed(stores, caller, person_id, now, keeper_of)
            profile = _profile_at(person, version)
            await stores.people.put_identifier(person_id, key, now if vouched else None, now)
            keys = [each.key for each in await stores.people.identifiers(person_id)]
            profile = replace(profile, birth_date=profile.birth_date or birth_date_in(keys))
            after = replace(person.changed(now), profile=profile)
            await self._keep(uow, stores, person, after, "person.identifier.set", key.kind)
            day = civil_date(now)
            note_read(uow, caller, after, self._is_minor(after), day, "profile", "identifiers")
            identifier = Identifier(key, now if vouched else None)
            return await uow.commit((after, identifier, doubts(keys, profile.birth_date)))

    async def drop_identifier(
        self, caller: Principal, person_id: UUID, version: int, kind: IdentifierKind
    ) -> Person:
        """Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`, `StaleVersion`,
        `PersonActionRefused`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await governed(stores, caller, person_id, now, keeper_of)
            _profile_at(person, version)
            if not await stores.people.drop_identifiers(person_id, kind):
                raise NotFound(f"The person has no {kind}.", zh=f"该人员没有{kind.name_zh}。")
            after = person.changed(now)
            await self._keep(uow, stores, person, after, "person.identifier.remove", kind)
            return await uow.commit(after)

    async def _keep(
        self,
        uow: UnitOfWork,
        stores: Stores,
        before: Person,
        after: Person,
        action: str,
        *changed: str,
    ) -> None:
        await stores.people.save(after)
        place = place_of(after, civil_date(self._clock()))
        uow.audit.record(
            action,
            str(after.id),
            organisation=place,
            before={"version": before.version},
            after={"version": after.version},
            changed=changed,
        )
        uow.outbox.append(
            events.PersonChanged(after.id, after.code, after.version, changed=changed)
        )
        now, minor_age = self._clock(), self._minor_age
        await grow_younger(uow, stores, self._revocations, before, after, now, minor_age)

    def _is_minor(self, person: Person) -> bool:
        return person.is_minor(civil_date(self._clock()), self._minor_age)

    def _detail(self, caller: Principal, person: Person, held: Sequence[RoleGrant]) -> PersonDetail:
        now = self._clock()
        is_to_them = standing(caller, person, held, now, civil_date(now))
        return PersonDetail(person, self._is_minor(person), offers(person.state, is_to_them))


def _profile_at(person: Person, version: int) -> Profile:
    """The profile as the caller read it. Raises `StaleVersion`, `PersonActionRefused`."""
    if person.version != version:
        raise StaleVersion
    if person.profile is None:
        raise PersonActionRefused(
            "The account was erased.", zh="该账号已注销。", state=person.state
        )
    return person.profile


def _may_list(caller: Principal, place: Organisation) -> bool:
    return reaches(_LIST_ANYWHERE, caller, place.path) or (
        place.kind is Kind.CLASS
        and any(
            grant.role is Role.TEACHER and grant.path == place.path for grant in grants_of(caller)
        )
    )
