"""What views and evidence ask of the log's tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.evidence_ports import LogKey, Provable, StampRow
from services.copyright.application.views import Place, Reached
from services.copyright.verify.events import fold
from services.copyright.verify.logged import SM3_ORIGIN
from shared.reader import Reader

_PLACES = text(
    "SELECT v.seq_in_reg, f.origin, coalesce(f.base, o.base) AS base,"
    " e.idx - coalesce(f.base, o.base) AS within"
    " FROM (SELECT coalesce(sum(size), 0) AS base FROM frozen_logs) o,"
    " registration_events v JOIN entry e ON e.dedup = v.dedup"
    " LEFT JOIN frozen_logs f ON e.idx >= f.base AND e.idx < f.base + f.size"
    " WHERE v.reg_id = :id"
)
# Entries are counted through all logs, frozen and present.
_REACHED = text(
    "WITH logs AS (SELECT origin, base FROM frozen_logs UNION ALL"
    " SELECT CAST(:origin AS text), coalesce(sum(size), 0) FROM frozen_logs"
    " HAVING coalesce(NOT bool_or(origin = :origin), true))"
    " SELECT coalesce((SELECT max(base + size) FROM published JOIN logs USING (origin)), 0)"
    " AS logged, coalesce((SELECT max(base + size) FROM checkpoint_history"
    " JOIN logs USING (origin) WHERE witnessed), 0) AS witnessed,"
    " coalesce((SELECT max(base + size) FROM timestamps JOIN logs USING (origin)), 0) AS stamped"
)
_PROVABLE = text(
    "SELECT h.size, h.note, s.note AS sm3_note FROM checkpoint_history h"
    " JOIN checkpoint_history s ON s.origin = :sibling AND s.size = h.size"
    " WHERE h.origin = :origin AND h.size > :index ORDER BY EXISTS (SELECT FROM timestamps t"
    " WHERE t.origin = h.origin AND t.size = h.size) DESC, h.witnessed DESC, h.size DESC LIMIT 1"
)
_STAMPS = text(
    "SELECT authority, response, chain, stamped_at FROM timestamps"
    " WHERE origin = :origin AND size = :size ORDER BY authority"
)
_KEYS = text("SELECT vkey, valid_from, valid_to, last_size FROM log_keys ORDER BY valid_from, vkey")
_LIST = (
    "SELECT r.id, r.code, r.resource_id, r.resource_version, r.resource_code, r.origin,"
    " r.created_at, e.idx, ARRAY(SELECT body FROM registration_events every"
    " WHERE every.reg_id = r.id ORDER BY seq_in_reg) AS events FROM registrations r"
    " JOIN registration_events v ON v.reg_id = r.id AND v.seq_in_reg = 0"
    " LEFT JOIN entry e ON e.dedup = v.dedup"
)
_CONDITIONS: Mapping[str, str] = {
    "resource_id": "r.resource_id = {}",
    "code": "(r.code = {0} OR r.resource_code = {0})",
    "digest": "EXISTS (SELECT FROM registered_files f WHERE f.reg_id = r.id"
    " AND (f.sha256 = {0} OR f.sm3 = {0}))",
}


class LogReadRepository:
    """`services.copyright.application.views.LogReads` and
    `services.copyright.application.evidence_ports.ProofReads`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def places(self, registration_id: UUID) -> Mapping[int, Place]:
        rows = await self._connection.execute(_PLACES, {"id": registration_id})
        return {row.seq_in_reg: Place(row.origin, int(row.base), int(row.within)) for row in rows}

    async def reached(self, origin: str) -> Reached:
        found = (await self._connection.execute(_REACHED, {"origin": origin})).one()
        return Reached(*map(int, found))

    async def provable(self, origin: str, index: int) -> Provable | None:
        asked = {"origin": origin, "sibling": origin + SM3_ORIGIN, "index": index}
        row = (await self._connection.execute(_PROVABLE, asked)).one_or_none()
        return Provable(*row) if row else None

    async def stamps(self, origin: str, size: int) -> Sequence[StampRow]:
        rows = await self._connection.execute(_STAMPS, {"origin": origin, "size": size})
        return [StampRow(*row) for row in rows]

    async def keys(self) -> Sequence[LogKey]:
        return [LogKey(*row) for row in await self._connection.execute(_KEYS)]


@dataclass(frozen=True)
class RegistrationLists:
    """`services.copyright.application.views.Lists`: one prepared statement a question."""

    reader: Reader

    async def find(
        self, asked: Mapping[str, Any], limit: int, behind: tuple[str, UUID] | None
    ) -> Sequence[Mapping[str, Any]]:
        given = {name: value for name, value in asked.items() if value is not None}
        conditions = [_CONDITIONS[name].format(f"${n}") for n, name in enumerate(given, 1)]
        values = [*given.values()]
        if behind is not None:
            values.append(behind[1])
            further = f"r.id < ${len(values)}"
            if given:
                values.append(behind[0])
                origin = f"${len(values)}"
                further = f"(r.origin > {origin} OR r.origin = {origin} AND {further})"
            conditions.append(further)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = "r.origin, r.id DESC" if given else "r.id DESC"
        query = f"{_LIST}{where} ORDER BY {order} LIMIT ${len(values) + 1}"
        rows = [dict(row) for row in await self.reader.fetch(query, *values, limit)]
        return [{**row, "standing": fold(row.pop("events")).standing} for row in rows]
