from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse

from services.catalog.application.uploads import UPLOAD, Uploads
from services.catalog.application.uploads_arrivals import ADDRESSES, Status
from services.catalog.application.uploads_completions import Completions
from services.catalog.application.uploads_views import READ, UploadViews
from services.catalog.domain.uploads import (
    MOST_PARTS,
    UNDER_WAY,
    QuotaExceeded,
    State,
    UploadClosed,
    UploadDefective,
    UploadIncomplete,
    UploadInUse,
)
from services.catalog.inspection.formats import FORMATS
from services.catalog.problems.uploads import PROBLEMS
from services.catalog.schemas.uploads import (
    AnnounceUpload,
    PartAddresses,
    Sha256,
    UploadLimits,
    UploadSummary,
    UploadView,
)
from shared.access import guarded, public
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.etags import NOT_MODIFIED, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller, MaybeCaller
from shared.problems import declare

problems = declare(PROBLEMS)

ASKING = (Unauthenticated, Forbidden, Unavailable)
OWN = (*ASKING, NotFound, UploadClosed)

PageLimits = Annotated[PageRequest, Depends(page_limits(default=20, maximum=100))]


def limits_router(views: UploadViews) -> APIRouter:
    """What may be uploaded."""
    router = APIRouter(prefix="/catalog/v1", tags=["uploads"])

    @router.get(
        "/upload-limits",
        summary="上传限制与配额",
        responses=problems(Unauthenticated, Unavailable),
        **public(),
    )
    async def read_upload_limits(caller: MaybeCaller) -> UploadLimits:
        """Sizes and formats that are taken; with a token, also how much room the caller has."""
        limits, quotas = await views.limits(caller)
        return UploadLimits.of(limits, list(FORMATS.values()), list(quotas))

    return router


def uploads_router(
    uploads: Uploads, completions: Completions, views: UploadViews, cursors: Cursors
) -> APIRouter:
    """Uploads, seen and changed by their owner alone.

    Bytes go straight to the object store, at addresses that are given out here and expire.
    """
    router = APIRouter(prefix="/catalog/v1/uploads", tags=["uploads"])

    @router.get(
        "",
        summary="我的上传",
        responses=problems(*ASKING, BadCursor),
        **guarded(READ),
    )
    async def list_uploads(
        page: PageLimits, caller: Caller, state: State | None = None
    ) -> Page[UploadSummary]:
        """The caller's uploads, the newest first."""
        bound_to = {"list": "uploads", "owner": caller.subject, "state": state}
        before = None
        if page.cursor is not None:
            before = UUID(str(cursors.decode(page.cursor, bound_to)[0]))
        found = await views.page(caller, state, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[UploadSummary.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.post(
        "",
        status_code=201,
        summary="申报上传",
        response_model=UploadView,
        responses=problems(*ASKING, UploadDefective, QuotaExceeded),
        **guarded(UPLOAD),
    )
    async def announce_upload(body: AnnounceUpload, caller: Caller, once: Once) -> Response:
        """Say what will be uploaded, and learn where its bytes go: in one PUT, in parts, or, when
        the caller or the organisation has uploaded the same file before, nowhere. What was refused,
        given up or expired is announced again, under another Idempotency-Key."""
        announced = uploads.announce(caller, body.announcement)
        return await once.answer(announced, UploadView.describing, 201, _created)

    @router.get(
        "/{upload_id}",
        summary="上传进度",
        response_model=UploadView,
        responses={**NOT_MODIFIED, **problems(*OWN)},
        **guarded(READ),
    )
    async def read_upload(
        upload_id: UUID, caller: Caller, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Which parts arrived, as the object store has them, with fresh addresses for those that
        did not; how far the inspection is, what it learned of the file, and why it was refused."""
        status = await views.get(caller, upload_id)
        upload, view = status.upload, UploadView.describing(status)
        return conditional(view, upload.version, if_none_match, moving=upload.state in UNDER_WAY)

    @router.get(
        "/{upload_id}/parts",
        summary="分片上传地址",
        responses=problems(*OWN),
        **guarded(UPLOAD),
    )
    async def read_part_addresses(
        upload_id: UUID,
        caller: Caller,
        first: Annotated[int, Query(alias="from", ge=1, le=MOST_PARTS)] = 1,
        count: Annotated[int, Query(ge=1, description=f"At most {ADDRESSES}.")] = ADDRESSES,
        sha256: Annotated[
            list[Sha256],
            Query(
                max_length=ADDRESSES,
                description="Of so many parts from number `from` on, in order, in hex.",
            ),
        ] = [],  # noqa: B006 - read only
    ) -> PartAddresses:
        """Fresh addresses for parts by number, whether they arrived or not. With `sha256`, each
        takes the bytes with that digest alone: the store refuses a part that was altered on its
        way with 400, and it is sent again."""
        addresses = await views.addresses(caller, upload_id, first, count, sha256)
        return PartAddresses.of(addresses)

    @router.post(
        "/{upload_id}/complete",
        summary="完成上传",
        response_model=UploadView,
        responses=problems(*OWN, UploadIncomplete),
        **guarded(UPLOAD),
    )
    async def complete_upload(upload_id: UUID, caller: Caller, once: Once) -> Response:
        """Every byte was sent: have the file inspected. To complete it again changes nothing."""
        completed = completions.complete(caller, upload_id)
        return await once.answer(completed, UploadView.describing, 200, _changed)

    @router.get(
        "/{upload_id}/content",
        status_code=302,
        summary="取回自己上传的文件",
        response_class=RedirectResponse,
        responses=problems(*OWN),
        **guarded(READ),
    )
    async def read_upload_content(upload_id: UUID, caller: Caller) -> RedirectResponse:
        """Redirects to an address from which the owner downloads the very bytes; others have none
        before the file is part of a resource they may read."""
        url = await views.content(caller, upload_id)
        return RedirectResponse(url, 302, {"cache-control": "no-store"})

    @router.delete(
        "/{upload_id}",
        status_code=204,
        summary="放弃上传",
        responses=problems(*OWN, UploadInUse),
        **guarded(UPLOAD),
    )
    async def abort_upload(upload_id: UUID, caller: Caller) -> None:
        """Give up an upload that is open, or available and in no resource: its quota is free again.
        To give it up again changes nothing."""
        await uploads.abort(caller, upload_id)

    return router


def _changed(status: Status) -> dict[str, str]:
    return {"etag": etag(status.upload.version)}


def _created(status: Status) -> dict[str, str]:
    return {**_changed(status), "location": f"/catalog/v1/uploads/{status.upload.id}"}
