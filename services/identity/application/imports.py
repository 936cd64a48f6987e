"""Starting imports, reading their reports, letting them be applied.

The roster goes to the object store by a presigned PUT; what is started here is carried out by
`services.identity.application.importing`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.organisations_ports import OrganisationTree
from services.identity.application.reach import reaches, record_read
from services.identity.domain.imports import (
    KINDS,
    MAX_FILE_BYTES,
    Action,
    Format,
    Import,
    NoRosterThere,
    Outcome,
    RosterNotUploaded,
    RosterTooLarge,
    State,
)
from services.identity.domain.organisations import Organisation
from services.identity.domain.organisations import State as OrganisationState
from services.identity.domain.people import Person
from services.identity.domain.roster_words import ONEROSTER_HEADINGS
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.pages import Cursors, PageRequest
from shared.principal import Principal
from shared.storage import ObjectStore

IMPORT = Rule("identity.import", frozenset({Role.ADMINISTRATOR}))

UPLOADS = "rosters/"
UPLOAD_LIFE = timedelta(minutes=15)
_REPORT_LINES = 1000


@dataclass(frozen=True, slots=True)
class Upload:
    """PUT the file to ``url``, then start an import with the id."""

    id: UUID
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReportedLine:
    """What became of a line. ``defects`` have `column`, `heading`, `reason` and `detail`."""

    position: int
    number: int
    outcome: Outcome
    person_id: UUID | None
    changes: Sequence[str]
    defects: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Progress:
    """An import with how many of its lines came to which outcome so far."""

    import_: Import
    counts: Mapping[Outcome, int]


class ImportStore(Protocol):
    async def add(self, import_: Import) -> None: ...

    async def get(self, import_id: UUID, *, lock: bool = False) -> Import | None: ...

    async def save(self, import_: Import) -> None: ...

    async def counts(self, import_id: UUID) -> Mapping[Outcome, int]: ...

    async def reported(
        self, import_id: UUID, outcome: Outcome | None, after: int, limit: int
    ) -> Sequence[ReportedLine]:
        """Lines that have an outcome, in the order of the file."""
        ...


class KnownPeople(Protocol):
    async def several(self, person_ids: Iterable[UUID]) -> dict[UUID, Person]:
        """Those that exist, with their memberships, in two statements."""
        ...


class Imports:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ImportStore],
        tree: Callable[[AsyncConnection], OrganisationTree],
        objects: ObjectStore,
        clock: Clock,
        cursors: Cursors,
        wake: Callable[[], None],
        people: Callable[[AsyncConnection], KnownPeople],
        minor_age: int,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._tree = tree
        self._objects = objects
        self._clock = clock
        self._cursors = cursors
        self._wake = wake
        self._people = people
        self._minor_age = minor_age

    async def upload(self, caller: Principal) -> Upload:
        """An address for one file. Raises `Forbidden` where the caller imports nowhere."""
        IMPORT.admit(caller, None)
        id_ = uuid7()
        url = self._objects.presign_put(_key(caller, id_), expires=UPLOAD_LIFE)
        async with self._new_uow() as uow:
            return await uow.commit(Upload(id_, url, self._clock() + UPLOAD_LIFE))

    async def start(
        self,
        caller: Principal,
        organisation: str,
        format_: Format,
        upload_id: UUID,
        *,
        dry_run: bool,
    ) -> Progress:
        """Raises `NotFound`, `Forbidden`, `NoRosterThere`, `RosterNotUploaded`,
        `RosterTooLarge`."""
        now = self._clock()
        async with self._new_uow() as uow:
            place = await importable(self._tree(uow.connection), caller, organisation)
            key = _key(caller, upload_id)
            found = await self._objects.head(key)
            if found is None:
                raise RosterNotUploaded("Upload the file first.", zh="请先上传文件。")
            if found.size > MAX_FILE_BYTES:
                raise RosterTooLarge(
                    f"At most {MAX_FILE_BYTES} bytes: split the file.",
                    zh=f"文件不能超过 {MAX_FILE_BYTES} 字节，请拆分后导入。",
                )
            request = current()
            import_ = Import(
                id=uuid7(),
                organisation_id=place.id,
                path=place.path,
                format=format_,
                dry_run=dry_run,
                state=State.RECEIVED,
                object_key=key,
                requested_by=request.actor,
                client=request.client,
                request_id=request.request_id,
                lines=0,
                position=0,
                attempts=0,
                failure=None,
                version=1,
                created_at=now,
                updated_at=now,
            )
            await self._store(uow.connection).add(import_)
            uow.audit.record(
                "import.start",
                str(import_.id),
                organisation=place.path,
                format=format_,
                dry_run=dry_run,
            )
            progress = await uow.commit(Progress(import_, {}))
        self._wake()
        return progress

    async def apply(self, caller: Principal, import_id: UUID, version: int) -> Progress:
        """Apply what was compared. Raises `NotFound`, `StaleVersion`, `ImportActionRefused`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await self._reached(store, caller, import_id, lock=True)
            if before.version != version:
                raise StaleVersion
            after = before.after(Action.APPLY, self._clock())
            await store.save(after)
            uow.audit.record("import.apply", str(after.id), organisation=after.path)
            progress = await uow.commit(Progress(after, await store.counts(after.id)))
        self._wake()
        return progress

    async def get(self, caller: Principal, import_id: UUID) -> Progress:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            import_ = await self._reached(store, caller, import_id)
            return Progress(import_, await store.counts(import_id))

    async def lines(
        self, caller: Principal, import_id: UUID, outcome: Outcome | None, page: PageRequest
    ) -> tuple[Sequence[ReportedLine], str | None]:
        """A page of lines in the order of the file. Raises `NotFound`, `BadCursor`."""
        binding = {"list": "import-lines", "import": str(import_id), "outcome": outcome}
        (after,) = self._cursors.decode(page.cursor, binding) if page.cursor else (0,)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            import_ = await self._reached(store, caller, import_id)
            found = await store.reported(import_id, outcome, int(after or 0), page.limit + 1)
            items = [_headed(each, import_) for each in found[: page.limit]]
            await self._note_reads(uow, items)
            await uow.commit()
        more = len(found) > page.limit
        return items, self._cursors.encode([items[-1].position], binding) if more else None

    async def _note_reads(self, uow: UnitOfWork, lines: Sequence[ReportedLine]) -> None:
        """A line tells which of a minor's data the roster has as they are."""
        day = civil_date(self._clock())
        known = {each.person_id for each in lines if each.person_id is not None}
        for person in (await self._people(uow.connection).several(known)).values():
            if person.is_minor(day, self._minor_age):
                record_read(uow, person, day, "profile", "identifiers")

    async def rejected(self, caller: Principal, import_id: UUID) -> AsyncIterator[ReportedLine]:
        """All rejected lines, read as they are taken. Raises `NotFound` before the first."""
        async with self._new_uow() as uow:
            import_ = await self._reached(self._store(uow.connection), caller, import_id)
        return self._rejected(import_)

    async def _rejected(self, import_: Import) -> AsyncIterator[ReportedLine]:
        after = 0
        while True:
            async with self._new_uow() as uow:
                store = self._store(uow.connection)
                found = await store.reported(import_.id, Outcome.REJECTED, after, _REPORT_LINES)
            for each in found:
                yield _headed(each, import_)
            if len(found) < _REPORT_LINES:
                return
            after = found[-1].position

    async def _reached(
        self, store: ImportStore, caller: Principal, import_id: UUID, *, lock: bool = False
    ) -> Import:
        import_ = await store.get(import_id, lock=lock)
        if import_ is None or not reaches(IMPORT, caller, import_.path):
            raise NotFound(
                "There is no such import within your reach.", zh="您的管理范围内没有该导入。"
            )
        return import_


