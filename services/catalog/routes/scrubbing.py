from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.catalog.application import scrubbing as use_cases
from services.catalog.application.scrubbing import Scrubber
from services.catalog.schemas.scrubbing import ScrubFinding
from shared.access import guarded
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import COMMON, declare

problems = declare(COMMON)

Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


def scrubbing_router(scrubber: Scrubber, cursors: Cursors) -> APIRouter:
    """What the scrubber found wrong with stored files."""
    router = APIRouter(prefix="/catalog/v1/scrub-findings", tags=["uploads"])

    @router.get(
        "",
        summary="存储校验发现",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_scrub_findings(
        page: Limits,
        caller: Caller,
        all_: Annotated[
            bool, Query(alias="all", description="Also those that are resolved.")
        ] = False,
    ) -> Page[ScrubFinding]:
        """Files that were missing or altered when they were read again, the newest first; for
        administrators of the province."""
        bound_to = {"list": "scrub findings", "all": all_}
        before = None
        if page.cursor is not None:
            before = int(cursors.decode(page.cursor, bound_to)[0] or 0)
        found = await scrubber.findings(caller, page.limit + 1, before, all_=all_)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ScrubFinding.of(each) for each in items],
            next=last and cursors.encode((last.id,), bound_to),
        )

    return router
