"""Registered applications, as far as identity's events tell of them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.usage import Application
from shared.reader import Reader

_NOTE = text(
    "INSERT INTO applications (client_id, organisation_path, name, quota_class, version)"
    " VALUES (:client_id, CAST(:organisation_path AS ltree), :name, :quota_class, :version)"
    " ON CONFLICT (client_id) DO UPDATE SET organisation_path = excluded.organisation_path,"
    " name = excluded.name, quota_class = excluded.quota_class, version = excluded.version"
    " WHERE applications.version < excluded.version"
)
_MOVE = text(
    "UPDATE applications SET organisation_path = CAST(:path AS ltree)"
    " || CASE WHEN nlevel(organisation_path) > nlevel(CAST(:old_path AS ltree))"
    " THEN subpath(organisation_path, nlevel(CAST(:old_path AS ltree))) ELSE '' END"
    " WHERE organisation_path <@ CAST(:old_path AS ltree)"
)
_GET = (
    "SELECT client_id, ltree2text(organisation_path) AS path, name, quota_class"
    " FROM applications WHERE client_id = $1"
)
_TAKEN = "SELECT taken FROM quota_days WHERE client_id = $1 AND day = $2"


class ApplicationRows:
    """`gateway.application.usage.Applications` over PostgreSQL."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, client_id: str) -> Application | None:
        row = await self._reader.fetchrow(_GET, client_id)
        return Application(**row) if row else None

    async def taken(self, client_id: str, day: date) -> int:
        row = await self._reader.fetchrow(_TAKEN, client_id, day)
        return row["taken"] if row else 0


class ApplicationNotes:
    """`gateway.application.usage.ApplicationStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, client: Mapping[str, Any]) -> None:
        await self._connection.execute(_NOTE, client)

    async def move(self, old_path: str, path: str) -> None:
        await self._connection.execute(_MOVE, {"old_path": old_path, "path": path})