async def importable(tree: OrganisationTree, caller: Principal, reference: str) -> Organisation:
    """The organisation with that id or code, whose roster the caller may import and export.

    Raises `NotFound`, `Forbidden`, `NoRosterThere`.
    """
    place = await tree.find(reference)
    if place is None:
        raise NotFound(
            "There is no organisation with that id or code.", zh="没有该标识或编码的机构。"
        )
    if not reaches(IMPORT, caller, place.path):
        raise Forbidden(
            "None of your roles reaches that organisation.", zh="您的岗位不包含该机构。"
        )
    if place.kind not in KINDS or place.state is not OrganisationState.OPEN:
        raise NoRosterThere(
            "Name an open school, institution, county, city or province.",
            zh="请选择正常状态的学校、机构、县、市或省。",
        )
    return place


def _headed(line: ReportedLine, import_: Import) -> ReportedLine:
    """With the columns named as the file has them."""
    if import_.format is not Format.ONEROSTER:
        return line
    defects = [
        {**each, "heading": ONEROSTER_HEADINGS.get(each["column"], each["heading"])}
        for each in line.defects
    ]
    return replace(line, defects=defects)


def _key(caller: Principal, upload_id: UUID) -> str:
    return f"{UPLOADS}{caller.subject}/{upload_id}"
