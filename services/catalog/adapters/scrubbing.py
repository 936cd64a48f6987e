"""Rounds and findings of the scrubber in PostgreSQL. Times are PostgreSQL's own, so that replicas
whose clocks differ agree on who reads."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.files import File
from services.catalog.domain.scrubbing import Finding, Kind, Round

_BEGIN = text(
    "INSERT INTO scrub_rounds (number, position, files, bytes, held_until, started_at)"
    " SELECT coalesce(max(number), 0) + 1, '', 0, 0, now(), now() FROM scrub_rounds"
    " HAVING count(*) = 0 OR (bool_and(finished_at IS NOT NULL)"
    " AND max(started_at) <= now() - CAST(:every AS interval)) ON CONFLICT DO NOTHING"
)
_CLAIM = text(
    "UPDATE scrub_rounds SET held_until = now() + CAST(:hold AS interval) WHERE number ="
    " (SELECT number FROM scrub_rounds WHERE finished_at IS NULL AND held_until <= now()"
    " ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING number, position, files, bytes, started_at, finished_at"
)
_HOLD = text(
    "UPDATE scrub_rounds SET held_until = now() + CAST(:hold AS interval) WHERE number = :number"
)
_ADVANCE = text(
    "UPDATE scrub_rounds SET position = :position, files = files + 1, bytes = bytes + :size,"
    " held_until = now() WHERE number = :number AND position < :position"
)
_FINISH = text("UPDATE scrub_rounds SET finished_at = now() WHERE number = :number")
_FIND = text(
    "INSERT INTO scrub_findings (sha256, object_key, kind, found_sha256, found_at)"
    " VALUES (:sha256, :object_key, :kind, :found_sha256, now())"
    " ON CONFLICT (sha256) WHERE resolved_at IS NULL"
    " DO UPDATE SET kind = excluded.kind, found_sha256 = excluded.found_sha256"
)
_RESOLVE = text(
    "UPDATE scrub_findings SET resolved_at = now() WHERE sha256 = :sha256 AND resolved_at IS NULL"
)
_FINDINGS = text(
    "SELECT id, sha256, object_key, kind, found_sha256, found_at, resolved_at FROM scrub_findings"
    " WHERE (CAST(:before AS bigint) IS NULL OR id < :before)"
    " AND (:all OR resolved_at IS NULL) ORDER BY id DESC LIMIT :limit"
)


class ScrubRepository:
    """`services.catalog.application.scrubbing.ScrubStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, every: timedelta, hold: timedelta) -> Round | None:
        await self._connection.execute(_BEGIN, {"every": every})
        row = (await self._connection.execute(_CLAIM, {"hold": hold})).one_or_none()
        return None if row is None else Round(*row)

    async def hold(self, round_: Round, hold: timedelta) -> None:
        await self._connection.execute(_HOLD, {"number": round_.number, "hold": hold})

    async def advance(self, round_: Round, file: File) -> None:
        row = {"number": round_.number, "position": file.sha256, "size": file.size}
        await self._connection.execute(_ADVANCE, row)

    async def finish(self, round_: Round) -> None:
        await self._connection.execute(_FINISH, {"number": round_.number})

    async def find(self, file: File, kind: Kind, found_sha256: bytes | None) -> None:
        row = {"sha256": file.sha256, "object_key": file.object_key, "kind": kind}
        await self._connection.execute(_FIND, {**row, "found_sha256": found_sha256})

    async def resolve(self, file: File) -> None:
        await self._connection.execute(_RESOLVE, {"sha256": file.sha256})

    async def findings(self, limit: int, before: int | None, *, all_: bool) -> Sequence[Finding]:
        wanted = {"limit": limit, "before": before, "all": all_}
        return [_finding(row) for row in await self._connection.execute(_FINDINGS, wanted)]


def _finding(row: Row[Any]) -> Finding:
    return Finding(
        id=row.id,
        sha256=row.sha256,
        object_key=row.object_key,
        kind=Kind(row.kind),
        found_sha256=row.found_sha256,
        found_at=row.found_at,
        resolved_at=row.resolved_at,
    )
