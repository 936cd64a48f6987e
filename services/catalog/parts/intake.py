"""Beginning and following bulk intakes. They are carried out elsewhere: see `intake_worker`."""

from services.catalog.adapters.intake import IntakeRepository
from services.catalog.adapters.intake_tables import template_csv, template_xlsx
from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.application.intake import Intakes
from services.catalog.problems.intake import PROBLEMS
from services.catalog.routes.intake import imports_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


def build(runtime: Runtime, settings: Settings) -> Part:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    intakes = Intakes(
        runtime.new_uow,
        IntakeRepository,
        ResourceRepository,
        OrganisationRepository,
        runtime.clock,
    )
    cursors = Cursors(keys.derive("cursors"))
    templates = {"csv": template_csv, "xlsx": template_xlsx}
    return Part(routers=[imports_router(intakes, templates, cursors)], table=PROBLEMS)
