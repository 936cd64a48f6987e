import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import RedirectResponse

from services.catalog.application import reviews_access as access
from services.catalog.application.reviews import Handled, Reviews
from services.catalog.application.reviews_views import Position, ReviewViews, Wanted
from services.catalog.domain.lifecycle import ActionRefused, State
from services.catalog.domain.policies import Kind
from services.catalog.domain.publication import FilesUnfit
from services.catalog.domain.resources import FileDamaged, FileNotReady, FileRefused
from services.catalog.domain.reviews import (
    AssigneeRefused,
    ContentMoved,
    Importance,
    PlacesRefused,
    VerdictRefused,
)
from services.catalog.problems.publication import PROBLEMS as PUBLICATION
from services.catalog.problems.resources import PROBLEMS as RESOURCES
from services.catalog.problems.reviews import PROBLEMS
from services.catalog.schemas.facets import Stage, Subject
from services.catalog.schemas.resources import OrganisationName
from services.catalog.schemas.reviews import (
    Assign,
    CaseView,
    Comment,
    Decide,
    EventView,
    Raise,
    ReviewSummary,
    ReviewView,
)
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
from shared.etags import etag
from shared.idempotency import Once
from shared.pages import BadCursor, Binding, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare({**RESOURCES, **PROBLEMS, **PUBLICATION})

PREFIX = "/catalog/v1/reviews"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
ACTING = (*READING, ActionRefused)

Limits = Annotated[PageRequest, Depends(page_limits())]
EventLimits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]

_TAG = re.compile(r'"v([0-9]{1,18})"')


async def _maybe_match(
    if_match: Annotated[
        str | None,
        Header(description="The ETag you read, unless the body says what.", examples=['"v1"']),
    ] = None,
) -> int | None:
    if if_match is None:
        return None
    match = _TAG.fullmatch(if_match.strip())
    if match is None:
        raise PreconditionMalformed(
            'Send the ETag exactly as it was given, as in "v7".', zh='请原样附上 ETag，例如 "v7"。'
        )
    return int(match[1])


MaybeMatch = Annotated[int | None, Depends(_maybe_match)]
"""The version that the caller read, or None where the header is absent."""


