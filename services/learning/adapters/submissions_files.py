"""Files of homework, in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.submissions import HomeworkFile

_COLUMNS = "id, assignment_id, person, item, name, length, sha256, submission_id, announced_at"
_ADD = text(
    f"INSERT INTO homework_files ({_COLUMNS}) VALUES (:id, :assignment_id, :person, :item, :name,"  # noqa: S608 - constant columns
    " :length, :sha256, :submission_id, :announced_at)"
)
_OF = text(
    f"SELECT {_COLUMNS} FROM homework_files"  # noqa: S608 - likewise
    " WHERE assignment_id = :assignment_id AND person = :person ORDER BY id FOR NO KEY UPDATE"
)
_GET = text(
    f"SELECT {_COLUMNS} FROM homework_files WHERE submission_id = :submission_id AND id = :id"  # noqa: S608 - likewise
)
_HAND_IN = text(
    "UPDATE homework_files SET submission_id = :submission_id"
    " WHERE id = ANY(CAST(:ids AS uuid[])) AND submission_id IS NULL"
)
_DISCARD_UNUSED = text(
    "WITH unused AS (DELETE FROM homework_files WHERE submission_id IS NULL"
    " AND announced_at < :before RETURNING id)"
    " INSERT INTO discarded_objects (key) SELECT 'homework/' || id FROM unused"
    " ON CONFLICT DO NOTHING"
)
_DISCARDED = text(
    "SELECT key FROM discarded_objects ORDER BY key LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_GONE = text("DELETE FROM discarded_objects WHERE key = ANY(CAST(:keys AS text[]))")


class FileRepository:
    """`services.learning.application.assignments_ports.FileStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, file: HomeworkFile) -> None:
        names = HomeworkFile.__slots__
        row = {name: getattr(file, name) for name in names}
        await self._connection.execute(_ADD, {**row, "sha256": bytes.fromhex(file.sha256)})

    async def of(self, assignment_id: UUID, person: str) -> Mapping[UUID, HomeworkFile]:
        asked = {"assignment_id": assignment_id, "person": person}
        found = [_file(row) for row in await self._connection.execute(_OF, asked)]
        return {each.id: each for each in found}

    async def get(self, submission_id: UUID, file_id: UUID) -> HomeworkFile | None:
        asked = {"submission_id": submission_id, "id": file_id}
        row = (await self._connection.execute(_GET, asked)).one_or_none()
        return None if row is None else _file(row)

    async def hand_in(self, ids: Collection[UUID], submission_id: UUID) -> None:
        row = {"ids": list(ids), "submission_id": submission_id}
        await self._connection.execute(_HAND_IN, row)

    async def discard_unused(self, before: datetime) -> None:
        await self._connection.execute(_DISCARD_UNUSED, {"before": before})

    async def discarded(self, limit: int) -> Sequence[str]:
        return (await self._connection.scalars(_DISCARDED, {"limit": limit})).all()

    async def gone(self, keys: Collection[str]) -> None:
        await self._connection.execute(_GONE, {"keys": list(keys)})


def _file(row: Row[Any]) -> HomeworkFile:
    submission_id = row.submission_id
    return HomeworkFile(
        id=UUID(bytes=row.id.bytes),
        assignment_id=UUID(bytes=row.assignment_id.bytes),
        person=row.person,
        item=row.item,
        name=row.name,
        length=row.length,
        sha256=row.sha256.hex(),
        submission_id=submission_id and UUID(bytes=submission_id.bytes),
        announced_at=row.announced_at,
    )
