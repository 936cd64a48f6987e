"""The scrubber: reads stored files again, slowly, and compares their digests.

A store may lose or alter bytes it once acknowledged; nobody notices until somebody needs them. What
is found is kept, counted, logged, and told to whoever administers a province.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.files import File
from services.catalog.domain.scrubbing import Finding, Kind, Round
from shared.access import Role, Rule
from shared.database import UnitOfWork
from shared.errors import Forbidden
from shared.principal import Principal
from shared.storage import ObjectMissing, ObjectStore, ObjectStoreUnavailable

READ = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))

ROUND_EVERY = timedelta(days=1)
"""A round begins no sooner after the one before it began."""

IDLE_SECONDS = 60.0
_HOLD = timedelta(minutes=1)
_AT_FULL_SPEED = 0
_MOST_TOLD = 1000

SCRUBBED = Counter("shuyuan_scrubbed_bytes", "Bytes of stored files that were read again")
FINDINGS = Counter("shuyuan_scrub_findings", "Files found missing, altered or unreadable", ["kind"])

log = structlog.get_logger(__name__)


class ScrubStore(Protocol):
    async def claim(self, every: timedelta, hold: timedelta) -> Round | None:
        """The round under way, or a new one `every` so often, for `hold` in nobody else's hands;
        None while it is in another's, or none is due."""
        ...

    async def hold(self, round_: Round, hold: timedelta) -> None: ...

    async def advance(self, round_: Round, file: File) -> None:
        """`file` was read; whoever comes may go on."""
        ...

    async def finish(self, round_: Round) -> None: ...

    async def find(self, file: File, kind: Kind, found_sha256: bytes | None) -> None: ...

    async def resolve(self, file: File) -> None:
        """Close what was found of `file`, if anything was."""
        ...

    async def findings(self, limit: int, before: int | None, *, all_: bool) -> Sequence[Finding]:
        """The newest first; without `all_`, open ones alone."""
        ...


class StoredFiles(Protocol):
    async def get(self, sha256: bytes) -> File | None: ...

    async def clean_after(self, sha256: bytes) -> File | None:
        """The clean file with the next greater digest."""
        ...


class Scrubber:
    """``bytes_per_second`` bounds what the background task reads."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ScrubStore],
        files: Callable[[AsyncConnection], StoredFiles],
        objects: ObjectStore,
        bytes_per_second: int,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._files = files
        self._objects = objects
        self._bytes_per_second = bytes_per_second

    async def run(self) -> None:
        """Read one round after another until cancelled."""
        while True:
            if not await self.step():
                await asyncio.sleep(IDLE_SECONDS)

    async def step(self) -> bool:
        """Read the next file of the round; whether there was one."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            round_ = await store.claim(ROUND_EVERY, _HOLD)
            if round_ is None:
                return False
            file = await self._files(uow.connection).clean_after(round_.position)
            if file is None:
                await store.finish(round_)
                log.info("every file was read again", files=round_.files, bytes=round_.bytes)
            else:
                seconds = 2 * file.size / self._bytes_per_second
                await store.hold(round_, _HOLD + timedelta(seconds=seconds))
            await uow.commit()
        if file is None:
            return False
        await self._examine(file, self._bytes_per_second, round_)
        return True

    async def recheck(self) -> tuple[int, Sequence[Finding]]:
        """Read those files again of which something was found; how many, and what is left."""
        read = 0
        for finding in await self._open():
            async with self._new_uow() as uow:
                file = await self._files(uow.connection).get(finding.sha256)
            if file is not None:
                await self._examine(file, _AT_FULL_SPEED)
                read += 1
        return read, await self._open()

    async def check_all(self) -> tuple[int, Sequence[Finding]]:
        """Read every clean file at full speed; how many, and what is open."""
        read, position = 0, b""
        while True:
            async with self._new_uow() as uow:
                file = await self._files(uow.connection).clean_after(position)
            if file is None:
                return read, await self._open()
            await self._examine(file, _AT_FULL_SPEED)
            read, position = read + 1, file.sha256

    async def findings(
        self, caller: Principal, limit: int, before: int | None, *, all_: bool
    ) -> Sequence[Finding]:
        """Files belong to no organisation: whoever administers a province sees them. Raises
        `Forbidden`."""
        if not any("." not in path for path in READ.admitted_paths(caller)):
            raise Forbidden(
                "This asks for an administrator of the province.", zh="需要省级管理员权限。"
            )
        async with self._new_uow() as uow:
            return await self._store(uow.connection).findings(limit, before, all_=all_)

    async def _open(self) -> Sequence[Finding]:
        async with self._new_uow() as uow:
            return await self._store(uow.connection).findings(_MOST_TOLD, None, all_=False)

    async def _examine(self, file: File, rate: int, round_: Round | None = None) -> None:
        found, kind = None, Kind.MISMATCH
        try:
            found = await self._digest(file.object_key, rate)
        except ObjectMissing:
            kind = Kind.MISSING
        except ObjectStoreUnavailable:
            await self._objects.ready()  # raises where not this file, but the whole store is away
            kind = Kind.UNREADABLE
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            if found == file.sha256:
                await store.resolve(file)
            else:
                await store.find(file, kind, found)
                FINDINGS.labels(kind).inc()
                log.error("a stored file is not what it was", kind=kind, key=file.object_key)
            if round_ is not None:
                await store.advance(round_, file)
            await uow.commit()

    async def _digest(self, key: str, rate: int) -> bytes:
        digest, read, began = hashlib.sha256(), 0, time.monotonic()
        async for piece in self._objects.stream(key):
            await asyncio.to_thread(digest.update, piece)
            SCRUBBED.inc(len(piece))
            read += len(piece)
            if rate:
                await asyncio.sleep(began + read / rate - time.monotonic())
        return digest.digest()
