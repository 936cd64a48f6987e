"""How far inspections are, for whoever uploaded."""

from services.catalog.adapters.inspections import InspectionRepository
from services.catalog.application.inspections import Inspections
from services.catalog.domain.inspection_events import EVENTS
from services.catalog.routes.inspections import inspections_router
from services.catalog.settings import Settings
from shared.service import Part, Runtime
from shared.storage import ObjectStore


def build(runtime: Runtime, _settings: Settings, *, objects: ObjectStore) -> Part:
    inspections = Inspections(runtime.new_uow, InspectionRepository, objects)
    return Part(routers=[inspections_router(inspections)], events=EVENTS)
