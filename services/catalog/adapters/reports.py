"""Reports and their cases in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.reports import Receipt, Report, ReportCase, ReportReason, State

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('reporter:' || :reporter, 0))")
_RECENT = text(
    "SELECT at FROM reports WHERE reporter = ANY(CAST(:reporters AS bytea[])) AND at > :since"
    " ORDER BY at DESC"
)
_OPEN = text(
    "INSERT INTO report_cases (id, resource_id, state, reports, remark, version, opened_at)"
    " VALUES (:id, :resource_id, 'OPEN', 0, '', 0, :at)"
    " ON CONFLICT (resource_id) WHERE state = 'OPEN'"
    " DO UPDATE SET state = excluded.state RETURNING id"
)
_ADD = text(
    "INSERT INTO reports (case_id, reporter, reason_code, words, number, at)"
    " VALUES (:case_id, :reporter, :reason, :words, :number, :at) ON CONFLICT (case_id, reporter)"
    " DO UPDATE SET reason_code = excluded.reason_code, words = excluded.words,"
    " number = excluded.number, at = excluded.at"
)
_COUNT = text(
    "UPDATE report_cases SET version = version + 1,"
    " reports = (SELECT count(*) FROM reports WHERE case_id = :case_id) WHERE id = :case_id"
)
_SELECT = (
    "SELECT c.id, c.resource_id, r.code, r.owner, (SELECT v.title FROM publications p"
    " JOIN resource_versions v ON v.resource_id = p.resource_id AND v.number = p.version"
    " WHERE p.resource_id = r.id ORDER BY p.version = r.live_version DESC NULLS LAST,"
    " p.version DESC LIMIT 1) AS title,"
    " ltree2text(r.organisation_path) AS organisation_path, c.state, c.reports, c.remark,"
    " c.version, c.opened_at, c.closed_at"
    " FROM report_cases c JOIN resources r ON r.id = c.resource_id"
)
_GET = text(f"{_SELECT} WHERE c.id = :id")
_LOCKED = text(f"{_GET.text} FOR NO KEY UPDATE OF c")
_SAVE = text(
    "UPDATE report_cases SET state = :state, remark = :remark, version = :version,"
    " closed_at = :closed_at WHERE id = :id"
)
_REPORTS = text(
    "SELECT reason_code, words, number, at FROM reports WHERE case_id = :id"
    " ORDER BY at DESC LIMIT :limit"
)
_PAGE = text(
    f"{_SELECT} WHERE r.organisation_path <@ CAST(CAST(:paths AS text[]) AS ltree[])"
    " AND (CAST(:state AS text) IS NULL OR c.state = :state)"
    " AND (CAST(:before AS uuid) IS NULL OR c.id < :before) ORDER BY c.id DESC LIMIT :limit"
)
_RECEIPTS = text(
    "SELECT p.case_id, c.resource_id, r.code, p.reason_code, p.words, p.number, p.at, c.state,"
    " c.remark FROM reports p JOIN report_cases c ON c.id = p.case_id"
    " JOIN resources r ON r.id = c.resource_id"
    " WHERE p.reporter = ANY(CAST(:reporters AS bytea[])) ORDER BY p.at DESC LIMIT :limit"
)


class ReportRepository:
    """The `ReportStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def recent(self, reporters: Sequence[bytes], since: datetime) -> Sequence[datetime]:
        await self._connection.execute(_ALONE, {"reporter": reporters[0].hex()})
        asked = {"reporters": list(reporters), "since": since}
        return list(await self._connection.scalars(_RECENT, asked))

    async def open(self, resource_id: UUID, new_id: UUID, at: datetime) -> UUID:
        row = {"id": new_id, "resource_id": resource_id, "at": at}
        found = (await self._connection.execute(_OPEN, row)).scalar_one()
        return UUID(bytes=found.bytes)

    async def add(self, case_id: UUID, reporter: bytes, report: Report) -> None:
        row = {name: getattr(report, name) for name in Report.__slots__}
        await self._connection.execute(_ADD, {"case_id": case_id, "reporter": reporter, **row})
        await self._connection.execute(_COUNT, {"case_id": case_id})

    async def get(self, case_id: UUID) -> ReportCase | None:
        return await self._one(_GET, case_id)

    async def locked(self, case_id: UUID) -> ReportCase | None:
        return await self._one(_LOCKED, case_id)

    async def _one(self, query: Any, case_id: UUID) -> ReportCase | None:
        row = (await self._connection.execute(query, {"id": case_id})).one_or_none()
        return None if row is None else _case(row)

    async def save(self, case: ReportCase) -> None:
        names = ("id", "state", "remark", "version", "closed_at")
        await self._connection.execute(_SAVE, {name: getattr(case, name) for name in names})

    async def reports(self, case_id: UUID, limit: int) -> Sequence[Report]:
        rows = await self._connection.execute(_REPORTS, {"id": case_id, "limit": limit})
        return [_report(row) for row in rows]

    async def page(
        self, paths: Sequence[str], state: State | None, limit: int, before: UUID | None
    ) -> Sequence[ReportCase]:
        asked = {"paths": list(paths), "state": state, "limit": limit, "before": before}
        return [_case(row) for row in await self._connection.execute(_PAGE, asked)]

    async def receipts(self, reporters: Sequence[bytes], limit: int) -> Sequence[Receipt]:
        asked = {"reporters": list(reporters), "limit": limit}
        return [
            Receipt(
                case_id=UUID(bytes=row.case_id.bytes),
                resource_id=UUID(bytes=row.resource_id.bytes),
                code=row.code,
                report=_report(row),
                state=State(row.state),
                remark=row.remark,
            )
            for row in await self._connection.execute(_RECEIPTS, asked)
        ]


def _report(row: Row[Any]) -> Report:
    return Report(ReportReason(row.reason_code), row.words, row.number, row.at)


def _case(row: Row[Any]) -> ReportCase:
    return ReportCase(
        id=UUID(bytes=row.id.bytes),
        resource_id=UUID(bytes=row.resource_id.bytes),
        code=row.code,
        title=row.title,
        owner=row.owner,
        organisation_path=row.organisation_path,
        state=State(row.state),
        reports=row.reports,
        remark=row.remark,
        version=row.version,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
