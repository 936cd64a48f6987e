"""What of an upload has arrived, and where the rest goes: asked of the object store each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from services.catalog.domain.uploads import Arrival, Slot, State, Upload, UploadClosed
from shared.clock import Clock
from shared.errors import NotFound
from shared.principal import Principal
from shared.storage import ObjectStore, UploadMissing

ADDRESSES = 100
"""At most so many part addresses in one answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``address_life`` is that of a presigned address, ``upload_life`` that of an open upload."""

    largest: int
    upload_life: timedelta
    address_life: timedelta


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bytes of `slot` are PUT."""

    slot: Slot
    url: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Good for PUTs that begin before ``until``."""

    upload: Upload
    items: Sequence[Address]
    until: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the inspection is: its step, and percent. ``facts`` are those of the clean file; of
    one that was there already, they are all."""

    inspection_id: UUID | None
    step: str
    percent: int
    facts: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Status:
    """An upload with, while it is open, what arrived of it and where the first of what is missing
    goes; then with the progress of its inspection."""

    upload: Upload
    arrival: Arrival | None = None
    addresses: Addresses | None = None
    progress: Progress | None = None


class Arrivals:
    """Gives out addresses too, which are signed here and good without anybody being asked."""

    def __init__(self, objects: ObjectStore, limits: Limits, clock: Clock) -> None:
        self._objects = objects
        self._limits = limits
        self._clock = clock

    async def of(self, upload: Upload) -> Arrival:
        """What the store has of an open upload. Raises `UploadClosed` when it knows it no more."""
        if upload.multipart_id is None:
            whole = await self.is_whole(upload)
            return Arrival((), () if whole else upload.slots(1, 1), (), joined=whole)
        try:
            parts = await self._objects.list_parts(upload.object_key, upload.multipart_id)
        except UploadMissing:
            if await self.is_whole(upload):
                return Arrival((), (), (), joined=True)
            raise UploadClosed(
                "The object store no longer has its parts: begin another.",
                zh="存储中已没有该上传的分片，请重新开始上传。",
                state=upload.state,
            ) from None
        return upload.arrival(parts)

    async def is_whole(self, upload: Upload) -> bool:
        """Whether its bytes stand there as one object."""
        found = await self._objects.head(upload.object_key)
        return found is not None and found.size == upload.size

    def status(self, upload: Upload, arrival: Arrival) -> Status:
        """With addresses for the first parts that are missing."""
        if upload.state is not State.OPEN:
            return Status(upload)
        return Status(upload, arrival, self.addresses(upload, arrival.missing[:ADDRESSES]))

    def addresses(
        self, upload: Upload, slots: Sequence[Slot], digests: Sequence[str] = ()
    ) -> Addresses:
        """Bound to `digests` where there are any: SHA-256 in hex, one for each of `slots`."""
        until = self._clock() + self._limits.address_life
        bound = zip_longest(slots, digests[: len(slots)])
        items = [Address(slot, self._url(upload, slot, digest)) for slot, digest in bound]
        return Addresses(upload, items, until)

    def _url(self, upload: Upload, slot: Slot, digest: str | None) -> str:
        life = self._limits.address_life
        if upload.multipart_id is None:
            return self._objects.presign_put(
                upload.object_key, expires=life, sha256=upload.sha256.hex(), length=slot.length
            )
        return self._objects.presign_part(
            upload.object_key,
            upload.multipart_id,
            slot.number,
            expires=life,
            sha256=digest,
            length=slot.length,
        )


def own(caller: Principal, upload: Upload | None) -> Upload:
    """The caller's own. Raises `NotFound`."""
    if upload is None or upload.owner != caller.subject:
        raise NotFound("You have no upload with that id.", zh="您没有这个上传。")
    return upload
