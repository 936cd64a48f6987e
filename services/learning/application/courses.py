"""What people do to their courses."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.courses_access import CREATE, managed, seen
from services.learning.application.courses_ports import CourseStore, EnrolmentStore
from services.learning.application.directory import Directory, path_named
from services.learning.application.references import refuse
from services.learning.application.spaces_announcements import AnnouncementStore
from services.learning.domain.courses import (
    MOST_CLASSES,
    Action,
    Course,
    Origin,
    Plan,
    Section,
    State,
    references,
)
from services.learning.domain.courses_changes import changes
from services.learning.domain.courses_events import ReferenceAdded, ReferenceRemoved
from services.learning.domain.references import Reference, flaws
from services.learning.domain.spaces import Announcement
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.ids import uuid7
from shared.principal import Principal


class Courses:
    """Every change is audited, and every use of a resource is told to the catalogue."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], CourseStore],
        enrolments: Callable[[AsyncConnection], EnrolmentStore],
        directory: Callable[[AsyncConnection], Directory],
        announcements: Callable[[AsyncConnection], AnnouncementStore],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._enrolments = enrolments
        self._directory = directory
        self._announcements = announcements
        self._clock = clock

    async def create(self, caller: Principal, organisation: str, plan: Plan) -> Course:
        """An empty one at the organisation with that label or code. Raises `Forbidden`."""
        async with self._new_uow() as uow:
            path = await self._place(uow, caller, organisation)
            made = self._drafted(caller, path, plan)
            await self._store(uow.connection).add(made)
            _note(uow, "created", made)
            return await uow.commit(made)

    async def change(
        self, caller: Principal, course_id: UUID, version: int, plan: Callable[[Plan], Plan]
    ) -> Course:
        """With what `plan` makes of what it says of itself. Raises `NotFound`, `Forbidden`,
        `StaleVersion`, `ActionRefused`, and what `plan` raises."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await managed(store, caller, course_id, version)
            changed = plan(before.plan)
            after = before.after(Action.CHANGE, self._clock(), plan=changed)
            if changed == before.plan:
                return before
            await store.save(after)
            _note(uow, "changed", after, before)
            return await uow.commit(after)

    async def arrange(
        self, caller: Principal, course_id: UUID, version: int, sections: Sequence[Section]
    ) -> Course:
        """Make `sections` the whole of it, in this order. References that it has already may stay,
        whatever became of their resources. Where it is published, the spaces of the classes that
        take it announce what their pupils see to be different.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`, `ReferencesRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await managed(store, caller, course_id, version)
            held, wanted = await store.sections(course_id), references(sections)
            after = before.after(Action.CHANGE, self._clock(), items=len(wanted))
            if list(held) == list(sections):
                return before
            known = await self._directory(uow.connection).resource_state(
                [each.resource_id for each in wanted]
            )
            refuse(flaws(wanted, references(held), known), _pointers(sections))
            await store.put_sections(course_id, sections)
            await store.save(after)
            _tell(uow, after, references(held), wanted)
            if after.state is State.PUBLISHED:
                lines = changes(held, sections, self._clock())
                await self._announce(uow, caller, after, lines)
            _note(uow, "arranged", after, before, items=after.items)
            return await uow.commit(after)

    async def act(self, caller: Principal, course_id: UUID, version: int, action: Action) -> Course:
        """Publish or archive it. Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`,
        `EmptyCourse`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await managed(store, caller, course_id, version)
            after = before.after(action, self._clock())
            await store.save(after)
            _note(uow, action, after, before)
            return await uow.commit(after)

    async def delete(self, caller: Principal, course_id: UUID, version: int) -> None:
        """Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            course = await managed(store, caller, course_id, version)
            course.admitted(Action.DELETE)
            held = references(await store.sections(course_id))
            await store.delete(course_id)
            _tell(uow, course, held, [])
            _note(uow, "deleted", course)
            await uow.commit()

    async def copy(
        self, caller: Principal, course_id: UUID, organisation: str, title: str | None
    ) -> Course:
        """The caller's own draft of what the caller sees, with its references and schedule and
        without its classes.

        Raises `NotFound`, `Forbidden`.
        """
        async with self._new_uow() as uow:
            path = await self._place(uow, caller, organisation)
            store, enrolments = self._store(uow.connection), self._enrolments(uow.connection)
            directory, day = self._directory(uow.connection), civil_date(self._clock())
            held = await store.locked(course_id)
            origin, _ = await seen(caller, held, enrolments, directory, day)
            plan = origin.plan if title is None else replace(origin.plan, title=title)
            made = self._drafted(caller, path, plan, origin)
            sections = await store.sections(course_id)
            await store.add(made)
            await store.put_sections(made.id, sections)
            _tell(uow, made, [], references(sections))
            _note(uow, "created", made, origin=made.origin)
            return await uow.commit(made)

    async def _announce(
        self, uow: UnitOfWork, caller: Principal, course: Course, lines: Sequence[str]
    ) -> None:
        taking = await self._enrolments(uow.connection).page(course.id, MOST_CLASSES, "")
        if not lines or not taking:
            return
        now = self._clock()
        await self._announcements(uow.connection).add(
            *(
                Announcement(
                    id=uuid7(),
                    space_id=each.organisation_id,
                    title=f"课程有更新：{course.plan.title[:180]}",
                    text="\n".join(lines),
                    pinned=False,
                    author=caller.subject,
                    version=1,
                    published_at=now,
                    updated_at=now,
                )
                for each in taking
            )
        )

    async def _place(self, uow: UnitOfWork, caller: Principal, organisation: str) -> str:
        path = await path_named(self._directory(uow.connection), caller, organisation)
        CREATE.admit(caller, path)
        return path

    def _drafted(
        self, caller: Principal, path: str, plan: Plan, origin: Course | None = None
    ) -> Course:
        now = self._clock()
        return Course(
            id=uuid7(),
            owner=caller.subject,
            organisation_path=path,
            state=State.DRAFT,
            plan=plan,
            items=origin.items if origin else 0,
            origin=Origin(origin.id, origin.version) if origin else None,
            version=1,
            created_at=now,
            updated_at=now,
        )


def _pointers(sections: Sequence[Section]) -> list[str]:
    return [
        f"#/sections/{place}/items/{index}"
        for place, section in enumerate(sections)
        for index in range(len(section.items))
    ]


def _tell(
    uow: UnitOfWork, course: Course, before: Sequence[Reference], after: Sequence[Reference]
) -> None:
    """Tell the catalogue which resources came and which went."""
    old, new = ({each.resource_id: None for each in some} for some in (before, after))
    for id_ in old:
        if id_ not in new:
            uow.outbox.append(ReferenceRemoved(id_, course.id, course.organisation_path))
    for id_ in new:
        if id_ not in old:
            uow.outbox.append(ReferenceAdded(id_, course.id, course.organisation_path))


def _note(
    uow: UnitOfWork, what: str, after: Course, before: Course | None = None, **facts: Any
) -> None:
    uow.audit.record(
        f"course.{what}",
        str(after.id),
        organisation=after.organisation_path,
        before=before and before.record,
        after=after.record,
        **facts,
    )
