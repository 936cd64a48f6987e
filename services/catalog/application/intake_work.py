"""Carrying intakes out (执行批量入库), in the process that inspects: never in the one that serves.

A worker may be killed between any two statements here. What it held is taken again when its lease
ends; the table is staged in one transaction, a file is marked once its upload is complete, and what
a row does is committed with the row's mark.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.intake import note
from services.catalog.application.intake_applying import Applying
from services.catalog.application.intake_columns import DICTIONARIES
from services.catalog.application.intake_extraction import Extraction
from services.catalog.application.intake_ports import (
    Archive,
    IntakeWorkStore,
    OpenArchive,
    ReadTable,
    Sending,
)
from services.catalog.application.intake_rows import (
    FileNames,
    Index,
    Known,
    Line,
    chapter_index,
    lexicon_lookup,
    read_rows,
    resources_named,
    textbooks_named,
)
from services.catalog.application.knowledge import Graph
from services.catalog.application.metadata_terms import Lexicons
from services.catalog.application.uploads import UploadStore
from services.catalog.domain.files import Refusal
from services.catalog.domain.intake import (
    MAX_ATTEMPTS,
    MAX_TABLE_BYTES,
    UNFINISHED,
    Intake,
    Remarks,
    State,
    UnreadableTable,
)
from services.catalog.domain.leases import LEASE, RENEWED
from services.catalog.domain.textbooks import Chapter
from services.catalog.domain.uploads import State as UploadState
from services.catalog.domain.uploads import Upload
from shared.clock import Clock
from shared.context import RequestContext, acting, worded
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.principal import Principal
from shared.storage import ObjectMissing, ObjectStore

POLL_SECONDS = 1.0
_PAUSE = timedelta(seconds=1)
_FAILED_PAUSE = timedelta(seconds=5)
_NAMED = 100

log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker has the intake now, or it was cancelled."""


class Waiting(Exception):
    """Files that it rests on are still inspected."""


class ChapterReader(Protocol):
    async def chapters(
        self, ids: Collection[UUID]
    ) -> Mapping[UUID, tuple[int, Mapping[str, Chapter]]]: ...


class GraphReader(Protocol):
    async def graphs(self, subjects: Collection[str] | None) -> Mapping[str, Graph]: ...


@dataclass(frozen=True, slots=True)
class Stores:
    intakes: Callable[[AsyncConnection], IntakeWorkStore]
    uploads: Callable[[AsyncConnection], UploadStore]
    textbooks: Callable[[AsyncConnection], ChapterReader]
    knowledge: Callable[[AsyncConnection], GraphReader]


@dataclass
class _Desk:
    """What a worker has at hand of an intake while it holds it: the archive, once it is fetched."""

    worker: UUID
    directory: Path
    stack: ExitStack
    archive: Archive | None = None
    refused: Sequence[Refusal] = ()
    """What inspection found wrong in the archive."""


