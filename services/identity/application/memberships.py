"""Joining, leaving and changing organisations. Ordinary roles held in an organisation end with
belonging to it; the others are first ended by whose they are to give."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from services.identity.application.grants import end, give, joinable
from services.identity.application.reach import (
    MANAGE,
    grow_younger,
    is_self,
    note_read,
    reached,
    reaches,
)
from services.identity.application.stores import NewUow, OpenStores, Revocations, Stores
from services.identity.domain import events_people as events
from services.identity.domain.grants import (
    ORDINARY,
    GrantBeyondReach,
    RoleAlreadyHeld,
    RoleGrant,
)
from services.identity.domain.organisations import is_at_or_below
from services.identity.domain.people import (
    Action,
    Membership,
    MembershipDatesRefused,
    OwnAccount,
    Person,
    join,
)
from shared.civil import civil_date, civil_midnight
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class NewMembership:
    """``valid_from`` is today unless given."""

    organisation_id: UUID
    kind: Literal["student", "staff", "other"]
    valid_from: date | None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """From the organisation of a membership, and whatever is below it, to another on a day."""

    membership_id: UUID
    organisation_id: UUID
    on: date | None


class Memberships:
    def __init__(
        self,
        new_uow: NewUow,
        stores: OpenStores,
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations

    async def start(self, caller: Principal, person_id: UUID, wanted: NewMembership) -> Membership:
        """Raises `NotFound`, `OwnAccount`, `OrganisationNotJoinable`, `Forbidden`,
        `MembershipDatesRefused`, `MembershipOverlaps`, `PersonActionRefused` of an account that is
        closed, and `HolderUnfit` where that made a minor of whoever holds what adults hold."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            organisation = await joinable(stores, wanted.organisation_id)
            person = await self._managed(stores, caller, person_id)
            if not reaches(MANAGE, caller, organisation.path):
                raise Forbidden(
                    "You are no administrator of that organisation.", zh="您不是该机构的管理员。"
                )
            membership = Membership(
                id=uuid7(),
                person_id=person.id,
                organisation_id=organisation.id,
                kind=wanted.kind,
                valid_from=wanted.valid_from or civil_date(now),
                valid_until=wanted.valid_until,
                version=1,
                path=organisation.path,
                organisation_name=organisation.name,
            )
            await start(uow, stores, person, membership, now)
            after = replace(person, memberships=(*person.memberships, membership))
            await self._grow_younger(uow, stores, person, after, now)
            return await uow.commit(membership)

    async def read(self, caller: Principal, membership_id: UUID) -> Membership:
        """Raises `NotFound`."""
        day = civil_date(self._clock())
        async with self._new_uow() as uow:
            person, found = await _found(self._stores(uow.connection), caller, membership_id)
            minor = person.is_minor(day, self._minor_age)
            note_read(uow, caller, person, minor, day, "memberships")
            return await uow.commit(found)

    async def change(
        self,
        caller: Principal,
        membership_id: UUID,
        version: int,
        dates: Mapping[str, date | None],
    ) -> Membership:
        """Set ``valid_from``, ``valid_until`` or both; what is not in `dates` stays.

        Raises `NotFound`, `OwnAccount`, `StaleVersion`, `MembershipDatesRefused`,
        `MembershipOverlaps`, `GrantBeyondReach`, `PersonActionRefused`, `HolderUnfit`.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person, membership = await self._membership(stores, caller, membership_id, version)
            changed = replace(
                membership,
                valid_from=dates.get("valid_from") or membership.valid_from,
                valid_until=dates.get("valid_until", membership.valid_until),
                version=version + 1,
            )
            join(person.memberships, changed)
            if not changed.ended(civil_date(now)):
                person.check_open()
            await leave(uow, stores, self._revocations, person, {membership: changed}, now)
            others = [each for each in person.memberships if each.id != membership.id]
            after = replace(person, memberships=(*others, changed))
            await self._grow_younger(uow, stores, person, after, now)
            day = civil_date(now)
            note_read(uow, caller, after, after.is_minor(day, self._minor_age), day, "memberships")
            return await uow.commit(changed)

    async def end(self, caller: Principal, membership_id: UUID, version: int) -> None:
        """End it today; it stays in the history. Raises `NotFound`, `OwnAccount`,
        `StaleVersion`, `GrantBeyondReach`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person, membership = await self._membership(stores, caller, membership_id, version)
            day = civil_date(now)
            if not membership.ended(day):
                ended = {membership: membership.ending(day)}
                await leave(uow, stores, self._revocations, person, ended, now)
            await uow.commit()

    async def transfer(
        self, caller: Principal, person_id: UUID, version: int, wanted: Transfer
    ) -> Person:
        """Move a membership, with the ordinary roles held there, to another organisation; the
        caller administers both. Whoever holds another role there gives it up first.

        Raises `NotFound`, `OwnAccount`, `StaleVersion`, `PersonActionRefused`,
        `OrganisationNotJoinable`, `Forbidden`, `MembershipDatesRefused`, `MembershipOverlaps`,
        `GrantBeyondReach`.
        """
        now = self._clock()
        today = civil_date(now)
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            target = await joinable(stores, wanted.organisation_id)
            person = await self._managed(stores, caller, person_id)
            if person.version != version:
                raise StaleVersion
            after = person.after(Action.TRANSFER, now)
            source = _current(person, wanted.membership_id, today)
            if not all(reaches(MANAGE, caller, path) for path in (source.path, target.path)):
                raise Forbidden(
                    "Who administers both organisations makes the transfer.",
                    zh="请由同时管理两个机构的管理员办理调动。",
                )
            day = wanted.on or today
            if day < source.valid_from or target.id == source.organisation_id:
                raise MembershipDatesRefused(
                    "Transfer to another organisation, after joining.",
                    zh="请调往另一机构，日期在加入之后。",
                )
            moved = [
                each
                for each in person.memberships
                if each.kind == source.kind
                and not each.ended(today)
                and is_at_or_below(each.path, source.path)
            ]
            arrival = Membership(
                id=uuid7(),
                person_id=person.id,
                organisation_id=target.id,
                kind=source.kind,
                valid_from=day,
                valid_until=None,
                version=1,
                path=target.path,
                organisation_name=target.name,
            )
            endings = {each: each.ending(day) for each in moved}
            roles = await leave(uow, stores, self._revocations, person, endings, now)
            staying = [each for each in person.memberships if each not in endings]
            await start(uow, stores, replace(person, memberships=staying), arrival, now)
            history = [endings.get(each, each) for each in person.memberships]
            arrived = replace(after, memberships=(*history, arrival))
            for role in roles:
                await _carry(uow, stores, arrived, role, arrival, caller, now)
            await stores.people.save(after)
            minor = person.is_minor(today, self._minor_age)
            note_read(uow, caller, person, minor, today, "memberships")
            return await uow.commit(arrived)

    async def _grow_younger(
        self,
        uow: UnitOfWork,
        stores: Stores,
        before: Person,
        after: Person,
        now: datetime,
    ) -> None:
        await grow_younger(uow, stores, self._revocations, before, after, now, self._minor_age)

    async def _managed(self, stores: Stores, caller: Principal, person_id: UUID) -> Person:
        person = await stores.people.get(person_id, lock=True)
        day = civil_date(self._clock())
        if person is not None and is_self(caller, person.id):
            raise OwnAccount
        return reached(MANAGE, caller, person, day)

    async def _membership(
        self, stores: Stores, caller: Principal, membership_id: UUID, version: int
    ) -> tuple[Person, Membership]:
        person, membership = await _found(stores, caller, membership_id, lock=True)
        if is_self(caller, person.id):
            raise OwnAccount
        if membership.version != version:
            raise StaleVersion
        return person, membership


