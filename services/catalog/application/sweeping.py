"""The sweeper: what was begun and never finished goes, and what nobody knows of.

Rows change first, objects after: a kill between leaves an object without a row, which a later pass
takes away, never a row that promises bytes that are gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.uploads import UploadStore, discard, note
from services.catalog.application.uploads_quotas import Quotas
from services.catalog.domain.files import DERIVED, FILES, INCOMING
from services.catalog.domain.uploads import State
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.storage import ObjectStore

GRACE = timedelta(hours=24)
"""So long an object may be without a row: it may be on its way to one."""

PASS_SECONDS = 300.0
SHELVES = 256
"""Files stand on shelves by the first byte of their digest. A pass looks at one of them."""

_BATCH = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many went: open uploads, what they left, parts of nothing, files of nobody and what was
    made from such."""

    uploads: int
    incoming: int
    multiparts: int
    files: int


NOTHING = Swept(0, 0, 0, 0)


class SweptUploads(UploadStore, Protocol):
    async def overdue(self, now: datetime, limit: int) -> Sequence[UUID]:
        """Open uploads that expired."""
        ...

    async def under_way(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` in the object store at which an upload is open or being inspected."""
        ...


class SweptFiles(Protocol):
    async def known(self, digests: Collection[bytes]) -> set[bytes]: ...

    async def is_unknown(self, sha256: bytes) -> bool:
        """Whether it has no row; none can be made until the transaction ends."""
        ...


class Sweeper:
    """``alone`` opens a block in which no other replica sweeps, or gives False."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        uploads: Callable[[AsyncConnection], SweptUploads],
        files: Callable[[AsyncConnection], SweptFiles],
        quotas: Quotas,
        objects: ObjectStore,
        clock: Clock,
        alone: Callable[[], AbstractAsyncContextManager[bool]],
    ) -> None:
        self._new_uow = new_uow
        self._uploads = uploads
        self._files = files
        self._quotas = quotas
        self._objects = objects
        self._clock = clock
        self._alone = alone

    async def run(self) -> None:
        """Sweep every five minutes until cancelled; every shelf is looked at within a day."""
        while True:
            shelf = int(self._clock().timestamp() // PASS_SECONDS) % SHELVES
            async with self._alone() as alone:
                if alone and (swept := await self.sweep([shelf])) != NOTHING:
                    log.info("swept", **asdict(swept))
            await asyncio.sleep(PASS_SECONDS)

    async def sweep(self, shelves: Iterable[int] = range(SHELVES)) -> Swept:
        """One pass. Done twice at once, each thing still goes once."""
        uploads = await self._expire()
        incoming = await self._sweep_incoming()
        multiparts = await self._sweep_multiparts()
        files = sum([await self._sweep_shelf(shelf) for shelf in shelves])
        return Swept(uploads, incoming, multiparts, files)

    async def _expire(self) -> int:
        expired = 0
        while True:
            async with self._new_uow() as uow:
                overdue = await self._uploads(uow.connection).overdue(self._clock(), _BATCH)
            for upload_id in overdue:
                expired += await self._expire_one(upload_id)
            if len(overdue) < _BATCH:
                return expired

    async def _expire_one(self, upload_id: UUID) -> bool:
        async with self._new_uow() as uow:
            store = self._uploads(uow.connection)
            upload = await store.locked(upload_id)
            if upload is None or upload.state is not State.OPEN:
                return False
            upload = upload.expired()
            await store.save(upload)
            await self._quotas.release(uow, upload)
            note(uow, "expired", upload)
            await uow.commit()
        await discard(self._objects, upload)
        return True

    async def _sweep_incoming(self) -> int:
        swept = 0
        async for keys in self._old(INCOMING):
            async with self._new_uow() as uow:
                kept = await self._uploads(uow.connection).under_way(keys)
            for key in keys:
                if key not in kept:
                    await self._objects.delete(key)
                    swept += 1
        return swept

    async def _sweep_multiparts(self) -> int:
        before = self._clock() - GRACE
        found = await self._objects.list_multiparts(INCOMING)
        old = [each for each in found if each.begun_at < before]
        async with self._new_uow() as uow:
            kept = await self._uploads(uow.connection).under_way([each.key for each in old])
        forgotten = [each for each in old if each.key not in kept]
        for each in forgotten:
            await self._objects.abort_multipart(each.key, each.upload_id)
        return len(forgotten)

    async def _sweep_shelf(self, shelf: int) -> int:
        """Files without a row, and what was made from files without one."""
        swept = 0
        for place in (FILES, DERIVED):
            async for keys in self._old(f"{place}{shelf:02x}/"):
                digests = {key: bytes.fromhex(key.split("/")[2]) for key in keys}
                async with self._new_uow() as uow:
                    known = await self._files(uow.connection).known(set(digests.values()))
                for key, digest in digests.items():
                    if digest not in known:
                        swept += await self._sweep_of(digest, key)
        return swept

    async def _sweep_of(self, digest: bytes, key: str) -> bool:
        async with self._new_uow() as uow:
            if not await self._files(uow.connection).is_unknown(digest):
                return False
            await self._objects.delete(key)
        return True

    async def _old(self, prefix: str) -> AsyncIterator[list[str]]:
        """Keys of objects past the grace, in batches."""
        before, batch = self._clock() - GRACE, list[str]()
        async for each in self._objects.list(prefix):
            if each.last_modified < before:
                batch.append(each.key)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
