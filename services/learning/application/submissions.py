"""Handing homework in. Files go to the object store by presigned PUTs, bound to length and hash."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.assignments_access import Sight, seen
from services.learning.application.assignments_ports import (
    AssignmentStore,
    FileStore,
    SubmissionStore,
)
from services.learning.application.directory import Directory
from services.learning.application.submissions_access import Shown
from services.learning.domain.assignments import Answer, Assignment, File, State, Taker
from services.learning.domain.assignments import AssignmentActionRefused as Refused
from services.learning.domain.submissions import (
    MOST_ANNOUNCED,
    AnswersRefused,
    FilesMissing,
    Flaw,
    HomeworkFile,
    Submission,
    TooManyFiles,
    flaws,
)
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.ids import uuid7
from shared.principal import Principal
from shared.storage import ObjectStore

UPLOAD_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Address:
    """PUT the file to ``url``, then hand it in by its id."""

    file: HomeworkFile
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Announced:
    """A file to come, for the item at place ``item``: ``length`` in bytes, ``sha256`` in hex."""

    item: int
    name: str
    length: int
    sha256: str


class Submissions:
    """Every hand-in is audited."""

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

    async def announce(
        self, caller: Principal, assignment_id: UUID, announced: Announced
    ) -> Address:
        """An address for one file. Raises `NotFound`, `AssignmentActionRefused`,
        `AnswersRefused`, `TooManyFiles`."""
        async with self._new_uow() as uow:
            assignments, files = self._assignments(uow.connection), self._files(uow.connection)
            found = await assignments.get(assignment_id)
            assignment, taker = await self._taken(uow, caller, found)
            items, place = assignment.items, announced.item
            if place >= len(items) or not isinstance(items[place], File):
                en, zh = "No item at that place is answered by files.", "该题不以文件作答。"
                _refuse([Flaw("#/item", en, zh)])
            if len(await files.of(assignment_id, taker.person)) >= MOST_ANNOUNCED:
                raise TooManyFiles(
                    "Hand in what you uploaded, or wait a day.", zh="请先提交已上传的文件。"
                )
            now = self._clock()
            file = HomeworkFile(
                id=uuid7(),
                assignment_id=assignment_id,
                person=taker.person,
                item=place,
                name=announced.name,
                length=announced.length,
                sha256=announced.sha256,
                submission_id=None,
                announced_at=now,
            )
            await files.add(file)
            url = self._objects.presign_put(
                file.object_key, expires=UPLOAD_LIFE, sha256=file.sha256, length=file.length
            )
            return await uow.commit(Address(file, url, now + UPLOAD_LIFE))

    async def hand_in(
        self, caller: Principal, assignment_id: UUID, answers: Sequence[Answer]
    ) -> Shown:
        """Hand in the caller's own answers. The instant at which the transaction began decides
        what is late; the same answers, sent again, are the same hand-in.

        Raises `NotFound`, `AssignmentActionRefused`, `AnswersRefused`, `FilesMissing`,
        `AttemptsSpent`, `TooLate`.
        """
        used = {id_ for each in answers for id_ in each.files or ()}
        await self._arrived(caller, assignment_id, used)
        async with self._new_uow() as uow:
            assignments, store = self._assignments(uow.connection), self._store(uow.connection)
            files = self._files(uow.connection)
            now = await assignments.now()
            found = await assignments.held(assignment_id)
            assignment, taker = await self._taken(uow, caller, found)
            known = await files.of(assignment_id, taker.person) if used else {}
            _refuse(flaws(assignment.items, answers, known))
            ordered = sorted(answers, key=lambda each: each.item)
            before = await store.claim(Submission.new(uuid7(), assignment, taker, now))
            if before.repeats(ordered):
                return await uow.commit(Shown(before, assignment, now, own=True))
            after = before.handed_in(assignment, ordered, now)
            await store.hand_in(after, before)
            await files.hand_in(used, after.id)
            uow.audit.record(
                "submission.handed_in",
                str(after.id),
                organisation=after.class_path,
                after=after.record,
            )
            return await uow.commit(Shown(after, assignment, now, own=True))

    async def _arrived(self, caller: Principal, assignment_id: UUID, used: set[UUID]) -> None:
        """Raises `FilesMissing` unless the bytes of all files are there. What is handed in already
        was there."""
        if not used:
            return
        async with self._new_uow() as uow:
            known = await self._files(uow.connection).of(assignment_id, caller.subject)
        missing = []
        for id_ in used & known.keys():
            file = known[id_]
            if file.submission_id is None and not await self._is_there(file):
                missing.append(str(id_))
        if missing:
            raise FilesMissing(
                "Upload the files first, then hand in again.",
                zh="请先上传文件，再重新提交。",
                files=sorted(missing),
            )

    async def _is_there(self, file: HomeworkFile) -> bool:
        found = await self._objects.head(file.object_key)
        return found is not None and found.size == file.length

    async def _taken(
        self, uow: UnitOfWork, caller: Principal, assignment: Assignment | None
    ) -> tuple[Assignment, Taker]:
        """What the caller takes, as whom. Raises `NotFound`, `AssignmentActionRefused`."""
        store, directory = self._assignments(uow.connection), self._directory(uow.connection)
        sight: Sight = await seen(store, directory, caller, assignment, civil_date(self._clock()))
        own = [each for each in sight.takers if each.person == caller.subject]
        if not own:
            raise NotFound("The homework is not for you to do.", zh="该作业未布置给您。")
        if sight.assignment.state is not State.ASSIGNED:
            raise Refused(
                "The homework was withdrawn: nothing is taken in.", zh="作业已撤回，不再收取。"
            )
        return sight.assignment, own[0]


def _refuse(found: Sequence[Flaw]) -> None:
    if found:
        raise AnswersRefused(
            "Correct the answers named in errors.",
            zh="请改正 errors 所列的作答。",
            errors=[{"pointer": at, "detail": worded(en, zh)} for at, en, zh in found],
        )
