"""Carrying imports out (执行导入), in the background, a step at a time.

A roster is first staged: read, checked line by line, kept encrypted. Then steps of `STEP_LINES`
lines are compared or applied, each in one transaction that holds the import's row, so that neither
a kill nor a second worker lets a line be applied twice or left out.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.imports import UPLOADS, ImportStore
from services.identity.application.organisations_ports import OrganisationStore
from services.identity.application.reach import record_read
from services.identity.application.roster_facts import tell
from services.identity.application.roster_places import Places, PlaceStore
from services.identity.application.stores import OnDisable, Revocations
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind, twin
from services.identity.domain.imports import (
    MAX_FILE_BYTES,
    REPORT_LIFE,
    UNFINISHED,
    Action,
    Format,
    Import,
    Outcome,
    RosterLine,
    State,
    UnreadableRoster,
)
from services.identity.domain.people import Person
from services.identity.domain.people import State as PersonState
from services.identity.domain.reconciliation import Reconciliation
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_changes import Batch, Refused, Result
from services.identity.domain.rosters import Line
from services.identity.domain.staging import Staged, Staging
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import RequestContext, enter
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.storage import ObjectMissing, ObjectStore

STAGE_LINES = 2000
STEP_LINES = 2000
POLL_SECONDS = 30.0
TIDY_EVERY = timedelta(hours=1)
UNUSED_UPLOAD_LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PendingLine:
    """A staged line that is not yet dealt with."""

    position: int
    number: int
    repeats: bool
    line: Line


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a step's lines may mean, held until the transaction ends."""

    accounts: dict[UUID, Account]
    holders: dict[IdentifierKey, UUID]
    codes: Mapping[str, UUID]
    namesakes: Iterable[Person]


class ImportingStore(ImportStore, Protocol):
    """Beside what the use cases need."""

    async def next(self) -> tuple[UUID, State] | None:
        """The unfinished import that has waited longest."""
        ...

    async def claim(self, import_id: UUID) -> Import | None:
        """The import, held; None while another worker holds it."""
        ...

    async def digest(self, import_id: UUID, digest: bytes) -> bytes:
        """Remember the file's digest, unless one is; returns the remembered one."""
        ...

    async def stage(self, import_id: UUID, lines: Sequence[Staged]) -> None: ...

    async def unstage(self, import_id: UUID) -> None:
        """Erase what the lines say; outcomes and defects stay."""
        ...

    async def pending(self, import_id: UUID, after: int, limit: int) -> Sequence[PendingLine]:
        """In the order of the file."""
        ...

    async def settle(self, import_id: UUID, results: Mapping[int, Result], *, erase: bool) -> None:
        """Keep results by position; with `erase`, what the lines say is no longer needed."""
        ...

    async def overdue(self, before: datetime) -> Sequence[UUID]:
        """Imports compared before then and not applied."""
        ...


class RosterPeople(Protocol):
    """The people that rosters are about, many at a time: a constant number of statements."""

    async def known(
        self,
        keys: Iterable[IdentifierKey],
        codes: Iterable[str],
        names: Iterable[str],
        reach: str,
        now: datetime,
    ) -> Known:
        """``names`` are those whose namesakes within reach are wanted."""
        ...

    async def write(self, batch: Batch, accounts: Mapping[UUID, Account], now: datetime) -> None:
        """Insert new accounts, with fresh codes, and everything else in the batch."""
        ...


