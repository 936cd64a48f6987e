"""What is published, in PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.codes import CODE_COLUMNS, codes_of
from services.catalog.domain.publication import Publication, VersionFile
from services.catalog.domain.resources import Resource

# A digest is a claim until the upload is available: no file is reached by it before.
_FILES = text(
    f"SELECT v.filename, v.sha256, f.sm3, v.size, {CODE_COLUMNS} FROM resource_version_files v"  # noqa: S608 - constant columns
    " LEFT JOIN uploads u ON u.id = v.upload_id AND u.state = 'AVAILABLE'"
    " LEFT JOIN files f ON f.sha256 = u.sha256 AND f.sha256 = v.sha256 AND f.state = 'CLEAN'"
    " LEFT JOIN file_codes c ON c.sha256 = f.sha256"
    " WHERE v.resource_id = :resource_id AND v.number = :number ORDER BY v.position"
)
_ADD = text(
    "INSERT INTO publications (resource_id, version, published_at, digest, case_id)"
    " VALUES (:resource_id, :version, :published_at, :digest, :case_id) ON CONFLICT DO NOTHING"
)
_STAND = text(
    "UPDATE resources SET state = :state, live_version = :live_version, version = :version,"
    " updated_at = :updated_at, case_id = :case_id WHERE id = :id"
)


class PublicationRepository:
    """The `PublicationStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def files(self, resource_id: UUID, number: int) -> Sequence[VersionFile]:
        key = {"resource_id": resource_id, "number": number}
        rows = await self._connection.execute(_FILES, key)
        return [
            VersionFile(row.filename, row.sha256, row.sm3, row.size, codes_of(row)) for row in rows
        ]

    async def add(self, publication: Publication) -> None:
        row = {name: getattr(publication, name) for name in Publication.__slots__}
        await self._connection.execute(_ADD, row)

    async def stand(self, resource: Resource) -> None:
        names = ("id", "state", "live_version", "version", "updated_at", "case_id")
        await self._connection.execute(_STAND, {name: getattr(resource, name) for name in names})
