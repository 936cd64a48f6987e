"""What teachers do with what was handed in."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.assignments_access import seen, work_places
from services.learning.application.assignments_ports import AssignmentStore, SubmissionStore
from services.learning.application.directory import Directory
from services.learning.application.submissions_access import Shown, for_marking, shown
from services.learning.domain.assignments import Assignment, Plan
from services.learning.domain.marking import GivenMark, MarksRefused, complete
from services.learning.domain.submissions import State, Submission, in_time
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden
from shared.principal import Principal


class Told(NamedTuple):
    """How many submissions were published, and how many wait for marks."""

    published: int
    unmarked: int


class Marking:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        assignments: Callable[[AsyncConnection], AssignmentStore],
        store: Callable[[AsyncConnection], SubmissionStore],
        directory: Callable[[AsyncConnection], Directory],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._assignments = assignments
        self._store = store
        self._directory = directory
        self._clock = clock

    async def mark(
        self,
        caller: Principal,
        submission_id: UUID,
        version: int,
        given: Sequence[GivenMark],
        feedback: str,
    ) -> Shown:
        """Give every item its mark; one that has a mark keeps it unless another is given.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `SubmissionActionRefused`, `MarksRefused`.
        """
        async with self._new_uow() as uow:
            found = await self._locked(uow, caller, submission_id, version)
            before = found.submission
            marks, flaws = complete(found.assignment.items, before.marks, given)
            if flaws:
                raise MarksRefused(
                    "Correct the marks named in errors.",
                    zh="请改正 errors 所列的评分。",
                    errors=[{"pointer": at, "detail": worded(en, zh)} for at, en, zh in flaws],
                )
            after = before.marked(found.assignment, marks, feedback, caller.subject, self._clock())
            return await self._kept(uow, found, after, "marked")

    async def return_(
        self,
        caller: Principal,
        submission_id: UUID,
        version: int,
        feedback: str,
        again_until: datetime | None,
    ) -> Shown:
        """Give it back, with what is to be done better. Raises `NotFound`, `Forbidden`,
        `StaleVersion`, `SubmissionActionRefused`, `DeadlinesRefused`."""
        async with self._new_uow() as uow:
            found = await self._locked(uow, caller, submission_id, version)
            after = found.submission.returned(feedback, again_until, self._clock())
            return await self._kept(uow, found, after, "returned")

    async def publish(self, caller: Principal, submission_id: UUID, version: int) -> Shown:
        """Tell the pupil. Raises `NotFound`, `Forbidden`, `StaleVersion`,
        `SubmissionActionRefused`, `MarksMissing`."""
        async with self._new_uow() as uow:
            found = await self._locked(uow, caller, submission_id, version)
            return await self._kept(
                uow, found, found.submission.published(self._clock()), "published"
            )

    async def publish_all(self, caller: Principal, assignment_id: UUID) -> Told:
        """Tell all pupils of the caller's classes whose work has its marks, but for those who may
        do returned work again. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            assignments, store = self._assignments(uow.connection), self._store(uow.connection)
            directory, now = self._directory(uow.connection), self._clock()
            assignment = await assignments.get(assignment_id)
            sight = await seen(assignments, directory, caller, assignment, civil_date(now))
            if not sight.staff:
                raise Forbidden("Its teachers tell the marks.", zh="仅任课教师可以公布成绩。")
            places = work_places(caller, sight.assignment.plan.subject)
            untold = [
                each
                for each in await store.untold(assignment_id, places)
                if each.state is not State.RETURNED or not each.open(sight.assignment, now)
            ]
            ready = [each for each in untold if each.score is not None]
            told = [each.published(now) for each in ready]
            await store.save_all(told)
            for before, after in zip(ready, told, strict=True):
                _note(uow, "published", before, after)
            return await uow.commit(Told(len(ready), len(untold) - len(ready)))

    async def _locked(
        self, uow: UnitOfWork, caller: Principal, submission_id: UUID, version: int
    ) -> Shown:
        found = await self._store(uow.connection).locked(submission_id)
        assignments, directory = self._assignments(uow.connection), self._directory(uow.connection)
        seen_as = await shown(assignments, directory, caller, found, self._clock())
        return for_marking(seen_as, version)

    async def _kept(self, uow: UnitOfWork, found: Shown, after: Submission, what: str) -> Shown:
        await self._store(uow.connection).save(after)
        _note(uow, what, found.submission, after)
        return await uow.commit(replace(found, submission=after))


async def judge_anew(
    uow: UnitOfWork, store: SubmissionStore, before: Plan, after: Assignment, now: datetime
) -> None:
    """By a deadline that has moved away: what it admits is late no more, and loses no points."""
    for submission in await store.late(after.id):
        attempts = in_time(await store.attempts(submission.id), before, after.plan)
        if attempts:
            await store.save_attempts(submission.id, attempts)
        if attempts and attempts[-1].number == submission.attempt:
            admitted = submission.in_time(after.plan, now)
            await store.save(admitted)
            _note(uow, "in_time", submission, admitted)


def _note(uow: UnitOfWork, what: str, before: Submission, after: Submission) -> None:
    uow.audit.record(
        f"submission.{what}",
        str(after.id),
        organisation=after.class_path,
        before=before.record,
        after=after.record,
    )
