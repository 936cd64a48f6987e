"""Completing an upload by a short way: every upload goes it, and people wait for the answer."""

from typing import Protocol
from uuid import UUID

from services.catalog.application.uploads import Uploads, completed_fact
from services.catalog.application.uploads_arrivals import Status, own
from services.catalog.domain.uploads import State, Upload
from services.catalog.domain.uploads_events import UploadCompleted
from shared.clock import Clock
from shared.principal import Principal


class UploadReader(Protocol):
    async def get(self, upload_id: UUID) -> Upload | None: ...


class CompletionStore(Protocol):
    async def keep(self, status: Status, event: UploadCompleted) -> bool:
        """In a transaction of its own: save the upload in `status`, which was open a version
        before, queue its inspection, audit, tell, and keep the answer to the Idempotency-Key in
        hand. False, and nothing is done, when it is not that any more or the key is taken."""
        ...


class Completions:
    """Whatever is out of the ordinary goes the long way, which `uploads` knows."""

    def __init__(
        self, uploads: Uploads, reader: UploadReader, store: CompletionStore, clock: Clock
    ) -> None:
        self._uploads = uploads
        self._reader = reader
        self._store = store
        self._clock = clock

    async def complete(self, caller: Principal, upload_id: UUID) -> Status:
        """As `Uploads.complete`."""
        upload = own(caller, await self._reader.get(upload_id))
        if upload.state is State.OPEN and await self._uploads.join(upload) is None:
            status = Status(upload.completed(self._clock()))
            if await self._store.keep(status, completed_fact(status.upload)):
                return status
        return await self._uploads.complete(caller, upload_id)
