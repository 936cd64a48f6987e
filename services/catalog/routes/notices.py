from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.catalog.application import notices as use_cases
from services.catalog.application.notices import Notices
from services.catalog.domain.lifecycle import Action, ActionRefused, State
from services.catalog.domain.notices import WORDINGS, Notice, RemovalReason
from services.catalog.domain.resources import Resource
from services.catalog.pages.tombstone import TombstonePage, wants_page
from services.catalog.problems.resources import PROBLEMS
from services.catalog.schemas.notices import (
    InForceView,
    Reasons,
    ReasonView,
    Restore,
    StandingView,
    TakeDown,
    TombstoneView,
)
from shared.access import guarded, public
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

problems = declare(PROBLEMS)

Limits = Annotated[PageRequest, Depends(page_limits())]

TAKING = problems(
    Unauthenticated,
    Forbidden,
    NotFound,
    Unavailable,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    ActionRefused,
)


def notices_router(notices: Notices, cursors: Cursors, page: TombstonePage) -> APIRouter:
    """Taking resources down (下架、出库), giving them back, and what is told of it."""
    router = APIRouter(prefix="/catalog/v1", tags=["publication"])

    @router.get(
        "/removal-reasons",
        summary="下架与恢复原因代码",
        responses=problems(),
        **public(),
    )
    async def list_removal_reasons() -> Reasons:
        """The vocabulary of reasons for taking resources down and giving them back."""
        return Reasons(items=[ReasonView.of(each) for each in WORDINGS])

    @router.get(
        "/notices",
        summary="下架与出库公告",
        responses=problems(Unavailable, BadCursor),
        **public(),
    )
    async def list_notices(
        limits: Limits,
        state: Annotated[
            Literal[State.SUSPENDED, State.RETIRED] | None,
            Query(description="How the resource stands; none: either."),
        ] = None,
        reason_code: RemovalReason | None = None,
    ) -> Page[InForceView]:
        """Of everything that is taken down now: why, and since when; the newest first."""
        bound_to = {"list": "notices", "filters": [state, reason_code]}
        before = None
        if limits.cursor is not None:
            (position,) = cursors.decode(limits.cursor, bound_to)
            before = UUID(str(position))
        found = await notices.in_force(state, reason_code, limits.limit + 1, before)
        items = found[: limits.limit]
        last = items[-1] if len(found) > limits.limit else None
        return Page(
            items=[InForceView.standing(each) for each in items],
            next=last and cursors.encode((str(last.notice.id),), bound_to),
        )

    @router.post(
        "/resources/{resource_id}/suspend",
        summary="下架资源",
        response_model=StandingView,
        responses=TAKING,
        **guarded(use_cases.MODERATE),
    )
    async def suspend_resource(
        resource_id: UUID, body: TakeDown, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Nobody reads it until it is restored; its code tells why."""
        step = (Action.SUSPEND, caller, resource_id, version, body.reason_code, body.notice)
        return await once.answer(notices.take(*step), StandingView.of, 200, _tagged)

    @router.post(
        "/resources/{resource_id}/retire",
        summary="资源出库",
        response_model=StandingView,
        responses=TAKING,
        **guarded(use_cases.RETIRE),
    )
    async def retire_resource(
        resource_id: UUID, body: TakeDown, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Nobody reads it again; its code tells why, and the evidence stays. Its owner does, who
        still is a teacher or an administrator at its organisation, or administrators from above."""
        step = (Action.RETIRE, caller, resource_id, version, body.reason_code, body.notice)
        return await once.answer(notices.take(*step), StandingView.of, 200, _tagged)

    @router.post(
        "/resources/{resource_id}/restore",
        summary="恢复上架",
        response_model=StandingView,
        responses=TAKING,
        **guarded(use_cases.MODERATE),
    )
    async def restore_resource(
        resource_id: UUID, body: Restore, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Everybody may read the version again that was suspended."""
        step = (Action.RESTORE, caller, resource_id, version, body.reason_code, body.notice)
        return await once.answer(notices.take(*step), StandingView.of, 200, _tagged)

    @router.get(
        "/resources/{resource_id}/tombstone",
        summary="下架公告与存证",
        response_model=TombstoneView,
        responses={200: {"content": {"text/html": {}}}, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_tombstone(request: Request, resource_id: UUID) -> TombstoneView | Response:
        """Of a resource that was taken down: why, since when, and what was ever published; for
        browsers as a page."""
        left = await notices.tombstone(resource_id)
        return page.tombstone(left) if wants_page(request) else TombstoneView.of(left)

    return router


def _tagged(taken: tuple[Resource, Notice]) -> dict[str, str]:
    return {"etag": etag(taken[0].version)}
