import csv
import io
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from gateway.application.access import INTEGRATE
from gateway.application.usage import BadPeriod, Usage
from gateway.problems.usage import PROBLEMS
from gateway.schemas.usage import COLUMNS, QuotaView, UsageView
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller, Principal
from shared.problems import declare

problems = declare(PROBLEMS)

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
ROWS_AT_ONCE = 1000
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}

Limits = Annotated[PageRequest, Depends(page_limits(default=100, maximum=1000))]
Application = Annotated[
    str | None,
    Query(
        pattern=r"^[\x21-\x7e]{1,100}$",
        description="Its client_id; without one, the application that asks.",
        examples=["019aa1d6-5d10-7c82-b4e7-903f6a1d8c25"],
    ),
]
Day = Annotated[date | None, Query(description="In China, as in 2026-11-22.")]


def usage_router(usage: Usage, cursors: Cursors) -> APIRouter:
    """What applications have used and may use (用量与配额)."""
    router = APIRouter(prefix="/gateway/v1", tags=["usage"])

    @router.get("/quota", summary="当前配额", responses=problems(*READING), **guarded(INTEGRATE))
    async def read_quota(caller: Caller, client_id: Application = None) -> QuotaView:
        """What the application may ask for, and what is left of today."""
        return QuotaView.of(await usage.allowed(caller, client_id))

    @router.get(
        "/usage",
        summary="用量统计",
        responses=problems(*READING, BadCursor, BadPeriod),
        **guarded(INTEGRATE),
    )
    async def list_usage(
        page: Limits,
        caller: Caller,
        client_id: Application = None,
        since: Day = None,
        until: Day = None,
    ) -> Page[UsageView]:
        """Requests by day and operation, counted within seconds; of the last thirty days where no
        days are given."""
        bound_to = {"list": "usage", "client": client_id or caller.client}
        after = None
        if page.cursor is not None:
            day, operation = cursors.decode(page.cursor, bound_to)
            after = date.fromisoformat(str(day)), str(operation)
        found = await usage.page(caller, client_id, since, until, after, page.limit + 1)
        items = [UsageView.of(*each) for each in found[: page.limit]]
        more = len(found) > page.limit
        position = (items[-1].day.isoformat(), items[-1].operation) if more else None
        return Page(items=items, next=position and cursors.encode(position, bound_to))

    @router.get(
        "/usage/export",
        summary="导出用量（CSV）",
        response_class=StreamingResponse,
        responses={**_CSV, **problems(*READING, BadPeriod)},
        **guarded(INTEGRATE),
    )
    async def export_usage(
        caller: Caller, client_id: Application = None, since: Day = None, until: Day = None
    ) -> StreamingResponse:
        """The same as CSV in UTF-8, as spreadsheets open it."""
        first = await usage.page(caller, client_id, since, until, None, ROWS_AT_ONCE)
        views = [UsageView.of(*each) for each in first]
        return StreamingResponse(
            _lines(usage, caller, client_id, since, until, views),
            headers={"content-disposition": 'attachment; filename="usage.csv"'},
            media_type="text/csv; charset=utf-8",
        )

    return router


async def _lines(
    usage: Usage,
    caller: Principal,
    client_id: str | None,
    since: date | None,
    until: date | None,
    views: list[UsageView],
) -> AsyncIterator[str]:
    yield "\ufeff" + _line(COLUMNS)
    while views:
        for each in views:
            yield _line([getattr(each, column) for column in COLUMNS])
        if len(views) < ROWS_AT_ONCE:
            return
        after = views[-1].day, views[-1].operation
        found = await usage.page(caller, client_id, since, until, after, ROWS_AT_ONCE)
        views = [UsageView.of(*each) for each in found]


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
