import io
from typing import Annotated, Any, Literal
from uuid import UUID

import segno
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.catalog.application.collections import Collections
from services.catalog.application.resources import Resources
from services.catalog.application.resources_content import Contents
from services.catalog.domain import collections as domain
from services.catalog.domain.feedback import Kind
from services.catalog.domain.notices import TakenDown
from services.catalog.domain.resources import (
    CODE_PREFIX,
    CodeUnreadable,
    FileDamaged,
    FileNotReady,
    FileRefused,
    FileRole,
)
from services.catalog.pages.tombstone import TombstonePage, wants_page
from services.catalog.problems.resources import PROBLEMS
from services.catalog.routes.feedback import Audience
from services.catalog.routes.resources import READING, VersionNumber
from services.catalog.schemas.collections import CollectionCode
from services.catalog.schemas.resources import CodeView, Derivatives, DerivativeView
from shared.access import public
from shared.codes import InvalidCode, parse_code
from shared.principal import MaybeCaller
from shared.problems import declare

problems = declare(PROBLEMS)

_NO_STORE = {"cache-control": "no-store"}
_REDIRECT: dict[int | str, dict[str, Any]] = {
    302: {
        "description": "The file, at an address good for 2 minutes",
        "headers": {"location": {"schema": {"type": "string", "format": "uri"}}},
    }
}
_QR_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
_SLIPS_ZH = {
    "length": "代码应为 10 位字母和数字。",
    "symbol": "代码中含有不会出现的字符，请核对。",
    "prefix": f"资源代码以 {CODE_PREFIX} 开头，合集代码以 {domain.CODE_PREFIX} 开头。",
    "check": "代码有误，请与原件核对。",
}


def content_router(
    contents: Contents,
    resources: Resources,
    collections: Collections,
    public_origin: str,
    audience: Audience,
    page: TombstonePage,
) -> APIRouter:
    """Files, what was made from them, codes and their pictures."""
    router = APIRouter(prefix="/catalog/v1", tags=["content"])

    @router.get(
        "/resources/{resource_id}/content",
        status_code=302,
        summary="下载文件",
        response_class=RedirectResponse,
        responses={**_REDIRECT, **problems(*READING, FileNotReady, FileRefused, FileDamaged)},
        **public(),
    )
    async def read_content(
        request: Request,
        resource_id: UUID,
        caller: MaybeCaller,
        file: Annotated[
            str,
            Query(
                pattern=f"^([0-9]{{1,3}}|{'|'.join(FileRole)})$",
                description="Its place from 0, or a role: the first file of that role.",
            ),
        ] = "0",
        version: VersionNumber = None,
    ) -> RedirectResponse:
        """A redirection to the bytes, which never pass through this service."""
        address = await contents.address(caller, resource_id, file, version)
        audience.saw(request, caller, resource_id, Kind.DOWNLOAD)
        return RedirectResponse(address, 302, _NO_STORE)

    @router.get(
        "/resources/{resource_id}/derivatives",
        summary="缩略图、页面图与文字",
        responses=problems(*READING),
        **public(),
    )
    async def list_derivatives(
        resource_id: UUID, caller: MaybeCaller, response: Response, version: VersionNumber = None
    ) -> Derivatives:
        """Thumbnails, posters, images of the first pages and the text of its clean files, whose
        pages or slides are divided by form feeds."""
        response.headers.update(_NO_STORE)
        found = await contents.derivatives(caller, resource_id, version)
        return Derivatives(items=[DerivativeView.of(each) for each in found])

    @router.get(
        "/resources/{resource_id}/qr.{kind}",
        summary="二维码",
        response_class=Response,
        responses={
            200: {"content": {each: {} for each in _QR_TYPES.values()}},
            **problems(*READING),
        },
        **public(),
    )
    async def read_qr(
        resource_id: UUID, kind: Literal["svg", "png"], caller: MaybeCaller
    ) -> Response:
        """A QR code (ISO/IEC 18004) of the address of its short code."""
        shown = await resources.get(caller, resource_id)
        address = f"{public_origin}/catalog/v1/codes/{shown.resource.code}"
        picture = io.BytesIO()
        segno.make_qr(address, error="m").save(picture, kind=kind, scale=8, border=4)
        return Response(picture.getvalue(), media_type=_QR_TYPES[kind])

    @router.get(
        "/codes/{code}",
        summary="解析资源或合集代码",
        response_model=CodeView | CollectionCode,
        responses=_with_page(problems(*READING, CodeUnreadable)),
        **public(),
    )
    async def resolve_code(
        request: Request,
        code: Annotated[str, Path(max_length=64, examples=["R-7K3M-9QXB-X"])],
        caller: MaybeCaller,
    ) -> CodeView | CollectionCode | Response:
        """The resource or collection with a code as it was typed or scanned: case, hyphens and
        look-alikes (O for 0, I and L for 1) do not matter. Of a resource that was taken down,
        browsers get a page that says why."""
        prefix, canonical = _read(code)
        if prefix == domain.CODE_PREFIX:
            return CollectionCode.of(await collections.resolve(caller, canonical))
        try:
            return CodeView.of(await resources.resolve(caller, canonical))
        except TakenDown as gone:
            if wants_page(request):
                return page.gone(gone)
            raise

    return router


def _with_page(responses: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """`responses`, of which 410 comes as a page too."""
    gone = responses[410]
    return {**responses, 410: {**gone, "content": {**gone["content"], "text/html": {}}}}


def _read(code: str) -> tuple[str, str]:
    """Its kind's letter and its canonical form. Raises `CodeUnreadable`."""
    for prefix in (domain.CODE_PREFIX, CODE_PREFIX):
        try:
            return prefix, parse_code(code, prefix)
        except InvalidCode as error:
            slip = error
            if slip.reason != "prefix":
                break
    raise CodeUnreadable(str(slip), zh=_SLIPS_ZH[slip.reason], reason=slip.reason)
