"""Homework in a growth archive."""

from collections.abc import Sequence

from services.learning.domain.archive import DoneHomework
from shared.reader import Reader

_OF = """
    SELECT s.assignment_id, a.title, a.subject, s.handed_in_at, s.late,
        CASE WHEN s.state = 'PUBLISHED' THEN s.score END AS score,
        (SELECT coalesce(sum((item ->> 'points')::float), 0)
            FROM jsonb_array_elements(a.items) item) AS points
    FROM submissions s JOIN assignments a ON a.id = s.assignment_id
    WHERE s.person = $1 ORDER BY s.handed_in_at DESC, s.id DESC LIMIT $2
"""
MOST = 20_000
"""More than twelve years of school have."""


class HandedInHomework:
    """`services.learning.application.archive_ports.Homework`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def of(self, person: str) -> Sequence[DoneHomework]:
        rows = await self._reader.fetch(_OF, person, MOST)
        return [DoneHomework(*(row[name] for name in DoneHomework._fields)) for row in rows]
