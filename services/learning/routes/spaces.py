from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.learning.application import spaces as use_cases
from services.learning.application import spaces_announcements
from services.learning.application.spaces import Shown, Spaces
from services.learning.application.spaces_announcements import Announcements
from services.learning.domain.references import ReferencesRefused
from services.learning.domain.spaces import Announcement
from services.learning.problems.spaces import PROBLEMS
from services.learning.schemas.spaces import (
    Announce,
    AnnouncementView,
    ArrangeSpace,
    ChangeAnnouncement,
    ChangeSpace,
    MemberView,
    SpaceResource,
    SpaceSummary,
    SpaceView,
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
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/learning/v1/spaces"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

Limits = Annotated[PageRequest, Depends(page_limits())]


def spaces_router(spaces: Spaces, cursors: Cursors) -> APIRouter:
    """Spaces of people and institutions (学习空间)."""
    router = APIRouter(prefix=PREFIX, tags=["spaces"])

    @router.get(
        "",
        summary="我的空间列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_spaces(page: Limits, caller: Caller) -> Page[SpaceSummary]:
        """The caller's own, then those of the institutions to which the caller or a child of theirs
        belongs, from the province down."""
        bound_to = {"list": "spaces", "whose": caller.subject}
        after = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = str(position)
        found = await spaces.mine(caller, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[SpaceSummary.of(each) for each in items],
            next=last and cursors.encode((last.path or "",), bound_to),
        )

    @router.get(
        "/{space_id}",
        summary="空间详情",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def read_space(space_id: UUID, caller: Caller, response: Response) -> SpaceView:
        """For its owner and the owner's guardians, or whoever belongs or works there. Its ETag is
        that of what was written: `"v0"` while nothing was."""
        return _tagged(await spaces.get(caller, space_id), response)

    @router.patch(
        "/{space_id}",
        summary="修改空间简介",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(use_cases.EDIT),
    )
    async def change_space(
        space_id: UUID, body: ChangeSpace, version: IfMatch, caller: Caller, response: Response
    ) -> SpaceView:
        """Write its introduction."""
        changed = await spaces.introduce(caller, space_id, version, body.introduction)
        return _tagged(changed, response)

    @router.get(
        "/{space_id}/resources",
        summary="空间资源",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_space_resources(
        space_id: UUID, page: Limits, caller: Caller
    ) -> Page[SpaceResource]:
        """In order. One that was taken down is shown as such."""
        bound_to = {"list": "space-resources", "space": str(space_id)}
        after = -1
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = int(position or 0)
        found = await spaces.resources(caller, space_id, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[SpaceResource.of(each) for each in items],
            next=last and cursors.encode((last.position,), bound_to),
        )

    @router.put(
        "/{space_id}/resources",
        summary="排列空间资源",
        responses=problems(*READING, *CONDITIONAL, ReferencesRefused),
        **guarded(use_cases.EDIT),
    )
    async def arrange_space(
        space_id: UUID, body: ArrangeSpace, version: IfMatch, caller: Caller, response: Response
    ) -> SpaceView:
        """Give all resources in their order, at once."""
        picks = [each.pick() for each in body.resources]
        arranged = await spaces.arrange(caller, space_id, version, picks)
        return _tagged(arranged, response)

    @router.get(
        "/{space_id}/members",
        summary="空间成员",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.ROLL),
    )
    async def list_space_members(space_id: UUID, page: Limits, caller: Caller) -> Page[MemberView]:
        """Who belongs at or below an institution, for those who work there; of a personal space its
        owner and the owner's guardians."""
        bound_to = {"list": "space-members", "space": str(space_id)}
        after = ("", use_cases.NO_MEMBERSHIP)
        if page.cursor is not None:
            person, key = cursors.decode(page.cursor, bound_to)
            after = (str(person), UUID(str(key)))
        found = await spaces.members(caller, space_id, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[MemberView.of(each) for each in items],
            next=last and cursors.encode((last.person, str(last.key)), bound_to),
        )

    return router


def announcements_router(announcements: Announcements, cursors: Cursors) -> APIRouter:
    """Announcements (公告)."""
    router = APIRouter(prefix=f"{PREFIX}/{{space_id}}/announcements", tags=["spaces"])

    @router.post(
        "",
        status_code=201,
        summary="发布公告",
        response_model=AnnouncementView,
        responses=problems(*READING),
        **guarded(spaces_announcements.ANNOUNCE),
    )
    async def announce(space_id: UUID, body: Announce, caller: Caller, once: Once) -> Response:
        """For those who teach or administer there."""
        made = announcements.announce(caller, space_id, body.title, body.text, body.pinned)
        return await once.answer(made, AnnouncementView.of, 201, _located)

    @router.get(
        "",
        summary="公告列表",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_announcements(
        space_id: UUID, page: Limits, caller: Caller
    ) -> Page[AnnouncementView]:
        """Pinned ones first, then the newest. A personal space tells those of every institution to
        which the person, or a child of theirs, belongs."""
        bound_to = {"list": "announcements", "space": str(space_id)}
        after = None
        if page.cursor is not None:
            pinned, last_id = cursors.decode(page.cursor, bound_to)
            after = (bool(pinned), UUID(str(last_id)))
        found = await announcements.page(caller, space_id, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[AnnouncementView.of(each) for each in items],
            next=last and cursors.encode((int(last.pinned), str(last.id)), bound_to),
        )

    @router.get(
        "/{announcement_id}",
        summary="公告详情",
        response_model=AnnouncementView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **guarded(use_cases.READ),
    )
    async def read_announcement(
        space_id: UUID,
        announcement_id: UUID,
        caller: Caller,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """For whoever sees the space."""
        found = await announcements.get(caller, space_id, announcement_id)
        return conditional(AnnouncementView.of(found), found.version, if_none_match)

    @router.patch(
        "/{announcement_id}",
        summary="修改公告",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(spaces_announcements.REVISE),
    )
    async def change_announcement(
        space_id: UUID,
        announcement_id: UUID,
        body: ChangeAnnouncement,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> AnnouncementView:
        """For its author and the administrators there."""
        changed = await announcements.change(
            caller, space_id, announcement_id, version, body.fields
        )
        response.headers["etag"] = etag(changed.version)
        return AnnouncementView.of(changed)

    @router.delete(
        "/{announcement_id}",
        status_code=204,
        summary="撤下公告",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(spaces_announcements.REVISE),
    )
    async def delete_announcement(
        space_id: UUID, announcement_id: UUID, version: IfMatch, caller: Caller
    ) -> None:
        """For its author and the administrators there."""
        await announcements.delete(caller, space_id, announcement_id, version)

    return router


def _located(announcement: Announcement) -> dict[str, str]:
    place = f"{PREFIX}/{announcement.space_id}/announcements/{announcement.id}"
    return {"location": place, "etag": etag(announcement.version)}


def _tagged(shown: Shown, response: Response) -> SpaceView:
    response.headers["etag"] = etag(shown.page.version)
    return SpaceView.of(shown)
