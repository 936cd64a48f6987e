"""Announcements (公告) in the spaces of institutions, and the one feed that a person has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.directory import STAFF, Directory
from services.learning.application.spaces import Spaces
from services.learning.domain.spaces import KINDS, Announcement, Space
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

ANNOUNCE = Rule("learning.write", STAFF)
REVISE = Rule("learning.write", frozenset({Role.ADMINISTRATOR}), own=True)

_FARTHEST = 200
"""So many institutions at most speak in a person's feed."""


class AnnouncementStore(Protocol):
    async def add(self, *announcements: Announcement) -> None: ...

    async def get(self, space_id: UUID, announcement_id: UUID) -> Announcement | None: ...

    async def locked(self, space_id: UUID, announcement_id: UUID) -> Announcement | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, announcement: Announcement) -> None: ...

    async def delete(self, announcement_id: UUID) -> None: ...

    async def of(
        self, spaces: Sequence[UUID], limit: int, after: tuple[bool, UUID] | None
    ) -> Sequence[Announcement]:
        """Those in `spaces`: pinned ones first, then the newest, behind `after`."""
        ...


class Announcements:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        spaces: Spaces,
        store: Callable[[AsyncConnection], AnnouncementStore],
        directory: Callable[[AsyncConnection], Directory],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._spaces = spaces
        self._store = store
        self._directory = directory
        self._clock = clock

    async def announce(
        self, caller: Principal, space_id: UUID, title: str, text: str, pinned: bool
    ) -> Announcement:
        """Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            space = await self._institution(uow, caller, space_id)
            ANNOUNCE.admit(caller, space.path)
            now = self._clock()
            made = Announcement(
                id=uuid7(),
                space_id=space_id,
                title=title,
                text=text,
                pinned=pinned,
                author=caller.subject,
                version=1,
                published_at=now,
                updated_at=now,
            )
            await self._store(uow.connection).add(made)
            _note(uow, "made", space, after=made)
            return await uow.commit(made)

    async def page(
        self,
        caller: Principal,
        space_id: UUID,
        limit: int,
        after: tuple[bool, UUID] | None,
    ) -> Sequence[Announcement]:
        """What an institution announced; in a personal space, what every institution did to which
        the person, or a child of theirs, belongs. Raises `NotFound`."""
        async with self._new_uow() as uow:
            space = await self._spaces.found(uow, caller, space_id)
            speaking = [space_id] if space.path else await self._heard_by(uow, space_id)
            return await self._store(uow.connection).of(speaking, limit, after)

    async def get(self, caller: Principal, space_id: UUID, announcement_id: UUID) -> Announcement:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            await self._spaces.found(uow, caller, space_id)
            return _found(await self._store(uow.connection).get(space_id, announcement_id))

    async def change(
        self,
        caller: Principal,
        space_id: UUID,
        announcement_id: UUID,
        version: int,
        fields: Mapping[str, Any],
    ) -> Announcement:
        """With another ``title``, ``text`` or ``pinned``. Raises `NotFound`, `Forbidden`,
        `StaleVersion`."""
        async with self._new_uow() as uow:
            space, before = await self._owned(uow, caller, space_id, announcement_id, version)
            if all(getattr(before, name) == value for name, value in fields.items()):
                return before
            after = before.changed(self._clock(), **fields)
            await self._store(uow.connection).save(after)
            _note(uow, "changed", space, before=before, after=after)
            return await uow.commit(after)

    async def delete(
        self, caller: Principal, space_id: UUID, announcement_id: UUID, version: int
    ) -> None:
        """Raises `NotFound`, `Forbidden`, `StaleVersion`."""
        async with self._new_uow() as uow:
            space, before = await self._owned(uow, caller, space_id, announcement_id, version)
            await self._store(uow.connection).delete(announcement_id)
            _note(uow, "deleted", space, before=before)
            await uow.commit()

    async def _owned(
        self,
        uow: UnitOfWork,
        caller: Principal,
        space_id: UUID,
        announcement_id: UUID,
        version: int,
    ) -> tuple[Space, Announcement]:
        """It, locked, which the caller wrote or answers for, and has read as it is."""
        space = await self._institution(uow, caller, space_id)
        before = _found(await self._store(uow.connection).locked(space_id, announcement_id))
        REVISE.admit(caller, space.path, owner=before.author)
        if before.version != version:
            raise StaleVersion
        return space, before

    async def _institution(self, uow: UnitOfWork, caller: Principal, space_id: UUID) -> Space:
        space = await self._spaces.found(uow, caller, space_id)
        if space.path is None:
            raise Forbidden("Institutions announce, people do not.", zh="仅机构空间可以发布公告。")
        return space

    async def _heard_by(self, uow: UnitOfWork, person: UUID) -> Sequence[UUID]:
        directory = self._directory(uow.connection)
        people = [str(person), *await directory.children(str(person))]
        homes = await directory.homes(people, civil_date(self._clock()))
        paths = [each.path for each in homes]
        speaking = await directory.at_and_above(paths, list(KINDS), _FARTHEST, "")
        return [each.id for each in speaking]


def _found(announcement: Announcement | None) -> Announcement:
    if announcement is None:
        raise NotFound("There is no such announcement.", zh="没有该公告。")
    return announcement


def _note(
    uow: UnitOfWork,
    what: str,
    space: Space,
    *,
    before: Announcement | None = None,
    after: Announcement | None = None,
) -> None:
    subject = after or before
    uow.audit.record(
        f"announcement.{what}",
        str(subject and subject.id),
        organisation=space.path,
        before=before and before.record,
        after=after and after.record,
    )
