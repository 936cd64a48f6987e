from fastapi import APIRouter

from services.learning.application.boards import BOARD, Boards
from services.learning.domain.boards import NoBoard
from services.learning.problems.boards import PROBLEMS
from services.learning.schemas.boards import BoardView
from services.learning.schemas.texts import OrganisationName
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)


def boards_router(boards: Boards) -> APIRouter:
    """How far a class, a school or a region is (学情看板)."""
    router = APIRouter(prefix="/learning/v1/organisations/{organisation}/board", tags=["progress"])

    @router.get(
        "",
        summary="班级、学校与区域看板",
        responses=problems(Unauthenticated, Forbidden, NotFound, NoBoard, Unavailable),
        **guarded(BOARD),
    )
    async def read_board(organisation: OrganisationName, caller: Caller) -> BoardView:
        """A class by pupil, a grade or school by class, for those who teach or administer there.
        A county, city or province by what lies right below it, from the sums of its schools, which
        are counted every hour (``at`` is when the first was); activities and knowledge points are
        told of no region.
        Reading is audited."""
        return BoardView.of(await boards.get(caller, organisation))

    return router