class Importer:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ImportingStore],
        people: Callable[[AsyncConnection], RosterPeople],
        tree: Callable[[AsyncConnection], OrganisationStore],
        places: Callable[[AsyncConnection], PlaceStore],
        objects: ObjectStore,
        read: Callable[[Format, bytes], Iterator[RosterLine]],
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
        on_disable: Sequence[OnDisable],
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._people = people
        self._tree = tree
        self._places = places
        self._objects = objects
        self._read = read
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations
        self._on_disable = on_disable
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is something to do: do not wait for the next look."""
        self._woken.set()

    async def run(self) -> None:
        """Carry imports out until cancelled."""
        tidied = datetime.min.replace(tzinfo=UTC)
        while True:
            self._woken.clear()
            while await self.step():
                pass
            if self._clock() >= tidied + TIDY_EVERY:
                await self.tidy()
                tidied = self._clock()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)

    async def step(self) -> bool:
        """One step of the import that has waited longest; whether there was one."""
        async with self._new_uow() as uow:
            found = await self._store(uow.connection).next()
        if found is None:
            return False
        import_id, state = found
        try:
            if state is State.RECEIVED:
                await self._stage(import_id)
            else:
                await self._advance(import_id)
        except UnreadableRoster as error:
            await self._fail(import_id, str(error))
        except Unavailable:
            raise
        except Exception:
            await self._retry_later(import_id)
            raise
        return True

    async def _stage(self, import_id: UUID) -> None:
        async with self._new_uow() as uow:
            import_ = await self._store(uow.connection).get(import_id)
        if import_ is None or import_.state is not State.RECEIVED:
            return
        content = await self._content(import_)
        async with self._new_uow() as uow:
            digest = hashlib.sha256(content).digest()
            if await self._store(uow.connection).digest(import_id, digest) != digest:
                raise UnreadableRoster("文件在读取过程中被替换：请重新上传并导入")
            await uow.commit()
        staged = 0
        async for lines in self._staged(import_.format, content):
            staged = lines[-1].position
            if staged > import_.lines and not await self._keep(import_, lines):
                return
        if not staged:
            raise UnreadableRoster("文件中没有数据行：请在表头下填写人员")
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            received = await store.claim(import_id)
            if received is None or received.state is not State.RECEIVED:
                return
            action = Action.COMPARE if received.dry_run else Action.PROCEED
            await store.save(received.after(action, self._clock()))
            await uow.commit()
        await self._objects.delete(import_.object_key)

    async def _staged(self, format_: Format, content: bytes) -> AsyncIterator[list[Staged]]:
        """Batches of lines, the same whenever they are read; read beside the event loop."""
        staging = Staging()
        lines = self._read(format_, content)

        def batch() -> list[Staged]:
            return [staging.take(each) for each in islice(lines, STAGE_LINES)]

        while read := await asyncio.to_thread(batch):
            yield read

    async def _keep(self, import_: Import, lines: list[Staged]) -> bool:
        """Whether the batch was the next one; if not, another worker is staging too."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            received = await store.claim(import_.id)
            if received is None or received.lines != lines[0].position - 1:
                return False
            await store.stage(import_.id, lines)
            now = self._clock()
            await store.save(replace(received, lines=lines[-1].position, updated_at=now))
            await uow.commit()
        return True

    async def _content(self, import_: Import) -> bytes:
        try:
            content = await self._objects.get(import_.object_key, length=MAX_FILE_BYTES + 1)
        except ObjectMissing:
            raise UnreadableRoster("上传的文件已不存在：请重新上传并导入") from None
        if len(content) > MAX_FILE_BYTES:
            raise UnreadableRoster("文件过大：请拆分为几个文件")
        return content

    async def _advance(self, import_id: UUID) -> None:
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            import_ = await store.claim(import_id)
            if import_ is None or import_.state not in (State.COMPARING, State.APPLYING):
                return
            enter(
                RequestContext(
                    request_id=import_.request_id,
                    actor=import_.requested_by,
                    client=import_.client,
                )
            )
            pending = await store.pending(import_id, import_.position, STEP_LINES)
            if pending:
                await self._reconcile(uow, store, import_, pending)
                advanced = import_.advanced(pending[-1].position, self._clock())
            else:
                applying = import_.state is State.APPLYING
                action = Action.FINISH if applying else Action.REPORT
                advanced = import_.after(action, self._clock())
            await store.save(advanced)
            await uow.commit()

    async def _reconcile(
        self,
        uow: UnitOfWork,
        store: ImportingStore,
        import_: Import,
        pending: Sequence[PendingLine],
    ) -> None:
        applying = import_.state is State.APPLYING
        now = self._clock()
        lines = [each.line for each in pending]
        tree, store_of_places = self._tree(uow.connection), self._places(uow.connection)
        places = Places(uow, tree, store_of_places, import_.path, now, make=applying)
        await places.find(lines)
        people = self._people(uow.connection)
        known = await people.known(
            _keys(lines),
            [line.person_code for line in lines if line.person_code],
            {line.name for line in lines if line.birth_date},
            import_.path,
            now,
        )
        reconciliation = Reconciliation(
            import_.path,
            known.accounts,
            known.holders,
            known.codes,
            import_.requested_by,
            now,
            self._minor_age,
            known.namesakes,
        )

        def decide() -> dict[int, Result]:
            return {each.position: _decided(reconciliation, places, each) for each in pending}

        results = await asyncio.to_thread(decide)
        batch = reconciliation.batch
        day = civil_date(now)
        for each in reconciliation.compared:
            if each.is_minor(day, self._minor_age):
                record_read(uow, each, day, "profile", "identifiers")
        if applying:
            await people.write(batch, reconciliation.accounts, now)
            by_person = {
                result.person_id: (each.number, result)
                for each in pending
                if (result := results[each.position]).person_id is not None
            }
            tell(uow, import_, reconciliation.accounts, batch, by_person)
        await store.settle(import_.id, results, erase=applying)
        if not applying:
            return
        for person_id in sorted(batch.cut_off):
            await self._revocations.revoke(uow, "person", str(person_id))
            if reconciliation.accounts[person_id].person.state is PersonState.LEFT:
                for disable in self._on_disable:
                    await disable(uow, person_id)
        for person_id in sorted(batch.grown_younger - batch.cut_off):
            await self._revocations.revoke(uow, "consent", str(person_id))

    async def _fail(self, import_id: UUID, reason: str) -> None:
        """Its file cannot be read, unless another worker read it meanwhile, and removed it."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            import_ = await store.claim(import_id)
            if import_ is None or import_.state is not State.RECEIVED:
                return
            await store.save(import_.failed(reason, self._clock()))
            await store.unstage(import_id)
            await uow.commit()
        await self._objects.delete(import_.object_key)

    async def _retry_later(self, import_id: UUID) -> None:
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            import_ = await store.claim(import_id)
            if import_ is None or import_.state not in UNFINISHED:
                return
            tried = import_.tried(self._clock())
            await store.save(tried)
            if tried.state is State.FAILED:
                await store.unstage(import_id)
            await uow.commit()

    async def tidy(self) -> None:
        """Let old reports expire, and remove uploads that nothing came of."""
        now = self._clock()
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            for import_id in await store.overdue(now - REPORT_LIFE):
                import_ = await store.claim(import_id)
                if import_ is not None and import_.state is State.COMPARED:
                    await store.save(import_.after(Action.EXPIRE, now))
                    await store.unstage(import_id)
            await uow.commit()
        async for found in self._objects.list(UPLOADS):
            if found.last_modified < now - UNUSED_UPLOAD_LIFE:
                await self._objects.delete(found.key)


def _keys(lines: Iterable[Line]) -> set[IdentifierKey]:
    """What the lines' people and their guardians may be known by."""
    keys = {key for line in lines for key in line.keys}
    keys |= {other for key in keys if (other := twin(key))}
    phones = {guardian.phone for line in lines for guardian in line.guardians}
    return keys | {IdentifierKey(IdentifierKind.PHONE, phone) for phone in phones}


def _decided(reconciliation: Reconciliation, places: Places, pending: PendingLine) -> Result:
    try:
        place = places.of(pending.line)
    except Refused as refused:
        return Result(Outcome.REJECTED, defects=refused.defects)
    if place is None:
        return Result(Outcome.UNCHANGED)
    result = reconciliation.take(pending.line, place, repeats=pending.repeats)
    if places.is_new(place) and "membership" in result.changes:
        return replace(result, changes=("organisation", *result.changes))
    return result
