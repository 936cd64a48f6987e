"""Bulk import and export of rosters."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters import rosters
from services.identity.adapters.imports import ImportRepository
from services.identity.adapters.organisations import OrganisationRepository
from services.identity.adapters.people import PeopleRepository
from services.identity.adapters.personal_data import PersonalData
from services.identity.adapters.roster_people import RosterPeopleRepository
from services.identity.application.exports import Exports
from services.identity.application.importing import Importer
from services.identity.application.imports import Imports
from services.identity.application.stores import OnDisable, Revocations
from services.identity.problems.imports import PROBLEMS
from services.identity.routes.imports import imports_router, roster_files_router
from services.identity.settings import Settings
from shared.encryption import KeyRing
from shared.health import object_store_check
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True)
class ImportsPart(Part):
    importer: Importer


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    revocations: Revocations,
    objects: ObjectStore,
    on_disable: Sequence[OnDisable] = (),
) -> ImportsPart:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    personal = PersonalData(keys)
    new_uow, clock = runtime.new_uow, runtime.clock

    def store(connection: AsyncConnection) -> ImportRepository:
        return ImportRepository(connection, keys)

    def people(connection: AsyncConnection) -> RosterPeopleRepository:
        return RosterPeopleRepository(connection, personal)

    importer = Importer(
        new_uow,
        store,
        people,
        OrganisationRepository,
        people,
        objects,
        rosters.read,
        clock,
        settings.minor_age,
        revocations,
        on_disable,
    )
    imports = Imports(
        new_uow,
        store,
        OrganisationRepository,
        objects,
        clock,
        Cursors(keys.derive("cursors")),
        importer.wake,
        lambda connection: PeopleRepository(connection, personal),
        settings.minor_age,
    )
    exports = Exports(new_uow, OrganisationRepository, people, clock, settings.minor_age)
    return ImportsPart(
        checks={"object-store": object_store_check(objects)},
        routers=[imports_router(imports), roster_files_router(imports, exports, rosters)],
        table=PROBLEMS,
        tasks={"imports": importer.run},
        importer=importer,
    )
