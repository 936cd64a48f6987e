from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.catalog.application.changes import ChangeFeed
from services.catalog.domain.changes import BEGINNING, Place
from services.catalog.schemas.changes import ChangePage, ChangeView
from shared.access import public
from shared.errors import Unavailable
from shared.pages import BadCursor, Cursors, PageRequest, page_limits
from shared.problems import declare

problems = declare({})

_BINDING = {"list": "changes"}

Limits = Annotated[PageRequest, Depends(page_limits(default=100, maximum=1000))]


def changes_router(feed: ChangeFeed, cursors: Cursors) -> APIRouter:
    """What became of published resources, for whoever keeps a copy."""
    router = APIRouter(prefix="/catalog/v1", tags=["changes"])

    @router.get(
        "/changes",
        summary="变更流",
        responses=problems(Unavailable, BadCursor),
        **public(),
    )
    async def list_changes(page: Limits, response: Response) -> ChangePage:
        """Every change from the first on, in order: none is missing, none comes twice."""
        place = BEGINNING
        if page.cursor is not None:
            transaction, position = cursors.decode(page.cursor, _BINDING)
            place = Place(int(transaction or 0), int(position or 0))
        found = await feed.after(place, page.limit)
        if found:
            place = found[-1][0]
        response.headers["cache-control"] = "no-store"
        return ChangePage(
            items=[ChangeView.of(change) for _, change in found],
            next=cursors.encode(place, _BINDING),
        )

    return router
