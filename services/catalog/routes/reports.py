from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.catalog.application import reports as use_cases
from services.catalog.application.reports import Reports
from services.catalog.domain.notices import TakenDown
from services.catalog.domain.reports import CaseClosed, ReportCase, State, TooManyReports
from services.catalog.problems import reports as own
from services.catalog.problems import resources as of_resources
from services.catalog.schemas.reports import (
    CloseCase,
    MakeReport,
    Receipts,
    ReceiptView,
    ReportCaseDetail,
    ReportCaseView,
)
from services.catalog.schemas.resources import OrganisationName
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
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare({**own.PROBLEMS, **of_resources.PROBLEMS})

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
_SHOWN = 100

Limits = Annotated[PageRequest, Depends(page_limits())]


def reports_router(reports: Reports, cursors: Cursors) -> APIRouter:
    """What readers report (举报), and the cases that come of it."""
    router = APIRouter(prefix="/catalog/v1", tags=["reports"])

    @router.post(
        "/resources/{resource_id}/reports",
        status_code=201,
        summary="举报资源",
        response_model=ReceiptView,
        responses=problems(*READING, TakenDown, TooManyReports),
        **guarded(use_cases.REPORT),
    )
    async def report_resource(
        resource_id: UUID, body: MakeReport, caller: Caller, once: Once
    ) -> Response:
        """Tell the administrators above that something is wrong; nobody learns who did. To report
        again while the case is open takes the place of what was said before."""
        made = reports.report(caller, resource_id, body.reason_code, body.words)
        return await once.answer(made, ReceiptView.of, 201)

    @router.get(
        "/reports",
        summary="我的举报",
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(use_cases.REPORT),
    )
    async def list_reports(caller: Caller) -> Receipts:
        """What the caller reported last, and what became of it."""
        made = await reports.made(caller, _SHOWN)
        return Receipts(items=[ReceiptView.of(each) for each in made])

    @router.get(
        "/report-cases",
        summary="举报处理列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_report_cases(
        page: Limits,
        caller: Caller,
        organisation: Annotated[
            OrganisationName | None, Query(description="At and below it; none: all one's own.")
        ] = None,
        state: State | None = None,
    ) -> Page[ReportCaseView]:
        """The newest first."""
        bound_to = {
            "list": "report-cases",
            "whose": caller.subject,
            "organisation": organisation,
            "state": state,
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await reports.page(caller, organisation, state, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ReportCaseView.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        "/report-cases/{case_id}",
        summary="举报详情",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def read_report_case(
        case_id: UUID, caller: Caller, response: Response
    ) -> ReportCaseDetail:
        """With its newest reports, and nothing about who made them."""
        case, latest = await reports.get(caller, case_id, _SHOWN)
        response.headers["etag"] = etag(case.version)
        return ReportCaseDetail.told(case, latest)

    @router.post(
        "/report-cases/{case_id}/close",
        summary="处理举报",
        response_model=ReportCaseView,
        responses=problems(
            *READING, PreconditionMalformed, PreconditionMissing, StaleVersion, CaseClosed
        ),
        **guarded(use_cases.CLOSE),
    )
    async def close_report_case(
        case_id: UUID, body: CloseCase, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Say what came of it. To suspend the resource is a step of its own."""
        closed = reports.close(caller, case_id, version, State(body.outcome), body.remark)
        return await once.answer(closed, ReportCaseView.of, 200, _tagged)

    return router


def _tagged(case: ReportCase) -> dict[str, str]:
    return {"etag": etag(case.version)}
