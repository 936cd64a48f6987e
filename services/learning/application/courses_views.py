"""How courses look to their readers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.courses_access import (
    SURVEY,
    Standpoint,
    manages,
    near,
    seen,
)
from services.learning.application.courses_ports import (
    Achievements,
    Ancestor,
    CourseStore,
    EnrolmentStore,
)
from services.learning.application.directory import Directory, path_named
from services.learning.domain.courses import (
    Completion,
    Course,
    Item,
    Section,
    completion,
    references,
)
from services.learning.domain.directory import Standing
from services.learning.domain.references import Outlook, outlook
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.principal import Principal


class ShownItem(NamedTuple):
    """An item, and what became of its resource."""

    item: Item
    outlook: Outlook


class ShownSection(NamedTuple):
    """``items`` are None while the reader may not open it."""

    section: Section
    open: bool
    items: Sequence[ShownItem] | None


class CourseViews:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], CourseStore],
        enrolments: Callable[[AsyncConnection], EnrolmentStore],
        directory: Callable[[AsyncConnection], Directory],
        achievements: Achievements,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._enrolments = enrolments
        self._directory = directory
        self._achievements = achievements
        self._clock = clock

    async def get(self, caller: Principal, course_id: UUID) -> tuple[Course, Standpoint]:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            return await self._seen(uow, caller, course_id)

    async def page(
        self, caller: Principal, organisation: str | None, limit: int, before: UUID | None
    ) -> Sequence[Course]:
        """The caller's own and those that the caller or a child of theirs takes; or all at and
        below the organisation with that label or code that are no draft, for those who work there.
        Raises `Forbidden`."""
        async with self._new_uow() as uow:
            store, directory = self._store(uow.connection), self._directory(uow.connection)
            if organisation is not None:
                path = await path_named(directory, caller, organisation)
                SURVEY.admit(caller, path)
                return await store.page_at(path, limit, before)
            people = [caller.subject, *await directory.children(caller.subject)]
            return await store.page(people, civil_date(self._clock()), limit, before)

    async def sections(
        self, caller: Principal, course_id: UUID
    ) -> tuple[Course, Sequence[ShownSection]]:
        """In order. To learners a section shows its items while it is open. Raises `NotFound`."""
        now = self._clock()
        async with self._new_uow() as uow:
            course, standpoint = await self._seen(uow, caller, course_id)
            sections = await self._store(uow.connection).sections(course_id)
            ids = [each.resource_id for each in references(sections)]
            known = await self._directory(uow.connection).resource_state(ids)

        return course, [
            ShownSection(
                each,
                each.open(now),
                [ShownItem(item, outlook(known.get(item.resource_id))) for item in each.items]
                if each.open(now) or standpoint is not Standpoint.LEARNER
                else None,
            )
            for each in sections
        ]

    async def lineage(self, caller: Principal, course_id: UUID) -> Sequence[Ancestor]:
        """Of what it is a copy, of what that is one, and so on; told are those that the caller may
        know by their work. Raises `NotFound`."""
        async with self._new_uow() as uow:
            await self._seen(uow, caller, course_id)
            line = await self._store(uow.connection).lineage(course_id)
        return [
            each if each.course and _by_work(caller, each.course) else each._replace(course=None)
            for each in line
        ]

    async def completion(
        self, caller: Principal, course_id: UUID, person: str | None
    ) -> Completion:
        """How far the caller is, or `person`, for the person's guardians and those who work there.
        Reading of another is audited. Raises `NotFound`, `Forbidden`."""
        who = person or caller.subject
        async with self._new_uow() as uow:
            course, standpoint = await self._seen(uow, caller, course_id)
            if who != caller.subject and standpoint is Standpoint.LEARNER:
                children = await self._directory(uow.connection).children(caller.subject)
                if who not in children:
                    raise Forbidden(
                        "How far others are is for their teachers.", zh="他人进度仅教师可以查看。"
                    )
            day = civil_date(self._clock())
            if not await self._enrolments(uow.connection).takes(course_id, [who], day):
                raise NotFound("That person does not take the course.", zh="此人未参加该课程。")
            sections = await self._store(uow.connection).sections(course_id)
            items = [item for each in sections for item in each.items if item.required]
            required = [each.resource_id for each in items]
            known = await self._directory(uow.connection).resource_state(required)
            if who != caller.subject:
                path = course.organisation_path
                uow.audit.record("course.completion_read", who, organisation=path)
                await uow.commit()
        gone = [id_ for id_, each in known.items() if each.standing is not Standing.LIVE]
        achieved = await self._achievements.of(who, required)
        return completion(course.plan.completion, required, achieved, gone)

    async def _seen(
        self, uow: UnitOfWork, caller: Principal, course_id: UUID
    ) -> tuple[Course, Standpoint]:
        course = await self._store(uow.connection).get(course_id)
        enrolments, directory = self._enrolments(uow.connection), self._directory(uow.connection)
        return await seen(caller, course, enrolments, directory, civil_date(self._clock()))


def _by_work(caller: Principal, course: Course) -> bool:
    return manages(caller, course) or near(caller, course)
