"""Spaces as people read and arrange them."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.directory import STAFF, Directory, sees
from services.learning.application.references import refuse
from services.learning.domain.directory import KnownResource, Member, Organisation
from services.learning.domain.references import Outlook, flaws, outlook
from services.learning.domain.spaces import (
    KINDS,
    MOST_RESOURCES,
    Kind,
    Page,
    Pick,
    Space,
)
from shared.access import Role, Rule, grants_of
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.principal import Principal

READ = Rule("learning.read")
EDIT = Rule("learning.write", STAFF, own=True)
ROLL = Rule("learning.read", STAFF, own=True)

PERSONAL_ROLES = frozenset({Role.STUDENT, Role.TEACHER, Role.GUARDIAN, Role.ADMINISTRATOR})
"""What one's own space may be there for."""

NO_MEMBERSHIP = UUID(int=0)

_PERSONAL_NAME = ("My space", "我的空间")
_CHILDS_NAME = ("A child's space", "孩子的空间")


class SpaceStore(Protocol):
    async def page(self, space_id: UUID) -> Page: ...

    async def save(self, space_id: UUID, page: Page) -> None:
        """Raises `StaleVersion` unless it follows what is there."""
        ...

    async def picks(self, space_id: UUID, limit: int, after: int = -1) -> Sequence[Pick]:
        """In order, those behind the position `after`."""
        ...

    async def put_picks(self, space_id: UUID, picks: Sequence[Pick]) -> None:
        """In place of those it has."""
        ...

    async def forget(self, person: str) -> None:
        """Nothing that `person` wrote in a space of their own stays."""
        ...


class Shown(NamedTuple):
    """A space and what stands there; ``editable`` for the one who reads it."""

    space: Space
    page: Page
    editable: bool


class Entry(NamedTuple):
    """A resource in its place, counted from 0, and what became of it."""

    position: int
    pick: Pick
    outlook: Outlook


