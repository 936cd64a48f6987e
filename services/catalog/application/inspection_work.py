"""Carrying inspections out (执行检查): take one, read its object once, have it examined, settle it.

A worker may be killed between any two statements here. What it held is taken again when its lease
ends, and every step may be repeated: objects are written under names that their content decides,
and the one transaction that settles an upload asks first whether the job is still this worker's.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.inspection_codes import Hashing, Read, likeness
from services.catalog.application.inspection_ports import (
    Antivirus,
    Examination,
    Examiner,
    FileStore,
    Made,
    Settle,
    Told,
    UploadStore,
)
from services.catalog.application.inspection_pulse import Pulse
from services.catalog.application.inspections import InspectionStore
from services.catalog.domain.codes import Likeness
from services.catalog.domain.files import Refusal, derived_key, key_of
from services.catalog.domain.inspection import MAX_ATTEMPTS, Derivative, Job, State
from services.catalog.domain.inspection_events import UploadInspected
from services.catalog.domain.leases import LEASE, RENEWED
from services.catalog.domain.uploads import State as UploadState
from services.catalog.domain.uploads import Upload, incoming_key
from services.catalog.inspection.report import OF_THE_UPLOAD, found
from shared.clock import Clock
from shared.context import RequestContext, enter
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.storage import ObjectMissing, ObjectStore

POLL_SECONDS = 0.5
TELL_SECONDS = 1.0
TURN_SECONDS = 60.0
"""By then the queue was asked for work again, also by a busy machine."""
PUTS_AT_ONCE = 4

log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker has the job now."""


