"""Giving and revoking roles."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.application.organisations import existing
from services.identity.application.reach import is_self, note_read, person_of, reached, reaches
from services.identity.application.stores import (
    GrantQuery,
    NewUow,
    OpenStores,
    Revocations,
    Stores,
)
from services.identity.domain import events_people as events
from services.identity.domain.grants import (
    GIVEN_BY,
    GrantBeyondReach,
    OwnGrant,
    RoleGrant,
    check_given,
    check_holder,
    check_terms,
    governor_of,
    may_give,
)
from services.identity.domain.organisations import Organisation, StillInUse
from services.identity.domain.organisations import State as OrganisationState
from services.identity.domain.people import OrganisationNotJoinable, Person
from shared.access import Role, Rule, grants_of
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.ids import uuid7
from shared.principal import Principal

GIVE = Rule("identity.manage", frozenset({Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR}))
READ_GRANTS = Rule(
    "identity.read",
    frozenset({Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR}),
    own=True,
)


@dataclass(frozen=True, slots=True)
class NewGrant:
    person_id: UUID
    role: Role
    organisation_id: UUID
    subject: str | None
    valid_from: datetime | None
    valid_until: datetime | None


class Grants:
    """Nobody gives a role to themselves; who may give which is `GIVEN_BY`."""

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

    async def give(self, caller: Principal, wanted: NewGrant) -> RoleGrant:
        """Raises `NotFound`, `OwnGrant`, `GrantBeyondReach`, `OrganisationNotJoinable`,
        `GrantTermsRefused`, `GrantDatesRefused`, `PersonActionRefused`, `HolderUnfit`,
        `RolesSeparated`, `RoleAlreadyHeld`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            organisation = await joinable(stores, wanted.organisation_id)
            person = await stores.people.get(wanted.person_id, lock=True)
            if person is not None and is_self(caller, person.id):
                raise OwnGrant("Ask another security administrator.", zh="请由其他安全管理员办理。")
            person = reached(GIVE, caller, person, civil_date(now))
            _admit_giving(caller, wanted.role, organisation.path)
            grant = RoleGrant(
                id=uuid7(),
                person_id=wanted.person_id,
                role=wanted.role,
                organisation_id=organisation.id,
                path=organisation.path,
                subject=wanted.subject,
                valid_from=wanted.valid_from or now,
                valid_until=wanted.valid_until,
                granted_by=caller.subject,
            )
            check_terms(grant, organisation.kind, now)
            await give(uow, stores, person, grant, now)
            return await uow.commit(grant)

    async def revoke(self, caller: Principal, grant_id: UUID) -> None:
        """End it now; tokens that carry it are void. Raises `NotFound`, `GrantBeyondReach`."""
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            grant = await stores.grants.get(grant_id)
            if grant is None or not reaches(GIVE, caller, grant.path):
                raise NotFound(
                    "There is no such role grant within your reach.",
                    zh="您的管理范围内没有该授权。",
                )
            await stores.people.get(grant.person_id, lock=True)
            _admit_giving(caller, Role(grant.role), grant.path)
            await end(uow, stores, self._revocations, [grant], now, now)
            await uow.commit()

    async def page(
        self,
        caller: Principal,
        person_id: UUID | None,
        organisation: str | None,
        limit: int,
        after: UUID | None,
    ) -> list[RoleGrant]:
        """At most `limit` grants behind the one with the id `after`, past ones included, in the
        order they were given: those of a person, those held at an organisation (id or code), or the
        caller's own.

        Raises `NotFound`, `Forbidden`.
        """
        if person_id is None and organisation is None:
            person_id = person_of(caller)
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            place = None
            if organisation is not None:
                place = existing(await stores.organisations.find(organisation)).id
            query = GrantQuery(person_id, place)
            await self._admit_reading(uow, stores, caller, query)
            found = await stores.grants.page(query, limit, after)
            if query.organisation_id is not None:
                people = await stores.people.several({each.person_id for each in found})
                for person in people.values():
                    self._note_read(uow, caller, person)
            return await uow.commit(found)

    async def _admit_reading(
        self, uow: UnitOfWork, stores: Stores, caller: Principal, query: GrantQuery
    ) -> None:
        own = query.person_id is not None and is_self(caller, query.person_id)
        if own or query.organisation_id is None:
            person = await stores.people.get(query.person_id) if query.person_id else None
            if person is None or not own:
                person = reached(READ_GRANTS, caller, person, civil_date(self._clock()))
            self._note_read(uow, caller, person)
            return
        organisation = await stores.organisations.by_id(query.organisation_id)
        if organisation is None:
            raise NotFound("There is no organisation with that id.", zh="没有该机构。")
        if not reaches(READ_GRANTS, caller, organisation.path):
            raise Forbidden(
                "None of your roles reaches that organisation.", zh="您的岗位不包含该机构。"
            )

    def _note_read(self, uow: UnitOfWork, caller: Principal, person: Person) -> None:
        day = civil_date(self._clock())
        note_read(uow, caller, person, person.is_minor(day, self._minor_age), day, "roles")


