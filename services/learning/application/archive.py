"""Growth archives (成长档案): read by the learner and the guardians, written into by the school."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.archive_ports import (
    ArchivePrinter,
    ArchiveRecords,
    ArchiveStore,
    Homework,
)
from services.learning.application.courses_ports import Achievements
from services.learning.application.progress_access import OWN, WRITE, Learners
from services.learning.domain.archive import (
    Archive,
    CourseStanding,
    Entry,
    Given,
    Kind,
    Snapshot,
    Standing,
    Term,
    check_given,
)
from services.learning.domain.courses import completion
from services.learning.domain.progress import ESTIMATOR
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.ids import uuid7
from shared.principal import Principal

WITHDRAW = Rule("learning.write", frozenset({Role.ADMINISTRATOR}), own=True)


class Archives:
    """Every change is audited, and that another than the learner looked."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ArchiveStore],
        learners: Learners,
        records: ArchiveRecords,
        achievements: Achievements,
        homework: Homework,
        printer: ArchivePrinter,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._learners = learners
        self._records = records
        self._achievements = achievements
        self._homework = homework
        self._printer = printer
        self._clock = clock

    async def get(self, caller: Principal, person: str) -> Archive:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            await self._learners.read(uow, caller, person, OWN, "archive.read")
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            return Archive(
                person=person,
                at=self._clock(),
                standing=await self._standing(store, person),
                homework=await self._homework.of(person),
                entries=await store.entries(person),
                snapshots=await store.snapshots(person),
            )

    async def printed(self, caller: Principal, person: str) -> bytes:
        """As PDF. Raises `NotFound`."""
        return await self._printer.print(await self.get(caller, person))

    async def award(
        self, caller: Principal, person: str, title: str, text: str, day: date | None
    ) -> Given:
        """Raises `NotFound`, `DayRefused`, `ArchiveFull`."""
        return await self._enter(caller, person, Kind.AWARD, title, text, day)

    async def remark(self, caller: Principal, person: str, text: str) -> Given:
        """Raises `NotFound`, `ArchiveFull`."""
        return await self._enter(caller, person, Kind.REMARK, None, text, None)

    async def withdraw(self, caller: Principal, person: str, entry_id: UUID) -> None:
        """By its author, while working where it was given, or an administrator above, wherever the
        learner is by now. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            found = await store.locked(person, entry_id)
            path = found and found.path
            if path is None or not WRITE.holds(caller, path):
                place = await self._learners.reached(uow, caller, person, WRITE)
                path = path or place.path
            if found is None:
                raise NotFound("There is no such entry.", zh="没有该条目。")
            WITHDRAW.admit(caller, path, owner=found.entry.author)
            await store.delete(entry_id)
            uow.audit.record("archive.withdrawn", str(entry_id), organisation=path)
            await uow.commit()

    async def snapshot(self, caller: Principal, person: str, term: Term) -> Snapshot:
        """Keep how far the learner is now as that of the term. Raises `NotFound`, `TermNotBegun`,
        `TermOver`, `SnapshotTaken`."""
        now = self._clock()
        async with self._new_uow() as uow:
            place = await self._learners.reached(uow, caller, person, WRITE)
            term.check_present(civil_date(now))
            store = self._store(uow.connection)
            standing = await self._standing(store, person)
            taken = Snapshot(person, term, now, standing.record)
            await store.add_snapshot(taken)
            uow.audit.record("archive.snapshot_taken", f"{person} {term}", organisation=place.path)
            return await uow.commit(taken)

    async def withdraw_snapshot(self, caller: Principal, person: str, term: Term) -> None:
        """By an administrator there. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            place = await self._learners.reached(uow, caller, person, WRITE)
            WITHDRAW.admit(caller, place.path)
            if not await self._store(uow.connection).delete_snapshot(person, term):
                raise NotFound("There is no such snapshot.", zh="没有该学期快照。")
            what = f"{person} {term}"
            uow.audit.record("archive.snapshot_withdrawn", what, organisation=place.path)
            await uow.commit()

    async def _enter(
        self,
        caller: Principal,
        person: str,
        kind: Kind,
        title: str | None,
        text: str,
        day: date | None,
    ) -> Given:
        now = self._clock()
        today = civil_date(now)
        async with self._new_uow() as uow:
            place = await self._learners.reached(uow, caller, person, WRITE)
            check_given(day or today, today)
            made = Entry(
                id=uuid7(),
                person=person,
                kind=kind,
                title=title,
                text=text,
                day=day or today,
                organisation_id=place.id,
                author=caller.subject,
                created_at=now,
            )
            await self._store(uow.connection).add(made)
            what = f"archive.{kind.lower()}_given"
            uow.audit.record(what, str(made.id), organisation=place.path)
            return await uow.commit(Given(made, place.path, place.name))

    async def _standing(self, store: ArchiveStore, person: str) -> Standing:
        courses = await store.courses(person)
        resources = {resource for each in courses for resource in each.required}
        achieved = await self._achievements.of(person, resources)
        return Standing(
            totals=await self._records.totals(person),
            mastery=await self._records.known(person, self._clock()),
            courses=[
                CourseStanding(each, completion(each.rule, each.required, achieved, each.gone))
                for each in courses
            ],
            estimator=ESTIMATOR,
        )
