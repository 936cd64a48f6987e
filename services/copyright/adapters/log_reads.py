"""What views and evidence ask of the log's tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.evidence_ports import LogKey, Provable, StampRow
from services.copyright.application.views import Reached
from services.copyright.verify.logged import SM3_ORIGIN
from shared.reader import Reader

_INDICES = text(
    "SELECT v.seq_in_reg, e.idx FROM registration_events v JOIN entry e ON e.dedup = v.dedup"
    " WHERE v.reg_id = :id"
)
_REACHED = text(
    "SELECT coalesce((SELECT size FROM published WHERE origin = :origin), 0) AS logged,"
    " coalesce((SELECT max(size) FROM checkpoint_history WHERE origin = :origin AND witnessed), 0)"
    " AS witnessed, coalesce((SELECT max(size) FROM timestamps WHERE origin = :origin), 0)"
    " AS stamped"
)
_PROVABLE = text(
    "SELECT h.size, h.note, s.note AS sm3_note FROM checkpoint_history h"
    " JOIN checkpoint_history s ON s.origin = :sibling AND s.size = h.size"
    " WHERE h.origin = :origin AND h.size > :index ORDER BY EXISTS (SELECT FROM timestamps t"
    " WHERE t.origin = h.origin AND t.size = h.size) DESC, h.witnessed DESC, h.size DESC LIMIT 1"
)
_STAMPS = text(
    "SELECT authority, response, chain FROM timestamps WHERE origin = :origin AND size = :size"
    " ORDER BY authority"
)
_KEYS = text("SELECT vkey, valid_from, valid_to, last_size FROM log_keys ORDER BY valid_from, vkey")
_LIST = (
    "SELECT r.id, r.code, r.resource_id, r.resource_version, r.resource_code, r.origin, r.standing,"
    " r.created_at, e.idx FROM registrations r"
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

    async def indices(self, registration_id: UUID) -> Mapping[int, int]:
        rows = await self._connection.execute(_INDICES, {"id": registration_id})
        return {row.seq_in_reg: row.idx for row in rows}

    async def reached(self, origin: str) -> Reached:
        return Reached(*(await self._connection.execute(_REACHED, {"origin": origin})).one())

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
        self, asked: Mapping[str, Any], limit: int, before: UUID | None
    ) -> Sequence[Mapping[str, Any]]:
        given = {name: value for name, value in asked.items() if value is not None}
        conditions = [_CONDITIONS[name].format(f"${n}") for n, name in enumerate(given, 1)]
        values = [*given.values()]
        if before is not None:
            values.append(before)
            conditions.append(f"r.id < ${len(values)}")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        query = f"{_LIST}{where} ORDER BY r.id DESC LIMIT ${len(values) + 1}"
        return [dict(row) for row in await self.reader.fetch(query, *values, limit)]
