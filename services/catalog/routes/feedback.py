from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.catalog.application.feedback import SAY, Feedback
from services.catalog.application.feedback_readings import Readings
from services.catalog.domain.feedback import Kind
from services.catalog.domain.notices import TakenDown
from services.catalog.problems.resources import PROBLEMS
from services.catalog.schemas.feedback import FavouriteView, FeedbackView, Rate, RatingsView
from shared.access import guarded, public
from shared.addresses import client_address
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller, MaybeCaller, Principal
from shared.problems import declare

problems = declare(PROBLEMS)

SAYING = problems(Unauthenticated, Forbidden, NotFound, TakenDown, Unavailable)

Limits = Annotated[PageRequest, Depends(page_limits())]


class Audience:
    """Who reads, for the counts: a person, or somebody at an address, whatever browser they say
    they use. ``proxies`` before the service append the address they see to X-Forwarded-For."""

    def __init__(self, readings: Readings, proxies: int) -> None:
        self._readings = readings
        self._proxies = proxies

    def saw(
        self, request: Request, caller: Principal | None, resource_id: UUID, kind: Kind
    ) -> None:
        """Count whoever made the request."""
        if caller is not None:
            self._readings.note(resource_id, kind, caller.subject)
            return
        peer = request.client.host if request.client else ""
        forwarded_for = request.headers.get("x-forwarded-for", "")
        address = client_address(forwarded_for, peer, self._proxies)
        self._readings.note(resource_id, kind, f"at {address}")


def feedback_router(feedback: Feedback, cursors: Cursors) -> APIRouter:
    """What readers think: favourites, ratings, counts."""
    router = APIRouter(prefix="/catalog/v1", tags=["feedback"])

    @router.get(
        "/resources/{resource_id}/feedback",
        summary="收藏、评分与使用次数",
        responses=problems(Unauthenticated, NotFound, TakenDown, Unavailable),
        **public(),
    )
    async def read_feedback(
        resource_id: UUID, caller: MaybeCaller, response: Response
    ) -> FeedbackView:
        """Numbers, and what the caller said."""
        response.headers["cache-control"] = "no-store"
        return FeedbackView.told(*await feedback.told(caller, resource_id))

    @router.put(
        "/resources/{resource_id}/favourite",
        status_code=204,
        summary="收藏",
        responses=SAYING,
        **guarded(SAY),
    )
    async def add_favourite(resource_id: UUID, caller: Caller) -> None:
        """Put it on the caller's list; once is enough."""
        await feedback.favour(caller, resource_id)

    @router.delete(
        "/resources/{resource_id}/favourite",
        status_code=204,
        summary="取消收藏",
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(SAY),
    )
    async def remove_favourite(resource_id: UUID, caller: Caller) -> None:
        """Take it off the caller's list, whether it is there or not."""
        await feedback.forgo(caller, resource_id)

    @router.get(
        "/favourites",
        summary="我的收藏",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(SAY),
    )
    async def list_favourites(page: Limits, caller: Caller) -> Page[FavouriteView]:
        """The caller's own, the newest first. What was taken down shows as unavailable."""
        bound_to = {"list": "favourites", "whose": caller.subject}
        before = None
        if page.cursor is not None:
            at, id_ = cursors.decode(page.cursor, bound_to)
            before = datetime.fromisoformat(str(at)), UUID(str(id_))
        found = await feedback.favourites(caller, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[FavouriteView.of(each) for each in items],
            next=last and cursors.encode((last.at.isoformat(), str(last.resource_id)), bound_to),
        )

    @router.put(
        "/resources/{resource_id}/rating",
        summary="评分",
        responses=SAYING,
        **guarded(SAY),
    )
    async def rate_resource(resource_id: UUID, body: Rate, caller: Caller) -> RatingsView:
        """One rating a person, in the place of the one before."""
        return RatingsView.of(await feedback.rate(caller, resource_id, body.stars))

    @router.delete(
        "/resources/{resource_id}/rating",
        summary="撤回评分",
        responses=SAYING,
        **guarded(SAY),
    )
    async def withdraw_rating(resource_id: UUID, caller: Caller) -> RatingsView:
        """Take the caller's rating back, whether there is one or not."""
        return RatingsView.of(await feedback.rate(caller, resource_id, None))

    return router
