"""What teachers do to homework before pupils work on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.assignments_access import (
    CREATE,
    LOAD,
    SURVEY,
    Sight,
    managed,
    seen,
    works_at,
)
from services.learning.application.assignments_ports import (
    AssignedClass,
    AssignmentStore,
    SubmissionStore,
)
from services.learning.application.directory import Directory, path_named
from services.learning.application.marking import judge_anew
from services.learning.domain.assignments import (
    MOST_CLASSES,
    Action,
    Assignment,
    ClassesRefused,
    Item,
    Plan,
    State,
)
from services.learning.domain.assignments_load import LONGEST_DAYS, DayLoad, DaysRefused, by_day
from services.learning.domain.directory import Organisation, within
from services.learning.domain.spaces import KINDS, Kind
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden
from shared.ids import uuid7
from shared.principal import Principal

PLANNED = timedelta(days=6)
"""A load tells a week, unless asked otherwise."""


class Assignments:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], AssignmentStore],
        submissions: Callable[[AsyncConnection], SubmissionStore],
        directory: Callable[[AsyncConnection], Directory],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._submissions = submissions
        self._directory = directory
        self._clock = clock

    async def create(
        self, caller: Principal, organisation: str, plan: Plan, items: Sequence[Item]
    ) -> Assignment:
        """A draft at the organisation with that label or code. Raises `Forbidden`."""
        async with self._new_uow() as uow:
            path = await path_named(self._directory(uow.connection), caller, organisation)
            _admit(caller, path, plan.subject)
            now = self._clock()
            made = Assignment(
                id=uuid7(),
                owner=caller.subject,
                organisation_path=path,
                state=State.DRAFT,
                plan=plan,
                items=items,
                version=1,
                created_at=now,
                assigned_at=None,
                updated_at=now,
            )
            await self._store(uow.connection).add(made)
            _note(uow, "created", made)
            return await uow.commit(made)

    async def change(
        self,
        caller: Principal,
        assignment_id: UUID,
        version: int,
        fields: Mapping[str, Any],
        items: Sequence[Item] | None,
    ) -> Assignment:
        """With other `fields` of its plan, and other `items` unless None. What was late by the
        deadline before may be in time by another.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `AssignmentActionRefused`,
        `DeadlinesRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await managed(store, caller, assignment_id, version)
            plan = replace(before.plan, **fields)
            if plan.subject != before.plan.subject:
                _admit(caller, before.organisation_path, plan.subject)
            now = self._clock()
            after = before.changed(plan, before.items if items is None else items, now)
            await store.save(after)
            if plan.due_at > before.plan.due_at:
                submissions = self._submissions(uow.connection)
                await judge_anew(uow, submissions, before.plan, after, now)
            _note(uow, "changed", after, before)
            return await uow.commit(after)

    async def assign(
        self, caller: Principal, assignment_id: UUID, version: int, classes: Sequence[str]
    ) -> Assignment:
        """Distribute it to classes at or below its place, at which the caller works.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `AssignmentActionRefused`, `NothingToDo`,
        `DeadlinesRefused`, `ClassesRefused`.
        """
        async with self._new_uow() as uow:
            store, directory = self._store(uow.connection), self._directory(uow.connection)
            before = await managed(store, caller, assignment_id, version)
            after = before.assigned(self._clock())
            found: list[Organisation | None] = []
            for name in classes:
                path = await path_named(directory, caller, name)
                _admit(caller, path, before.plan.subject)
                found.append(await directory.organisation_at(path))
            ids = _classes(before.organisation_path, found)
            await store.add_classes(assignment_id, ids)
            if len(await store.classes(assignment_id)) > MOST_CLASSES:
                raise ClassesRefused(
                    f"Assign it to {MOST_CLASSES} classes at the most.",
                    zh=f"最多可布置给 {MOST_CLASSES} 个班级。",
                )
            await store.save(after)
            _note(uow, "assigned", after, before, classes=ids)
            return await uow.commit(after)

    async def withdraw(self, caller: Principal, assignment_id: UUID, version: int) -> Assignment:
        """Nothing is taken in any more. Raises `NotFound`, `Forbidden`, `StaleVersion`,
        `AssignmentActionRefused`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await managed(store, caller, assignment_id, version)
            after = before.after(Action.WITHDRAW, self._clock())
            await store.save(after)
            _note(uow, "withdrawn", after, before)
            return await uow.commit(after)

    async def delete(self, caller: Principal, assignment_id: UUID, version: int) -> None:
        """A draft. Raises `NotFound`, `Forbidden`, `StaleVersion`, `AssignmentActionRefused`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await managed(store, caller, assignment_id, version)
            before.admitted(Action.DELETE)
            await store.delete(assignment_id)
            _note(uow, "deleted", before)
            await uow.commit()

    async def get(
        self, caller: Principal, assignment_id: UUID
    ) -> tuple[Sight, Sequence[AssignedClass]]:
        """With its classes; to learners, their own. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store, directory = self._store(uow.connection), self._directory(uow.connection)
            found = await store.get(assignment_id)
            sight = await seen(store, directory, caller, found, civil_date(self._clock()))
            classes = await store.classes(assignment_id)
        own = {each.class_id for each in sight.takers}
        return sight, [each for each in classes if sight.staff or each.organisation_id in own]

    async def page(
        self, caller: Principal, organisation: str | None, limit: int, before: UUID | None
    ) -> Sequence[Assignment]:
        """The caller's own and what the caller or a child of theirs is assigned; or all that is no
        draft at and below the organisation with that label or code, for those who work there.
        Raises `Forbidden`."""
        async with self._new_uow() as uow:
            store, directory = self._store(uow.connection), self._directory(uow.connection)
            if organisation is not None:
                path = await path_named(directory, caller, organisation)
                SURVEY.admit(caller, path)
                return await store.page_at(path, limit, before)
            people = [caller.subject, *await directory.children(caller.subject)]
            return await store.page(people, civil_date(self._clock()), limit, before)

    async def load(
        self, caller: Principal, organisation: str, first: date | None, last: date | None
    ) -> Sequence[DayLoad]:
        """What a class has to do on the days on which something is due, from `first` (today) to
        `last` (a week). Raises `Forbidden`, `DaysRefused`, `ClassesRefused`."""
        begin = first or civil_date(self._clock())
        if last is not None and last < begin:
            raise DaysRefused(f"Give a last day from {begin} on.", zh=f"截止日期不能早于 {begin}。")
        farthest = begin + timedelta(days=LONGEST_DAYS - 1)
        end = min(last or begin + PLANNED, farthest)
        async with self._new_uow() as uow:
            store, directory = self._store(uow.connection), self._directory(uow.connection)
            path = await path_named(directory, caller, organisation)
            LOAD.admit(caller, path)
            (class_id,) = _classes(path, [await directory.organisation_at(path)])
            return by_day(await store.load(class_id, begin, end))


def _admit(caller: Principal, path: str, subject: str) -> None:
    CREATE.admit(caller, path)
    if not works_at(caller, path, subject):
        raise Forbidden("You do not teach that subject there.", zh="您在该机构不任教该学科。")


def _classes(below: str, found: Sequence[Organisation | None]) -> list[UUID]:
    """The ids of open classes at or below a path. Raises `ClassesRefused`."""
    wrong = [
        place
        for place, each in enumerate(found)
        if each is None
        or not each.open
        or KINDS.get(each.kind) is not Kind.CLASS
        or not within(each.path, below)
    ]
    if wrong:
        detail = worded("It is no open class of the place.", "不是该机构之内的正常班级。")
        raise ClassesRefused(
            "Name open classes at or below the homework's organisation.",
            zh="请填写作业所属机构之内的班级。",
            errors=[{"pointer": f"#/classes/{place}", "detail": detail} for place in wrong],
        )
    return [each.id for each in found if each is not None]


def _note(
    uow: UnitOfWork,
    what: str,
    after: Assignment,
    before: Assignment | None = None,
    **facts: Any,
) -> None:
    uow.audit.record(
        f"assignment.{what}",
        str(after.id),
        organisation=after.organisation_path,
        before=before and before.record,
        after=after.record,
        **facts,
    )
