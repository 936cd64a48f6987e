"""What is due about reviews, and what machine review reads, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.term_lists import in_effect
from services.catalog.application.reviews_ports import TaskKind
from services.catalog.application.reviews_work import Task
from services.catalog.domain.term_lists import TermList

# Materialised: a join may run a subquery again for each row, and each run locks another task.
_TAKE = text(
    "WITH due AS MATERIALIZED (SELECT case_id, kind FROM review_tasks WHERE due_at <= :now"
    " ORDER BY due_at FOR UPDATE SKIP LOCKED LIMIT 1)"
    " UPDATE review_tasks t SET due_at = :until, attempts = t.attempts + 1"
    " FROM due WHERE t.case_id = due.case_id AND t.kind = due.kind"
    " RETURNING t.case_id, t.kind, t.round, t.level, t.attempts"
)
_DONE = text(
    "DELETE FROM review_tasks WHERE case_id = :case_id AND kind = :kind AND round = :round"
    " AND level = :level"
)
_TEXTS = text(
    "SELECT v.position, f.text_key FROM resource_version_files v JOIN files f USING (sha256)"
    " WHERE v.resource_id = :resource_id AND v.number = :number AND f.text_key IS NOT NULL"
    " ORDER BY v.position"
)


class TaskRepository:
    """The `TaskStore` of the scheduler."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take(self, now: datetime, until: datetime) -> Task | None:
        asked = {"now": now, "until": until}
        row = (await self._connection.execute(_TAKE, asked)).one_or_none()
        if row is None:
            return None
        case_id = UUID(bytes=row.case_id.bytes)
        return Task(case_id, TaskKind(row.kind), row.round, row.level, row.attempts)

    async def done(self, task: Task) -> None:
        row = {"case_id": task.case_id, "kind": task.kind, "round": task.round}
        await self._connection.execute(_DONE, {**row, "level": task.level})

    async def texts(self, resource_id: UUID, number: int) -> Sequence[tuple[int, str]]:
        asked = {"resource_id": resource_id, "number": number}
        rows = await self._connection.execute(_TEXTS, asked)
        return [(row.position, row.text_key) for row in rows]

    async def lists_in_effect(self, now: datetime) -> Sequence[TermList]:
        return await in_effect(self._connection, now)
