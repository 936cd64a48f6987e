from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from services.catalog.application import term_lists as use_cases
from services.catalog.application.term_lists import TermLists
from services.catalog.application.vocabularies import MANAGE
from services.catalog.domain.term_lists import TermListRefused
from services.catalog.problems.reviews import PROBLEMS
from services.catalog.schemas.term_lists import AddTermList, TermListContent, TermListView
from shared.access import guarded
from shared.errors import (
    Forbidden,
    NotFound,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from shared.etags import IfMatch, etag
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

Name = Annotated[str, Path(min_length=1, max_length=50, pattern=r"^[a-z0-9-]+$")]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Limits = Annotated[PageRequest, Depends(page_limits())]


def term_lists_router(term_lists: TermLists, cursors: Cursors) -> APIRouter:
    """The term lists of machine review (机器审核词表)."""
    router = APIRouter(prefix="/catalog/v1/term-lists", tags=["review policies"])

    @router.get(
        "",
        summary="词表版本",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_term_lists(page: Limits, caller: Caller) -> Page[TermListView]:
        """Every version of every list."""
        bound_to = {"list": "term-lists"}
        after = ("", 0)
        if page.cursor is not None:
            name, version = cursors.decode(page.cursor, bound_to)
            after = str(name), int(version or 0)
        found = await term_lists.page(caller, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[TermListView.of(each) for each in items],
            next=last and cursors.encode((last.name, last.version), bound_to),
        )

    @router.get(
        "/{name}",
        summary="词表内容",
        responses=problems(Unauthenticated, Forbidden, Unavailable, NotFound),
        **guarded(use_cases.READ),
    )
    async def read_term_list(
        name: Name, caller: Caller, response: Response, version: Version = None
    ) -> TermListContent:
        """The last version of a list, or the one that is named."""
        found = await term_lists.read(caller, name, version)
        response.headers["etag"] = etag(found.version)
        return TermListContent.of(found)

    @router.put(
        "/{name}",
        summary="新增词表版本",
        responses=problems(
            Unauthenticated,
            Forbidden,
            Unavailable,
            PreconditionMalformed,
            PreconditionMissing,
            StaleVersion,
            TermListRefused,
        ),
        **guarded(MANAGE),
    )
    async def put_term_list(
        name: Name, body: AddTermList, version: IfMatch, caller: Caller, response: Response
    ) -> TermListView:
        """The next version of a list; If-Match `"v0"` for the first."""
        made = await term_lists.add(
            caller, name, version, body.effective_from, body.effective_until, body.listed()
        )
        response.headers["etag"] = etag(made.version)
        return TermListView.of(made)

    return router
