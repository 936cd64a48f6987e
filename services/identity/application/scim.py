"""Provisioning (账号供应): what a client of an organisation does to the accounts that it made.

A client sees the accounts that it made itself and that still belong somewhere at or below its
organisation; nobody else's people are told to it. Where else there they belong is read only:
classes and roles come by rosters and administrators. The wire is SCIM 2.0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application import grants, memberships
from services.identity.application.grants import joinable
from services.identity.application.reach import grow_younger, note_read
from services.identity.application.stores import NewUow, OnDisable, OpenStores, Revocations, Stores
from services.identity.domain import events_people as events
from services.identity.domain.grants import ORDINARY
from services.identity.domain.identifiers import IdentifierKey, IdentifierTaken
from services.identity.domain.organisations import Kind, Organisation, is_at_or_below
from services.identity.domain.people import (
    AccountBeyondReach,
    Action,
    Membership,
    Person,
    State,
)
from services.identity.domain.user_drafts import OURS, UserDraft
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.ids import uuid7
from shared.principal import Principal

PROVISION = Rule("scim", frozenset({Role.INTEGRATOR}))
LEARN = Rule("scim")
"""What the protocol can do here is no secret among its clients."""

_OF_PUPILS = frozenset({Kind.GRADE, Kind.CLASS})
USABLE = frozenset({State.INVITED, State.ACTIVE})
_FACTS: Mapping[State, type[events.PersonFact]] = {
    State.ACTIVE: events.PersonActivated,
    State.SUSPENDED: events.PersonSuspended,
    State.LEFT: events.PersonLeft,
}


@dataclass(frozen=True, slots=True)
class Belonging:
    """A grade, class or institution below the client's organisation."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class ProvisionedUser:
    person: Person
    draft: UserDraft
    groups: Sequence[Belonging]


@dataclass(frozen=True, slots=True)
class UserQuery:
    """All that is not None must hold; texts are compared as a whole."""

    id: UUID | None = None
    key: IdentifierKey | None = None
    external_id: str | None = None
    active: bool | None = None


class ProvisioningStore(Protocol):
    """``client`` is whose accounts are meant, ``home`` the path of its organisation."""

    async def users(
        self, client: str, home: str, query: UserQuery, offset: int, limit: int
    ) -> tuple[int, Sequence[ProvisionedUser]]:
        """How many there are, and some of them; a constant number of statements."""
        ...

    async def keep(self, client: str, person_id: UUID, draft: UserDraft) -> None:
        """Remember that the client has the account, what it calls it, and whether it says
        anything of its being active."""
        ...

    async def drop(self, person_id: UUID) -> None:
        """Forget that any client has it."""
        ...

    async def suspended_by(self, person_id: UUID) -> str | None:
        """Who suspended the person last."""
        ...


Unless = Callable[[ProvisionedUser], None]
"""Looks at the account as it is now, and raises when that is not what the caller has read."""


