"""The actions of an account's life, but transfer: what each has as its consequence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.identity.application import grants, guardians, memberships
from services.identity.application.reach import governed, note_read, place_of
from services.identity.application.stores import (
    NewUow,
    OnDisable,
    OnErase,
    OpenStores,
    Revocations,
    Stores,
)
from services.identity.domain import events_people as events
from services.identity.domain.people import Action, Membership, Person, State
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.principal import Principal

_FACTS: Mapping[State, type[events.PersonFact]] = {
    State.ACTIVE: events.PersonActivated,
    State.SUSPENDED: events.PersonSuspended,
    State.LEFT: events.PersonLeft,
    State.ERASED: events.PersonErased,
}


class Lifecycle:
    """``on_disable`` are what other parts end of whoever is no longer active, so that nothing of it
    comes back with the account, ``on_erase`` what they forget, in the same transaction."""

    def __init__(
        self,
        new_uow: NewUow,
        stores: OpenStores,
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
        on_disable: Sequence[OnDisable],
        on_erase: Sequence[OnErase],
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations
        self._on_disable = on_disable
        self._on_erase = on_erase

    async def act(self, caller: Principal, person_id: UUID, version: int, action: Action) -> Person:
        """Suspend, resume, let leave or erase. Nobody but an ACTIVE person keeps a token.

        Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`, `StaleVersion`,
        `PersonActionRefused`.
        """
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await governed(stores, caller, person_id, self._clock())
            if person.version != version:
                raise StaleVersion
            after = person.after(action, self._clock())
            if action in (Action.LEAVE, Action.ERASE):
                after = replace(after, memberships=await self._leave_all(uow, stores, person))
            if action is Action.ERASE:
                await self._forget(uow, stores, person_id)
            day = civil_date(self._clock())
            await self._become(uow, stores, person, after, action, place_of(person, day, caller))
            minor = person.is_minor(day, self._minor_age)
            note_read(uow, caller, person, minor, day, "memberships")
            return await uow.commit(after)

    async def activate(self, uow: UnitOfWork, person_id: UUID) -> Person:
        """Take up an invitation, in the transaction of whoever checked it.

        Raises `NotFound`, `PersonActionRefused`.
        """
        stores = self._stores(uow.connection)
        person = await stores.people.get(person_id, lock=True)
        if person is None:
            raise NotFound("There is no such person.", zh="没有该人员。")
        after = person.after(Action.ACTIVATE, self._clock())
        place = place_of(person, civil_date(self._clock()))
        await self._become(uow, stores, person, after, Action.ACTIVATE, place)
        return after

    async def _leave_all(
        self, uow: UnitOfWork, stores: Stores, person: Person
    ) -> tuple[Membership, ...]:
        now = self._clock()
        day = civil_date(now)
        endings = {each: each.ending(day) for each in person.memberships if not each.ended(day)}
        await memberships.change(uow, stores, self._revocations, person, endings, now)
        held = await stores.grants.of_person(person.id)
        await grants.end(uow, stores, self._revocations, held, now, now)
        return tuple(endings.get(each, each) for each in person.memberships)

    async def _forget(self, uow: UnitOfWork, stores: Stores, person_id: UUID) -> None:
        await guardians.part(uow, stores, self._revocations, person_id, self._clock())
        await stores.people.drop_identifiers(person_id)
        for forget in self._on_erase:
            await forget(uow, person_id)

    async def _become(
        self,
        uow: UnitOfWork,
        stores: Stores,
        before: Person,
        after: Person,
        action: Action,
        place: str | None,
    ) -> None:
        await stores.people.save(after)
        uow.audit.record(
            f"person.{action}",
            str(after.id),
            organisation=place,
            before={"state": before.state, "version": before.version},
            after={"state": after.state, "version": after.version},
        )
        uow.outbox.append(_FACTS[after.state](after.id, after.code, after.version))
        if after.state is not State.ACTIVE:
            await self._revocations.revoke(uow, "person", str(after.id))
            for disable in self._on_disable:
                await disable(uow, after.id)
