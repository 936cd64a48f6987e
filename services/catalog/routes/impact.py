from uuid import UUID

from fastapi import APIRouter

from services.catalog.application.impact import PREVIEW, Impacts
from services.catalog.schemas.impact import ImpactView
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.principal import Caller
from shared.problems import declare

problems = declare({})


def impact_router(impacts: Impacts) -> APIRouter:
    """What to know before a resource is taken down."""
    router = APIRouter(prefix="/catalog/v1", tags=["publication"])

    @router.get(
        "/resources/{resource_id}/impact",
        summary="下架影响预览",
        responses=problems(Unauthenticated, Forbidden, NotFound, Unavailable),
        **guarded(PREVIEW),
    )
    async def preview_impact(resource_id: UUID, caller: Caller) -> ImpactView:
        """Which collections and courses use it, for whoever may suspend or retire it."""
        return ImpactView.of(await impacts.preview(caller, resource_id))

    return router
