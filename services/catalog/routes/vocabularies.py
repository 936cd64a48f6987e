from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.catalog.application.vocabularies import (
    MANAGE,
    READ_HISTORY,
    Dictionaries,
    Edited,
)
from services.catalog.domain.vocabularies import TermsRefused, TermTaken
from services.catalog.problems.vocabularies import PROBLEMS
from services.catalog.schemas.vocabularies import (
    AddTerm,
    ChangeTerm,
    Code,
    DictionaryCode,
    DictionarySummary,
    DictionaryView,
    RevisionView,
    TermView,
)
from shared.access import guarded, public
from shared.errors import (
    Forbidden,
    NotFound,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag, is_known
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

CHANGING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


def dictionaries_router(dictionaries: Dictionaries, cursors: Cursors) -> APIRouter:
    """Dictionaries (数据字典) and their terms, for anybody to read."""
    router = APIRouter(prefix="/catalog/v1/dictionaries", tags=["vocabularies"])

    @router.get("", summary="字典列表", responses=problems(Unavailable, BadCursor), **public())
    async def list_dictionaries(page: Limits) -> Page[DictionarySummary]:
        """The dictionaries in the order of their codes."""
        bound_to = {"list": "dictionaries"}
        after = ""
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = str(position)
        found = await dictionaries.page(page.limit + 1, after)
        items = [DictionarySummary.of(each) for each in found[: page.limit]]
        more = len(found) > page.limit
        return Page(items=items, next=cursors.encode((items[-1].code,), bound_to) if more else None)

    @router.get(
        "/{dictionary}",
        summary="字典内容",
        response_model=DictionaryView,
        responses={**NOT_MODIFIED, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_dictionary(
        dictionary: DictionaryCode,
        version: Annotated[
            int | None, Query(ge=1, le=2**31 - 1, description="An earlier version.")
        ] = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """A dictionary with all its terms. A version never changes: keep it as long as you like."""
        lexicon = await dictionaries.get(dictionary, version)
        tag = etag(lexicon.dictionary.version)
        headers = {
            "etag": tag,
            "cache-control": "public, no-cache" if version is None else "public, max-age=31536000",
        }
        if is_known(tag, if_none_match):
            return Response(status_code=304, headers=headers)
        body = DictionaryView.of(lexicon).model_dump_json()
        return Response(body, headers=headers, media_type="application/json")

    @router.get(
        "/{dictionary}/terms/{code}",
        summary="词条详情",
        response_model=TermView,
        responses={**NOT_MODIFIED, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_term(
        dictionary: DictionaryCode, code: Code, if_none_match: IfNoneMatch = None
    ) -> Response:
        """One of its terms, a retired one too. Its ETag is the dictionary's."""
        found = await dictionaries.term(dictionary, code)
        return conditional(TermView.edited(found), found.version, if_none_match, public=True)

    @router.post(
        "/{dictionary}/terms",
        status_code=201,
        summary="新增词条",
        response_model=TermView,
        responses=problems(*CHANGING, *CONDITIONAL, TermTaken, TermsRefused),
        **guarded(MANAGE),
    )
    async def add_term(
        dictionary: DictionaryCode, body: AddTerm, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Add a term to the version of the dictionary that you read; this makes the next one."""
        added = dictionaries.add(caller, dictionary, version, body.term)
        return await once.answer(added, TermView.edited, 201, _tagged)

    @router.patch(
        "/{dictionary}/terms/{code}",
        summary="修改或停用词条",
        responses=problems(*CHANGING, *CONDITIONAL, TermTaken, TermsRefused),
        **guarded(MANAGE),
    )
    async def change_term(
        dictionary: DictionaryCode,
        code: Code,
        body: ChangeTerm,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> TermView:
        """Change a term, retire it, or make it active again; this makes the dictionary's next
        version. What was described with it keeps its code, under whatever name. If-Match takes the
        ETag of the dictionary."""
        edited = await dictionaries.change(caller, dictionary, code, version, body.changes)
        response.headers.update(_tagged(edited))
        return TermView.of(edited.term)

    @router.get(
        "/{dictionary}/history",
        summary="字典版本历史",
        responses=problems(*CHANGING, BadCursor),
        **guarded(READ_HISTORY),
    )
    async def list_dictionary_versions(
        dictionary: DictionaryCode, page: Limits, caller: Caller
    ) -> Page[RevisionView]:
        """The versions of a dictionary, the newest first."""
        bound_to = {"list": "dictionary versions", "dictionary": dictionary}
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = int(position or 0)
        found = await dictionaries.history(caller, dictionary, page.limit + 1, before)
        items = [RevisionView.of(each) for each in found[: page.limit]]
        more = len(found) > page.limit
        return Page(
            items=items, next=cursors.encode((items[-1].version,), bound_to) if more else None
        )

    return router


def _tagged(edited: Edited) -> dict[str, str]:
    return {"etag": etag(edited.version)}
