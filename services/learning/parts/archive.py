from functools import partial

from services.learning.adapters import archive
from services.learning.adapters.actors import ActorDirectory
from services.learning.adapters.archive_homework import HandedInHomework
from services.learning.adapters.archive_pdf import TypstPrinter
from services.learning.adapters.archive_records import RecordedArchive
from services.learning.adapters.courses_achievements import RecordedAchievements
from services.learning.adapters.directory import DirectoryRepository
from services.learning.adapters.pool import Pool
from services.learning.adapters.progress import People, PupilRepository, RecordedProgress
from services.learning.application.archive import Archives
from services.learning.application.progress_access import Learners
from services.learning.routes.archive import archive_router
from services.learning.settings import Settings
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.service import Part, Runtime


async def forget(uow: UnitOfWork, person: str) -> None:
    """The archive of a person who is erased goes; remarks they wrote stay, without their author."""
    await archive.forget(uow.connection, person)


def build(runtime: Runtime, settings: Settings, *, pool: Pool) -> Part:
    """Growth archives; `pool` is that of the activity records."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    people = People(runtime.reader, keys, settings.issuer)
    progress = RecordedProgress(runtime.reader, people, settings.public_origin)
    actors = ActorDirectory(pool, keys, runtime.clock, settings.issuer)
    archives = Archives(
        runtime.new_uow,
        partial(archive.ArchiveRepository, keys=keys),
        Learners(PupilRepository, DirectoryRepository, runtime.clock),
        RecordedArchive(runtime.reader, people, progress),
        RecordedAchievements(runtime.reader, actors, settings.issuer, settings.public_origin),
        HandedInHomework(runtime.reader),
        TypstPrinter(),
        runtime.clock,
    )
    return Part(routers=[archive_router(archives)])
