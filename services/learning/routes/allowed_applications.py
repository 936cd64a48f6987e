from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.learning.application.allowed_applications import ALLOW, AllowedApplications
from services.learning.application.spaces import READ
from services.learning.domain.allowed_applications import (
    Action,
    ActionRefused,
    AllowedApplication,
    AlreadyAllowed,
    Category,
    HeldAbove,
    Level,
)
from services.learning.problems.allowed_applications import PROBLEMS
from services.learning.routes.spaces import CONDITIONAL, PREFIX, READING
from services.learning.schemas.allowed_applications import (
    AllowApplication,
    AllowedApplicationView,
    ChangeAllowedApplication,
)
from shared.access import guarded
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

ACTING = problems(*READING, *CONDITIONAL, ActionRefused)

Limits = Annotated[PageRequest, Depends(page_limits())]


def allowed_applications_router(applications: AllowedApplications, cursors: Cursors) -> APIRouter:
    """Applications that an organisation allows in its spaces (应用准入)."""
    router = APIRouter(prefix=f"{PREFIX}/{{space_id}}/applications", tags=["allowed applications"])

    @router.post(
        "",
        status_code=201,
        summary="准入应用",
        response_model=AllowedApplicationView,
        responses=problems(*READING, AlreadyAllowed, HeldAbove),
        **guarded(ALLOW),
    )
    async def allow_application(
        space_id: UUID, body: AllowApplication, caller: Caller, once: Once
    ) -> Response:
        """It is allowed there and in every space below, unless an organisation above suspended or
        withdrew it."""
        made = applications.allow(caller, space_id, body.told)

        def located(application: AllowedApplication) -> dict[str, str]:
            place = f"{PREFIX}/{space_id}/applications/{application.id}"
            return {"location": place, "etag": etag(application.version)}

        return await once.answer(made, AllowedApplicationView.of, 201, located)

    @router.get(
        "",
        summary="准入应用列表",
        responses=problems(*READING, BadCursor),
        **guarded(READ),
    )
    async def list_allowed_applications(
        space_id: UUID,
        page: Limits,
        caller: Caller,
        level: Annotated[Level | None, Query(description="适用学段。")] = None,
        category: Annotated[Category | None, Query(description="应用类别。")] = None,
    ) -> Page[AllowedApplicationView]:
        """Its own and those it inherits, the newest first. What is suspended or withdrawn is told
        too; ``allowed`` says what holds in this space."""
        bound_to = {
            "list": "allowed-applications",
            "space": str(space_id),
            "level": level,
            "category": category,
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await applications.page(caller, space_id, level, category, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[AllowedApplicationView.seen(each) for each in items],
            next=last and cursors.encode((str(last.application.id),), bound_to),
        )

    @router.get(
        "/{application_id}",
        summary="准入应用详情",
        response_model=AllowedApplicationView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **guarded(READ),
    )
    async def read_allowed_application(
        space_id: UUID, application_id: UUID, caller: Caller, if_none_match: IfNoneMatch = None
    ) -> Response:
        """For whoever sees the space."""
        found = await applications.get(caller, space_id, application_id)
        version = found.application.version
        return conditional(AllowedApplicationView.seen(found), version, if_none_match)

    @router.patch(
        "/{application_id}",
        summary="修改准入应用",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(ALLOW),
    )
    async def change_allowed_application(
        space_id: UUID,
        application_id: UUID,
        body: ChangeAllowedApplication,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> AllowedApplicationView:
        """By the organisation that allowed it; an inherited one is not found here."""
        changed = await applications.change(caller, space_id, application_id, version, body.fields)
        response.headers["etag"] = etag(changed.version)
        return AllowedApplicationView.of(changed)

    @router.post(
        "/{application_id}/suspend",
        summary="暂停准入",
        response_model=AllowedApplicationView,
        responses=ACTING,
        **guarded(ALLOW),
    )
    async def suspend_allowed_application(
        space_id: UUID, application_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Nowhere below is it allowed until it is resumed."""
        acted = applications.act(caller, space_id, application_id, version, Action.SUSPEND)
        return await once.answer(acted, AllowedApplicationView.of, 200, _tag)

    @router.post(
        "/{application_id}/resume",
        summary="恢复准入",
        response_model=AllowedApplicationView,
        responses=problems(*READING, *CONDITIONAL, ActionRefused, HeldAbove),
        **guarded(ALLOW),
    )
    async def resume_allowed_application(
        space_id: UUID, application_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """It is allowed again."""
        acted = applications.act(caller, space_id, application_id, version, Action.RESUME)
        return await once.answer(acted, AllowedApplicationView.of, 200, _tag)

    @router.post(
        "/{application_id}/withdraw",
        summary="取消准入",
        response_model=AllowedApplicationView,
        responses=ACTING,
        **guarded(ALLOW),
    )
    async def withdraw_allowed_application(
        space_id: UUID, application_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """It is allowed no more, for good."""
        acted = applications.act(caller, space_id, application_id, version, Action.WITHDRAW)
        return await once.answer(acted, AllowedApplicationView.of, 200, _tag)

    return router


def _tag(application: AllowedApplication) -> dict[str, str]:
    return {"etag": etag(application.version)}