class Provisioning:
    def __init__(
        self,
        new_uow: NewUow,
        stores: OpenStores,
        store: Callable[[AsyncConnection], ProvisioningStore],
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
        on_disable: Sequence[OnDisable],
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._store = store
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations
        self._on_disable = on_disable

    async def users(
        self, caller: Principal, query: UserQuery, offset: int, limit: int
    ) -> tuple[int, Sequence[ProvisionedUser]]:
        """How many accounts fit, and at most `limit` of them."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            found = await store.users(caller.client, home_of(caller), query, offset, limit)
            for each in found[1]:
                self._note_read(uow, caller, each)
            return await uow.commit(found)

    async def user(self, caller: Principal, person_id: UUID) -> ProvisionedUser:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            user = await self._user(self._store(uow.connection), caller, person_id)
            self._note_read(uow, caller, user)
            return await uow.commit(user)

    def _note_read(self, uow: UnitOfWork, caller: Principal, user: ProvisionedUser) -> None:
        day = civil_date(self._clock())
        minor = user.person.is_minor(day, self._minor_age)
        note_read(uow, caller, user.person, minor, day, "profile", "identifiers")

    async def _user(
        self, store: ProvisioningStore, caller: Principal, person_id: UUID
    ) -> ProvisionedUser:
        query = UserQuery(id=person_id)
        _, found = await store.users(caller.client, home_of(caller), query, 0, 1)
        if not found:
            raise NotFound("The client has made no such account.", zh="该应用没有开设过此账号。")
        return found[0]

    async def add_user(self, caller: Principal, draft: UserDraft) -> ProvisionedUser:
        """An account that belongs to the client's organisation; it signs in once it is invited.

        Raises `IdentifierTaken`, `InvalidIdentifier`, `InvalidName`, `OrganisationNotJoinable`.
        """
        draft = draft.checked()
        now = self._clock()
        async with self._new_uow() as uow:
            stores, store = self._stores(uow.connection), self._store(uow.connection)
            home = await _home(stores, caller)
            keys = draft.identifiers()
            if await stores.people.holders(keys):
                raise IdentifierTaken(
                    "Another account has that user name or e-mail address.",
                    zh="该用户名或电子邮箱已被其他账号使用。",
                )
            person = await stores.people.add(
                Person(uuid7(), "", State.INVITED, draft.profile(), 1, now, now)
            )
            uow.audit.record(
                "person.provision", str(person.id), organisation=home.path, code=person.code
            )
            pupil = draft.is_pupil or home.kind in _OF_PUPILS
            membership = _belonging(person, home, "student" if pupil else "other", now)
            await memberships.start(uow, stores, person, membership, now)
            for key in keys:
                await stores.people.put_identifier(person.id, key, None, now)
            person = await self._become(uow, stores, person, Action.ACTIVATE, home.path)
            if draft.active is False:
                await self._become(uow, stores, person, Action.SUSPEND, home.path)
            await store.keep(caller.client, person.id, draft)
            return await uow.commit(await self._user(store, caller, person.id))

    async def change_user(
        self,
        caller: Principal,
        person_id: UUID,
        draft: UserDraft,
        unless: Unless,
        *,
        whole: bool = False,
    ) -> ProvisionedUser:
        """A suspension is lifted by the client that made it. Where nothing is said of ``active``,
        the account stays as it is, or, of a draft that is `whole`, becomes active as by default.

        Raises `NotFound`, `AccountBeyondReach`, `IdentifierTaken`, `InvalidIdentifier`,
        `InvalidName`, `HolderUnfit`.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            stores, store = self._stores(uow.connection), self._store(uow.connection)
            before = await self._held(stores, store, caller, person_id, unless)
            person, draft = before.person, draft.checked(before.draft)
            keys = {key.kind: key for key in draft.identifiers()}
            changed = []
            for kind in OURS:
                old = before.draft.user_name if kind is OURS[0] else before.draft.email
                if kind in keys and keys[kind].value != old:
                    await stores.people.put_identifier(person_id, keys[kind], None, now)
                    changed.append(kind.value)
                elif kind not in keys and old is not None:
                    await stores.people.drop_identifiers(person_id, kind)
                    changed.append(kind.value)
            profile = draft.profile(person.profile)
            if profile != person.profile:
                changed.append("name")
            if changed:
                person = replace(person.changed(now), profile=profile)
                await stores.people.save(person)
                uow.audit.record(
                    "person.change", str(person_id), organisation=home_of(caller), changed=changed
                )
                uow.outbox.append(
                    events.PersonChanged(
                        person.id, person.code, person.version, changed=tuple(changed)
                    )
                )
            if draft.is_pupil and not person.is_enrolled(civil_date(now)):
                await self._enrol(uow, stores, caller, person, now)
            active = True if whole and draft.active is None else draft.active
            if active is not None and active != (person.state in USABLE):
                if active:
                    await _check_own_suspension(store, caller, person)
                action = Action.RESUME if active else Action.SUSPEND
                await self._become(uow, stores, person, action, home_of(caller))
            await store.keep(caller.client, person_id, draft)
            user = await self._user(store, caller, person_id)
            self._note_read(uow, caller, user)
            return await uow.commit(user)

    async def remove_user(self, caller: Principal, person_id: UUID, unless: Unless) -> None:
        """The person leaves, and the account's names are free again: not from a suspension that
        the client has not made, which a new account of those names would go round.

        Raises `NotFound`, `AccountBeyondReach`.
        """
        now = self._clock()
        day = civil_date(now)
        async with self._new_uow() as uow:
            stores, store = self._stores(uow.connection), self._store(uow.connection)
            person = (await self._held(stores, store, caller, person_id, unless)).person
            if person.state is State.SUSPENDED:
                await _check_own_suspension(store, caller, person)
            endings = {each: each.ending(day) for each in person.memberships if not each.ended(day)}
            await memberships.change(uow, stores, self._revocations, person, endings, now)
            held = await stores.grants.of_person(person_id)
            await grants.end(uow, stores, self._revocations, held, now, now)
            for kind in OURS:
                await stores.people.drop_identifiers(person_id, kind)
            if person.state in (State.ACTIVE, State.SUSPENDED):
                await self._become(uow, stores, person, Action.LEAVE, home_of(caller))
            await store.drop(person_id)
            await uow.commit()

    async def forget(self, uow: UnitOfWork, person_id: UUID) -> None:
        """What clients called a person who is erased."""
        await self._store(uow.connection).drop(person_id)

    async def _held(
        self,
        stores: Stores,
        store: ProvisioningStore,
        caller: Principal,
        person_id: UUID,
        unless: Unless,
    ) -> ProvisionedUser:
        """The account, locked, when the client has authority over the whole of it."""
        await stores.people.get(person_id, lock=True)
        user = await self._user(store, caller, person_id)
        unless(user)
        home = home_of(caller)
        now = self._clock()
        held = [each for each in await stores.grants.of_person(person_id) if not each.over(now)]
        if any(each.role not in ORDINARY for each in held):
            raise AccountBeyondReach(
                "The person holds a role that a security administrator gives, and first ends.",
                zh="该人员担任由安全管理员授予的岗位，请先由安全管理员撤销。",
            )
        places = (*user.person.paths(civil_date(now)), *(each.path for each in held))
        if not all(is_at_or_below(path, home) for path in places):
            raise AccountBeyondReach(
                "The account also opens organisations beyond the client's: their administrators "
                "change it.",
                zh="该账号还属于应用所属机构以外的机构，请由其管理员修改。",
            )
        return user

    async def _become(
        self, uow: UnitOfWork, stores: Stores, person: Person, action: Action, home: str
    ) -> Person:
        after = person.after(action, self._clock())
        await stores.people.save(after)
        uow.audit.record(
            f"person.{action}",
            str(person.id),
            organisation=home,
            before={"state": person.state, "version": person.version},
            after={"state": after.state, "version": after.version},
        )
        uow.outbox.append(_FACTS[after.state](after.id, after.code, after.version))
        if after.state is not State.ACTIVE:
            await self._revocations.revoke(uow, "person", str(after.id))
            for disable in self._on_disable:
                await disable(uow, after.id)
        return after

    async def _enrol(
        self, uow: UnitOfWork, stores: Stores, caller: Principal, person: Person, now: datetime
    ) -> None:
        """Make a pupil of somebody; tokens from before say of no minor what consent covers."""
        membership = _belonging(person, await _home(stores, caller), "student", now)
        await memberships.start(uow, stores, person, membership, now)
        after = replace(person, memberships=(*person.memberships, membership))
        await grow_younger(uow, stores, self._revocations, person, after, now, self._minor_age)


async def _check_own_suspension(
    store: ProvisioningStore, caller: Principal, person: Person
) -> None:
    if person.state is not State.SUSPENDED or await store.suspended_by(person.id) != caller.subject:
        raise AccountBeyondReach(
            "An administrator suspended the account, or the person left: an administrator resumes "
            "it.",
            zh="该账号由管理员停用，或该人员已离开，请由管理员恢复。",
        )


def home_of(caller: Principal) -> str:
    """Where the client's organisation stands. Raises `Forbidden` for others than clients."""
    paths = PROVISION.admitted_paths(caller)
    if len(paths) != 1:
        raise Forbidden(
            "Accounts are provisioned by the client of one organisation.",
            zh="账号由一个机构的应用开设和维护。",
        )
    return paths[0]


def _belonging(
    person: Person, home: Organisation, kind: Literal["student", "other"], now: datetime
) -> Membership:
    return Membership(
        id=uuid7(),
        person_id=person.id,
        organisation_id=home.id,
        kind=kind,
        valid_from=civil_date(now),
        valid_until=None,
        version=1,
        path=home.path,
        organisation_name=home.name,
    )


async def _home(stores: Stores, caller: Principal) -> Organisation:
    found = await stores.organisations.by_label(home_of(caller).rpartition(".")[2])
    if found is None:
        raise NotFound("The client's organisation is gone.", zh="该应用所属的机构已不存在。")
    return await joinable(stores, found.id)
