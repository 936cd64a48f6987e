import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.copyright.application.duplicates import COMPARE, READ, Duplicates
from services.copyright.domain.duplicates import Match
from services.copyright.problems import PROBLEMS
from services.copyright.schemas.duplicates import (
    ComparedFiles,
    ComparedFileView,
    CompareFiles,
    PossibleMatchView,
)
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PageLimits = Annotated[PageRequest, Depends(page_limits(default=20, maximum=100))]


def duplicates_router(duplicates: Duplicates, cursors: Cursors) -> APIRouter:
    """Works that are like one another."""
    router = APIRouter(prefix="/copyright/v1", tags=["duplicates"])

    @router.post(
        "/duplicates",
        summary="查重",
        response_model=ComparedFiles,
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(COMPARE),
    )
    async def compare_files(body: CompareFiles, caller: Caller, once: Once) -> Response:
        """The registered works that files are like. Nothing of what you send is kept, and nothing
        follows from a match by itself."""
        compared = await asyncio.to_thread(lambda: [each.compared() for each in body.files])

        def present(found: Sequence[Sequence[Match]]) -> ComparedFiles:
            told = zip(body.files, compared, found, strict=True)
            return ComparedFiles(files=[ComparedFileView.of(*each) for each in told])

        return await once.answer(duplicates.compare(compared, body.apart_from), present, 200)

    @router.get(
        "/registrations/{registration_id}/possible-matches",
        summary="疑似重复",
        responses=problems(Unauthenticated, Forbidden, NotFound, BadCursor, Unavailable),
        **guarded(READ),
    )
    async def list_possible_matches(
        registration_id: UUID, caller: Caller, page: PageLimits
    ) -> Page[PossibleMatchView]:
        """Registered works that may be the same, for somebody to look at: shown to the parties, and
        to reviewers of the registration's organisation or above."""
        bound_to = {"list": "possible-matches", "of": str(registration_id)}
        before = None
        if page.cursor is not None:
            before = UUID(str(cursors.decode(page.cursor, bound_to)[0]))
        found = await duplicates.flags(caller, registration_id, page.limit + 1, before)
        items = [PossibleMatchView.of(*each) for each in found[: page.limit]]
        last = str(items[-1].registration_id) if len(found) > page.limit else None
        return Page(items=items, next=last and cursors.encode((last,), bound_to))

    return router
