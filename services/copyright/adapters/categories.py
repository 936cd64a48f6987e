from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = (
    "SELECT code, name_zh, name_en, letter, dci, version FROM work_categories ORDER BY position"
)
_ALL = text(_COLUMNS)
_LOCKED = text(f"{_COLUMNS} FOR UPDATE")
_CHANGE = text(
    "UPDATE work_categories SET name_zh = :name_zh, name_en = :name_en, letter = :letter,"
    " dci = :dci, version = version + 1 WHERE code = :code"
)


class CategoryRepository:
    """`services.copyright.application.categories.CategoryStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in (await self._connection.execute(_ALL)).mappings()]

    async def locked(self) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in (await self._connection.execute(_LOCKED)).mappings()]

    async def change(self, code: str, told: Mapping[str, Any]) -> None:
        await self._connection.execute(_CHANGE, {**told, "code": code})