class Spaces:
    """Changes are audited. Whom a space is no business of learns nothing of it."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], SpaceStore],
        directory: Callable[[AsyncConnection], Directory],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._directory = directory
        self._clock = clock

    async def mine(self, caller: Principal, limit: int, after: str | None) -> Sequence[Space]:
        """The caller's own, then those of every institution that the caller or a child of theirs
        belongs to, from the province down, behind the path `after`."""
        async with self._new_uow() as uow:
            directory = self._directory(uow.connection)
            people = [caller.subject, *await directory.children(caller.subject)]
            homes = await directory.homes(people, civil_date(self._clock()))
            own = [] if after is not None else _personal(caller)
            paths = [each.path for each in homes]
            room = limit - len(own)
            found = await directory.at_and_above(paths, list(KINDS), room, after or "")
        return [*own, *(space for each in found if (space := _institutional(each)))]

    async def get(self, caller: Principal, space_id: UUID) -> Shown:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            space = await self.found(uow, caller, space_id)
            page = await self._store(uow.connection).page(space_id)
        return Shown(space, page, may_edit(caller, space))

    async def introduce(
        self, caller: Principal, space_id: UUID, version: int, introduction: str
    ) -> Shown:
        """Raises `NotFound`, `Forbidden`, `StaleVersion`."""
        async with self._new_uow() as uow:
            space = await self.editable(uow, caller, space_id)
            store = self._store(uow.connection)
            before = await _at(store, space_id, version)
            if before.introduction == introduction:
                return Shown(space, before, True)
            after = before.changed(self._clock(), introduction=introduction)
            await store.save(space_id, after)
            _note(uow, "introduced", space, version=after.version)
            return await uow.commit(Shown(space, after, True))

    async def arrange(
        self, caller: Principal, space_id: UUID, version: int, picks: Sequence[Pick]
    ) -> Shown:
        """Make `picks` all that the space shows, in this order. Those that it has may stay,
        whatever became of their resources.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `ReferencesRefused`.
        """
        async with self._new_uow() as uow:
            space = await self.editable(uow, caller, space_id)
            store = self._store(uow.connection)
            before = await _at(store, space_id, version)
            held = await store.picks(space_id, MOST_RESOURCES)
            if list(held) == list(picks):
                return Shown(space, before, True)
            references = [each.reference for each in picks]
            kept = {each.reference for each in held}
            places = [f"#/resources/{place}" for place in range(len(picks))]
            refuse(flaws(references, kept, await self._known(uow, picks)), places)
            after = before.changed(self._clock())
            await store.save(space_id, after)
            await store.put_picks(space_id, picks)
            _note(uow, "arranged", space, version=after.version, resources=len(picks))
            return await uow.commit(Shown(space, after, True))

    async def resources(
        self, caller: Principal, space_id: UUID, limit: int, after: int
    ) -> Sequence[Entry]:
        """In order, behind the position `after`. Raises `NotFound`."""
        async with self._new_uow() as uow:
            await self.found(uow, caller, space_id)
            picks = await self._store(uow.connection).picks(space_id, limit, after)
            known = await self._known(uow, picks)
        return [
            Entry(place, each, outlook(known.get(each.reference.resource_id)))
            for place, each in enumerate(picks, after + 1)
        ]

    async def members(
        self, caller: Principal, space_id: UUID, limit: int, after: tuple[str, UUID]
    ) -> Sequence[Member]:
        """Who belongs at or below an institution, for those who work there; of a personal space,
        its owner and the owner's guardians. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            space = await self.found(uow, caller, space_id)
            directory = self._directory(uow.connection)
            if space.path is None:
                guardians = await directory.guardians(str(space_id))
                people = [Member(str(space_id), NO_MEMBERSHIP, "", "owner")]
                people += [Member(each, NO_MEMBERSHIP, "", "guardian") for each in guardians]
                return sorted(each for each in people if (each.person, each.key) > after)[:limit]
            ROLL.admit(caller, space.path)
            return await directory.members(space.path, civil_date(self._clock()), limit, after)

    async def found(self, uow: UnitOfWork, caller: Principal, space_id: UUID) -> Space:
        """The space, which the caller may see. Raises `NotFound`."""
        directory = self._directory(uow.connection)
        if own := [each for each in _personal(caller) if each.id == space_id]:
            return own[0]
        organisation = await directory.organisation(space_id)
        if organisation is not None:
            space = _institutional(organisation)
            day = civil_date(self._clock())
            if space and await sees(directory, caller, organisation.path, day):
                return space
        elif str(space_id) in await directory.children(caller.subject):
            pupil = frozenset[str]({Role.STUDENT})
            return Space(space_id, Kind.PERSONAL, None, worded(*_CHILDS_NAME), pupil)
        raise NotFound("There is no such space.", zh="没有该空间。")

    async def editable(self, uow: UnitOfWork, caller: Principal, space_id: UUID) -> Space:
        """The space, which the caller may change. Raises `NotFound`, `Forbidden`."""
        space = await self.found(uow, caller, space_id)
        if not may_edit(caller, space):
            raise Forbidden(
                "Its owner changes it, or whoever teaches or administers there.",
                zh="仅空间所有者、该机构的教师或管理员可以修改。",
            )
        return space

    async def _known(self, uow: UnitOfWork, picks: Sequence[Pick]) -> Mapping[UUID, KnownResource]:
        ids = [each.reference.resource_id for each in picks]
        return await self._directory(uow.connection).resource_state(ids) if ids else {}


def may_edit(caller: Principal, space: Space) -> bool:
    if space.path is None:
        return str(space.id) == caller.subject
    return EDIT.holds(caller, space.path)


def _note(uow: UnitOfWork, what: str, space: Space, **facts: object) -> None:
    uow.audit.record(f"space.{what}", str(space.id), organisation=space.path, **facts)


async def _at(store: SpaceStore, space_id: UUID, version: int) -> Page:
    page = await store.page(space_id)
    if page.version != version:
        raise StaleVersion
    return page


def _personal(caller: Principal) -> list[Space]:
    """The caller's own; a client that acts for itself has none."""
    try:
        id_ = UUID(caller.subject)
    except ValueError:
        return []
    if caller.subject == caller.client:
        return []
    roles = frozenset[str](each.role for each in grants_of(caller)) & PERSONAL_ROLES
    return [Space(id_, Kind.PERSONAL, None, worded(*_PERSONAL_NAME), roles)]


def _institutional(organisation: Organisation) -> Space | None:
    kind = KINDS.get(organisation.kind)
    if kind is None or not organisation.open:
        return None
    return Space(organisation.id, kind, organisation.path, organisation.name)
