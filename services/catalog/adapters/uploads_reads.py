"""Uploads as they are read outside any unit of work."""

from collections.abc import Sequence
from uuid import UUID

from services.catalog.adapters.inspections import STEP
from services.catalog.adapters.uploads import SELECT, upload_of
from services.catalog.application.uploads_arrivals import Progress
from services.catalog.domain.uploads import State, Upload
from shared.reader import Reader

_GET = f"{SELECT} id = $1"
_PAGE = (
    f"{SELECT} owner = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR state = $3)"
    " ORDER BY id DESC LIMIT $4"
)
_PROGRESS = (
    "SELECT i.id, i.step, i.progress, f.facts FROM uploads u LEFT JOIN"  # noqa: S608 - constant text
    f" (SELECT id, upload_id, {STEP} AS step, progress FROM inspections) i ON i.upload_id = u.id"
    " LEFT JOIN files f ON f.sha256 = u.sha256"
    " AND f.state = 'CLEAN' AND u.state = 'AVAILABLE' WHERE u.id = $1"
)


class UploadReads:
    """`services.catalog.application.uploads_views.UploadReads`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, upload_id: UUID) -> Upload | None:
        row = await self._reader.fetchrow(_GET, upload_id)
        return None if row is None else upload_of(row)

    async def page(
        self, owner: str, state: State | None, limit: int, before: UUID | None
    ) -> Sequence[Upload]:
        rows = await self._reader.fetch(_PAGE, owner, before, state, limit)
        return [upload_of(row) for row in rows]

    async def progress(self, upload_id: UUID) -> Progress | None:
        row = await self._reader.fetchrow(_PROGRESS, upload_id)
        if row is None:
            return None
        return Progress(row["id"], row["step"] or "", row["progress"] or 0, row["facts"])
