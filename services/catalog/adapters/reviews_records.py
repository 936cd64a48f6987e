"""Which levels approved a version, from PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.reviews_records import Passed

_PASSED = text(
    "SELECT c.chain -> v.level ->> 'kind' AS kind, max(v.at) AS at,"
    " COALESCE(o.name, c.chain -> v.level ->> 'path') AS institute"
    " FROM review_cases c JOIN review_verdicts v ON v.case_id = c.id AND v.round = c.round"
    " LEFT JOIN organisations o"
    " ON o.label = regexp_replace(c.chain -> v.level ->> 'path', '^.*\\.', '')"
    " WHERE c.resource_id = :resource_id AND c.number = :number AND c.state = 'APPROVED'"
    " AND v.decision = 'APPROVE' GROUP BY v.level, 1, 3 ORDER BY v.level"
)


class RecordRepository:
    """The `ReviewRecords` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def passed(self, resource_id: UUID, number: int) -> Sequence[Passed]:
        asked = {"resource_id": resource_id, "number": number}
        rows = await self._connection.execute(_PASSED, asked)
        return [Passed(row.kind, row.institute, row.at) for row in rows]
