from collections.abc import Callable, Mapping
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.catalog.application.intake import FOLLOW, Intakes, Progress
from services.catalog.application.resources import WRITE
from services.catalog.domain.intake import UNFINISHED, IntakeDefective, IntakeOver, Outcome
from services.catalog.problems.intake import PROBLEMS
from services.catalog.schemas.intake import ImportRow, ImportSummary, ImportView, StartImport
from shared.access import guarded, public
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.etags import NOT_MODIFIED, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare
from shared.storage import attachment

problems = declare(PROBLEMS)

PREFIX = "/catalog/v1/imports"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)

Kind = Literal["csv", "xlsx"]
Limits = Annotated[PageRequest, Depends(page_limits())]
RowLimits = Annotated[PageRequest, Depends(page_limits(default=100, maximum=500))]

_TYPES: dict[Kind, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def imports_router(
    intakes: Intakes, templates: Mapping[str, Callable[[], bytes]], cursors: Cursors
) -> APIRouter:
    """Bulk intake (批量入库): many drafts from one table and its files."""
    router = APIRouter(prefix=PREFIX, tags=["imports"])

    @router.get(
        "/template.{kind}",
        summary="批量入库模板",
        response_class=Response,
        responses={200: {"content": {each: {} for each in _TYPES.values()}}, **problems()},
        **public(),
    )
    def read_import_template(kind: Kind) -> Response:
        """A table of headings alone. Several values in a cell are parted by `|` or `；`; a
        contributor is `姓名/角色/单位`, and without a role an author; a relation is `关系：资源`:
        the code of a resource, which `@2` pins to that version, or what it is called elsewhere."""
        headers = {"content-disposition": attachment(f"批量入库模板.{kind}")}
        return Response(templates[kind](), headers=headers, media_type=_TYPES[kind])

    @router.post(
        "",
        status_code=202,
        summary="开始批量入库",
        response_model=ImportView,
        responses=problems(Unauthenticated, Forbidden, Unavailable, IntakeDefective),
        **guarded(WRITE),
    )
    async def start_import(body: StartImport, caller: Caller, once: Once) -> Response:
        """Follow it at its Location. Good rows become drafts, whatever the others; where a row has
        an external key, a later import changes that draft instead of making another."""
        started = intakes.start(caller, body.wanted())
        return await once.answer(started, ImportView.told, 202, _located)

    @router.get(
        "",
        summary="批量入库列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(FOLLOW),
    )
    async def list_imports(page: Limits, caller: Caller) -> Page[ImportSummary]:
        """The caller's own, the newest first."""
        bound_to = {"list": "imports", "whose": caller.subject}
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await intakes.page(caller, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ImportSummary.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        "/{import_id}",
        summary="批量入库进度",
        response_model=ImportView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **guarded(FOLLOW),
    )
    async def read_import(
        import_id: UUID, caller: Caller, if_none_match: IfNoneMatch = None
    ) -> Response:
        """State, progress, and how many rows came to which outcome."""
        progress = await intakes.get(caller, import_id)
        view, version = ImportView.told(progress), progress.intake.version
        return conditional(view, version, if_none_match, moving=progress.intake.state in UNFINISHED)

    @router.get(
        "/{import_id}/rows",
        summary="逐行结果",
        responses=problems(*READING, BadCursor),
        **guarded(FOLLOW),
    )
    async def list_import_rows(
        import_id: UUID,
        caller: Caller,
        page: RowLimits,
        outcome: Annotated[Outcome | None, Query(description="Only rows that came to it.")] = None,
    ) -> Page[ImportRow]:
        """What became of each row, in the order of the table: defects by row, column, reason."""
        bound_to = {"list": "import-rows", "import": str(import_id), "outcome": outcome}
        after = 0
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = int(position or 0)
        found = await intakes.rows(caller, import_id, outcome, after, page.limit + 1)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ImportRow.of(each) for each in items],
            next=last and cursors.encode((last.position,), bound_to),
        )

    @router.post(
        "/{import_id}/cancel",
        summary="取消批量入库",
        response_model=ImportView,
        responses=problems(*READING, IntakeOver),
        **guarded(FOLLOW),
    )
    async def cancel_import(import_id: UUID, caller: Caller, once: Once) -> Response:
        """Stop it: drafts that are made stay, no other is made."""
        return await once.answer(intakes.cancel(caller, import_id), ImportView.told, 200, _located)

    return router


def _located(progress: Progress) -> dict[str, str]:
    intake = progress.intake
    return {"location": f"{PREFIX}/{intake.id}", "etag": etag(intake.version)}
