"""Guardians of minors: claimed by guardians, verified, restricted and ended by administrators."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.identity.application.reach import (
    MANAGE,
    READ,
    is_self,
    note_read,
    person_of,
    place_of,
    reached,
)
from services.identity.application.stores import (
    NewUow,
    OpenStores,
    ReadEntry,
    Revocations,
    Stores,
)
from services.identity.application.throttling import Throttle
from services.identity.domain import events_people as events
from services.identity.domain.guardians import (
    ChildNotMatched,
    Consent,
    Guardianship,
    GuardianshipAction,
    GuardianshipExists,
    GuardianshipState,
    GuardianUnfit,
    OwnClaim,
    Relation,
    may_guard,
)
from services.identity.domain.identifiers import IdentifierKey
from services.identity.domain.people import ADULT_AGE, Person
from services.identity.domain.people import State as PersonState
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

CLAIM = Rule("identity.manage")
READ_LINKS = Rule("identity.read", READ.roles, own=True)
READ_LOG = Rule("identity.read", frozenset({Role.GUARDIAN}), own=True)


@dataclass(frozen=True, slots=True)
class Link:
    """A guardianship with both people; None where the caller may not know who it is."""

    guardianship: Guardianship
    guardian: Person | None
    child: Person | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One entry of the access log, with the reader where it was a person."""

    entry: ReadEntry
    reader: Person | None


