from dataclasses import dataclass

from services.catalog.adapters.feedback import FeedbackRepository, ReadingRepository
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.application.feedback import Feedback
from services.catalog.application.feedback_readings import Readings
from services.catalog.routes.feedback import Audience, feedback_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class FeedbackPart(Part):
    audience: Audience
    readings: Readings


def build(runtime: Runtime, settings: Settings) -> FeedbackPart:
    """Favourites, ratings, and counts of views and downloads."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    new_uow, clock = runtime.new_uow, runtime.clock
    feedback = Feedback(new_uow, ResourceRepository, FeedbackRepository, keys, clock)
    readings = Readings(new_uow, ReadingRepository, keys.derive("readings"), clock)
    return FeedbackPart(
        routers=[feedback_router(feedback, Cursors(keys.derive("cursors")))],
        tasks={"readings": readings.run},
        audience=Audience(readings, settings.trusted_proxies),
        readings=readings,
    )
