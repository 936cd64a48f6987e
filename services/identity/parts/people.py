"""People, roles, guardians and consent; and what the other parts ask of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.directory import DirectoryReads
from services.identity.adapters.grants import GrantRepository
from services.identity.adapters.guardians import GuardianRepository, ReadLogRepository
from services.identity.adapters.organisations import OrganisationRepository
from services.identity.adapters.people import PeopleRepository
from services.identity.adapters.personal_data import PersonalData
from services.identity.application.consents import Consents
from services.identity.application.directory import PeopleDirectory
from services.identity.application.duplicates import Duplicates
from services.identity.application.grants import Grants, end_below
from services.identity.application.guardians import Guardians
from services.identity.application.lifecycle import Lifecycle
from services.identity.application.me import Me
from services.identity.application.memberships import Memberships
from services.identity.application.people import People
from services.identity.application.stores import (
    IssueInvitation,
    OnClose,
    OnDisable,
    OnErase,
    OpenStores,
    Revocations,
    Stores,
)
from services.identity.domain.events_people import EVENTS
from services.identity.parts.throttling import build_throttle
from services.identity.problems.people import PROBLEMS
from services.identity.routes.consents import consents_router
from services.identity.routes.grants import grants_router
from services.identity.routes.guardians import guardians_router
from services.identity.routes.me import me_router
from services.identity.routes.memberships import memberships_router
from services.identity.routes.people import people_router
from services.identity.settings import Settings
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.principal import Principal
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class PeoplePart(Part):
    """``stores`` opens the repositories on a connection; ``close`` ends the roles at an
    organisation that is closed."""

    directory: PeopleDirectory
    lifecycle: Lifecycle
    people: People
    grants: Grants
    guardians: Guardians
    consents: Consents
    personal: PersonalData
    stores: OpenStores
    close: OnClose


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    revocations: Revocations,
    issue_invitation: IssueInvitation | None = None,
    on_disable: Sequence[OnDisable] = (),
    on_erase: Sequence[OnErase] = (),
) -> PeoplePart:
    """`on_disable` and `on_erase` may grow afterwards: they are asked each time."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    personal = PersonalData(keys)
    new_uow, clock, minor_age = runtime.new_uow, runtime.clock, settings.minor_age

    def stores(connection: AsyncConnection) -> Stores:
        return Stores(
            people=PeopleRepository(connection, personal),
            grants=GrantRepository(connection),
            guardians=GuardianRepository(connection),
            organisations=OrganisationRepository(connection),
            reads=ReadLogRepository(connection),
        )

    people = People(new_uow, stores, clock, minor_age, revocations, issue_invitation)
    lifecycle = Lifecycle(new_uow, stores, clock, minor_age, revocations, on_disable, on_erase)
    memberships = Memberships(new_uow, stores, clock, minor_age, revocations)
    grants = Grants(new_uow, stores, clock, minor_age, revocations)
    duplicates = Duplicates(new_uow, stores, clock, minor_age)
    throttle = build_throttle(runtime, settings)
    guardians = Guardians(new_uow, stores, clock, minor_age, revocations, throttle)
    consents = Consents(new_uow, stores, clock, minor_age, revocations)

    async def close(uow: UnitOfWork, caller: Principal, path: str) -> None:
        await end_below(uow, stores(uow.connection), revocations, caller, path, clock())

    async def enter_starter_purposes() -> None:
        await consents.settle()
        await asyncio.Event().wait()

    return PeoplePart(
        routers=[
            people_router(people, lifecycle, memberships, duplicates, cursors),
            memberships_router(people, memberships),
            grants_router(grants, cursors),
            guardians_router(guardians, cursors),
            consents_router(consents),
            me_router(Me(new_uow, stores, clock, minor_age)),
        ],
        table=PROBLEMS,
        tasks={"consent-purposes": enter_starter_purposes},
        events=EVENTS,
        directory=PeopleDirectory(DirectoryReads(runtime.reader, personal), clock, minor_age),
        lifecycle=lifecycle,
        people=people,
        grants=grants,
        guardians=guardians,
        consents=consents,
        personal=personal,
        stores=stores,
        close=close,
    )
