"""Rosters of those who are there, in the form in which they are imported.

What is exported and imported again changes nothing. People of schools and institutions are told of;
whoever belongs to an organisation above them alone has no place in a roster. It is written as it is
read, page by page, and kept nowhere. Every minor in it is noted as read.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.imports import importable
from services.identity.application.organisations_ports import OrganisationTree
from services.identity.application.reach import note_read
from services.identity.application.roster_places import Spot
from services.identity.domain.organisations import INSTITUTIONS, Kind, is_at_or_below
from services.identity.domain.people import Membership
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_words import Column, RosterRole
from services.identity.domain.rosters import Line, RosterGuardian
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.principal import Principal

_PAGE = 500

Cells = Mapping[Column, str]


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A person as a roster has them. ``position`` is where to go on after them."""

    position: tuple[str, UUID]
    account: Account
    guardians: Sequence[RosterGuardian]


@dataclass(frozen=True, slots=True)
class RosterPage:
    """``spots`` are all organisations on the paths that the entries name, by path."""

    entries: Sequence[RosterEntry]
    spots: Mapping[str, Spot]


class RosterSource(Protocol):
    async def page(
        self, path: str, now: datetime, after: tuple[str, UUID] | None, limit: int
    ) -> RosterPage:
        """The next people at and below `path`, in the order of the tree; a constant number of
        statements."""
        ...


class Workbook(Protocol):
    """An XLSX roster under way."""

    def add(self, lines: Iterable[Cells]) -> None: ...

    def save(self, target: IO[bytes]) -> None: ...


class RosterFiles(Protocol):
    """How rosters and reports are written."""

    def csv_head(self) -> bytes:
        """The headings."""
        ...

    def csv_lines(self, lines: Iterable[Cells]) -> bytes: ...

    def csv_rows(self, rows: Iterable[Sequence[str]]) -> bytes:
        """Any other table."""
        ...

    def workbook(self) -> Workbook:
        """With the headings."""
        ...


class Exports:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        tree: Callable[[AsyncConnection], OrganisationTree],
        source: Callable[[AsyncConnection], RosterSource],
        clock: Clock,
        minor_age: int,
    ) -> None:
        self._new_uow = new_uow
        self._tree = tree
        self._source = source
        self._clock = clock
        self._minor_age = minor_age

    async def roster(self, caller: Principal, organisation: str) -> AsyncIterator[Sequence[Cells]]:
        """The lines of the people at and below an organisation, some at a time.

        Raises, before the first, `NotFound`, `Forbidden`, `NoRosterThere`.
        """
        async with self._new_uow() as uow:
            place = await importable(self._tree(uow.connection), caller, organisation)
            uow.audit.record("roster.export", str(place.id), organisation=place.path)
            await uow.commit()
        return self._lines(caller, place.path)

    async def _lines(self, caller: Principal, path: str) -> AsyncIterator[Sequence[Cells]]:
        after = None
        while True:
            now = self._clock()
            day = civil_date(now)
            async with self._new_uow() as uow:
                page = await self._source(uow.connection).page(path, now, after, _PAGE)
                for each in page.entries:
                    person = each.account.person
                    minor = person.is_minor(day, self._minor_age)
                    note_read(uow, caller, person, minor, day, "profile", "identifiers")
                await uow.commit()
            yield [
                cells
                for each in page.entries
                for line in lines_of(each.account, each.guardians, path, day)
                if (cells := _cells(line, page.spots)) is not None
            ]
            if len(page.entries) < _PAGE:
                return
            after = page.entries[-1].position


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and the path of the place that it puts its person."""

    line: Line
    path: str


def lines_of(
    account: Account, guardians: Iterable[RosterGuardian], reach: str, day: date
) -> Iterator[PlacedLine]:
    """The lines of one person within reach: one as a pupil, of today's class before a later one; as
    staff, one for each school and for each class that they teach."""
    current = [
        each
        for each in account.person.memberships
        if not each.ended(day) and is_at_or_below(each.path, reach)
    ]
    pupil = [each for each in current if each.kind == "student"]
    if pupil:
        place = max(pupil, key=lambda each: (each.holds(day), each.path.count("."))).path
        yield PlacedLine(_line(account, RosterRole.STUDENT, (), tuple(guardians)[:2]), place)
    for each in current:
        if each.kind == "staff":
            yield from _staff(account, each)


def _staff(account: Account, membership: Membership) -> Iterator[PlacedLine]:
    taught: dict[str, set[str | None]] = defaultdict(set)
    for grant in account.grants:
        if grant.role == "teacher" and is_at_or_below(grant.path, membership.path):
            taught[grant.path].add(grant.subject)
    for path, subjects in sorted(taught.items()):
        told = tuple(sorted(filter(None, subjects)))
        yield PlacedLine(_line(account, RosterRole.TEACHER, told, ()), path)
        if told and None in subjects:
            yield PlacedLine(_line(account, RosterRole.TEACHER, (), ()), path)
    if not taught:
        yield PlacedLine(_line(account, RosterRole.STAFF, (), ()), membership.path)


def _line(
    account: Account,
    role: RosterRole,
    subjects: tuple[str, ...],
    guardians: tuple[RosterGuardian, ...],
) -> Line:
    person = account.person
    profile = person.profile
    return Line(
        name=profile.name if profile else "",
        role=role,
        sex=profile.sex if profile else None,
        birth_date=profile.birth_date if profile else None,
        keys=tuple(account.keys.values()),
        person_code=person.code,
        subjects=subjects,
        guardians=guardians,
    )


def _cells(placed: PlacedLine, spots: Mapping[str, Spot]) -> Cells | None:
    """None where the place is above schools and institutions."""
    cells = placed.line.cells()
    labels = placed.path.split(".")
    for depth in range(1, len(labels) + 1):
        spot = spots[".".join(labels[:depth])]
        if spot.kind is Kind.SCHOOL or spot.kind in INSTITUTIONS:
            cells |= {Column.SCHOOL_CODE: spot.reference, Column.SCHOOL: spot.name}
        elif spot.kind in (Kind.GRADE, Kind.CLASS):
            cells[Column(spot.kind)] = spot.name
    return cells if Column.SCHOOL in cells else None
