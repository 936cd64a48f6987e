"""The queue of inspections in PostgreSQL, and what came of them.

Times are PostgreSQL's own: workers on machines whose clocks differ agree on when a lease ends.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.codes import keep_codes
from services.catalog.adapters.fingerprints import keep_fingerprint
from services.catalog.domain.codes import Likeness
from services.catalog.domain.inspection import Derivative, Inspection, Job, State
from services.catalog.domain.leases import SILENT
from shared.database import UnitOfWork
from shared.ids import uuid7

STEP = (
    "CASE WHEN state = 'RUNNING' AND lease_until"
    f" < now() + interval '{SILENT.total_seconds()} seconds' THEN 'waiting' ELSE step END"
)
"""In which step an inspection is told to be: it waits when its worker is not heard of."""
_ENQUEUE = text(
    "INSERT INTO inspections"
    " (id, upload_id, state, step, progress, attempts, outages, lease_until, queued_at)"
    " VALUES (:id, :upload_id, 'QUEUED', 'waiting', 0, 0, 0, now(), now())"
    " ON CONFLICT (upload_id) DO NOTHING"
)
# Whoever has the fewest running comes first: one person's slow files must not hold everybody.
_TAKE = text(
    "WITH busy AS (SELECT u.owner, count(*) AS running FROM inspections i"
    " JOIN uploads u ON u.id = i.upload_id"
    " WHERE i.state = 'RUNNING' AND i.lease_until > now() GROUP BY u.owner)"
    " UPDATE inspections SET state = 'RUNNING', worker = :worker, attempts = attempts + 1,"
    " lease_until = now() + CAST(:lease AS interval), started_at = coalesce(started_at, now())"
    " WHERE id = (SELECT i.id FROM inspections i LEFT JOIN uploads u ON u.id = i.upload_id"
    " LEFT JOIN busy ON busy.owner = u.owner"
    " WHERE i.state IN ('QUEUED', 'RUNNING') AND i.lease_until <= now()"
    " ORDER BY coalesce(busy.running, 0), i.lease_until LIMIT 1 FOR UPDATE OF i SKIP LOCKED)"
    " RETURNING id, upload_id, worker, attempts, outages"
)
_RENEW = text(
    "UPDATE inspections SET lease_until = now() + CAST(:lease AS interval), step = :step,"
    " progress = :progress WHERE id = :id AND worker = :worker AND state = 'RUNNING'"
)
_HOLD = text(
    "SELECT id FROM inspections WHERE id = :id AND worker = :worker AND state = 'RUNNING'"
    " FOR UPDATE"
)
_POSTPONE = text(
    "UPDATE inspections SET state = 'QUEUED', worker = NULL, step = 'waiting', progress = 0,"
    " attempts = attempts - CAST(:outage AS integer), outages = outages + CAST(:outage AS integer),"
    " lease_until = now() + CAST(:pause AS interval) WHERE id = :id AND worker = :worker"
)
_REPORT = text(
    "UPDATE inspections SET sha256 = :sha256, report = CAST(:report AS jsonb), step = 'tidying',"
    " progress = 99 WHERE id = :id"
)
_FINISH = text(
    "UPDATE inspections SET state = :state, step = 'finished', progress = 100, worker = NULL,"
    " finished_at = now() WHERE id = :id AND worker = :worker"
)
_FORGET_DERIVATIVES = text("DELETE FROM derivatives WHERE sha256 = :sha256")
_ADD_DERIVATIVE = text(
    "INSERT INTO derivatives"
    " (sha256, kind, number, object_key, media_type, width, height, size)"
    " VALUES (:sha256, :kind, :number, :object_key, :media_type, :width, :height, :size)"
)
_DERIVATIVES = text(
    "SELECT kind, number, object_key, media_type, width, height, size FROM derivatives"
    " WHERE sha256 = :sha256 ORDER BY kind, number"
)
_GET = text(
    f"SELECT id, upload_id, state, {STEP} AS step, progress, attempts, queued_at, started_at,"  # noqa: S608 - constant text
    " finished_at, sha256, report FROM inspections WHERE id = :id"
)
_OWNER = text(
    "SELECT u.owner FROM inspections i JOIN uploads u ON u.id = i.upload_id WHERE i.id = :id"
)


class InspectionQueue:
    """Where an upload that was completed waits for its inspection."""

    async def enqueue(self, uow: UnitOfWork, upload_id: UUID) -> None:
        """Queue the upload in the transaction of `uow`; one that is queued already stays so."""
        await uow.connection.execute(_ENQUEUE, {"id": uuid7(), "upload_id": upload_id})


class InspectionRepository:
    """`services.catalog.application.inspections.InspectionStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, inspection_id: UUID) -> Inspection | None:
        found = await self._connection.execute(_GET, {"id": inspection_id})
        row = found.mappings().one_or_none()
        return Inspection(**{**row, "state": State(row["state"])}) if row else None

    async def owner(self, inspection_id: UUID) -> str | None:
        owner: str | None = await self._connection.scalar(_OWNER, {"id": inspection_id})
        return owner

    async def take(self, worker: UUID, lease: timedelta) -> Job | None:
        row = await self._connection.execute(_TAKE, {"worker": worker, "lease": lease})
        taken = row.mappings().one_or_none()
        return Job(**taken) if taken else None

    async def renew(self, job: Job, lease: timedelta, step: str, progress: int) -> bool:
        told = {"step": step, "progress": progress, "lease": lease}
        renewed = await self._connection.execute(
            _RENEW, {"id": job.id, "worker": job.worker, **told}
        )
        return renewed.rowcount == 1

    async def hold(self, job: Job) -> bool:
        held = await self._connection.execute(_HOLD, {"id": job.id, "worker": job.worker})
        return held.one_or_none() is not None

    async def postpone(self, job: Job, pause: timedelta, *, outage: bool) -> None:
        await self._connection.execute(
            _POSTPONE,
            {"id": job.id, "worker": job.worker, "pause": pause, "outage": int(outage)},
        )

    async def report(self, job: Job, sha256: bytes | None, report: Mapping[str, Any]) -> None:
        told = {"sha256": sha256, "report": orjson.dumps(report).decode()}
        await self._connection.execute(_REPORT, {"id": job.id, **told})

    async def finish(self, job: Job, state: State) -> None:
        await self._connection.execute(
            _FINISH, {"id": job.id, "worker": job.worker, "state": state}
        )

    async def keep_derivatives(self, sha256: bytes, derivatives: Sequence[Derivative]) -> None:
        await self._connection.execute(_FORGET_DERIVATIVES, {"sha256": sha256})
        for each in derivatives:
            row = {name: getattr(each, name) for name in each.__slots__}
            await self._connection.execute(_ADD_DERIVATIVE, {"sha256": sha256, **row})

    async def keep_likeness(self, sha256: bytes, made: Likeness) -> None:
        await keep_codes(self._connection, sha256, made.codes)
        if made.fingerprint is not None:
            await keep_fingerprint(self._connection, sha256, made.fingerprint)

    async def derivatives(self, sha256: bytes) -> Sequence[Derivative]:
        rows = await self._connection.execute(_DERIVATIVES, {"sha256": sha256})
        return [Derivative(**row) for row in rows.mappings()]