class Guardians:
    def __init__(
        self,
        new_uow: NewUow,
        stores: OpenStores,
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
        throttle: Throttle,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations
        self._throttle = throttle

    async def claim(
        self, caller: Principal, child_code: str, key: IdentifierKey, relation: Relation
    ) -> Guardianship:
        """The caller says to be a guardian of the child with that code and identifier.

        Raises `ChildNotMatched`, `GuardianUnfit`, `GuardianshipExists`, `NotFound` for a client,
        and `TooManyAttempts`: numbers can be guessed.
        """
        guardian_id = person_of(caller)
        guessing = self._throttle.looking_up(self._new_uow, "guardian claim", guardian_id)
        async with guessing as wrong:
            try:
                return await self._claim(guardian_id, child_code, key, relation)
            except ChildNotMatched:
                await wrong()
                raise

    async def _claim(
        self, guardian_id: UUID, child_code: str, key: IdentifierKey, relation: Relation
    ) -> Guardianship:
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            guardian = await stores.people.get(guardian_id)
            if guardian is None or guardian.is_minor(civil_date(now), ADULT_AGE):
                raise _unfit()
            child = await stores.people.by_code(child_code)
            holders = {each.person_id for each in await stores.people.holders([key])}
            if (
                child is None
                or child.id not in holders
                or child.id == guardian_id
                or child.state is PersonState.LEFT
                or not may_guard(guardian, child, civil_date(now))
            ):
                raise ChildNotMatched(
                    "Compare code and number with what the school gave you.",
                    zh="请核对学校提供的编码和证件号。",
                )
            link = await _unlinked(stores, guardian_id, child.id, now)
            link = replace(link.after(GuardianshipAction.CLAIM), relation=relation)
            await stores.guardians.put(link)
            self._note(uow, "guardianship.claim", link, child)
            return await uow.commit(link)

    async def create(
        self,
        caller: Principal,
        guardian_id: UUID,
        child_id: UUID,
        relation: Relation,
        restricted: bool,
    ) -> Guardianship:
        """A verified link between two people whom the caller administers.

        Raises `NotFound`, `OwnClaim`, `PersonActionRefused`, `GuardianUnfit`,
        `GuardianshipExists`.
        """
        now = self._clock()
        day = civil_date(now)
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            child = reached(MANAGE, caller, await stores.people.get(child_id, lock=True), day)
            guardian = await stores.people.get(guardian_id, lock=True)
            guardian = reached(MANAGE, caller, guardian, day)
            _refuse_parties(caller, guardian_id, child_id)
            _check_fit(guardian, child, day)
            link = await _unlinked(stores, guardian_id, child_id, now)
            link = replace(
                link.verified(caller.subject, now),
                relation=relation,
                restricted=restricted or link.restricted,
            )
            await stores.guardians.put(link)
            self._note(uow, "guardianship.create", link, child)
            return await uow.commit(link)

    async def read(self, caller: Principal, guardianship_id: UUID) -> Guardianship:
        """For both people, and for administrators of the child. Raises `NotFound`."""
        day = civil_date(self._clock())
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            link = await stores.guardians.get(guardianship_id)
            if link is None:
                raise NotFound(
                    "There is no such guardianship within your reach.",
                    zh="您的管理范围内没有该监护关系。",
                )
            if caller.subject not in (str(link.guardian_id), str(link.child_id)):
                child = reached(READ, caller, await stores.people.get(link.child_id), day)
                self._note_read(uow, caller, child, "guardians")
            return await uow.commit(link)

    async def verify(self, caller: Principal, guardianship_id: UUID, version: int) -> Guardianship:
        """Raises `NotFound`, `OwnClaim`, `StaleVersion`, `PersonActionRefused`, `GuardianUnfit`,
        `GuardianshipActionRefused`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            link, child = await self._governed(stores, caller, guardianship_id, version)
            guardian = await stores.people.get(link.guardian_id, lock=True)
            _check_fit(guardian, child, civil_date(now))
            link = link.verified(caller.subject, now)
            await stores.guardians.put(link)
            self._note(uow, "guardianship.verify", link, child)
            return await uow.commit(link)

    async def change(
        self, caller: Principal, guardianship_id: UUID, version: int, changes: Mapping[str, Any]
    ) -> Guardianship:
        """Set ``relation``, ``restricted`` or both; a restriction withdraws the guardian's
        consents. Raises `NotFound`, `OwnClaim`, `StaleVersion`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            link, child = await self._governed(stores, caller, guardianship_id, version)
            link = replace(link, **changes, version=version + 1)
            await stores.guardians.put(link)
            if not link.effective:
                await self._void(uow, stores, link, now)
            self._note(uow, "guardianship.change", link, child)
            return await uow.commit(link)

    async def end(self, caller: Principal, guardianship_id: UUID, version: int) -> None:
        """Raises `NotFound`, `OwnClaim`, `StaleVersion`, `GuardianshipActionRefused`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            link, child = await self._governed(stores, caller, guardianship_id, version)
            link = link.after(GuardianshipAction.END)
            await stores.guardians.put(link)
            await self._void(uow, stores, link, now)
            self._note(uow, "guardianship.end", link, child)
            await uow.commit()

    async def of_child(self, caller: Principal, child_id: UUID) -> list[Link]:
        """For the child, and for administrators. Raises `NotFound`."""
        day = civil_date(self._clock())
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            child = await stores.people.get(child_id)
            if child is None or not is_self(caller, child_id):
                child = reached(READ, caller, child, day)
            links = await stores.guardians.of_child(child_id)
            guardians = await stores.people.several(each.guardian_id for each in links)
            self._note_read(uow, caller, child, "guardians")
            found = [Link(each, guardians[each.guardian_id], child) for each in links]
            return await uow.commit(found)

    async def of_guardian(self, caller: Principal) -> list[Link]:
        """The caller's own, with the children whom the caller may read of.

        Raises `NotFound` for a client that acts for itself.
        """
        guardian_id = person_of(caller)
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            links = await stores.guardians.of_guardian(guardian_id)
            children = await readable_children(stores, links, civil_date(self._clock()))
            for child in children.values():
                self._note_read(uow, caller, child, "name")
            found = [Link(each, None, children.get(each.child_id)) for each in links]
            return await uow.commit(found)

    async def access_log(
        self, caller: Principal, person_id: UUID, limit: int, before: int | None
    ) -> list[Reading]:
        """Who read the person's data, at most `limit` entries older than the one with the id
        `before`, the latest first; for the person and the guardians.

        Raises `NotFound`.
        """
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await stores.people.get(person_id)
            if person is None or not (
                is_self(caller, person_id)
                or await readable_by_guardian(stores, caller, person, civil_date(self._clock()))
            ):
                raise NotFound(
                    "There is no such person, or none of your children.",
                    zh="没有该人员，或不是您的孩子。",
                )
            entries = await stores.reads.reads_of(person_id, limit, before)
            readers = await stores.people.several(_people_among(each.actor for each in entries))
        by_id = {str(id_): each for id_, each in readers.items()}
        return [Reading(each, by_id.get(each.actor)) for each in entries]

    async def _governed(
        self, stores: Stores, caller: Principal, guardianship_id: UUID, version: int
    ) -> tuple[Guardianship, Person]:
        found = await stores.guardians.get(guardianship_id)
        if found is None:
            raise NotFound(
                "There is no such guardianship within your reach.",
                zh="您的管理范围内没有该监护关系。",
            )
        child = await stores.people.get(found.child_id, lock=True)
        child = reached(MANAGE, caller, child, civil_date(self._clock()))
        _refuse_parties(caller, found.guardian_id, found.child_id)
        link = await stores.guardians.get(guardianship_id, lock=True) or found
        if link.version != version:
            raise StaleVersion
        return link, child

    async def _void(
        self, uow: UnitOfWork, stores: Stores, link: Guardianship, now: datetime
    ) -> None:
        given = await stores.guardians.consents(link.child_id, link.guardian_id)
        await withdraw(uow, stores, self._revocations, given, now)

    def _note(self, uow: UnitOfWork, action: str, link: Guardianship, child: Person) -> None:
        uow.audit.record(
            action,
            str(link.child_id),
            organisation=place_of(child, civil_date(self._clock())),
            after={"state": link.state, "restricted": link.restricted, "version": link.version},
            person=link.guardian_id,
            state=link.state,
            restricted=link.restricted,
        )
        _tell(uow, link)

    def _note_read(self, uow: UnitOfWork, caller: Principal, child: Person, field: str) -> None:
        day = civil_date(self._clock())
        note_read(uow, caller, child, child.is_minor(day, self._minor_age), day, field)


async def _unlinked(
    stores: Stores, guardian_id: UUID, child_id: UUID, now: datetime
) -> Guardianship:
    """The ended link between the two, whose restriction still stands, or one never begun."""
    link = await stores.guardians.between(guardian_id, child_id)
    if link is None:
        return Guardianship.none_yet(uuid7(), guardian_id, child_id, now)
    if link.state is not GuardianshipState.ENDED:
        raise GuardianshipExists(
            "They are linked already: read the link, then change it.",
            zh="监护关系已存在，请读取后修改。",
        )
    return link


_FACTS: Mapping[GuardianshipState, type[events.GuardianshipFact]] = {
    GuardianshipState.VERIFIED: events.GuardianshipVerified,
    GuardianshipState.ENDED: events.GuardianshipEnded,
}


def _tell(uow: UnitOfWork, link: Guardianship) -> None:
    """Others hear what the link is now; a claim opens nothing, and is told to nobody."""
    fact = _FACTS.get(link.state)
    if fact is not None:
        uow.outbox.append(fact(link.id, link.child_id, link.guardian_id, link.restricted))


def _refuse_parties(caller: Principal, guardian_id: UUID, child_id: UUID) -> None:
    if guardian_id == child_id:
        raise OwnClaim("Nobody is their own guardian.", zh="本人不能是自己的监护人。")
    if is_self(caller, guardian_id) or is_self(caller, child_id):
        raise OwnClaim(
            "Ask another administrator: this is your own family.",
            zh="这是您自己的家庭，请由其他管理员办理。",
        )


def _check_fit(guardian: Person | None, child: Person, day: date) -> None:
    """Raises `PersonActionRefused`, `GuardianUnfit`."""
    for each in (guardian, child):
        if each is not None:
            each.check_open()
    if guardian is None or not may_guard(guardian, child, day):
        raise _unfit()


def _unfit() -> GuardianUnfit:
    return GuardianUnfit(
        "Name a minor, and an adult who does not go to school with the child; if a birth date is "
        "wrong, have it corrected first.",
        zh="被监护人须为未成年人；监护人须为成年人，且不能是孩子的同学；如出生日期有误，请先更正。",
    )


def _people_among(actors: Iterable[str]) -> set[UUID]:
    """The actors that are people: clients have other ids."""
    found = set()
    for actor in actors:
        with suppress(ValueError):
            found.add(UUID(actor))
    return found


async def readable_by_guardian(
    stores: Stores, caller: Principal, person: Person, day: date
) -> bool:
    """Whether the caller is an effective guardian of the person, who is no adult yet."""
    try:
        guardian_id = person_of(caller)
    except NotFound:
        return False
    link = await stores.guardians.between(guardian_id, person.id)
    if link is None or not link.effective:
        return False
    guardian = await stores.people.get(guardian_id)
    return guardian is not None and may_guard(guardian, person, day)


async def readable_children(
    stores: Stores, links: Iterable[Guardianship], day: date
) -> dict[UUID, Person]:
    """Those of a guardian's children whom the guardian may read of."""
    children = await stores.people.several(each.child_id for each in links if each.effective)
    return {id_: each for id_, each in children.items() if each.is_minor(day, ADULT_AGE)}


async def withdraw(
    uow: UnitOfWork,
    stores: Stores,
    revocations: Revocations,
    consents: Iterable[Consent],
    now: datetime,
) -> None:
    """Withdraw those that stand; from this moment the children's tokens are void."""
    standing = [each for each in consents if each.withdrawn_at is None]
    children = await stores.people.several({each.child_id for each in standing})
    for each in standing:
        await stores.guardians.save_consent(each.withdrawn(current().actor, now))
        uow.audit.record(
            "consent.withdraw",
            str(each.child_id),
            organisation=place_of(children[each.child_id], civil_date(now)),
            consent=each.id,
            purpose=each.purpose,
            version=each.purpose_version,
        )
        uow.outbox.append(
            events.ConsentWithdrawn(
                each.id, each.child_id, each.guardian_id, each.purpose, each.purpose_version
            )
        )
    for child_id in sorted(children):
        await revocations.revoke(uow, "consent", str(child_id))


async def part(
    uow: UnitOfWork, stores: Stores, revocations: Revocations, person_id: UUID, now: datetime
) -> None:
    """End every link of a person, as guardian and as child, with the consents that hang on it."""
    links = await stores.guardians.of_child(person_id)
    links += await stores.guardians.of_guardian(person_id)
    for each in links:
        if each.state is not GuardianshipState.ENDED:
            ended = each.after(GuardianshipAction.END)
            await stores.guardians.put(ended)
            _tell(uow, ended)
    consents = await stores.guardians.consents(child_id=person_id)
    consents += await stores.guardians.consents(guardian_id=person_id)
    await withdraw(uow, stores, revocations, consents, now)
