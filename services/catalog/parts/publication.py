from dataclasses import dataclass

from services.catalog.adapters.changes import ChangeRepository
from services.catalog.adapters.impact import ImpactRepository
from services.catalog.adapters.notices import NoticeRepository
from services.catalog.adapters.publication import PublicationRepository
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.application.impact import Impacts
from services.catalog.application.notices import EndCase, Notices
from services.catalog.application.publication import Publishing
from services.catalog.pages.tombstone import TombstonePage
from services.catalog.problems.publication import PROBLEMS
from services.catalog.routes.impact import impact_router
from services.catalog.routes.notices import notices_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class PublicationPart(Part):
    notices: Notices


def publishing(runtime: Runtime) -> Publishing:
    """What the last approval of a review calls."""
    return Publishing(PublicationRepository, ChangeRepository, runtime.clock)


def build(runtime: Runtime, settings: Settings, *, end_case: EndCase) -> PublicationPart:
    """Taking resources down and giving them back, and a preview of that; `end_case` ends the review
    that is open."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    notices = Notices(
        runtime.new_uow,
        ResourceRepository,
        PublicationRepository,
        NoticeRepository,
        ChangeRepository,
        end_case,
        runtime.clock,
    )
    impacts = Impacts(runtime.new_uow, ResourceRepository, ImpactRepository)
    return PublicationPart(
        routers=[notices_router(notices, cursors, TombstonePage()), impact_router(impacts)],
        table=PROBLEMS,
        notices=notices,
    )
