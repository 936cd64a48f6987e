from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.adapters import submissions_erasure
from services.learning.adapters.assignments import AssignmentRepository
from services.learning.adapters.directory import DirectoryRepository
from services.learning.adapters.submissions import SubmissionRepository
from services.learning.adapters.submissions_files import FileRepository
from services.learning.application.assignments import Assignments
from services.learning.application.marking import Marking
from services.learning.application.submissions import Submissions
from services.learning.application.submissions_files import FileSweeper
from services.learning.application.submissions_views import SubmissionViews
from services.learning.routes.assignments import assignments_router, load_router
from services.learning.routes.submissions import submissions_router
from services.learning.settings import Settings
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.health import object_store_check
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True)
class HomeworkPart(Part):
    sweeper: FileSweeper


async def forget(uow: UnitOfWork, person: str) -> None:
    """What a person who is erased handed in goes; what they gave and marked stays, without the
    name."""
    await submissions_erasure.forget(uow.connection, person)


def build(runtime: Runtime, settings: Settings, *, objects: ObjectStore) -> HomeworkPart:
    """Homework: assigned, handed in, marked; its files are in `objects`."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    new_uow, clock = runtime.new_uow, runtime.clock

    def store(connection: AsyncConnection) -> SubmissionRepository:
        return SubmissionRepository(connection, keys)

    stores = (new_uow, AssignmentRepository, store)
    assignments = Assignments(*stores, DirectoryRepository, clock)
    submissions = Submissions(*stores, FileRepository, DirectoryRepository, objects, clock)
    views = SubmissionViews(*stores, FileRepository, DirectoryRepository, objects, clock)
    marking = Marking(*stores, DirectoryRepository, clock)
    sweeper = FileSweeper(new_uow, FileRepository, objects, clock)

    return HomeworkPart(
        routers=[
            assignments_router(assignments, submissions, marking, cursors),
            load_router(assignments),
            submissions_router(submissions, views, marking, cursors),
        ],
        tasks={"homework-files": sweeper.run},
        checks={"object-store": object_store_check(objects)},
        sweeper=sweeper,
    )
