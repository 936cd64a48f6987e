from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from services.catalog.application import resources as use_cases
from services.catalog.application.checks import Checks
from services.catalog.application.versions import Versions
from services.catalog.domain.lifecycle import ActionRefused
from services.catalog.domain.versions import DefectsRemain, NothingChanged, Version
from services.catalog.problems.resources import PROBLEMS
from services.catalog.routes.resources import (
    CHANGING,
    CONDITIONAL,
    PREFIX,
    READING,
    changed_headers,
)
from services.catalog.schemas.resources import Remark, ResourceView
from services.catalog.schemas.versions import (
    DifferencesView,
    ReportView,
    VersionSummary,
    VersionView,
)
from shared.access import guarded, public
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, is_known
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller, MaybeCaller
from shared.problems import declare

problems = declare(PROBLEMS)

Limits = Annotated[PageRequest, Depends(page_limits())]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def versions_router(versions: Versions, checks: Checks, cursors: Cursors) -> APIRouter:
    """The check of a draft, and the versions that are made of it."""
    router = APIRouter(prefix=f"{PREFIX}/{{resource_id}}", tags=["versions"])

    @router.post(
        "/check",
        summary="提交前检查",
        response_model=ReportView,
        responses=problems(*CHANGING),
        **guarded(use_cases.CHECK),
    )
    async def check_resource(resource_id: UUID, caller: Caller, once: Once) -> Response:
        """Every defect of the draft at once."""
        return await once.answer(checks.report(caller, resource_id), ReportView.of, 200)

    @router.get(
        "/versions", summary="版本列表", responses=problems(*READING, BadCursor), **public()
    )
    async def list_versions(
        resource_id: UUID, page: Limits, caller: MaybeCaller
    ) -> Page[VersionSummary]:
        """The newest first."""
        bound_to = {"list": "versions", "resource": str(resource_id)}
        before = None
        if page.cursor is not None:
            (number,) = cursors.decode(page.cursor, bound_to)
            before = int(number or 0)
        found = await versions.page(caller, resource_id, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[VersionSummary.of(each) for each in items],
            next=last and cursors.encode((last.number,), bound_to),
        )

    @router.post(
        "/versions",
        status_code=201,
        summary="固定为新版本",
        response_model=VersionView,
        responses=problems(*CHANGING, *CONDITIONAL, ActionRefused, DefectsRemain, NothingChanged),
        **guarded(use_cases.OWN),
    )
    async def freeze_resource(
        resource_id: UUID, body: Remark, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Make the draft the next version, which never changes."""
        frozen = versions.freeze(caller, resource_id, version, body.note or "")
        return await once.answer(frozen, VersionView.of, 201, _frozen)

    @router.get(
        "/versions/{number}",
        summary="版本详情",
        response_model=VersionView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **public(),
    )
    async def read_version(
        resource_id: UUID, number: Number, caller: MaybeCaller, if_none_match: IfNoneMatch = None
    ) -> Response:
        """A version as it will always be."""
        found = await versions.get(caller, resource_id, number)
        headers = {"etag": _digest_tag(found)}
        if is_known(headers["etag"], if_none_match):
            return Response(status_code=304, headers=headers)
        body = VersionView.of(found).model_dump_json()
        return Response(body, headers=headers, media_type="application/json")

    @router.get(
        "/versions/{number}/differences",
        summary="版本差异",
        responses=problems(*READING),
        **public(),
    )
    async def compare_versions(
        resource_id: UUID,
        number: Number,
        caller: MaybeCaller,
        before: Annotated[
            Annotated[int, Query(ge=1, le=2**31 - 1)] | Literal["draft"],
            Query(alias="from", description="The version to start from, or `draft`."),
        ],
    ) -> DifferencesView:
        """What makes this version of that one."""
        start = None if before == "draft" else before
        return DifferencesView.of(await versions.differences(caller, resource_id, number, start))

    @router.post(
        "/versions/{number}/restore",
        summary="恢复到该版本",
        response_model=ResourceView,
        responses=problems(*CHANGING, *CONDITIONAL, ActionRefused),
        **guarded(use_cases.OWN),
    )
    async def restore_version(
        resource_id: UUID, number: Number, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Make the draft what that version was. No version is lost by it."""
        restored = versions.restore(caller, resource_id, version, number)
        return await once.answer(restored, ResourceView.of, 200, changed_headers)

    return router


def _digest_tag(version: Version) -> str:
    return f'"{version.digest.hex()}"'


def _frozen(version: Version) -> dict[str, str]:
    return {
        "etag": _digest_tag(version),
        "location": f"{PREFIX}/{version.resource_id}/versions/{version.number}",
    }
