"""How submissions look to their readers. Reading what a pupil handed in is audited, unless the
pupil reads."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.assignments_access import seen, work_places
from services.learning.application.assignments_ports import (
    AssignmentStore,
    FileStore,
    SubmissionStore,
)
from services.learning.application.directory import Directory
from services.learning.application.submissions_access import Shown, shown
from services.learning.domain.submissions import Attempt, Submission
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal
from shared.storage import ObjectStore

ADDRESS_LIFE = timedelta(minutes=2)


class SubmissionViews:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        assignments: Callable[[AsyncConnection], AssignmentStore],
        store: Callable[[AsyncConnection], SubmissionStore],
        files: Callable[[AsyncConnection], FileStore],
        directory: Callable[[AsyncConnection], Directory],
        objects: ObjectStore,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._assignments = assignments
        self._store = store
        self._files = files
        self._directory = directory
        self._objects = objects
        self._clock = clock

    async def get(self, caller: Principal, submission_id: UUID) -> Shown:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            found = await self._found(uow, caller, submission_id, "submission.read")
            await uow.commit()
        return found

    async def attempts(self, caller: Principal, submission_id: UUID) -> Sequence[Attempt]:
        """Every hand-in, the first first. Raises `NotFound`."""
        async with self._new_uow() as uow:
            found = await self._found(uow, caller, submission_id, "submission.attempts_read")
            attempts = await self._store(uow.connection).attempts(submission_id)
            return await uow.commit([each.seen(staff=found.staff) for each in attempts])

    async def page(
        self, caller: Principal, assignment_id: UUID | None, limit: int, before: UUID | None
    ) -> Sequence[tuple[Submission, bool]]:
        """Those for an assignment from the classes at which the caller works; otherwise the
        caller's own and those of the caller's children. Each with whether the caller marks it.
        Raises `NotFound`."""
        async with self._new_uow() as uow:
            assignments, store = self._assignments(uow.connection), self._store(uow.connection)
            directory = self._directory(uow.connection)
            if assignment_id is not None:
                found = await assignments.get(assignment_id)
                day = civil_date(self._clock())
                sight = await seen(assignments, directory, caller, found, day)
                if sight.staff:
                    places = work_places(caller, sight.assignment.plan.subject)
                    items = await store.page(assignment_id, places, limit, before)
                    uow.audit.record("submission.listed", str(assignment_id), count=len(items))
                    await uow.commit()
                    return [(each, True) for each in items]
            people = [caller.subject, *await directory.children(caller.subject)]
            items = await store.page_of(people, assignment_id, limit, before)
        return [(each, False) for each in items]

    async def file(self, caller: Principal, submission_id: UUID, file_id: UUID) -> str:
        """Where to download a file that was handed in. Raises `NotFound`."""
        async with self._new_uow() as uow:
            await self._found(uow, caller, submission_id, "submission.file_read")
            file = await self._files(uow.connection).get(submission_id, file_id)
            if file is None:
                raise NotFound("There is no such file.", zh="没有该文件。")
            await uow.commit()
        return self._objects.presign_get(file.object_key, expires=ADDRESS_LIFE, filename=file.name)

    async def _found(
        self, uow: UnitOfWork, caller: Principal, submission_id: UUID, what: str
    ) -> Shown:
        assignments, directory = self._assignments(uow.connection), self._directory(uow.connection)
        submission = await self._store(uow.connection).get(submission_id)
        found = await shown(assignments, directory, caller, submission, self._clock())
        if caller.subject != found.submission.person:
            place = found.submission.class_path
            uow.audit.record(what, str(submission_id), organisation=place)
        return found
