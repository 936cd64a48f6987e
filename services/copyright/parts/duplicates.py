"""Works that are alike: found on asking, and flagged after they were registered."""

from dataclasses import dataclass

from services.copyright.adapters.duplicates import DuplicateRepository
from services.copyright.application.duplicates import Comparing, Duplicates
from services.copyright.domain.duplicates_events import EVENTS
from services.copyright.parts.registrations import repositories
from services.copyright.routes.duplicates import duplicates_router
from services.copyright.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class DuplicatesPart(Part):
    comparing: Comparing


def build(runtime: Runtime, settings: Settings) -> DuplicatesPart:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    comparing = Comparing(runtime.new_uow, DuplicateRepository, runtime.clock)
    duplicates = Duplicates(runtime.new_uow, DuplicateRepository, repositories(settings))
    return DuplicatesPart(
        routers=[duplicates_router(duplicates, Cursors(keys.derive("cursors")))],
        tasks={"duplicates": comparing.run},
        events=EVENTS,
        comparing=comparing,
    )
