from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.adapters.reports import ReportRepository
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.application.reports import Reports
from services.catalog.problems.reports import PROBLEMS
from services.catalog.routes.reports import reports_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


def build(runtime: Runtime, settings: Settings) -> Part:
    """What readers report, and the cases that come of it."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    reports = Reports(
        runtime.new_uow,
        ResourceRepository,
        ReportRepository,
        OrganisationRepository,
        keys,
        runtime.clock,
    )
    return Part(routers=[reports_router(reports, Cursors(keys.derive("cursors")))], table=PROBLEMS)
