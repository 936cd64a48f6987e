from email.message import Message
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from services.catalog.application.vocabularies import MANAGE
from services.catalog.application.vocabularies_imports import Exports, Imports, Kind
from services.catalog.domain.vocabularies_plans import ImportRefused
from services.catalog.domain.vocabularies_tables import UnreadableTable
from services.catalog.problems.vocabularies import PROBLEMS
from services.catalog.schemas.vocabularies import ImportReport
from shared.access import guarded, public
from shared.context import worded
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.principal import Caller
from shared.problems import declare
from shared.storage import attachment

problems = declare(PROBLEMS)

_CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}
_TERMS = "dictionary,code,name_zh,aliases\nedition,suke,苏科版,江苏科技版|苏科\n"


def _taking_csv(route: dict[str, Any]) -> dict[str, Any]:
    """`route` with a request body that is a CSV file."""
    content = {"text/csv": {"schema": {"type": "string", "examples": [_TERMS]}}}
    body = {"requestBody": {"required": True, "content": content}}
    return {**route, "openapi_extra": {**route["openapi_extra"], **body}}


def vocabulary_files_router(imports: Imports, exports: Exports) -> APIRouter:
    """Vocabularies, textbooks, chapters and knowledge points as CSV files."""
    router = APIRouter(prefix="/catalog/v1", tags=["vocabularies"])

    @router.post(
        "/vocabulary-imports",
        summary="导入字典、教材、章节或知识点",
        response_model=ImportReport,
        responses=problems(Unauthenticated, Forbidden, Unavailable, UnreadableTable, ImportRefused),
        **_taking_csv(guarded(MANAGE)),
    )
    async def import_vocabulary(
        request: Request,
        caller: Caller,
        once: Once,
        kind: Kind,
        dry_run: Annotated[bool, Query(description="Report only.")] = True,
        partial: Annotated[
            bool, Query(description="Apply the rows without errors, whatever the others.")
        ] = False,
    ) -> Response:
        """Import a CSV file of UTF-8 or GB18030 with the columns of an export. What is not in the
        file stays as it is; the same file again changes nothing."""
        declared = Message()
        declared["content-type"] = request.headers.get("content-type", "")
        if declared.get_content_type() != "text/csv":
            raise HTTPException(
                415, worded("Send the file as text/csv.", "请以 text/csv 发送文件。")
            )
        charset = declared.get_content_charset()
        content = await request.body()
        report = imports.run(caller, kind, content, charset, dry_run=dry_run, partial=partial)
        return await once.answer(report, ImportReport.of, 200)

    @router.get(
        "/vocabulary-exports",
        summary="导出字典、教材、章节或知识点",
        response_class=Response,
        responses={
            200: {"description": "The file.", "content": _CSV},
            **problems(Unavailable),
        },
        **public(),
    )
    async def export_vocabulary(kind: Kind) -> Response:
        """Everything of that kind as CSV, UTF-8 with a byte order mark; imported again, it changes
        nothing."""
        content = await exports.table(kind)
        headers = {"content-disposition": attachment(f"{kind}.csv")}
        return Response(content, headers=headers, media_type="text/csv; charset=utf-8")

    return router
