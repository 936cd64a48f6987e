from services.learning.adapters.actors import ActorDirectory
from services.learning.adapters.courses import CourseRepository
from services.learning.adapters.courses_achievements import RecordedAchievements
from services.learning.adapters.courses_enrolments import EnrolmentRepository
from services.learning.adapters.directory import DirectoryRepository
from services.learning.adapters.pool import Pool
from services.learning.adapters.spaces import AnnouncementRepository
from services.learning.application.courses import Courses
from services.learning.application.courses_enrolments import Enrolments
from services.learning.application.courses_views import CourseViews
from services.learning.routes.courses import courses_router, enrolments_router
from services.learning.settings import Settings
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


async def forget(uow: UnitOfWork, person: str) -> None:
    """The courses of a person who is erased stay, without an owner."""
    await CourseRepository(uow.connection).forget(person)


def build(runtime: Runtime, settings: Settings, *, pool: Pool) -> Part:
    """Courses, the classes that take them, and who completed them; `pool` is that of the activity
    records."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    actors = ActorDirectory(pool, keys, runtime.clock, settings.issuer)
    achievements = RecordedAchievements(
        runtime.reader, actors, settings.issuer, settings.public_origin
    )
    stores = (runtime.new_uow, CourseRepository, EnrolmentRepository, DirectoryRepository)
    courses = Courses(*stores, AnnouncementRepository, runtime.clock)
    views = CourseViews(*stores, achievements, runtime.clock)
    enrolments = Enrolments(*stores, runtime.clock)
    return Part(
        routers=[
            courses_router(courses, views, cursors),
            enrolments_router(enrolments, cursors),
        ]
    )
