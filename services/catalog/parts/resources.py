from dataclasses import dataclass

from services.catalog.adapters.checks import FactRepository
from services.catalog.adapters.collections import CollectionRepository
from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.adapters.register import CopyrightRegister
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.adapters.resources_content import ContentRepository
from services.catalog.adapters.resources_lists import ResourceReads
from services.catalog.adapters.reviews import ReviewRepository
from services.catalog.adapters.reviews_records import RecordRepository
from services.catalog.adapters.versions import VersionRepository
from services.catalog.application.checks import Checks, Thresholds
from services.catalog.application.collections import Collections
from services.catalog.application.metadata_terms import Lexicons, NationalRecords
from services.catalog.application.register import Register
from services.catalog.application.resources import Resources
from services.catalog.application.resources_content import Contents
from services.catalog.application.resources_lists import Lists
from services.catalog.application.resources_prospects import Prospects
from services.catalog.application.versions import Versions
from services.catalog.pages.tombstone import TombstonePage
from services.catalog.problems.resources import PROBLEMS
from services.catalog.routes.feedback import Audience
from services.catalog.routes.resources import resources_router
from services.catalog.routes.resources_content import content_router
from services.catalog.routes.versions import versions_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True)
class ResourcesPart(Part):
    resources: Resources
    versions: Versions
    draft_checks: Checks


def register(settings: Settings) -> Register | None:
    """The register of copyright, if it is told where that is."""
    secret = settings.identity_secret.get_secret_value()
    if not (settings.copyright_url and secret):
        return None
    return CopyrightRegister(settings.copyright_url, settings.identity_url, secret)


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    lexicons: Lexicons,
    objects: ObjectStore,
    thresholds: Thresholds,
    audience: Audience,
) -> ResourcesPart:
    """Drafts, the check, versions, content, codes and lists."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    new_uow, clock = runtime.new_uow, runtime.clock
    checks = Checks(
        new_uow,
        ResourceRepository,
        FactRepository,
        lexicons,
        objects,
        clock,
        thresholds,
        register(settings),
    )
    foresee = Prospects(ResourceRepository, ReviewRepository, checks).foresee
    resources = Resources(new_uow, ResourceRepository, OrganisationRepository, clock, foresee)
    versions = Versions(new_uow, ResourceRepository, VersionRepository, checks, foresee, clock)
    lists = Lists(ResourceReads(runtime.reader))
    collections = Collections(new_uow, CollectionRepository, OrganisationRepository, clock)
    contents = Contents(new_uow, ResourceRepository, ContentRepository, objects)
    origin = settings.public_origin
    records = NationalRecords(new_uow, ResourceRepository, lexicons, RecordRepository, origin)
    return ResourcesPart(
        routers=[
            resources_router(resources, lists, records, cursors, audience),
            versions_router(versions, checks, cursors),
            content_router(contents, resources, collections, origin, audience, TombstonePage()),
        ],
        table=PROBLEMS,
        resources=resources,
        versions=versions,
        draft_checks=checks,
    )
