from dataclasses import dataclass

from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.adapters.policies import PolicyRepository
from services.catalog.adapters.policies_conflicts import ConflictRepository
from services.catalog.adapters.policies_panels import PanelRepository
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.adapters.resources_content import ContentRepository
from services.catalog.adapters.reviews import ReviewRepository
from services.catalog.adapters.reviews_lists import ReviewReads
from services.catalog.adapters.reviews_tasks import TaskRepository
from services.catalog.adapters.term_lists import TermListRepository
from services.catalog.adapters.versions import VersionRepository
from services.catalog.application.checks import Checks
from services.catalog.application.policies import Panels, Policies
from services.catalog.application.policies_conflicts import Conflicts
from services.catalog.application.resources_content import Contents
from services.catalog.application.reviews import Reviews
from services.catalog.application.reviews_ports import Publishing
from services.catalog.application.reviews_submission import Submissions
from services.catalog.application.reviews_views import ReviewViews
from services.catalog.application.reviews_work import Scheduler
from services.catalog.application.term_lists import TermLists
from services.catalog.domain.reviews_events import EVENTS
from services.catalog.problems.reviews import PROBLEMS
from services.catalog.routes.policies import policies_router
from services.catalog.routes.policies_conflicts import conflicts_router
from services.catalog.routes.reviews import reviews_router
from services.catalog.routes.reviews_submission import submission_router
from services.catalog.routes.term_lists import term_lists_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True)
class ReviewsPart(Part):
    submissions: Submissions
    scheduler: Scheduler


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    checks: Checks,
    objects: ObjectStore,
    publishing: Publishing,
) -> ReviewsPart:
    """Submission, reviews, their policies, and what happens to them in its own time."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    new_uow, clock = runtime.new_uow, runtime.clock
    scheduler = Scheduler(
        new_uow, ResourceRepository, ReviewRepository, TaskRepository, objects, clock
    )
    submissions = Submissions(
        new_uow,
        ResourceRepository,
        VersionRepository,
        ReviewRepository,
        PolicyRepository,
        checks,
        clock,
        scheduler.wake,
    )
    reviews = Reviews(
        new_uow, ResourceRepository, ReviewRepository, PolicyRepository, publishing, clock
    )
    reads = ReviewReads(runtime.reader)
    contents = Contents(new_uow, ResourceRepository, ContentRepository, objects)
    views = ReviewViews(new_uow, ResourceRepository, ReviewRepository, reads, contents, clock)
    policies = Policies(new_uow, PolicyRepository, OrganisationRepository, clock)
    panels = Panels(new_uow, PanelRepository, OrganisationRepository, clock)
    conflicts = Conflicts(new_uow, ConflictRepository, OrganisationRepository, clock)
    term_lists = TermLists(new_uow, TermListRepository, clock)
    return ReviewsPart(
        routers=[
            reviews_router(reviews, views, cursors),
            submission_router(submissions),
            policies_router(policies, panels),
            conflicts_router(conflicts, cursors),
            term_lists_router(term_lists, cursors),
        ],
        table=PROBLEMS,
        tasks={"reviews": scheduler.run},
        events=EVENTS,
        submissions=submissions,
        scheduler=scheduler,
    )
