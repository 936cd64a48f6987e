from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.catalog.application.textbooks import Kept, Sort, Textbooks
from services.catalog.application.textbooks import Query as TextbookQuery
from services.catalog.application.vocabularies import MANAGE
from services.catalog.domain.textbooks import ChaptersRefused, Facet, Textbook, TextbookRefused
from services.catalog.domain.vocabularies import State
from services.catalog.problems.textbooks import PROBLEMS
from services.catalog.routes.vocabularies import CHANGING, CONDITIONAL, Limits
from services.catalog.schemas.facets import Edition, Grade, Stage, Subject, Volume
from services.catalog.schemas.textbooks import (
    AddTextbook,
    ChangeTextbook,
    ChaptersView,
    ChoicesView,
    ChoiceView,
    ReplaceChapters,
    TextbookKept,
    TextbookSummary,
    TextbookView,
)
from shared.access import guarded, public
from shared.errors import NotFound, Unavailable
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

CHOSEN = Query(description="Only textbooks with that code.")
Without = Annotated[
    list[Facet],
    Query(max_length=len(Facet), description="Only textbooks whose texts for these have no code."),
]


def _codes(**chosen: str | None) -> Mapping[Facet, str]:
    return {Facet(name): code for name, code in chosen.items() if code is not None}


def textbooks_router(textbooks: Textbooks, cursors: Cursors) -> APIRouter:
    """Textbooks (教材), chosen by 学段, 学科, 版本, 年级 and 册次, and their chapters (章节)."""
    router = APIRouter(prefix="/catalog/v1/textbooks", tags=["textbooks"])

    @router.get("", summary="教材列表", responses=problems(Unavailable, BadCursor), **public())
    async def list_textbooks(
        page: Limits,
        stage: Annotated[Stage | None, CHOSEN] = None,
        subject: Annotated[Subject | None, CHOSEN] = None,
        edition: Annotated[Edition | None, CHOSEN] = None,
        grade: Annotated[Grade | None, CHOSEN] = None,
        volume: Annotated[Volume | None, CHOSEN] = None,
        without: Without = [],  # noqa: B006
        state: State = State.ACTIVE,
        sort: Sort = Sort.STAGE,
    ) -> Page[TextbookSummary]:
        """Textbooks in the order of the dictionaries, or of the pinyin of their titles."""
        codes = _codes(stage=stage, subject=subject, edition=edition, grade=grade, volume=volume)
        query = TextbookQuery(codes, without, state, sort)
        bound_to: dict[str, object] = {"list": "textbooks", "codes": dict(codes)}
        bound_to |= {"without": sorted(without), "state": state, "sort": sort}
        after = None
        if page.cursor is not None:
            id_, sort_key, *positions = cursors.decode(page.cursor, bound_to)
            after = _place(str(id_), str(sort_key), positions)
        found = await textbooks.page(query, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[TextbookSummary.of(each) for each in items],
            next=last and cursors.encode((str(last.id), last.sort_key, *last.positions), bound_to),
        )

    @router.get("/choices", summary="逐级选择", responses=problems(Unavailable), **public())
    async def list_textbook_choices(
        stage: Annotated[Stage | None, CHOSEN] = None,
        subject: Annotated[Subject | None, CHOSEN] = None,
        edition: Annotated[Edition | None, CHOSEN] = None,
        grade: Annotated[Grade | None, CHOSEN] = None,
        volume: Annotated[Volume | None, CHOSEN] = None,
        without: Without = [],  # noqa: B006
    ) -> ChoicesView:
        """What can be chosen next on the way 学段 → 学科 → 版本 → 年级 → 册次, with how many
        textbooks there are. A choice whose code is null is made by `without`."""
        codes = _codes(stage=stage, subject=subject, edition=edition, grade=grade, volume=volume)
        facet, choices = await textbooks.choices(TextbookQuery(codes, without))
        return ChoicesView(facet=facet, choices=[ChoiceView.of(each) for each in choices])

    @router.get(
        "/{textbook}",
        summary="教材详情",
        response_model=TextbookView,
        responses={**NOT_MODIFIED, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_textbook(textbook: UUID, if_none_match: IfNoneMatch = None) -> Response:
        """A textbook: what is said of it, and the codes that the dictionaries have for that."""
        found = await textbooks.get(textbook)
        return conditional(TextbookView.of(found), found.version, if_none_match, public=True)

    @router.post(
        "",
        status_code=201,
        summary="新增教材",
        response_model=TextbookKept,
        responses=problems(*CHANGING, TextbookRefused),
        **guarded(MANAGE),
    )
    async def add_textbook(body: AddTextbook, caller: Caller, once: Once) -> Response:
        """Add a textbook, even where another has the same 学段, 学科, 版本, 年级 and 册次."""
        added = textbooks.add(caller, body.cells)
        return await once.answer(added, TextbookKept.kept, 201, _created)

    @router.patch(
        "/{textbook}",
        summary="修改或停用教材",
        responses=problems(*CHANGING, *CONDITIONAL, TextbookRefused),
        **guarded(MANAGE),
    )
    async def change_textbook(
        textbook: UUID, body: ChangeTextbook, version: IfMatch, caller: Caller, response: Response
    ) -> TextbookKept:
        """Change what is said of a textbook, retire it, or make it active again."""
        kept = await textbooks.change(caller, textbook, version, body.cells)
        response.headers["etag"] = etag(kept.textbook.version)
        return TextbookKept.kept(kept)

    @router.get(
        "/{textbook}/chapters",
        summary="教材章节",
        response_model=ChaptersView,
        responses={**NOT_MODIFIED, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_chapters(textbook: UUID, if_none_match: IfNoneMatch = None) -> Response:
        """The chapters of a textbook in reading order."""
        contents = await textbooks.contents(textbook)
        return conditional(ChaptersView.of(contents), contents.version, if_none_match, public=True)

    @router.put(
        "/{textbook}/chapters",
        summary="更新教材章节",
        responses=problems(*CHANGING, *CONDITIONAL, ChaptersRefused),
        **guarded(MANAGE),
    )
    async def replace_chapters(
        textbook: UUID, body: ReplaceChapters, version: IfMatch, caller: Caller, response: Response
    ) -> ChaptersView:
        """Make these the chapters of the textbook. Those left out are retired: what refers to them
        still can. If-Match takes the ETag of the textbook."""
        contents = await textbooks.replace_chapters(caller, textbook, version, body.tree)
        response.headers["etag"] = etag(contents.version)
        return ChaptersView.of(contents)

    return router


def _place(id_: str, sort_key: str, positions: list[Any]) -> Textbook:
    """The textbook after which a list continues, as far as its order is concerned."""
    return Textbook(UUID(id_), "", {}, {}, positions=tuple(positions), sort_key=sort_key)


def _created(kept: Kept) -> dict[str, str]:
    location = f"/catalog/v1/textbooks/{kept.textbook.id}"
    return {"etag": etag(kept.textbook.version), "location": location}
