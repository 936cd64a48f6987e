"""What is written in spaces, in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.references import Reference
from services.learning.domain.spaces import Announcement, Page, Pick
from shared.errors import StaleVersion

_PAGE = text("SELECT introduction, version, updated_at FROM space_pages WHERE space_id = :id")
_SAVE = text(
    "INSERT INTO space_pages AS s (space_id, introduction, version, updated_at)"
    " VALUES (:id, :introduction, :version, :updated_at)"
    " ON CONFLICT (space_id) DO UPDATE SET introduction = excluded.introduction,"
    " version = excluded.version, updated_at = excluded.updated_at"
    " WHERE s.version = excluded.version - 1 RETURNING s.version"
)
_PICKS = text(
    "SELECT resource_id, number, title, note FROM space_resources"
    " WHERE space_id = :id AND position > :after ORDER BY position LIMIT :limit"
)
_DROP_PICKS = text("DELETE FROM space_resources WHERE space_id = :id")
_PUT_PICKS = text(
    "INSERT INTO space_resources (space_id, position, resource_id, number, title, note)"
    " SELECT :id, place - 1, resource_id, number, title, note FROM unnest("
    "CAST(:resources AS uuid[]), CAST(:numbers AS int[]), CAST(:titles AS text[]),"
    " CAST(:notes AS text[])) WITH ORDINALITY AS p (resource_id, number, title, note, place)"
)
_FORGET = [
    text("DELETE FROM space_resources WHERE space_id = :id"),
    text("DELETE FROM space_pages WHERE space_id = :id"),
    text("UPDATE announcements SET author = NULL WHERE author = :person"),
]
_COLUMNS = "id, space_id, title, text, pinned, author, version, published_at, updated_at"
_ADD = text(
    f"INSERT INTO announcements ({_COLUMNS}) VALUES (:id, :space_id, :title, :text, :pinned,"  # noqa: S608 - constant columns
    " :author, :version, :published_at, :updated_at)"
)
_GET = text(
    f"SELECT {_COLUMNS} FROM announcements WHERE space_id = :space_id AND id = :id"  # noqa: S608 - likewise
)
_LOCKED = text(f"{_GET.text} FOR NO KEY UPDATE")
_CHANGE = text(
    "UPDATE announcements SET title = :title, text = :text, pinned = :pinned,"
    " version = :version, updated_at = :updated_at WHERE id = :id"
)
_DELETE = text("DELETE FROM announcements WHERE id = :id")
_OF = text(
    f"SELECT {_COLUMNS} FROM announcements WHERE space_id = ANY(CAST(:spaces AS uuid[]))"  # noqa: S608 - likewise
    " AND (CAST(:last AS uuid) IS NULL OR (pinned, id) < (CAST(:pinned AS boolean), :last))"
    " ORDER BY pinned DESC, id DESC LIMIT :limit"
)


class SpaceRepository:
    """`services.learning.application.spaces.SpaceStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(self, space_id: UUID) -> Page:
        row = (await self._connection.execute(_PAGE, {"id": space_id})).one_or_none()
        return Page() if row is None else Page(row.introduction, row.version, row.updated_at)

    async def save(self, space_id: UUID, page: Page) -> None:
        row = {name: getattr(page, name) for name in Page.__slots__}
        if await self._connection.scalar(_SAVE, {"id": space_id, **row}) is None:
            raise StaleVersion

    async def picks(self, space_id: UUID, limit: int, after: int = -1) -> Sequence[Pick]:
        asked = {"id": space_id, "limit": limit, "after": after}
        return [
            Pick(Reference(UUID(bytes=row.resource_id.bytes), row.number), row.title, row.note)
            for row in await self._connection.execute(_PICKS, asked)
        ]

    async def put_picks(self, space_id: UUID, picks: Sequence[Pick]) -> None:
        await self._connection.execute(_DROP_PICKS, {"id": space_id})
        row = {
            "id": space_id,
            "resources": [each.reference.resource_id for each in picks],
            "numbers": [each.reference.number for each in picks],
            "titles": [each.title for each in picks],
            "notes": [each.note for each in picks],
        }
        await self._connection.execute(_PUT_PICKS, row)

    async def forget(self, person: str) -> None:
        for statement in _FORGET:
            await self._connection.execute(statement, {"id": UUID(person), "person": person})


class AnnouncementRepository:
    """`services.learning.application.spaces_announcements.AnnouncementStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, *announcements: Announcement) -> None:
        await self._connection.execute(_ADD, [_row(each) for each in announcements])

    async def get(self, space_id: UUID, announcement_id: UUID) -> Announcement | None:
        return await self._one(_GET, space_id, announcement_id)

    async def locked(self, space_id: UUID, announcement_id: UUID) -> Announcement | None:
        return await self._one(_LOCKED, space_id, announcement_id)

    async def _one(self, query: Any, space_id: UUID, id_: UUID) -> Announcement | None:
        asked = {"space_id": space_id, "id": id_}
        row = (await self._connection.execute(query, asked)).one_or_none()
        return None if row is None else _announcement(row)

    async def save(self, announcement: Announcement) -> None:
        await self._connection.execute(_CHANGE, _row(announcement))

    async def delete(self, announcement_id: UUID) -> None:
        await self._connection.execute(_DELETE, {"id": announcement_id})

    async def of(
        self, spaces: Sequence[UUID], limit: int, after: tuple[bool, UUID] | None
    ) -> Sequence[Announcement]:
        pinned, last = after or (None, None)
        asked = {"spaces": list(spaces), "limit": limit, "pinned": pinned, "last": last}
        return [_announcement(row) for row in await self._connection.execute(_OF, asked)]


def _row(announcement: Announcement) -> dict[str, Any]:
    return {name: getattr(announcement, name) for name in Announcement.__slots__}


def _announcement(row: Row[Any]) -> Announcement:
    return Announcement(
        id=UUID(bytes=row.id.bytes),
        space_id=UUID(bytes=row.space_id.bytes),
        title=row.title,
        text=row.text,
        pinned=row.pinned,
        author=row.author,
        version=row.version,
        published_at=row.published_at,
        updated_at=row.updated_at,
    )
