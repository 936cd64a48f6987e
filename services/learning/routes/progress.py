from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.learning.application.progress import Progress
from services.learning.application.progress_access import WATCH
from services.learning.schemas.progress import MasteryView, StepView
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.pages import BadCursor, Binding, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

PREFIX = "/learning/v1/people/{person_id}"

problems = declare({})

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)

Limits = Annotated[PageRequest, Depends(page_limits())]


def progress_router(progress: Progress, cursors: Cursors) -> APIRouter:
    """How far somebody is (学习进度)."""
    router = APIRouter(prefix=PREFIX, tags=["progress"])

    @router.get(
        "/progress",
        summary="学习进度",
        responses=problems(*READING, BadCursor),
        **guarded(WATCH),
    )
    async def list_progress(person_id: UUID, page: Limits, caller: Caller) -> Page[StepView]:
        """In every activity, the latest first: for the learner, the learner's guardians, and those
        who teach or administer there. Reading of another is audited."""
        bound_to = {"list": "progress", "person": str(person_id)}
        before = _position(cursors, page, bound_to)
        found = await progress.steps(caller, str(person_id), page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[StepView.of(each) for each in items],
            next=last and cursors.encode((last.last_at.isoformat(), str(last.key)), bound_to),
        )

    @router.get(
        "/mastery",
        summary="知识点掌握情况",
        responses=problems(*READING, BadCursor),
        **guarded(WATCH),
    )
    async def list_mastery(person_id: UUID, page: Limits, caller: Caller) -> Page[MasteryView]:
        """At every knowledge point that was tried, the latest first: for whoever reads the
        progress. Reading of another is audited."""
        bound_to = {"list": "mastery", "person": str(person_id)}
        before = _position(cursors, page, bound_to)
        found = await progress.mastery(caller, str(person_id), page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1].of if len(found) > page.limit else None
        at = last and (last.mastery.last_at.isoformat(), str(last.key))
        return Page(
            items=[MasteryView.of(each) for each in items],
            next=at and cursors.encode(at, bound_to),
        )

    return router


def _position(
    cursors: Cursors, page: PageRequest, bound_to: Binding
) -> tuple[datetime, UUID] | None:
    if page.cursor is None:
        return None
    at, key = cursors.decode(page.cursor, bound_to)
    return datetime.fromisoformat(str(at)), UUID(str(key))