class Worker:
    """``hands`` files are looked at side by side, while as many others are read and stored.
    ``directory`` is where they lie meanwhile. One that gets no further for ``step_seconds`` hangs,
    which `pulse` tells."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], InspectionStore],
        files: Callable[[AsyncConnection], FileStore],
        uploads: Callable[[AsyncConnection], UploadStore],
        settle: Settle,
        objects: ObjectStore,
        examine: Examiner,
        antivirus: Antivirus | None,
        clock: Clock,
        pulse: Pulse,
        *,
        directory: Path | None,
        hands: int,
        step_seconds: float,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._files = files
        self._uploads = uploads
        self._settle_upload = settle
        self._objects = objects
        self._examine = examine
        self._antivirus = antivirus
        self._clock = clock
        self._pulse = pulse
        self._step_seconds = step_seconds
        self._directory = directory
        self._most = 2 * hands
        self._looking = asyncio.Semaphore(hands)

    async def run(self, *, idle_seconds: float) -> None:
        """Inspect until nothing was to be done for so long, or cancelled; what is under way then
        is given back. Raises `Unavailable` without PostgreSQL."""
        enter(RequestContext(actor="system"))
        under_way: set[asyncio.Task[None]] = set()
        idle_since = asyncio.get_running_loop().time()
        try:
            while True:
                self._pulse.beat("inspections", within=TURN_SECONDS)
                job = await self._take() if len(under_way) < self._most else None
                now = asyncio.get_running_loop().time()
                if job is not None:
                    under_way.add(asyncio.create_task(self._work(job)))
                elif under_way:
                    _, under_way = await asyncio.wait(
                        under_way, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                elif now - idle_since > idle_seconds:
                    return
                else:
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                idle_since = now
        finally:
            for each in under_way:
                each.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def step(self) -> bool:
        """Inspect what has waited longest; whether there was anything."""
        job = await self._take()
        if job is not None:
            await self._work(job)
        return job is not None

    async def _take(self) -> Job | None:
        async with self._new_uow() as uow:
            return await uow.commit(await self._store(uow.connection).take(uuid4(), LEASE))

    async def _work(self, job: Job) -> None:
        """Whatever happens, the job is finished, given back, or another's."""
        try:
            async with self._renewing(job) as told:
                await self._inspect(job, told)
        except LeaseLost:
            log.warning("another worker took the inspection", inspection=str(job.id))
        except (Unavailable, OSError) as error:
            log.warning("inspection postponed", inspection=str(job.id), error=repr(error))
            await self._give_back(job, job.pause, outage=True)
        except asyncio.CancelledError:
            await self._give_back(job, timedelta(0), outage=True)
            raise
        except Exception:
            log.exception("inspection failed", inspection=str(job.id), attempts=job.attempts)
            await self._give_back(job, job.pause, outage=False)

    async def _give_back(self, job: Job, pause: timedelta, *, outage: bool) -> None:
        """At the latest when its lease ends, if PostgreSQL is away as well."""
        with suppress(Unavailable):
            async with self._new_uow() as uow:
                await self._store(uow.connection).postpone(job, pause, outage=outage)
                await uow.commit()

    @asynccontextmanager
    async def _renewing(self, job: Job) -> AsyncIterator[Told]:
        """Keeps the lease and tells the progress within the block, which is cancelled, and
        `LeaseLost` raised, when the job is another's."""
        told, lost = Told(), False
        block = asyncio.current_task()
        name = f"inspection {job.id}"

        async def renew() -> None:
            nonlocal lost
            loop = asyncio.get_running_loop()
            seen = last = ("", -1)
            fresh = loop.time()
            while True:
                await asyncio.sleep(TELL_SECONDS)
                now = (told.step, told.progress)
                if now != seen:
                    seen = now
                    self._pulse.beat(name, within=self._step_seconds)
                if now == last and loop.time() - fresh < RENEWED.total_seconds():
                    continue
                with suppress(Unavailable):
                    async with self._new_uow() as uow:
                        kept = await self._store(uow.connection).renew(job, LEASE, *now)
                        await uow.commit()
                    last, fresh = now, loop.time()
                    if not kept and block is not None:
                        lost = True
                        block.cancel()
                        return

        renewing = asyncio.create_task(renew())
        try:
            with self._pulse.watching(name):
                yield told
        except asyncio.CancelledError:
            if lost and block is not None:
                block.uncancel()
                raise LeaseLost from None
            raise
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _inspect(self, job: Job, told: Told) -> None:
        async with self._new_uow() as uow:
            upload = await self._uploads(uow.connection).get(job.upload_id)
        state = State.DONE
        if upload is not None and upload.state is UploadState.COMPLETED:
            if job.attempts > MAX_ATTEMPTS:
                state = State.FAILED
                given_up = Examination(None, [found("unreadable")], fault="too many attempts")
                await self._settle(job, upload, None, given_up, [])
            else:
                await self._read_and_settle(job, upload, told)
        told.step, told.progress = "tidying", 99
        async with self._new_uow() as uow:
            settled = await self._uploads(uow.connection).get(job.upload_id)
        # An intake may still take good files out of such an archive; later it is swept.
        if settled is None or not settled.is_refused_for_members:
            await self._objects.delete(incoming_key(job.upload_id))
        async with self._new_uow() as uow:
            await self._store(uow.connection).finish(job, state)
            await uow.commit()

    async def _read_and_settle(self, job: Job, upload: Upload, told: Told) -> None:
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="inspection-") as name:
            path, work = Path(name) / "file", Path(name) / "made"
            work.mkdir()
            read = await self._fetch(upload, path, told)
            if read is None:
                examined = Examination(None, [found("damaged")])
            elif differing := _differing(upload, read):
                examined = Examination(None, differing)
            else:
                examined = await self._look(upload, path, work, told)
            kept, like = list[Derivative](), None
            if read is not None and not examined.findings:
                told.step, told.progress = "storing", 80
                kept = await self._keep(upload, read, examined, told)
                like = await asyncio.to_thread(likeness, read, examined)
            await self._settle(job, upload, read, examined, kept, like)

    async def _fetch(self, upload: Upload, path: Path, told: Told) -> Read | None:
        """The object, once, into a file; None if there is none."""
        hashing, size = Hashing(), 0

        def take(chunk: bytes, file: BinaryIO) -> None:
            hashing.take(chunk)
            file.write(chunk)

        try:
            with path.open("wb") as file:
                async for chunk in self._objects.stream(upload.object_key):
                    await asyncio.to_thread(take, chunk, file)
                    size += len(chunk)
                    if size > upload.size:
                        break
                    told.progress = 40 * size // max(upload.size, 1)
        except ObjectMissing:
            return None
        return hashing.read()

    async def _look(self, upload: Upload, path: Path, work: Path, told: Told) -> Examination:
        told.step = "examining"
        virus = await self._antivirus(path) if self._antivirus else None
        if virus is not None:
            return Examination(None, [found("malware", virus)])
        async with self._looking:
            return await self._examine(path, upload.filename, upload.media_type, work, told)

    async def _keep(
        self, upload: Upload, read: Read, examined: Examination, told: Told
    ) -> list[Derivative]:
        """Put the file and what was made of it where others will find them, its row first."""
        async with self._new_uow() as uow:
            files = self._files(uow.connection)
            await files.ensure(read.sha256, read.size, self._clock())
            damaged = await files.is_damaged(read.sha256)
            await uow.commit()
        kept: list[Derivative] = []
        for begin in range(0, len(examined.made), PUTS_AT_ONCE):
            some = examined.made[begin : begin + PUTS_AT_ONCE]
            kept += await asyncio.gather(*(self._put(read, each) for each in some))
            told.progress = 80 + 15 * len(kept) // len(examined.made)
        target = key_of(read.sha256)
        there = None if damaged else await self._objects.head(target)
        if there is None or there.size != read.size:
            await self._objects.copy(upload.object_key, target)
        return kept

    async def _put(self, read: Read, made: Made) -> Derivative:
        content = await asyncio.to_thread(made.content.read_bytes)
        key = derived_key(read.sha256, made.kind, made.number)
        await self._objects.put(key, content, made.media_type)
        shape = made.width, made.height
        return Derivative(made.kind, made.number, key, made.media_type, *shape, len(content))

    async def _settle(
        self,
        job: Job,
        upload: Upload,
        read: Read | None,
        examined: Examination,
        kept: list[Derivative],
        like: Likeness | None = None,
    ) -> None:
        """The verdict, in one transaction: file, derivatives, upload, report, event."""
        now, findings = self._clock(), examined.findings
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            if not await store.hold(job):
                raise LeaseLost
            if read is not None:
                await self._mark(uow, read, examined, kept, like, now)
            await self._settle_upload(uow, upload.id, findings)
            await store.report(job, read.sha256 if read else None, _report(read, examined))
            uow.outbox.append(
                UploadInspected(
                    upload_id=upload.id,
                    owner=upload.owner,
                    organisation_path=upload.organisation_path,
                    sha256=read.sha256.hex() if read else None,
                    media_type=examined.media_type,
                    reasons=sorted({each["code"] for each in findings}),
                )
            )
            await uow.commit()

    async def _mark(
        self,
        uow: UnitOfWork,
        read: Read,
        examined: Examination,
        kept: list[Derivative],
        like: Likeness | None,
        now: datetime,
    ) -> None:
        """What is wrong with the name or the claim alone says nothing of the bytes."""
        files = self._files(uow.connection)
        of_the_bytes = [each for each in examined.findings if each["code"] not in OF_THE_UPLOAD]
        if of_the_bytes:
            await files.ensure(read.sha256, read.size, now)
            await files.mark_refused(
                read.sha256,
                sm3=read.sm3,
                media_type=examined.media_type,
                refusal=of_the_bytes,
                at=now,
            )
        elif not examined.findings and examined.media_type is not None:
            text = next((each.object_key for each in kept if each.kind == "text"), None)
            await files.mark_clean(
                read.sha256,
                sm3=read.sm3,
                media_type=examined.media_type,
                facts=examined.facts,
                text_key=text,
                at=now,
            )
            await files.repaired(read.sha256)
            store = self._store(uow.connection)
            await store.keep_derivatives(read.sha256, kept)
            if like is not None:
                await store.keep_likeness(read.sha256, like)


def _differing(upload: Upload, read: Read) -> list[Refusal]:
    if read.size != upload.size:
        return [found("size-mismatch")]
    return [] if read.sha256 == upload.sha256 else [found("digest-mismatch")]


def _report(read: Read | None, examined: Examination) -> dict[str, Any]:
    return {
        "findings": list(examined.findings),
        "media_type": examined.media_type,
        "facts": dict(examined.facts),
        "size": read.size if read else None,
        "sm3": read.sm3.hex() if read else None,
        "fault": examined.fault,
    }
