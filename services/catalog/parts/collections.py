from services.catalog.adapters.collections import CollectionRepository
from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.application.collections import Collections
from services.catalog.application.collections_views import CollectionViews
from services.catalog.problems.collections import PROBLEMS
from services.catalog.routes.collections import collections_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


def build(runtime: Runtime, settings: Settings) -> Part:
    """Collections with order and lineage."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    new_uow = runtime.new_uow
    collections = Collections(new_uow, CollectionRepository, OrganisationRepository, runtime.clock)
    views = CollectionViews(new_uow, CollectionRepository, OrganisationRepository)
    return Part(
        routers=[collections_router(collections, views, Cursors(keys.derive("cursors")))],
        table=PROBLEMS,
    )
