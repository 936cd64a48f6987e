from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.catalog.application import policies_conflicts as use_cases
from services.catalog.application.policies import MANAGE, SELF
from services.catalog.application.policies_conflicts import Conflict, Conflicts
from services.catalog.problems.reviews import PROBLEMS
from services.catalog.routes.policies import PREFIX, READING, Organisation
from services.catalog.schemas.policies_conflicts import (
    ConflictView,
    DeclareConflict,
    LiftConflict,
    OwnConflicts,
)
from shared.access import guarded
from shared.errors import NotFound
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

Limits = Annotated[PageRequest, Depends(page_limits())]


def conflicts_router(conflicts: Conflicts, cursors: Cursors) -> APIRouter:
    """Whose work somebody does not judge (回避)."""
    router = APIRouter(prefix=PREFIX, tags=["review policies"])

    @router.get(
        "/reviewers/me/conflicts",
        summary="我的回避",
        responses=problems(*READING),
        **guarded(SELF),
    )
    async def list_conflicts(caller: Caller) -> OwnConflicts:
        """Whose work the caller will not judge."""
        return OwnConflicts(items=list(await conflicts.own(caller)))

    @router.put(
        "/reviewers/me/conflicts",
        summary="申报回避",
        responses=problems(*READING),
        **guarded(SELF),
    )
    async def put_conflicts(body: OwnConflicts, caller: Caller) -> OwnConflicts:
        """All that the caller declares, in place of those there were."""
        return OwnConflicts(items=list(await conflicts.put_own(caller, body.items)))

    @router.get(
        "/review-conflicts",
        summary="回避列表",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.OVERSEE),
    )
    async def list_review_conflicts(
        organisation: Organisation,
        page: Limits,
        caller: Caller,
        lifted: Annotated[bool, Query(description="Those that are lifted.")] = False,
    ) -> Page[ConflictView]:
        """Declared at the organisation and those below, or by reviewers there; the newest first."""
        bound_to = {"list": "review-conflicts", "organisation": organisation, "lifted": lifted}
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await conflicts.page(caller, organisation, page.limit + 1, before, lifted=lifted)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ConflictView.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.post(
        "/review-conflicts",
        status_code=201,
        summary="为审核人申报回避",
        response_model=ConflictView,
        responses=problems(*READING),
        **guarded(MANAGE),
    )
    async def declare_review_conflict(
        body: DeclareConflict, caller: Caller, once: Once
    ) -> Response:
        """The reviewer judges nothing of that person's at the organisation and below from now on;
        again gives it other words."""
        declared = conflicts.declare(
            caller, body.organisation, body.reviewer, body.maker, body.words
        )
        return await once.answer(declared, ConflictView.of, 201, _located)

    @router.post(
        "/review-conflicts/{conflict_id}/lift",
        summary="解除回避",
        response_model=ConflictView,
        responses=problems(*READING, NotFound),
        **guarded(MANAGE),
    )
    async def lift_review_conflict(
        conflict_id: UUID, body: LiftConflict, caller: Caller, once: Once
    ) -> Response:
        """It is in force no more, and stays in the list of those lifted."""
        lifted = conflicts.lift(caller, conflict_id, body.words)
        return await once.answer(lifted, ConflictView.of, 200)

    return router


def _located(conflict: Conflict) -> dict[str, str]:
    return {"location": f"{PREFIX}/review-conflicts/{conflict.id}"}
