"""What people do to their uploads, and how inspection settles them.

The object store is asked what arrived, never our own memory, and always between transactions. What
is done there may be repeated, so that a kill between any two steps leaves something to go on with.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.uploads_arrivals import Arrivals, Limits, Status, own
from services.catalog.application.uploads_claims import check, check_size, fits
from services.catalog.application.uploads_quotas import Quotas
from services.catalog.domain.files import Refusal
from services.catalog.domain.uploads import (
    Announcement,
    Arrival,
    Method,
    State,
    Upload,
    UploadClosed,
    UploadIncomplete,
    UploadInUse,
    incoming_key,
)
from services.catalog.domain.uploads_events import UploadCompleted
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import DomainError, Forbidden, Unavailable
from shared.ids import uuid7
from shared.principal import Principal
from shared.storage import ObjectStore, PartsRejected, UploadMissing

__all__ = [
    "UPLOAD",
    "Limits",
    "Queue",
    "UploadStore",
    "Uploads",
    "completed_fact",
    "discard",
    "note",
]

UPLOAD = Rule(
    "catalog.write",
    frozenset({Role.TEACHER, Role.SUBJECT_EXPERT, Role.REVIEWER, Role.ADMINISTRATOR}),
)
_NAMED = 100


class UploadStore(Protocol):
    async def add(self, upload: Upload) -> None: ...

    async def get(self, upload_id: UUID) -> Upload | None: ...

    async def locked(self, upload_id: UUID) -> Upload | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, upload: Upload) -> None: ...

    async def is_attached(self, upload: Upload) -> bool:
        """Whether a draft or a version of a resource refers to it."""
        ...

    async def already_here(self, upload: Upload) -> tuple[str, int] | None:
        """The media type and the size of the bytes with its digest, where its owner or its
        organisation has an available upload of them, and nothing is wrong with what is stored."""
        ...


class Queue(Protocol):
    async def enqueue(self, uow: UnitOfWork, upload_id: UUID) -> None:
        """Queue its inspection in the transaction of `uow`; queued already, it stays so."""
        ...


class Uploads:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], UploadStore],
        quotas: Quotas,
        objects: ObjectStore,
        queue: Queue,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._quotas = quotas
        self._objects = objects
        self._queue = queue
        self._limits = limits
        self._arrivals = Arrivals(objects, limits, clock)
        self._clock = clock

    async def announce(self, caller: Principal, announced: Announcement) -> Status:
        """A new upload, and where its bytes go; available at once when its bytes are known.

        Raises `Forbidden`, `UploadDefective`, `QuotaExceeded`.
        """
        _admit(caller, announced.organisation_path)
        check(announced, self._limits.largest)
        now, life = self._clock(), self._limits.upload_life
        upload = Upload.open(uuid7(), caller.subject, announced, now, life)
        async with self._new_uow() as uow:
            found = await self._store(uow.connection).already_here(upload)
        if found is not None:
            media_type, size = found
            check_size(announced, size)
            if fits(upload, media_type):
                return await self._keep(upload.recognised())
        if upload.method is Method.SINGLE:
            return await self._keep(upload)
        multipart_id = await self._objects.create_multipart(upload.object_key, upload.media_type)
        try:
            return await self._keep(replace(upload, multipart_id=multipart_id))
        except Unavailable:
            raise  # it may be committed all the same; else the parts of nothing are swept
        except Exception:
            with suppress(Unavailable):
                await self._objects.abort_multipart(upload.object_key, multipart_id)
            raise

    async def _keep(self, upload: Upload) -> Status:
        async with self._new_uow() as uow:
            count = self._quotas.reserve if upload.state is State.OPEN else self._quotas.share
            await count(uow, upload)
            await self._store(uow.connection).add(upload)
            note(uow, "announced", upload)
            nothing = Arrival((), upload.slots(1, upload.part_count), ())
            return await uow.commit(self._arrivals.status(upload, nothing))

    async def complete(self, caller: Principal, upload_id: UUID) -> Status:
        """Every byte was sent: make them one object, and queue its inspection.

        Repeated, at once or later, it has no further effect. Raises `NotFound`, `UploadClosed`,
        `UploadIncomplete`.
        """
        async with self._new_uow() as uow:
            upload = own(caller, await self._store(uow.connection).get(upload_id))
        problem = await self.join(upload) if upload.state is State.OPEN else None
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            upload = own(caller, await store.locked(upload_id))
            if upload.completed_at is None:
                if problem is not None and upload.state is State.OPEN:
                    raise problem
                upload = upload.completed(self._clock())
                await store.save(upload)
                await self._queue.enqueue(uow, upload_id)
                note(uow, "completed", upload)
                uow.outbox.append(completed_fact(upload))
            return await uow.commit(Status(upload))

    async def abort(self, caller: Principal, upload_id: UUID) -> None:
        """Give it up, also when it is available and no resource uses it; its bytes no longer count
        then. Raises `NotFound`, `UploadClosed`, `UploadInUse`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = own(caller, await store.locked(upload_id))
            upload = before
            if before.state is not State.ABORTED:
                upload = before.aborted()
                kept = before.state is State.AVAILABLE
                if kept and await store.is_attached(before):
                    raise UploadInUse(
                        "Take it out of the draft that has it first; what a version or a review"
                        " has stays.",
                        zh="请先从草稿中移除该文件；已固定版本和审核记录中的文件会保留。",
                    )
                await store.save(upload)
                await (self._quotas.forget if kept else self._quotas.release)(uow, upload)
                note(uow, "aborted", upload)
                await uow.commit()
        if upload.object_key != incoming_key(upload_id):
            return  # others may have these bytes too
        with suppress(Unavailable):  # what stays behind is swept
            await discard(self._objects, upload)

    async def settle(
        self, uow: UnitOfWork, upload_id: UUID, refusal: Sequence[Refusal]
    ) -> Upload | None:
        """Its inspection is over: with an empty `refusal` it is available, its file being clean.

        Done in the transaction of `uow`, which the caller commits. Of an upload that is settled it
        changes nothing; None if there is none.
        """
        store = self._store(uow.connection)
        upload = await store.locked(upload_id)
        if upload is None or upload.state is not State.COMPLETED:
            return upload
        upload = upload.refused(refusal) if refusal else upload.cleared()
        await store.save(upload)
        await (self._quotas.release if refusal else self._quotas.settle)(uow, upload)
        note(uow, "refused" if refusal else "cleared", upload)
        return upload

    async def join(self, upload: Upload) -> DomainError | None:
        """Make its parts one object; what stands against it, unless another completion was faster
        and everything is done already."""
        try:
            arrival = await self._arrivals.of(upload)
            if arrival.missing:
                return _incomplete(arrival)
            if upload.multipart_id is not None and not arrival.joined:
                await self._objects.complete_multipart(
                    upload.object_key, upload.multipart_id, arrival.parts
                )
        except UploadClosed as closed:
            return closed
        except (UploadMissing, PartsRejected):
            if not await self._arrivals.is_whole(upload):
                return _incomplete(arrival)
        return None