class IntakeWorker:
    """``directory`` is where archives lie meanwhile, the system's own if None."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Stores,
        lexicons: Lexicons,
        extraction: Extraction,
        applying: Applying,
        objects: ObjectStore,
        read_table: ReadTable,
        open_archive: OpenArchive,
        sending: Sending,
        clock: Clock,
        directory: Path | None,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._lexicons = lexicons
        self._extraction = extraction
        self._applying = applying
        self._objects = objects
        self._read_table = read_table
        self._open_archive = open_archive
        self._sending = sending
        self._clock = clock
        self._directory = directory

    async def run(self) -> None:
        """Carry intakes out until cancelled. Raises `Unavailable` without PostgreSQL."""
        while True:
            if not await self.step():
                await asyncio.sleep(POLL_SECONDS)

    async def due(self) -> bool:
        """Whether any intake is unfinished."""
        async with self._new_uow() as uow:
            return await self._stores.intakes(uow.connection).unfinished()

    async def step(self) -> bool:
        """Carry the intake that has waited longest as far as it goes; whether there was one."""
        worker = uuid4()
        async with self._new_uow() as uow:
            taken = self._stores.intakes(uow.connection).take(worker, LEASE)
            intake = await uow.commit(await taken)
        if intake is None:
            return False
        context = RequestContext(
            request_id=intake.request_id,
            language=intake.language,
            actor=intake.owner,
            client=intake.client,
        )
        with acting(context):
            await self._work(intake, worker)
        return True

    async def _work(self, intake: Intake, worker: UUID) -> None:
        """Whatever happens, the intake is over, given back, or another's."""
        try:
            async with self._renewing(intake.id, worker):
                if intake.attempts >= MAX_ATTEMPTS:
                    raise UnreadableTable(
                        worded(
                            "It failed again and again; rows that are done stay done.",
                            "处理时多次出错，已停止；已导入的行仍然有效。",
                        )
                    )
                await self._carry(intake, worker)
        except LeaseLost:
            log.info("the intake is another's, or over", intake=str(intake.id))
        except UnreadableTable as error:
            await self._fail(intake.id, worker, str(error))
        except Waiting:
            await self._release(intake.id, worker, _PAUSE, failed=False)
        except (Unavailable, OSError) as error:
            log.warning("intake postponed", intake=str(intake.id), error=repr(error))
            await self._release(intake.id, worker, _FAILED_PAUSE, failed=False)
        except asyncio.CancelledError:
            await self._release(intake.id, worker, timedelta(0), failed=False)
            raise
        except Exception:
            log.exception("intake failed", intake=str(intake.id), attempts=intake.attempts)
            await self._release(intake.id, worker, _FAILED_PAUSE, failed=True)

    async def _release(
        self, intake_id: UUID, worker: UUID, pause: timedelta, *, failed: bool
    ) -> None:
        """At the latest when its lease ends, if PostgreSQL is away as well."""
        with suppress(Unavailable):
            async with self._new_uow() as uow:
                store = self._stores.intakes(uow.connection)
                await store.release(intake_id, worker, pause, failed=failed)
                await uow.commit()

    @asynccontextmanager
    async def _renewing(self, intake_id: UUID, worker: UUID) -> AsyncIterator[None]:
        """Keeps the lease within the block; whether it was kept, every transaction asks."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(RENEWED.total_seconds())
                with suppress(Unavailable):
                    async with self._new_uow() as uow:
                        await self._stores.intakes(uow.connection).hold(intake_id, worker, LEASE)
                        await uow.commit()

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})

    async def _carry(self, intake: Intake, worker: UUID) -> None:
        with (
            tempfile.TemporaryDirectory(dir=self._directory, prefix="intake-") as name,
            ExitStack() as stack,
        ):
            desk = _Desk(worker, Path(name), stack)
            while intake.state in UNFINISHED:
                match intake.state:
                    case State.RECEIVED:
                        intake = await self._stage(intake, desk)
                    case State.EXTRACTING:
                        intake = await self._extract(intake, desk)
                    case _:
                        intake = await self._apply(intake, desk)

    async def _held(self, uow: UnitOfWork, intake_id: UUID, worker: UUID) -> Intake:
        intake = await self._stores.intakes(uow.connection).hold(intake_id, worker, LEASE)
        if intake is None:
            raise LeaseLost
        return intake

    async def _fail(self, intake_id: UUID, worker: UUID, reason: str) -> None:
        with suppress(LeaseLost):
            async with self._new_uow() as uow:
                intake = await self._held(uow, intake_id, worker)
                failed = intake.after(State.FAILED, self._clock(), failure=reason)
                await self._stores.intakes(uow.connection).save(failed)
                note(uow, "failed", failed)
                await uow.commit()

    async def _stage(self, intake: Intake, desk: _Desk) -> Intake:
        """Read the table, and keep its rows in one transaction."""
        table = await self._clean(intake.table_upload_id)
        if table.size > MAX_TABLE_BYTES:
            raise UnreadableTable(
                worded(
                    f"A table has at most {MAX_TABLE_BYTES} bytes: split it.",
                    f"表格最大 {MAX_TABLE_BYTES >> 20} MiB，请拆分。",
                )
            )
        archive = await self._archive(intake, desk)
        with _missing_is_unreadable():
            content = await self._objects.get(table.object_key)
        lines, ignored = await asyncio.to_thread(self._read_table, content)
        async with self._new_uow() as uow:
            held = await self._held(uow, intake.id, desk.worker)
            store = self._stores.intakes(uow.connection)
            given = await store.given_files(intake.id)
            names = {*given, *(archive.names() if archive else ())}
            known = await self._known(uow.connection, lines, intake, names)
            rows = await asyncio.to_thread(read_rows, lines, intake.defaults, known)
            named = {file.name for row in rows for file in row.files}
            keyless = sum(row.key is None for row in rows)
            remarks = Remarks(ignored, sorted(names - named)[:_NAMED], keyless)
            staged = held.after(State.EXTRACTING, self._clock(), rows=len(rows), remarks=remarks)
            await store.stage(intake.id, rows)
            await store.save(staged)
            return await uow.commit(staged)

    async def _known(
        self,
        connection: AsyncConnection,
        lines: Collection[Line],
        intake: Intake,
        names: Collection[str],
    ) -> Known:
        """What cells may name: a constant number of statements."""
        lexicons = await self._lexicons.lexicons(connection, DICTIONARIES)
        textbooks = textbooks_named(lines, intake.defaults)
        chapters = await self._stores.textbooks(connection).chapters(textbooks)
        graphs = await self._stores.knowledge(connection).graphs(None)
        return Known(
            terms={code: lexicon_lookup(each) for code, each in lexicons.items()},
            files=FileNames(names),
            chapters={id_: chapter_index(own.values()) for id_, (_, own) in chapters.items()},
            points={
                subject: Index((p.code, p.name_zh, p.state) for p in graph.points.values())
                for subject, graph in graphs.items()
            },
            resources=await self._stores.intakes(connection).resources(
                intake.owner, resources_named(lines)
            ),
        )

    async def _extract(self, intake: Intake, desk: _Desk) -> Intake:
        caller = principal(intake)
        async with self._new_uow() as uow:
            wanted = await self._stores.intakes(uow.connection).wanted_files(intake.id)
        if wanted and (archive := await self._archive(intake, desk)) is not None:
            async with self._sending() as put:
                for name in wanted:
                    taken = await self._extraction.take(
                        caller, intake, archive, name, put, desk.refused
                    )
                    async with self._new_uow() as uow:
                        await self._held(uow, intake.id, desk.worker)
                        await self._stores.intakes(uow.connection).add_files(intake.id, [taken])
                        await uow.commit()
        async with self._new_uow() as uow:
            held = await self._held(uow, intake.id, desk.worker)
            extracted = held.after(State.APPLYING, self._clock())
            await self._stores.intakes(uow.connection).save(extracted)
            return await uow.commit(extracted)

    async def _apply(self, intake: Intake, desk: _Desk) -> Intake:
        """One row, with its mark; or the end, when none is left."""
        async with self._new_uow() as uow:
            held = await self._held(uow, intake.id, desk.worker)
            store = self._stores.intakes(uow.connection)
            row = await store.next_row(intake.id)
            if row is None:
                done = held.after(State.DONE, self._clock())
                await store.save(done)
                counts = await store.counts(intake.id)
                note(uow, "finished", done, **{each.value: n for each, n in counts.items()})
                return await uow.commit(done)
            files = await store.files(intake.id, [each.name for each in row.files])
            if any(each.upload_state is UploadState.COMPLETED for each in files.values()):
                raise Waiting
            result = await self._applying.apply(uow, principal(held), held, row, files)
            await store.settle(intake.id, row.position, result)
            return await uow.commit(held)

    async def _clean(self, upload_id: UUID, *, members_apart: bool = False) -> Upload:
        """The upload, inspected; with `members_apart` also an archive in which files alone were
        found wrong. Raises `Waiting`, `UnreadableTable`."""
        async with self._new_uow() as uow:
            upload = await self._stores.uploads(uow.connection).get(upload_id)
        if upload is not None and upload.state is UploadState.COMPLETED:
            raise Waiting
        if upload is not None and members_apart and upload.is_refused_for_members:
            return upload
        if upload is None or upload.state is not UploadState.AVAILABLE:
            refusal = upload.refusal if upload else ()
            told = [worded(each["detail"], each.get("detail_zh", "")) for each in refusal]
            name = upload.filename if upload else str(upload_id)
            raise UnreadableTable(
                worded(f"{name} was refused: ", f"“{name}”未通过检查：") + " ".join(told)
            )
        return upload

    async def _archive(self, intake: Intake, desk: _Desk) -> Archive | None:
        """The archive, fetched when it is first needed."""
        if desk.archive is None and intake.archive_upload_id is not None:
            upload = await self._clean(intake.archive_upload_id, members_apart=True)
            path = desk.directory / "archive"
            with path.open("wb") as file, _missing_is_unreadable():
                await self._fetch(upload.object_key, file)
            desk.refused = upload.refusal
            desk.archive = desk.stack.enter_context(self._open_archive(path))
        return desk.archive

    async def _fetch(self, key: str, file: BinaryIO) -> None:
        async for chunk in self._objects.stream(key):
            await asyncio.to_thread(file.write, chunk)


def principal(intake: Intake) -> Principal:
    """Whoever began it, with the rights that the token bore then."""
    scopes = frozenset({"catalog.write"})
    return Principal(intake.owner, intake.client, scopes, {"grants": list(intake.grants)})


@contextmanager
def _missing_is_unreadable() -> Iterator[None]:
    try:
        yield
    except ObjectMissing:
        raise UnreadableTable(
            worded("A file of it is gone: upload it again.", "上传的文件已不存在，请重新上传。")
        ) from None
