from services.learning.adapters.boards import RecordedBoards
from services.learning.adapters.boards_schools import SchoolFigureRepository
from services.learning.adapters.directory import DirectoryRepository
from services.learning.adapters.progress import People, PupilRepository, RecordedProgress
from services.learning.application.boards import Boards
from services.learning.application.boards_schools import SchoolFigures
from services.learning.application.progress import Progress
from services.learning.application.progress_access import Learners
from services.learning.routes.boards import boards_router
from services.learning.routes.progress import progress_router
from services.learning.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


def build(runtime: Runtime, settings: Settings) -> Part:
    """How far learners are, one by one and by class, school and region."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    people = People(runtime.reader, keys, settings.issuer)
    records = RecordedProgress(runtime.reader, people, settings.public_origin)
    counted = RecordedBoards(runtime.reader, people, records)
    learners = Learners(PupilRepository, DirectoryRepository, runtime.clock)
    progress = Progress(runtime.new_uow, learners, records, runtime.clock)
    boards = Boards(
        runtime.new_uow,
        PupilRepository,
        DirectoryRepository,
        SchoolFigureRepository,
        counted,
        runtime.clock,
    )
    figures = SchoolFigures(
        runtime.new_uow, SchoolFigureRepository, PupilRepository, counted, runtime.clock
    )
    return Part(
        routers=[
            progress_router(progress, Cursors(keys.derive("cursors"))),
            boards_router(boards),
        ],
        tasks={"school-figures": figures.run},
    )