async def _found(
    stores: Stores, caller: Principal, membership_id: UUID, *, lock: bool = False
) -> tuple[Person, Membership]:
    owner = await stores.people.membership_owner(membership_id)
    person = await stores.people.get(owner, lock=lock) if owner else None
    for each in person.memberships if person else ():
        if person and each.id == membership_id and reaches(MANAGE, caller, each.path):
            return person, each
    raise NotFound(
        "There is no such membership within your reach.", zh="您的管理范围内没有该所属关系。"
    )


def _current(person: Person, membership_id: UUID, day: date) -> Membership:
    for each in person.memberships:
        if each.id == membership_id and not each.ended(day):
            return each
    raise NotFound(
        "The person has no such membership, or it has ended.", zh="该人员没有此所属关系，或已结束。"
    )


async def start(
    uow: UnitOfWork, stores: Stores, person: Person, membership: Membership, now: datetime
) -> None:
    """Let a person who is locked belong somewhere. Raises `PersonActionRefused`,
    `MembershipOverlaps`."""
    person.check_open()
    join(person.memberships, membership)
    await stores.people.add_membership(membership, now)
    _note(uow, "membership.start", None, membership)
    uow.outbox.append(events.MembershipStarted(**_fact(membership)))


async def leave(
    uow: UnitOfWork,
    stores: Stores,
    revocations: Revocations,
    person: Person,
    changes: Mapping[Membership, Membership],
    now: datetime,
) -> list[RoleGrant]:
    """`change`, by an administrator, who ends the roles that administrators give.

    Raises `GrantBeyondReach`.
    """
    roles = await change(uow, stores, revocations, person, changes, now)
    if kept := sorted({each.role for each in roles} - ORDINARY):
        raise GrantBeyondReach(
            f"The person is {', '.join(kept)} there: a security administrator ends that first.",
            zh="该人员在该处还担任由安全管理员授予的岗位，请先由安全管理员撤销。",
        )
    return roles


