"""Which classes take which courses, in PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.courses import Enrolment

TAKEN_BY = (
    "FROM course_enrolments e JOIN members m ON m.organisation_id = e.organisation_id"
    " JOIN organisations o ON o.id = e.organisation_id AND o.state = 'OPEN'"
    " WHERE m.person = ANY(CAST(:people AS text[])) AND m.valid_from <= :day"
    " AND (m.valid_until IS NULL OR m.valid_until > :day)"
)
"""The enrolments of the open classes to which one of `people` belongs on `day`."""

_ADD = text(
    "INSERT INTO course_enrolments (course_id, organisation_id, enrolled_at)"
    " VALUES (:course_id, :organisation_id, :at)"
)
_REMOVE = text(
    "DELETE FROM course_enrolments WHERE course_id = :course_id"
    " AND organisation_id = :organisation_id RETURNING organisation_id"
)
_PAGE = text(
    "SELECT o.id, ltree2text(o.path) AS path, o.name, e.enrolled_at FROM course_enrolments e"
    " JOIN organisations o ON o.id = e.organisation_id WHERE e.course_id = :course_id"
    " AND o.path > text2ltree(CAST(:after AS text)) ORDER BY o.path LIMIT :limit"
)
_TAKES = text(f"SELECT EXISTS (SELECT {TAKEN_BY} AND e.course_id = :course_id)")


class EnrolmentRepository:
    """`services.learning.application.courses_ports.EnrolmentStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, course_id: UUID, organisation_id: UUID, at: datetime) -> None:
        row = {"course_id": course_id, "organisation_id": organisation_id, "at": at}
        await self._connection.execute(_ADD, row)

    async def remove(self, course_id: UUID, organisation_id: UUID) -> bool:
        row = {"course_id": course_id, "organisation_id": organisation_id}
        return await self._connection.scalar(_REMOVE, row) is not None

    async def page(self, course_id: UUID, limit: int, after: str) -> Sequence[Enrolment]:
        asked = {"course_id": course_id, "limit": limit, "after": after}
        rows = await self._connection.execute(_PAGE, asked)
        return [
            Enrolment(UUID(bytes=row.id.bytes), row.path, row.name, row.enrolled_at) for row in rows
        ]

    async def takes(self, course_id: UUID, people: Sequence[str], day: date) -> bool:
        asked = {"course_id": course_id, "people": list(people), "day": day}
        return bool(await self._connection.scalar(_TAKES, asked))