def reviews_router(reviews: Reviews, views: ReviewViews, cursors: Cursors) -> APIRouter:
    """Reviews of resources (审核)."""
    router = APIRouter(prefix=PREFIX, tags=["reviews"])

    @router.get(
        "",
        summary="审核列表",
        response_model=Page[ReviewSummary],
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(access.LIST),
    )
    async def list_reviews(
        page: Limits,
        caller: Caller,
        owner: Annotated[
            str | None, Query(pattern="^me$", description="`me`: of the caller's own resources.")
        ] = None,
        organisation: Annotated[
            OrganisationName | None,
            Query(description="Of all resources at and below it, for its administrators."),
        ] = None,
        claimed: Annotated[bool, Query(description="Those that the caller holds.")] = False,
        assigned: Annotated[bool, Query(description="Those that went to the caller.")] = False,
        state: Annotated[State | None, Query(description="None: IN_REVIEW in the queue.")] = None,
        level: Kind | None = None,
        stage: Stage | None = None,
        subject: Subject | None = None,
        importance: Importance | None = None,
        resource: UUID | None = None,
    ) -> Response:
        """What the caller may judge, the most urgent first."""
        queue = owner is None and organisation is None
        wanted = Wanted(
            state=state or (State.IN_REVIEW if queue else None),
            stage=stage,
            subject=subject,
            level_kind=level,
            importance=importance,
            assignee=caller.subject if assigned else None,
            resource_id=resource,
        )
        bound_to = {
            "list": "reviews",
            "caller": caller.subject,
            "whose": [owner, organisation, claimed, assigned],
            "filters": [state, level, stage, subject, importance, resource and str(resource)],
        }
        found = await views.page(
            caller,
            wanted,
            mine=owner is not None,
            claimed=claimed,
            organisation=organisation,
            limit=page.limit + 1,
            after=_position(cursors, page.cursor, bound_to),
        )
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        # Rows are already what is told: a model for each would cost more than the query.
        body = {
            "items": [dict(each) for each in items],
            "next": last
            and cursors.encode((last["due_at"].isoformat(), str(last["id"])), bound_to),
        }
        return Response(orjson.dumps(body, default=str), media_type="application/json")

    @router.get(
        "/{review_id}",
        summary="审核详情",
        responses=problems(*READING),
        **guarded(access.READ),
    )
    async def read_review(review_id: UUID, caller: Caller, response: Response) -> ReviewView:
        """What is judged, how far it is, and what the caller may do now."""
        seen = await views.get(caller, review_id)
        response.headers["etag"] = etag(seen.case.version)
        return ReviewView.of(seen)

    @router.get(
        "/{review_id}/timeline",
        summary="审核过程",
        responses=problems(*READING, BadCursor),
        **guarded(access.READ),
    )
    async def list_review_events(
        review_id: UUID, page: EventLimits, caller: Caller
    ) -> Page[EventView]:
        """Everything that happened, the oldest first; nobody can change it."""
        bound_to = {"list": "review-events", "review": str(review_id)}
        after = 0
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = int(position or 0)
        found = await views.timeline(caller, review_id, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[EventView.of(each) for each in items],
            next=last and cursors.encode((last.id,), bound_to),
        )

    @router.get(
        "/{review_id}/files/{position}",
        status_code=302,
        summary="下载待审文件",
        response_class=RedirectResponse,
        responses={
            302: {"description": "Where the bytes are, for 2 minutes."},
            **problems(*READING, FileNotReady, FileRefused, FileDamaged),
        },
        **guarded(access.READ),
    )
    async def read_review_file(
        review_id: UUID, position: Annotated[int, Path(ge=0, le=999)], caller: Caller
    ) -> RedirectResponse:
        """A redirection to the bytes of a file of what is judged."""
        address = await views.file(caller, review_id, str(position))
        return RedirectResponse(address, 302, {"cache-control": "no-store"})

    @router.get(
        "/{review_id}/attachments/{upload_id}",
        status_code=302,
        summary="下载审核附件",
        response_class=RedirectResponse,
        responses={
            302: {"description": "Where the bytes are, for 2 minutes."},
            **problems(*READING, FileNotReady, FileRefused, FileDamaged),
        },
        **guarded(access.READ),
    )
    async def read_review_attachment(
        review_id: UUID, upload_id: UUID, caller: Caller
    ) -> RedirectResponse:
        """A redirection to the bytes of what a comment in the timeline carries."""
        address = await views.attachment(caller, review_id, upload_id)
        return RedirectResponse(address, 302, {"cache-control": "no-store"})

    @router.post(
        "/{review_id}/claim",
        summary="认领审核",
        response_model=CaseView,
        responses=problems(*ACTING),
        **guarded(access.JUDGE),
    )
    async def claim_review(review_id: UUID, caller: Caller, once: Once) -> Response:
        """Take it for some hours, so that nobody else works on it; again renews."""
        return await once.answer(reviews.claim(caller, review_id), CaseView.handled, 200, _tag)

    @router.post(
        "/{review_id}/release",
        summary="放弃认领",
        response_model=CaseView,
        responses=problems(*ACTING),
        **guarded(access.JUDGE),
    )
    async def release_review(review_id: UUID, caller: Caller, once: Once) -> Response:
        """Let others have it."""
        return await once.answer(reviews.release(caller, review_id), CaseView.handled, 200, _tag)

    @router.post(
        "/{review_id}/comment",
        summary="审核留言",
        response_model=CaseView,
        responses=problems(*ACTING, PlacesRefused),
        **guarded(access.COMMENT),
    )
    async def comment_review(
        review_id: UUID, body: Comment, caller: Caller, once: Once
    ) -> Response:
        """Words for the timeline, about a place of what is judged or all of it."""
        place = body.place.place() if body.place else None
        said = reviews.comment(caller, review_id, body.comment, place, body.attachments)
        return await once.answer(said, CaseView.handled, 200, _tag)

    @router.post(
        "/{review_id}/assign",
        summary="指派审核人",
        response_model=CaseView,
        responses=problems(*ACTING, AssigneeRefused),
        **guarded(access.ASSIGN),
    )
    async def assign_review(review_id: UUID, body: Assign, caller: Caller, once: Once) -> Response:
        """Have a certain person told of it; whoever may judge still may."""
        assigned = reviews.assign(caller, review_id, body.assignee)
        return await once.answer(assigned, CaseView.handled, 200, _tag)

    @router.post(
        "/{review_id}/raise",
        summary="列为重要资源",
        response_model=CaseView,
        responses=problems(*ACTING),
        **guarded(access.RAISE),
    )
    async def raise_review(review_id: UUID, body: Raise, caller: Caller, once: Once) -> Response:
        """Have it judged as an important resource, by the levels above too; so are its updates."""
        raised = reviews.raise_importance(caller, review_id, body.comment)
        return await once.answer(raised, CaseView.handled, 200, _tag)

    @router.post(
        "/{review_id}/decide",
        summary="作出审核意见",
        response_model=CaseView,
        responses=problems(
            *ACTING,
            PreconditionMalformed,
            PreconditionMissing,
            StaleVersion,
            ContentMoved,
            VerdictRefused,
            PlacesRefused,
            FilesUnfit,
        ),
        **guarded(access.JUDGE),
    )
    async def decide_review(
        review_id: UUID, body: Decide, version: MaybeMatch, caller: Caller, once: Once
    ) -> Response:
        """Judge what was seen: by its digest, or by the ETag of the review in If-Match."""
        judged = reviews.decide(caller, review_id, body.opinion(version))
        return await once.answer(judged, CaseView.handled, 200, _tag)

    return router


def _position(cursors: Cursors, cursor: str | None, bound_to: Binding) -> Position | None:
    if cursor is None:
        return None
    due_at, case_id = cursors.decode(cursor, bound_to)
    return datetime.fromisoformat(str(due_at)), UUID(str(case_id))


def _tag(handled: Handled) -> dict[str, str]:
    return {"etag": etag(handled.case.version)}