def _gives(caller: Principal, role: Role, path: str) -> bool:
    """Whether the caller may give the role there, and end it."""
    rules = (
        Rule(GIVE.scope, frozenset({grant.role}))
        for grant in grants_of(caller)
        if grant.role in GIVEN_BY and may_give(grant.role, role)
    )
    return any(reaches(rule, caller, path) for rule in rules)


def _admit_giving(caller: Principal, role: Role, path: str) -> None:
    if not _gives(caller, role, path):
        raise GrantBeyondReach(
            "Administrators give student, teacher and guardian; a security administrator at or "
            "above the organisation gives the others.",
            zh="管理员可授予学生、教师、监护人；其他角色由该机构或其上级的安全管理员授予。",
        )


async def joinable(stores: Stores, organisation_id: UUID) -> Organisation:
    """The open organisation, kept from being moved or closed until the transaction ends.

    Raises `OrganisationNotJoinable`.
    """
    held = await stores.organisations.hold([organisation_id])
    if not held or held[0].state is not OrganisationState.OPEN:
        raise OrganisationNotJoinable(
            "Name an organisation that is open.", zh="请选择正常状态的机构。"
        )
    return held[0]


async def give(
    uow: UnitOfWork, stores: Stores, person: Person, grant: RoleGrant, now: datetime
) -> None:
    """Give a role to a person who is locked. Raises `PersonActionRefused`, `HolderUnfit`,
    `RolesSeparated`, `RoleAlreadyHeld`."""
    check_holder(person, grant.role, civil_date(now))
    check_given(await stores.grants.of_person(grant.person_id), grant)
    await stores.grants.add(grant, now)
    uow.audit.record(
        "role.grant",
        str(grant.person_id),
        organisation=grant.path,
        after=_fact(grant),
        grant=str(grant),
        grant_id=grant.id,
    )
    uow.outbox.append(events.RoleGranted(**_fact(grant)))


async def end(
    uow: UnitOfWork,
    stores: Stores,
    revocations: Revocations,
    grants: Iterable[RoleGrant],
    at: datetime,
    now: datetime,
) -> None:
    """End these roles at `at`, and void the tokens that carry one that ends now."""
    cut = set()
    for grant in grants:
        if grant.over(at):
            continue
        ended = grant.ended(at)
        await stores.grants.save(ended)
        uow.audit.record(
            "role.revoke",
            str(grant.person_id),
            organisation=grant.path,
            before=_fact(grant),
            after=_fact(ended),
            grant=str(grant),
            grant_id=grant.id,
        )
        uow.outbox.append(events.RoleRevoked(**_fact(ended)))
        if grant.in_force(now) and at <= now:
            cut.add(str(grant.person_id))
    if cut:
        await revocations.revoke(uow, "person", *sorted(cut))


async def end_below(
    uow: UnitOfWork,
    stores: Stores,
    revocations: Revocations,
    caller: Principal,
    path: str,
    now: datetime,
) -> None:
    """End every role held at the organisation that the caller closes at `path`, or below it. None
    of the three puts another out of office that way. Raises `StillInUse`."""
    held = await stores.grants.below(path, now)
    apart = [each for each in held if governor_of([each.role]) != Role.ADMINISTRATOR]
    kept = [each for each in apart if not _gives(caller, Role(each.role), each.path)]
    if kept:
        raise StillInUse(
            "Auditors or security administrators are in office there: have a security "
            "administrator of the organisation or above it end those roles first.",
            zh="该机构仍有在任的审计管理员或安全管理员：请先由该机构或其上级的安全管理员终止其岗位。",
            offices=len(kept),
        )
    await end(uow, stores, revocations, held, now, now)


def _fact(grant: RoleGrant) -> dict[str, Any]:
    fact = asdict(grant)
    del fact["granted_by"]
    return {"grant_id": fact.pop("id"), **fact}
