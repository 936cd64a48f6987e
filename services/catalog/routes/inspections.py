from uuid import UUID

from fastapi import APIRouter

from services.catalog.application.inspections import READ, Inspections
from services.catalog.schemas.inspections import InspectionView
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.principal import Caller
from shared.problems import declare

problems = declare({})


def inspections_router(inspections: Inspections) -> APIRouter:
    """Inspections of uploaded files (文件检查)."""
    router = APIRouter(prefix="/catalog/v1/inspections", tags=["uploads"])

    @router.get(
        "/{inspection_id}",
        summary="文件检查进度与结果",
        responses=problems(Unauthenticated, Forbidden, NotFound, Unavailable),
        **guarded(READ),
    )
    async def read_inspection(inspection_id: UUID, caller: Caller) -> InspectionView:
        """How far it is, what was found, what was made of the file. Only of one's own uploads."""
        return InspectionView.of(await inspections.get(caller, inspection_id))

    return router
