import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from services.identity.application.exports import Cells, Exports, RosterFiles
from services.identity.application.imports import IMPORT, Imports, Progress, ReportedLine
from services.identity.domain.imports import (
    ImportActionRefused,
    NoRosterThere,
    Outcome,
    RosterNotUploaded,
    RosterTooLarge,
)
from services.identity.problems.imports import PROBLEMS
from services.identity.schemas.imports import (
    ImportLineView,
    ImportView,
    StartImport,
    UploadView,
)
from services.identity.schemas.organisations import Reference
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
from shared.pages import BadCursor, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare
from shared.storage import attachment

problems = declare(PROBLEMS)

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)

Limits = Annotated[PageRequest, Depends(page_limits(default=100, maximum=500))]
FileFormat = Annotated[Literal["csv", "xlsx"], Query(alias="format", description="Of the file.")]

_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHUNK_BYTES = 1 << 16
_REPORT_HEADINGS = ("行号", "列", "原因", "说明")


def _file(*formats: str) -> dict[int | str, dict[str, Any]]:
    """The documented answer of a route that gives a file."""
    content: dict[str, Any] = {_MEDIA_TYPES[each].partition(";")[0]: {} for each in formats}
    return {200: {"description": "The file.", "content": content}}


def imports_router(imports: Imports) -> APIRouter:
    """Bulk imports (批量导入) of rosters."""
    router = APIRouter(prefix="/identity/v1/imports", tags=["imports"])

    @router.post(
        "/uploads",
        status_code=201,
        summary="申请上传花名册",
        response_model=UploadView,
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(IMPORT),
    )
    async def upload_roster(caller: Caller, once: Once) -> Response:
        """An address in the object store for one roster; what is not imported within a day is
        removed."""
        return await once.answer(imports.upload(caller), UploadView.of, 201)

    @router.post(
        "",
        status_code=202,
        summary="开始导入",
        response_model=ImportView,
        responses=problems(*READING, NoRosterThere, RosterNotUploaded, RosterTooLarge),
        **guarded(IMPORT),
    )
    async def start_import(body: StartImport, caller: Caller, once: Once) -> Response:
        """Read an uploaded roster and compare it with who is there; unless it is a dry run, apply
        it as well. Follow the import at its Location.

        Of people beyond the organisation no more is told than that a number is somebody's there:
        namesakes born on the same day are found at and below the organisation alone."""
        started = imports.start(
            caller, body.organisation, body.format, body.upload_id, dry_run=body.dry_run
        )
        return await once.answer(started, ImportView.of, 202, _located)

    @router.get(
        "/{import_id}",
        summary="导入进度",
        responses=problems(*READING),
        **guarded(IMPORT),
    )
    async def read_import(import_id: UUID, caller: Caller, response: Response) -> ImportView:
        """State, progress, and how many lines came to which outcome."""
        progress = await imports.get(caller, import_id)
        response.headers["etag"] = etag(progress.import_.version)
        return ImportView.of(progress)

    @router.post(
        "/{import_id}/apply",
        status_code=202,
        summary="执行导入",
        response_model=ImportView,
        responses=problems(
            *READING,
            ImportActionRefused,
            PreconditionMalformed,
            PreconditionMissing,
            StaleVersion,
        ),
        **guarded(IMPORT),
    )
    async def apply_import(
        import_id: UUID, caller: Caller, version: IfMatch, once: Once
    ) -> Response:
        """Apply a dry run whose report was read. Good lines are applied, whatever the others; each
        is compared once more, with who is there by then."""
        applied = imports.apply(caller, import_id, version)
        return await once.answer(applied, ImportView.of, 202, _located)

    @router.get(
        "/{import_id}/rows",
        summary="逐行结果",
        responses=problems(*READING, BadCursor),
        **guarded(IMPORT),
    )
    async def list_import_rows(
        import_id: UUID,
        caller: Caller,
        page: Limits,
        outcome: Annotated[Outcome | None, Query(description="Only lines that came to it.")] = None,
    ) -> Page[ImportLineView]:
        """What became of each line, or would: changes by name, defects by row, column, reason."""
        lines, following = await imports.lines(caller, import_id, outcome, page)
        return Page(items=[ImportLineView.of(each) for each in lines], next=following)

    return router


def roster_files_router(imports: Imports, exports: Exports, files: RosterFiles) -> APIRouter:
    """What is downloaded: the template, reports of rejected lines, rosters."""
    router = APIRouter(prefix="/identity/v1", tags=["imports"])

    @router.get(
        "/roster-template",
        summary="花名册模板",
        response_class=Response,
        responses={**_file("csv", "xlsx"), **problems(Unauthenticated, Forbidden)},
        **guarded(IMPORT),
    )
    async def roster_template(caller: Caller, format_: FileFormat = "xlsx") -> Response:
        """An empty roster: the headings alone. Other usual headings are understood as well."""
        IMPORT.admit(caller, None)
        return _download(_roster(files, _nobody(), format_), f"花名册模板.{format_}", format_)

    @router.get(
        "/imports/{import_id}/report",
        summary="未导入行的说明",
        response_class=Response,
        responses={**_file("csv"), **problems(*READING)},
        **guarded(IMPORT),
    )
    async def report_import(import_id: UUID, caller: Caller) -> Response:
        """The rejected lines as CSV: row, column, reason, explanation; every defect on a line of
        its own, no values."""
        rejected = await imports.rejected(caller, import_id)

        async def written() -> AsyncIterator[bytes]:
            yield "\N{ZERO WIDTH NO-BREAK SPACE}".encode() + files.csv_rows([_REPORT_HEADINGS])
            async for line in rejected:
                yield files.csv_rows(_defects(line))

        return _download(written(), "未导入行.csv", "csv")

    @router.get(
        "/rosters/{organisation}",
        summary="导出花名册",
        response_class=Response,
        responses={**_file("csv", "xlsx"), **problems(*READING, NoRosterThere)},
        **guarded(IMPORT),
    )
    async def export_roster(
        organisation: Reference, caller: Caller, format_: FileFormat = "xlsx"
    ) -> Response:
        """Pupils with their guardians, and staff, at and below an organisation, in the form in
        which rosters are imported; imported again, it changes nothing. The minors' guardians see
        that they were read."""
        pages = await exports.roster(caller, organisation)
        return _download(_roster(files, pages, format_), f"花名册.{format_}", format_)

    return router


def _located(progress: Progress) -> dict[str, str]:
    import_ = progress.import_
    return {"location": f"/identity/v1/imports/{import_.id}", "etag": etag(import_.version)}


async def _roster(
    files: RosterFiles, pages: AsyncIterator[Sequence[Cells]], format_: str
) -> AsyncIterator[bytes]:
    if format_ == "csv":
        yield files.csv_head()
        async for lines in pages:
            yield files.csv_lines(lines)
        return
    book = files.workbook()
    async for lines in pages:
        await asyncio.to_thread(book.add, lines)
    with tempfile.TemporaryFile() as target:
        await asyncio.to_thread(book.save, target)
        target.seek(0)
        while chunk := target.read(_CHUNK_BYTES):
            yield chunk


async def _nobody() -> AsyncIterator[Sequence[Cells]]:
    yield ()


def _defects(line: ReportedLine) -> Iterator[tuple[str, ...]]:
    for each in line.defects:
        yield str(line.number), each["heading"] or "", each["reason"], each["detail"]


def _download(content: AsyncIterator[bytes], name: str, format_: str) -> Response:
    headers = {"content-disposition": attachment(name)}
    return StreamingResponse(content, media_type=_MEDIA_TYPES[format_], headers=headers)