async def discard(objects: ObjectStore, upload: Upload) -> None:
    """Drop whatever the store has of an upload that came to nothing; nothing is fine."""
    if upload.multipart_id is not None:
        await objects.abort_multipart(upload.object_key, upload.multipart_id)
    await objects.delete(upload.object_key)


def _admit(caller: Principal, path: str | None) -> None:
    """Whoever has one of the roles somewhere uploads for themselves; for an organisation, whoever
    has one right there. Raises `Forbidden`."""
    UPLOAD.admit(caller, None)
    if path is not None and path not in UPLOAD.admitted_paths(caller):
        raise Forbidden(
            "You have no role at that organisation: name one of yours, or none.",
            zh="您在该机构没有相应角色，请填写您所在的机构或留空。",
        )


def _incomplete(arrival: Arrival) -> UploadIncomplete:
    missing = [each.number for each in arrival.missing]
    detail = "Send the parts that are missing, then complete it again."
    detail_zh = "请补传缺少的分片，然后重新完成上传。"
    if arrival.uncertain:
        detail += " Wait a second before you send those that are uncertain."
        detail_zh += "其中 uncertain 所列分片请间隔一秒后再传。"
    return UploadIncomplete(
        detail,
        zh=detail_zh,
        missing=missing[:_NAMED],
        missing_count=len(missing),
        wrong=[{"number": part.number, "size": part.size} for part in arrival.wrong[:_NAMED]],
        uncertain=list(arrival.uncertain[:_NAMED]),
    )


def note(uow: UnitOfWork, what: str, upload: Upload) -> None:
    """Audit what became of it."""
    uow.audit.record(
        f"upload.{what}",
        str(upload.id),
        organisation=upload.organisation_path,
        after={"state": upload.state, "version": upload.version},
        sha256=upload.sha256.hex(),
        size=upload.size,
    )


def completed_fact(upload: Upload) -> UploadCompleted:
    return UploadCompleted(
        upload_id=upload.id,
        owner=upload.owner,
        organisation_path=upload.organisation_path,
        media_type=upload.media_type,
        size=upload.size,
        sha256=upload.sha256.hex(),
    )
