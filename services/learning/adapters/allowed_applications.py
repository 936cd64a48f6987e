"""Allowed applications in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.allowed_applications import (
    AllowedApplication,
    AlreadyAllowed,
    Category,
    Level,
    State,
)

_COLUMNS = (
    "id, ltree2text(organisation_path) AS organisation_path, record_number, name, developer, url,"
    " levels, categories, state, version, created_at, updated_at, EXISTS (SELECT"
    " FROM allowed_applications other WHERE other.organisation_path @> text2ltree(:path)"
    " AND other.record_number = a.record_number AND other.id <> a.id"
    " AND other.state <> 'ALLOWED') AS held"
)
_ADD = text(
    "INSERT INTO allowed_applications (id, organisation_path, record_number, name, developer, url,"
    " levels, categories, state, version, created_at, updated_at)"
    " VALUES (:id, text2ltree(:organisation_path), :record_number, :name, :developer, :url,"
    " :levels, :categories, :state, :version, :created_at, :updated_at)"
    " ON CONFLICT (organisation_path, record_number) DO NOTHING RETURNING id"
)
_GET = text(
    f"SELECT {_COLUMNS} FROM allowed_applications a"  # noqa: S608 - constant columns
    " WHERE id = :id AND organisation_path @> text2ltree(:path)"
)
_LOCKED = text(
    f"SELECT {_COLUMNS} FROM allowed_applications a"  # noqa: S608 - likewise
    " WHERE id = :id AND organisation_path = text2ltree(:path) FOR NO KEY UPDATE"
)
_SAVE = text(
    "UPDATE allowed_applications SET name = :name, developer = :developer, url = :url,"
    " levels = :levels, categories = :categories, state = :state, version = :version,"
    " updated_at = :updated_at WHERE id = :id"
)
_OVER = text(
    f"SELECT {_COLUMNS} FROM allowed_applications a"  # noqa: S608 - likewise
    " WHERE organisation_path @> text2ltree(:path)"
    " AND (CAST(:level AS text) IS NULL OR :level = ANY(levels))"
    " AND (CAST(:category AS text) IS NULL OR :category = ANY(categories))"
    " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
)


class AllowedApplicationRepository:
    """`services.learning.application.allowed_applications.AllowedApplicationStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, application: AllowedApplication) -> None:
        if await self._connection.scalar(_ADD, _row(application)) is None:
            raise AlreadyAllowed(
                "Look it up by its record number, and change that one.",
                zh="该备案号已登记，请修改已有记录。",
            )

    async def get(self, path: str, id_: UUID) -> AllowedApplication | None:
        return await self._one(_GET, path, id_)

    async def locked(self, path: str, id_: UUID) -> AllowedApplication | None:
        return await self._one(_LOCKED, path, id_)

    async def _one(self, query: Any, path: str, id_: UUID) -> AllowedApplication | None:
        row = (await self._connection.execute(query, {"path": path, "id": id_})).one_or_none()
        return None if row is None else _application(row)

    async def save(self, application: AllowedApplication) -> None:
        await self._connection.execute(_SAVE, _row(application))

    async def over(
        self,
        path: str,
        level: Level | None,
        category: Category | None,
        limit: int,
        before: UUID | None,
    ) -> Sequence[AllowedApplication]:
        asked: dict[str, Any] = {"path": path, "level": level, "category": category}
        asked |= {"limit": limit, "before": before}
        return [_application(row) for row in await self._connection.execute(_OVER, asked)]


def _row(application: AllowedApplication) -> dict[str, Any]:
    row = {name: getattr(application, name) for name in AllowedApplication.__slots__}
    row["levels"], row["categories"] = list(row["levels"]), list(row["categories"])
    return row


def _application(row: Row[Any]) -> AllowedApplication:
    return AllowedApplication(
        id=UUID(bytes=row.id.bytes),
        organisation_path=row.organisation_path,
        record_number=row.record_number,
        name=row.name,
        developer=row.developer,
        url=row.url,
        levels=tuple(map(Level, row.levels)),
        categories=tuple(map(Category, row.categories)),
        state=State(row.state),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        held=row.held,
    )
