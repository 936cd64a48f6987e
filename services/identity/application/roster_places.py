"""Where a roster's lines put people: schools that are there, classes that are made as needed."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.identity.application.organisations import establish
from services.identity.application.organisations_ports import OrganisationStore
from services.identity.domain.organisations import (
    INSTITUTIONS,
    Kind,
    OfficialCodes,
    Organisation,
    State,
)
from services.identity.domain.places import Node, Place
from services.identity.domain.roster_changes import Refused
from services.identity.domain.roster_words import Column, RosterRole
from services.identity.domain.rosters import Defect, Line, class_key, written
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.ids import uuid7

_HOSTS = frozenset({Kind.SCHOOL, *INSTITUTIONS})
"""Kinds that people of a roster belong to."""


@dataclass(frozen=True, slots=True)
class Spot:
    """An organisation as rosters see it. ``codes`` are its official codes and its short code."""

    id: UUID
    parent_id: UUID | None
    kind: Kind
    path: str
    name: str
    codes: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The code that a roster names it by."""
        return self.codes[0]

    @property
    def node(self) -> Node:
        return Node(self.id, self.path, self.name)


class PlaceStore(Protocol):
    async def hosts(self, path: str, references: Collection[str]) -> Sequence[Spot]:
        """Open schools and institutions at or below `path`: the one at `path`, and those that
        have one of the references as code or name."""
        ...

    async def divisions(self, schools: Collection[UUID]) -> Sequence[Spot]:
        """Open grades and classes of these schools, those above first."""
        ...


