"""Where files and their derivatives are, from PostgreSQL."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.versions import DAMAGED
from services.catalog.application.resources_content import Stored
from services.catalog.domain import files, uploads
from services.catalog.domain.inspection import Derivative

# A digest is a claim until the upload is available: no file is reached by it before.
_STORED = text(
    "SELECT u.owner, u.state, u.object_key, u.refusal AS upload_refusal,"  # noqa: S608 - constant predicate
    " f.state AS file_state, f.object_key AS file_key, f.media_type, f.refusal,"
    f" {DAMAGED} AS damaged FROM uploads u"
    " LEFT JOIN files f ON f.sha256 = u.sha256 AND u.state = 'AVAILABLE' WHERE u.id = :id"
)
_DERIVATIVES = text(
    "SELECT u.id AS upload_id, d.kind, d.number, d.object_key, d.media_type, d.width, d.height,"
    " d.size FROM uploads u JOIN files f ON f.sha256 = u.sha256 AND f.state = 'CLEAN'"
    " JOIN derivatives d ON d.sha256 = f.sha256"
    " WHERE u.state = 'AVAILABLE' AND u.id = ANY(CAST(:ids AS uuid[]))"
    " ORDER BY d.kind, d.number"
)


class ContentRepository:
    """The `ContentStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stored(self, upload_id: UUID) -> Stored | None:
        row = (await self._connection.execute(_STORED, {"id": upload_id})).one_or_none()
        if row is None:
            return None
        return Stored(
            upload_owner=row.owner,
            upload_state=uploads.State(row.state),
            upload_key=row.object_key,
            file_state=files.State(row.file_state) if row.file_state else None,
            file_key=row.file_key,
            media_type=row.media_type,
            refusal=row.refusal or row.upload_refusal or (),
            damaged=row.damaged,
        )

    async def derivatives(self, upload_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Derivative]]:
        found: dict[UUID, list[Derivative]] = {}
        rows = await self._connection.execute(_DERIVATIVES, {"ids": list(upload_ids)})
        for row in rows.mappings():
            made = Derivative(**{name: row[name] for name in Derivative.__slots__})
            found.setdefault(UUID(bytes=row["upload_id"].bytes), []).append(made)
        return found
