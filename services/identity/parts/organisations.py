from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.adapters.audit import AuditReader
from services.identity.adapters.organisations import OrganisationRepository
from services.identity.application.audit import Audit
from services.identity.application.organisations import Organisations
from services.identity.application.stores import OnClose
from services.identity.domain.events_organisations import EVENTS
from services.identity.problems.organisations import PROBLEMS
from services.identity.routes.audit import audit_router
from services.identity.routes.organisations import organisations_router
from services.identity.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class OrganisationsPart(Part):
    organisations: Organisations


def build(
    runtime: Runtime, settings: Settings, *, on_close: Sequence[OnClose] = ()
) -> OrganisationsPart:
    """The tree of organisations, and the audit trail by organisation."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    organisations = Organisations(runtime.new_uow, OrganisationRepository, runtime.clock, on_close)
    audit = Audit(runtime.new_uow, AuditReader, OrganisationRepository, runtime.clock)
    return OrganisationsPart(
        routers=[organisations_router(organisations, cursors), audit_router(audit, cursors)],
        table=PROBLEMS,
        events=EVENTS,
        organisations=organisations,
    )
