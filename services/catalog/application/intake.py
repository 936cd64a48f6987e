"""Beginning bulk intakes, following them, stopping them.

What is begun here is carried out by `services.catalog.application.intake_work`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.application.resources import WRITE, ResourceStore
from services.catalog.application.resources_files import Attachable, attach
from services.catalog.domain.intake import (
    ARCHIVES,
    TABLES,
    Counts,
    Defect,
    Intake,
    IntakeDefective,
    IntakeFile,
    Outcome,
    Remarks,
    State,
)
from services.catalog.domain.resources import (
    Attachment,
    AttachmentsRefused,
    FileReference,
    FileRole,
    Metadata,
)
from services.catalog.domain.uploads import State as UploadState
from services.catalog.domain.uploads import refused_for_members
from shared.access import Rule, grants_of
from shared.clock import Clock
from shared.context import current, worded
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.ids import uuid7
from shared.principal import Principal

FOLLOW = Rule("catalog.write", own=True)


@dataclass(frozen=True, slots=True)
class Given:
    """A file that was uploaded by itself; rows call it ``filename``, or by that of the upload."""

    upload_id: UUID
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken in. ``defaults`` stand where a row says nothing."""

    table_upload_id: UUID
    archive_upload_id: UUID | None
    uploads: Sequence[Given]
    defaults: Metadata
    organisation: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """An intake with how many of its rows came to which outcome so far; ``waiting``: nobody is at
    work on it."""

    intake: Intake
    counts: Counts
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a row."""

    position: int
    line: int
    key: str | None
    outcome: Outcome
    resource_id: UUID | None
    defects: Sequence[Defect]


class IntakeStore(Protocol):
    async def add(self, intake: Intake) -> None: ...

    async def get(self, intake_id: UUID) -> Intake | None: ...

    async def locked(self, intake_id: UUID) -> Intake | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, intake: Intake) -> None: ...

    async def add_files(self, intake_id: UUID, files: Collection[IntakeFile]) -> None: ...

    async def counts(self, intake_id: UUID) -> Counts: ...

    async def waits(self, intake_id: UUID) -> bool:
        """Whether it is unfinished, and no worker that is heard of has it."""
        ...

    async def reported(
        self, intake_id: UUID, outcome: Outcome | None, after: int, limit: int
    ) -> Sequence[Reported]:
        """Rows that have an outcome, in the order of the file."""
        ...

    async def page(self, owner: str, limit: int, before: UUID | None) -> Sequence[Intake]:
        """The newest first."""
        ...


class Intakes:
    """An intake is its owner's alone."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], IntakeStore],
        resources: Callable[[AsyncConnection], ResourceStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._resources = resources
        self._organisations = organisations
        self._clock = clock

    async def start(self, caller: Principal, wanted: Wanted) -> Progress:
        """Raises `Forbidden`, `IntakeDefective`."""
        WRITE.admit(caller, None)
        now = self._clock()
        async with self._new_uow() as uow:
            path = None
            if wanted.organisation is not None:
                organisations = self._organisations(uow.connection)
                path = await path_named(organisations, caller, wanted.organisation)
                WRITE.admit(caller, path)
            files = await _files(self._resources(uow.connection), caller, wanted)
            request = current()
            intake = Intake(
                id=uuid7(),
                owner=caller.subject,
                client=caller.client,
                grants=[str(grant) for grant in grants_of(caller)],
                request_id=request.request_id,
                language=request.language,
                organisation_path=path,
                table_upload_id=wanted.table_upload_id,
                archive_upload_id=wanted.archive_upload_id,
                defaults=wanted.defaults,
                dry_run=wanted.dry_run,
                state=State.RECEIVED,
                rows=0,
                remarks=Remarks(),
                failure=None,
                attempts=0,
                version=1,
                created_at=now,
                updated_at=now,
            )
            store = self._store(uow.connection)
            await store.add(intake)
            await store.add_files(intake.id, files)
            note(uow, "started", intake)
            return await uow.commit(Progress(intake, {}, waiting=True))

    async def get(self, caller: Principal, intake_id: UUID) -> Progress:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            intake = _own(caller, await store.get(intake_id))
            waiting = await store.waits(intake_id)
            return Progress(intake, await store.counts(intake_id), waiting)

    async def page(self, caller: Principal, limit: int, before: UUID | None) -> Sequence[Intake]:
        """At most `limit` of the caller's begun before the one with the id `before`."""
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(caller.subject, limit, before)

    async def rows(
        self, caller: Principal, intake_id: UUID, outcome: Outcome | None, after: int, limit: int
    ) -> Sequence[Reported]:
        """At most `limit` rows behind the position `after`. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            _own(caller, await store.get(intake_id))
            return await store.reported(intake_id, outcome, after, limit)

    async def cancel(self, caller: Principal, intake_id: UUID) -> Progress:
        """Rows that are dealt with stay so; no other is. Raises `NotFound`, `IntakeOver`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            intake = _own(caller, await store.locked(intake_id))
            if intake.state is not State.CANCELLED:
                intake = intake.cancelled(self._clock())
                await store.save(intake)
                note(uow, "cancelled", intake)
            return await uow.commit(Progress(intake, await store.counts(intake_id)))


async def _files(
    resources: ResourceStore, caller: Principal, wanted: Wanted
) -> Sequence[IntakeFile]:
    """The files given one by one, all uploads being the caller's to attach. Raises
    `IntakeDefective` with every defect."""
    asked = [("#/table_upload_id", wanted.table_upload_id)]
    if wanted.archive_upload_id is not None:
        asked.append(("#/archive_upload_id", wanted.archive_upload_id))
    asked += [
        (f"#/uploads/{index}/upload_id", each.upload_id)
        for index, each in enumerate(wanted.uploads)
    ]
    spared = await _spared(resources, caller, wanted)
    asked = [each for each in asked if each[1] not in spared]
    references = [FileReference(upload_id, FileRole.MAIN) for _, upload_id in asked]
    errors: list[dict[str, str]] = []
    known: dict[UUID, Attachable | Attachment] = {**spared}
    try:
        attached = await attach(resources, caller, references, ())
        known |= {each.reference.upload_id: each for each in attached}
    except AttachmentsRefused as refused:
        for error in refused.members["errors"]:
            pointer, _ = asked[int(error["pointer"].split("/")[2])]
            errors.append({"pointer": pointer, "detail": error["detail"]})
    errors += _of_another_kind(wanted, known)
    files: dict[str, IntakeFile] = {}
    for index, given in enumerate(wanted.uploads):
        kept = known.get(given.upload_id)
        if kept is None:
            continue
        name = given.filename or kept.filename
        if name in files:
            told = worded("Two files have this name.", "有两个文件同名。")
            errors.append({"pointer": f"#/uploads/{index}/filename", "detail": told})
        files[name] = IntakeFile(name, kept.sha256, given.upload_id)
    if errors:
        raise IntakeDefective(
            "Correct what errors name.", zh="请改正 errors 所列各项。", errors=errors
        )
    return list(files.values())


def _of_another_kind(
    wanted: Wanted, known: Mapping[UUID, Attachable | Attachment]
) -> Iterator[dict[str, str]]:
    """The table or the archive, where it is a file that cannot be one."""
    table, archive = known.get(wanted.table_upload_id), wanted.archive_upload_id
    if table is not None and _ending(table.filename) not in TABLES:
        told = worded("Give a table as a CSV or XLSX file.", "表格须为 CSV 或 XLSX 文件。")
        yield {"pointer": "#/table_upload_id", "detail": told}
    packed = known.get(archive) if archive else None
    if packed is not None and _ending(packed.filename) not in ARCHIVES:
        told = worded("Give an archive as a ZIP file.", "压缩包须为 ZIP 文件。")
        yield {"pointer": "#/archive_upload_id", "detail": told}


def _ending(filename: str) -> str:
    return filename.rpartition(".")[2].lower()


async def _spared(
    resources: ResourceStore, caller: Principal, wanted: Wanted
) -> Mapping[UUID, Attachable]:
    """The caller's own that inspection refused and that fail their rows alone: files given one by
    one, and an archive for what is in it. Never the table."""
    archive = wanted.archive_upload_id
    asked = {each.upload_id for each in wanted.uploads} - {wanted.table_upload_id, archive}
    found = await resources.attachable({*asked, archive} if archive else asked)
    return {
        id_: each
        for id_, each in found.items()
        if each.owner == caller.subject
        and id_ != wanted.table_upload_id
        and each.state is UploadState.REFUSED
        and (id_ != archive or refused_for_members(each.state, each.media_type, each.refusal))
    }


def _own(caller: Principal, intake: Intake | None) -> Intake:
    if intake is None or intake.owner != caller.subject:
        raise NotFound("You have no import with that id.", zh="您没有这个导入任务。")
    return intake


def note(uow: UnitOfWork, what: str, intake: Intake, **facts: object) -> None:
    """Audit what became of it."""
    uow.audit.record(
        f"intake.{what}",
        str(intake.id),
        organisation=intake.organisation_path,
        after={"state": intake.state, "version": intake.version},
        dry_run=intake.dry_run,
        **facts,
    )
