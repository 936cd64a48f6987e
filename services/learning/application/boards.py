"""Boards of classes, schools and regions as those who teach or administer there read them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.directory import STAFF, Directory
from services.learning.domain.boards import (
    ACTIVE,
    BY_CLASS,
    BY_PART,
    BY_PUPIL,
    MOST_ACTIVITIES,
    MOST_POINTS,
    Activity,
    Board,
    Figures,
    Group,
    NoBoard,
    PointFigures,
    Pupil,
    SchoolSums,
)
from services.learning.domain.directory import Organisation
from shared.access import Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

BOARD = Rule("learning.read", STAFF)


class Pupils(Protocol):
    async def below(self, path: str, day: date) -> Sequence[Pupil]:
        """The pupils at and below `path` on `day`, each once, by class and id."""
        ...


class RegionSums(Protocol):
    async def below(self, path: str) -> Sequence[SchoolSums]:
        """By what lies right below `path`, in its order: the sums of the open schools that were
        counted."""
        ...


class BoardRecords(Protocol):
    """What is counted of people, in one statement each."""

    async def actors(self, people: Sequence[str]) -> Mapping[UUID, str]:
        """Whom the pseudonyms stand for."""
        ...

    async def groups(self, groups: Mapping[UUID, str], since: datetime) -> Mapping[str, Figures]:
        """The figures of each group, of pseudonyms by group; who did something since `since` is
        active."""
        ...

    async def activities(self, actors: Sequence[UUID], limit: int) -> Sequence[Activity]:
        """Those that most began first."""
        ...

    async def points(
        self, actors: Sequence[UUID], now: datetime, limit: int
    ) -> Sequence[PointFigures]:
        """Those that most tried first, estimated as of `now`."""
        ...


class Boards:
    """No statement is read, and as many queries are sent for a school as for a class; a region is
    read from the sums of its schools. Reading is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        pupils: Callable[[AsyncConnection], Pupils],
        directory: Callable[[AsyncConnection], Directory],
        regions: Callable[[AsyncConnection], RegionSums],
        records: BoardRecords,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._pupils = pupils
        self._directory = directory
        self._regions = regions
        self._records = records
        self._clock = clock

    async def get(self, caller: Principal, name: str) -> Board:
        """That of the organisation with that short code or label, or at that path. A class is
        shown by pupil, a grade or school by class, a region by what lies right below it, as of
        when its schools were counted. Raises `NotFound`, `NoBoard`."""
        now = self._clock()
        async with self._new_uow() as uow:
            organisation = await self._found(uow, caller, name)
            path = organisation.path
            uow.audit.record("board.read", str(organisation.id), organisation=path)
            if organisation.kind in BY_PART:
                sums = await self._regions(uow.connection).below(path)
                return await uow.commit(_of_region(organisation, now, sums))
            pupils = await self._pupils(uow.connection).below(path, civil_date(now))
            await uow.commit()
        return await self._of_pupils(organisation, now, pupils)

    async def _of_pupils(
        self, organisation: Organisation, now: datetime, pupils: Sequence[Pupil]
    ) -> Board:
        by_pupil = organisation.kind in BY_PUPIL
        group_of = {each.person: each.person if by_pupil else each.path for each in pupils}
        people = await self._records.actors(list(group_of))
        groups = {actor: group_of[person] for actor, person in people.items()}
        figures = await self._records.groups(groups, now - ACTIVE)
        actors = list(people)
        names = {each.path: each.name for each in pupils}
        sizes = Counter(group_of.values())
        return Board(
            organisation=organisation,
            at=now,
            pupils=len(pupils),
            groups=[
                Group(key, names.get(key), size, figures.get(key)) for key, size in sizes.items()
            ],
            activities=await self._records.activities(actors, MOST_ACTIVITIES),
            points=await self._records.points(actors, now, MOST_POINTS),
        )

    async def _found(self, uow: UnitOfWork, caller: Principal, name: str) -> Organisation:
        directory = self._directory(uow.connection)
        path = await directory.path_of(name.rpartition(".")[2].replace("-", "").upper())
        found = path and BOARD.holds(caller, path) and await directory.organisation_at(path)
        if not found:
            raise NotFound("There is no such board.", zh="没有该看板。")
        if found.kind not in BY_PUPIL | BY_CLASS | BY_PART:
            raise NoBoard(
                "Ask for a class, a grade, a school or a region.",
                zh="请选择班级、年级、学校或区域。",
            )
        return found


def _of_region(organisation: Organisation, now: datetime, sums: Sequence[SchoolSums]) -> Board:
    groups = [each.group for each in sums]
    return Board(
        organisation=organisation,
        at=min((each.at for each in sums), default=now),
        pupils=sum(each.pupils for each in groups),
        groups=groups,
        activities=[],
        points=[],
    )