async def change(
    uow: UnitOfWork,
    stores: Stores,
    revocations: Revocations,
    person: Person,
    changes: Mapping[Membership, Membership],
    now: datetime,
) -> list[RoleGrant]:
    """Replace memberships of a person who is locked, and end the roles that were held where the
    person belongs no longer; returns those as they were."""
    staying = [
        each
        for each in person.memberships
        if each not in changes and not each.ended(civil_date(now))
    ]
    held = await stores.grants.of_person(person.id)
    roles: list[RoleGrant] = []
    for before, after in changes.items():
        await stores.people.save_membership(after)
        if after.valid_until is None:
            _note(uow, "membership.change", before, after)
            uow.outbox.append(events.MembershipStarted(**_fact(after)))
            continue
        _note(uow, "membership.end", before, after)
        uow.outbox.append(events.MembershipEnded(**_fact(after)))
        at = max(now, civil_midnight(after.valid_until))
        ending = [
            each
            for each in held
            if is_at_or_below(each.path, before.path)
            and not any(_keeps(other, each) for other in staying)
            and each not in roles
            and not each.over(at)
        ]
        await end(uow, stores, revocations, ending, at, now)
        roles += ending
    return roles


def _keeps(membership: Membership, role: RoleGrant) -> bool:
    """Whether the role rests on the membership too: that of a student on being one."""
    of_its_kind = role.role != "student" or membership.kind == "student"
    return of_its_kind and is_at_or_below(role.path, membership.path)


async def _carry(
    uow: UnitOfWork,
    stores: Stores,
    person: Person,
    role: RoleGrant,
    arrival: Membership,
    caller: Principal,
    now: datetime,
) -> None:
    carried = replace(
        role,
        id=uuid7(),
        organisation_id=arrival.organisation_id,
        path=arrival.path,
        valid_from=max(now, civil_midnight(arrival.valid_from), role.valid_from),
        granted_by=caller.subject,
    )
    with suppress(RoleAlreadyHeld):
        await give(uow, stores, person, carried, now)


def _note(uow: UnitOfWork, action: str, before: Membership | None, after: Membership) -> None:
    uow.audit.record(
        action,
        str(after.person_id),
        organisation=after.path,
        before=before and _fact(before),
        after=_fact(after),
        membership=after.id,
        valid_from=after.valid_from,
        valid_until=after.valid_until,
    )


def _fact(membership: Membership) -> dict[str, Any]:
    return {
        "membership_id": membership.id,
        "person_id": membership.person_id,
        "organisation_id": membership.organisation_id,
        "path": membership.path,
        "kind": membership.kind,
        "valid_from": membership.valid_from,
        "valid_until": membership.valid_until,
    }