class _Where(NamedTuple):
    """What a line says: the school's code or name, the names of grade and class."""

    school: str | None
    names: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The names as they are compared."""
        if len(self.names) < 2:
            return tuple(map(_folded, self.names))
        grade, class_name = self.names
        return _folded(grade), class_key(grade, class_name)


class Places:
    """The places of one step's lines. With `make`, grades and classes that are missing are made,
    and all places held until the transaction ends; without, missing ones stand nowhere yet."""

    def __init__(
        self,
        uow: UnitOfWork,
        tree: OrganisationStore,
        store: PlaceStore,
        path: str,
        now: datetime,
        *,
        make: bool,
    ) -> None:
        self._uow = uow
        self._tree = tree
        self._store = store
        self._path = path
        self._now = now
        self._make = make
        self._hosts: dict[str, list[Spot]] = {}
        self._divisions: dict[tuple[UUID | None, str], dict[UUID, Spot]] = defaultdict(dict)
        self._places: dict[_Where, Place | Refused] = {}
        self._new: set[UUID] = set()

    async def find(self, lines: Collection[Line]) -> None:
        """Look up every place that the lines name; what is over makes none."""
        begins = [line for line in lines if line.ended_on is None]
        named = dict.fromkeys(map(_where, lines), False) | dict.fromkeys(map(_where, begins), True)
        await self._find_hosts({each.school for each in named if each.school})
        schools = [host.id for hosts in self._hosts.values() for host in hosts]
        await self._find_divisions(schools)
        if self._make and any(wanted and self._misses(each) for each, wanted in named.items()):
            await self._tree.lock_tree()
            await self._find_divisions(schools)
        for each, wanted in named.items():
            try:
                if self._misses(each):
                    if not wanted:
                        continue
                    await self._complete(each)
                self._places[each] = self._place(each)
            except Refused as refused:
                self._places[each] = refused
        if self._make:
            await self._hold()

    def of(self, line: Line) -> Place | None:
        """None where that of something that is over was never there. Raises `Refused`."""
        place = self._places.get(_where(line))
        if isinstance(place, Refused):
            raise place
        return place

    def is_new(self, place: Place) -> bool:
        """Whether the place was not there before these lines."""
        return place.target.id in self._new

    async def _find_hosts(self, references: Collection[str]) -> None:
        found = await self._store.hosts(self._path, references)
        self._hosts[""] = [each for each in found if each.path == self._path]
        for reference in references:
            coded = [each for each in found if reference in each.codes]
            self._hosts[reference] = coded or [each for each in found if each.name == reference]

    async def _find_divisions(self, schools: Collection[UUID]) -> None:
        grades: dict[UUID | None, str] = {}
        for each in await self._store.divisions(schools):
            if each.kind is Kind.GRADE:
                grades[each.id] = each.name
            grade = grades.get(each.parent_id)
            key = _folded(each.name) if grade is None else class_key(grade, each.name)
            self._divisions[each.parent_id, key][each.id] = each

    def _host(self, where: _Where) -> Spot:
        hosts = self._hosts.get(where.school or "", [])
        if len(hosts) == 1:
            return hosts[0]
        if not where.school:
            raise Refused(Defect(Column.SCHOOL, "missing", "请填写学校标识码或学校名称"))
        if hosts:
            raise Refused(Defect(Column.SCHOOL, "ambiguous", "有几所同名学校：请填写学校标识码"))
        raise Refused(
            Defect(Column.SCHOOL, "unknown", "您导入的范围内没有这所学校，请先建立或核对名称")
        )

    def _place(self, where: _Where) -> Place:
        """Raises `Refused`, `KeyError` for a grade or class that is missing."""
        host = target = self._host(where)
        if where.keys and host.kind is not Kind.SCHOOL:
            raise Refused(Defect(Column.GRADE, "no-classes-there", "该机构不设年级和班级"))
        for name, key in zip(where.names, where.keys, strict=True):
            target = self._division(target, name, key)
        return Place(host.node, target.node)

    def _division(self, parent: Spot, name: str, key: str) -> Spot:
        """The one of exactly that name; else the only one whose name is but spelt otherwise.

        Raises `Refused`, `KeyError`.
        """
        alike = self._divisions.get((parent.id, key), {}).values()
        same = [each for each in alike if written(each.name) == name]
        found = same or [*alike]
        if not found:
            raise KeyError(key)
        if len(found) > 1:
            column = Column.GRADE if parent.kind is Kind.SCHOOL else Column.CLASS
            raise Refused(
                Defect(column, "ambiguous", _SAME_NAME if same else _SAME_BUT_FOR_SPELLING)
            )
        return found[0]

    def _misses(self, where: _Where) -> bool:
        try:
            self._place(where)
        except KeyError:
            return True
        except Refused:
            return False
        return False

    async def _complete(self, where: _Where) -> None:
        """Make the grade and the class."""
        parent = self._host(where)
        for kind, name, key in zip((Kind.GRADE, Kind.CLASS), where.names, where.keys, strict=False):
            if not self._divisions[parent.id, key]:
                made = await self._add(parent, kind, name)
                self._divisions[parent.id, key][made.id] = made
            parent = self._division(parent, name, key)

    async def _add(self, parent: Spot, kind: Kind, name: str) -> Spot:
        if not self._make:
            spot = Spot(uuid7(), parent.id, kind, f"{parent.path}.", name, ())
            self._new.add(spot.id)
            return spot
        above = await self._tree.by_id(parent.id)
        made = Organisation.under(above, uuid7(), kind, name, OfficialCodes(), self._now)
        await establish(self._uow, self._tree, made)
        self._new.add(made.id)
        return Spot(made.id, parent.id, kind, made.path, name, ())

    async def _hold(self) -> None:
        used: dict[UUID, str] = {}
        for place in self._places.values():
            if isinstance(place, Place):
                used |= {node.id: node.path for node in (place.school, place.target)}
        for held in await self._tree.hold(used.keys() - self._new):
            if held.state is not State.OPEN or held.path != used[held.id]:
                raise Unavailable(
                    "The tree changed while people were put there.",
                    zh="导入期间机构发生了变动，请重试。",
                )


_SAME_NAME = "有几个名称相同的班级或年级，无法分辨：请先将其改为不同的名称，再导入"
_SAME_BUT_FOR_SPELLING = "有几个写法相近的班级或年级，请核对名称"


def _where(line: Line) -> _Where:
    """Staff belong to the school as a whole."""
    if line.role is RosterRole.STAFF:
        return _Where(line.school, ())
    return _Where(line.school, tuple(filter(None, (line.grade, line.class_name))))


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split())
