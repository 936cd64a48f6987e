"""How uploads look to their owners. Nothing changes here."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from services.catalog.application.uploads import UPLOAD
from services.catalog.application.uploads_arrivals import (
    ADDRESSES,
    Addresses,
    Arrivals,
    Limits,
    Progress,
    Status,
    own,
)
from services.catalog.application.uploads_quotas import Quota, Quotas
from services.catalog.domain.uploads import HELD, State, Upload, UploadClosed
from shared.access import Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.principal import Principal
from shared.storage import ObjectStore

READ = Rule("catalog.read")


class UploadReads(Protocol):
    """Outside any unit of work."""

    async def get(self, upload_id: UUID) -> Upload | None: ...

    async def page(
        self, owner: str, state: State | None, limit: int, before: UUID | None
    ) -> Sequence[Upload]:
        """The newest first."""
        ...

    async def progress(self, upload_id: UUID) -> Progress | None: ...


class UploadViews:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        reads: UploadReads,
        quotas: Quotas,
        objects: ObjectStore,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._reads = reads
        self._quotas = quotas
        self._objects = objects
        self._limits = limits
        self._clock = clock
        self._arrivals = Arrivals(objects, limits, clock)

    async def limits(self, caller: Principal | None) -> tuple[Limits, Sequence[Quota]]:
        """What may be uploaded, and how much more the caller may, if there is one."""
        if caller is None:
            return self._limits, []
        async with self._new_uow() as uow:
            paths = UPLOAD.admitted_paths(caller)
            return self._limits, await self._quotas.of(uow, caller.subject, paths)

    async def get(self, caller: Principal, upload_id: UUID) -> Status:
        """The caller's upload, with fresh addresses for what is missing.

        Raises `NotFound`, `UploadClosed`.
        """
        upload = own(caller, await self._reads.get(upload_id))
        if upload.state is not State.OPEN:
            return Status(upload, progress=await self._reads.progress(upload_id))
        return self._arrivals.status(upload, await self._arrivals.of(upload))

    async def addresses(
        self, caller: Principal, upload_id: UUID, first: int, count: int, digests: Sequence[str]
    ) -> Addresses:
        """Fresh addresses of at most `count` parts from number `first` on, arrived or not; with
        `digests`, of so many, each for the bytes with that SHA-256 alone.

        Raises `NotFound`, `UploadClosed`.
        """
        upload = own(caller, await self._reads.get(upload_id))
        if upload.state is not State.OPEN:
            upload.completed(self._clock())
        slots = upload.slots(first, min(len(digests) or count, ADDRESSES))
        return self._arrivals.addresses(upload, slots, digests)

    async def page(
        self, caller: Principal, state: State | None, limit: int, before: UUID | None
    ) -> Sequence[Upload]:
        """At most `limit` of the caller's uploads older than `before`, the newest first."""
        return await self._reads.page(caller.subject, state, limit, before)

    async def content(self, caller: Principal, upload_id: UUID) -> str:
        """An address from which the owner reads the bytes back. Raises `NotFound`,
        `UploadClosed`."""
        upload = own(caller, await self._reads.get(upload_id))
        if upload.state not in HELD:
            raise UploadClosed(
                f"The upload is {upload.state}: there is nothing to read.",
                zh="该上传没有可读取的内容。",
                state=upload.state,
            )
        return self._objects.presign_get(
            upload.object_key,
            expires=self._limits.address_life,
            filename=upload.filename,
            content_type="application/octet-stream",
        )
