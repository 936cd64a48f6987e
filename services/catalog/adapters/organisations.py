"""The copy of organisations in PostgreSQL."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_PATH_OF = text(
    "SELECT ltree2text(path) FROM organisations WHERE label = :label AND state = 'OPEN'"
)
_PUT = text(
    "INSERT INTO organisations (label, path, name, kind, state)"
    " VALUES (:label, text2ltree(:path), :name, :kind, 'OPEN')"
    " ON CONFLICT (label) DO UPDATE SET name = excluded.name"
)
_MOVES = [
    text(
        f"UPDATE {table} SET {column} = text2ltree(:path || substr(ltree2text({column}),"  # noqa: S608 - constant names
        f" length(:old_path) + 1)) WHERE {column} <@ text2ltree(:old_path)"
    )
    for table, column in (
        ("organisations", "path"),
        ("resources", "organisation_path"),
        ("uploads", "organisation_path"),
        ("collections", "organisation_path"),
        ("intakes", "organisation_path"),
        ("review_cases", "organisation_path"),
        ("review_cases", "level_path"),
        ("review_policies", "path"),
        ("review_groups", "path"),
        ("review_roster", "path"),
        ("review_conflicts", "path"),
        ("course_references", "organisation_path"),
    )
]
_CLOSE = text("UPDATE organisations SET state = 'CLOSED' WHERE path <@ text2ltree(:path)")


class OrganisationRepository:
    """The `OrganisationStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def path_of(self, label: str) -> str | None:
        found: str | None = await self._connection.scalar(_PATH_OF, {"label": label})
        return found

    async def put(self, fact: Mapping[str, Any]) -> None:
        row = {name: fact[name] for name in ("path", "name", "kind")}
        await self._connection.execute(_PUT, {**row, "label": label_of(fact["path"])})

    async def move(self, old_path: str, path: str) -> None:
        for statement in _MOVES:
            await self._connection.execute(statement, {"old_path": old_path, "path": path})

    async def close(self, path: str) -> None:
        await self._connection.execute(_CLOSE, {"path": path})


def label_of(path: str) -> str:
    """The label of the organisation at `path`."""
    return path.rpartition(".")[2]
