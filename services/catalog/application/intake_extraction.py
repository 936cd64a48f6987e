"""Files of an archive become uploads of their own, sent by this worker as any client would: they
count against the same quotas, go through the same inspection, and a broken one is taken up again.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import BinaryIO
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.intake_ports import Archive, IntakeWorkStore, Put
from services.catalog.application.uploads import UPLOAD, Uploads, UploadStore
from services.catalog.application.uploads_arrivals import Arrivals, Limits, Status
from services.catalog.application.uploads_claims import check
from services.catalog.domain.files import Refusal
from services.catalog.domain.intake import Defect, Intake, IntakeFile, Reason, UnreadableTable
from services.catalog.domain.uploads import (
    Announcement,
    QuotaExceeded,
    State,
    UploadDefective,
)
from services.catalog.inspection.formats import FORMATS
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.principal import Principal
from shared.storage import ObjectStore

_CHUNK_BYTES = 1 << 20
_BY_ITSELF = "nested-archive"
_TYPES = {one: each.media_type for each in FORMATS.values() for one in sorted(each.extensions)}


class Extraction:
    """``objects`` signs addresses at which this process reaches the store."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], IntakeWorkStore],
        upload_store: Callable[[AsyncConnection], UploadStore],
        uploads: Uploads,
        objects: ObjectStore,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._upload_store = upload_store
        self._uploads = uploads
        self._limits = limits
        self._arrivals = Arrivals(objects, limits, clock)

    async def take(
        self,
        caller: Principal,
        intake: Intake,
        archive: Archive,
        name: str,
        put: Put,
        refused: Sequence[Refusal],
    ) -> IntakeFile:
        """The file `name` of the archive as an upload; of a dry run, what would become of it, as
        far as the archive's own inspection tells: the reasons for which it was `refused`.

        Raises `Unavailable`.
        """
        try:
            size, sha256 = await asyncio.to_thread(_measure, archive, name)
        except UnreadableTable as damaged:
            return IntakeFile(name, b"", fault=_fault(Reason.REFUSED, name, str(damaged)))
        filename = name.rpartition("/")[2]
        announced = Announcement(
            filename=filename,
            media_type=_TYPES.get(filename.rpartition(".")[2].lower(), "application/octet-stream"),
            size=size,
            sha256=sha256,
            organisation_path=_place(caller, intake),
        )
        try:
            check(announced, self._limits.largest)
            upload_id = None
            if intake.dry_run and (reasons := _about(name, refused)):
                told = " ".join(worded(r["detail"], r.get("detail_zh", "")) for r in reasons)
                return IntakeFile(name, sha256, fault=_fault(Reason.REFUSED, name, told))
            if not intake.dry_run:
                upload_id = await self._sent(caller, intake, announced, archive, name, put)
        except UploadDefective as defective:
            told = " ".join(each["detail"] for each in defective.members["errors"])
            return IntakeFile(name, sha256, fault=_fault(Reason.REFUSED, name, told))
        except QuotaExceeded as full:
            told = worded(full.detail, full.detail_zh)
            return IntakeFile(name, sha256, fault=_fault(Reason.NO_ROOM, name, told))
        return IntakeFile(name, sha256, upload_id)

    async def _sent(
        self,
        caller: Principal,
        intake: Intake,
        announced: Announcement,
        archive: Archive,
        name: str,
        put: Put,
    ) -> UUID:
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            begun = await store.sent(intake, announced.sha256, announced.filename)
            upload = await self._upload_store(uow.connection).get(begun) if begun else None
        if upload is None:
            status = await self._uploads.announce(caller, announced)
        elif upload.state is State.OPEN:
            status = self._arrivals.status(upload, await self._arrivals.of(upload))
        else:
            status = Status(upload)
        if status.upload.state is State.OPEN:
            await self._send(status, archive, name, put)
            await self._uploads.complete(caller, status.upload.id)
        return status.upload.id

    async def _send(self, status: Status, archive: Archive, name: str, put: Put) -> None:
        """Every part that is missing, in the order of the file."""
        upload = status.upload
        slots = status.arrival.missing if status.arrival else ()
        with archive.reading(name) as source:
            at = 0
            for slot in slots:
                (address,) = self._arrivals.addresses(upload, [slot]).items
                content = await asyncio.to_thread(_slice, source, slot.offset - at, slot.length)
                await put(address.url, content)
                at = slot.offset + slot.length


def _about(name: str, refused: Sequence[Refusal]) -> list[Refusal]:
    """The reasons that name the entry, or something in it. An archive that must not stand in
    another may be uploaded by itself."""
    return [
        each
        for each in refused
        if (each["where"] == name[:300] and each["code"] != _BY_ITSELF)
        or each["where"].startswith(f"{name}/")
    ]


def _measure(archive: Archive, name: str) -> tuple[int, bytes]:
    """Size in bytes, and the raw SHA-256."""
    digest, size = hashlib.sha256(), 0
    with archive.reading(name) as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.digest()


def _slice(source: BinaryIO, skip: int, length: int) -> bytes:
    while skip > 0:
        skip -= len(source.read(min(skip, _CHUNK_BYTES))) or skip
    pieces = []
    while length > 0 and (piece := source.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _place(caller: Principal, intake: Intake) -> str | None:
    """The intake's organisation, where the caller may upload for it; else the files are the
    caller's own."""
    path = intake.organisation_path
    return path if path in UPLOAD.admitted_paths(caller) else None


def _fault(reason: Reason, name: str, detail: str) -> Defect:
    return Defect(None, reason, f"{name[:200]}: {detail}")
