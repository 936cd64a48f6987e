from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from services.identity.application.audit import READ, Audit, AuditQuery, Entry
from services.identity.problems.organisations import PROBLEMS
from services.identity.schemas.audit import ActionName, AuditEntry, PersonReference
from services.identity.schemas.organisations import Reference
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.instants import Instant
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

NDJSON = "application/x-ndjson"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


async def _query(
    person: Annotated[PersonReference | None, Query()] = None,
    organisation: Annotated[
        Reference | None, Query(description="It and all below it; without, all that you audit.")
    ] = None,
    action: Annotated[
        ActionName | None, Query(description="What was done; that names it exactly.")
    ] = None,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[
        Instant | None, Query(alias="to", description="Entries of that instant are left out.")
    ] = None,
) -> AuditQuery:
    return AuditQuery(person, organisation, action, since, until)


Asked = Annotated[AuditQuery, Depends(_query)]


def audit_router(audit: Audit, cursors: Cursors) -> APIRouter:
    """The audit trail, for auditors alone."""
    router = APIRouter(prefix="/identity/v1/audit", tags=["audit"])

    @router.get(
        "",
        summary="审计记录",
        responses=problems(*READING, BadCursor),
        **guarded(READ),
    )
    async def list_audit_entries(asked: Asked, page: Limits, caller: Caller) -> Page[AuditEntry]:
        """Entries at and below the organisations whose auditor the caller is, the newest first."""
        bound_to = {"list": "audit", **{k: v and str(v) for k, v in asdict(asked).items()}}
        before = None
        if page.cursor is not None:
            at, id_ = cursors.decode(page.cursor, bound_to)
            before = datetime.fromisoformat(str(at)), int(id_ or 0)
        found = await audit.page(caller, asked, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[AuditEntry.of(each) for each in items],
            next=last and cursors.encode((last.at.isoformat(), last.id), bound_to),
        )

    @router.get(
        "/export",
        summary="导出审计记录",
        response_class=StreamingResponse,
        responses={
            **problems(*READING),
            200: {
                "description": "One entry a line, the oldest first.",
                "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/AuditEntry"}}},
            },
        },
        **guarded(READ),
    )
    async def export_audit_entries(asked: Asked, caller: Caller) -> StreamingResponse:
        """The same entries as newline-delimited JSON, up to now. The export is audited."""
        batches = await audit.export(caller, asked)
        headers = {"content-disposition": 'attachment; filename="audit.ndjson"'}
        return StreamingResponse(_lines(batches), headers=headers, media_type=NDJSON)

    return router


async def _lines(batches: AsyncIterator[Sequence[Entry]]) -> AsyncIterator[str]:
    async for batch in batches:
        yield "".join(AuditEntry.of(entry).model_dump_json() + "\n" for entry in batch)
