"""A row becomes a draft, or changes the one that its external key stands for."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application import metadata as shape
from services.catalog.application.intake_columns import column_at
from services.catalog.application.intake_ports import IntakeWorkStore
from services.catalog.application.resources import Resources, ResourceStore, note
from services.catalog.application.resources_files import attach
from services.catalog.domain.intake import (
    Defect,
    Intake,
    IntakeFile,
    Named,
    Outcome,
    Reason,
    Result,
    Row,
)
from services.catalog.domain.metadata import merged
from services.catalog.domain.resources import (
    Attachment,
    AttachmentsRefused,
    Content,
    DraftMalformed,
    FileReference,
    Metadata,
    Resource,
)
from services.catalog.domain.uploads import State as UploadState
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden
from shared.principal import Principal

Files = Mapping[str, IntakeFile]


class Applying:
    def __init__(
        self,
        store: Callable[[AsyncConnection], IntakeWorkStore],
        resources: Resources,
        resource_store: Callable[[AsyncConnection], ResourceStore],
        clock: Clock,
    ) -> None:
        self._store = store
        self._resources = resources
        self._resource_store = resource_store
        self._clock = clock

    async def apply(
        self, uow: UnitOfWork, caller: Principal, intake: Intake, row: Row, files: Files
    ) -> Result:
        """Done in the transaction of `uow`, which the caller commits with the row's mark."""
        defects = [each for named in row.files for each in _faults(named, files)]
        if defects:
            return Result(Outcome.REJECTED, defects=defects)
        before = None
        if row.key is not None:
            kept = await self._store(uow.connection).keyed(intake.owner, row.key)
            if kept is not None:
                before = await self._resource_store(uow.connection).locked(kept)
        try:
            if before is None:
                return await self._create(uow, caller, intake, row, files)
            return await self._update(uow, caller, intake, row, files, before)
        except DraftMalformed as malformed:
            defects = [_placed(each) for each in malformed.members["errors"]]
        except AttachmentsRefused as refused:
            errors = refused.members["errors"]
            defects = [Defect(None, Reason.REFUSED, each["detail"]) for each in errors]
        except Forbidden as forbidden:
            told = worded(forbidden.detail, forbidden.detail_zh)
            defects = [Defect(None, Reason.REFUSED, told)]
        return Result(Outcome.REJECTED, defects=defects)

    async def _create(
        self, uow: UnitOfWork, caller: Principal, intake: Intake, row: Row, files: Files
    ) -> Result:
        if intake.dry_run:
            return Result(Outcome.CREATED)
        references = [_reference(named, files) for named in row.files]
        path = intake.organisation_path
        made = await self._resources.draft(uow, caller, path, row.metadata, references)
        if row.key is not None:
            await self._store(uow.connection).keep_key(intake.owner, row.key, made.id)
        return Result(Outcome.CREATED, made.id)

    async def _update(
        self,
        uow: UnitOfWork,
        caller: Principal,
        intake: Intake,
        row: Row,
        files: Files,
        before: Resource,
    ) -> Result:
        """What the row says nothing of stays; where it names files, these are all there are."""
        metadata = shape.parse(merged(before.draft.metadata, row.metadata))
        if _same(before.draft, metadata, row.files, files):
            return Result(Outcome.UNCHANGED, before.id)
        if intake.dry_run:
            return Result(Outcome.UPDATED, before.id)
        held: Sequence[Attachment] = before.draft.files
        attached = held
        if row.files:
            references = [
                _kept(named, files[named.name], held) or _reference(named, files)
                for named in row.files
            ]
            attached = await attach(self._resource_store(uow.connection), caller, references, held)
        after = before.changed(Content(metadata, tuple(attached)), self._clock())
        await self._resource_store(uow.connection).save(after)
        note(uow, "changed", after, before)
        return Result(Outcome.UPDATED, after.id)


def _faults(named: Named, files: Files) -> list[Defect]:
    file = files[named.name]
    if file.fault is not None:
        return [Defect(named.column, file.fault.reason, file.fault.detail)]
    if file.upload_state is UploadState.REFUSED:
        return [
            Defect(
                named.column,
                Reason.REFUSED,
                f"{named.name[:200]}: {worded(each['detail'], each.get('detail_zh', ''))}",
            )
            for each in file.refusal
        ]
    return []


def _reference(named: Named, files: Files) -> FileReference:
    upload_id = files[named.name].upload_id
    if upload_id is None:
        raise ValueError("a file without upload is at fault, or of a dry run")
    return FileReference(upload_id, named.role)


def _kept(named: Named, file: IntakeFile, held: Sequence[Attachment]) -> FileReference | None:
    """The same file as the draft has it, with what was said of it."""
    return next(
        (each.reference for each in held if _mark(each) == _mark_of(named, file)),
        None,
    )


def _same(draft: Content, metadata: Metadata, named: Sequence[Named], files: Files) -> bool:
    marks = [_mark_of(each, files[each.name]) for each in named]
    return metadata == draft.metadata and (
        not named or marks == [_mark(each) for each in draft.files]
    )


def _mark(attachment: Attachment) -> tuple[str, bytes, str]:
    return attachment.reference.role, attachment.sha256, attachment.filename


def _mark_of(named: Named, file: IntakeFile) -> tuple[str, bytes, str]:
    return named.role, file.sha256, file.filename


def _placed(error: Mapping[str, str]) -> Defect:
    column = column_at(error["pointer"])
    heading = column.heading if column else None
    return Defect(heading, Reason.MALFORMED, error["detail"])
