"""Intakes in PostgreSQL. Leases are told by PostgreSQL's own clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row as Record
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.intake import Reported
from services.catalog.domain.intake import (
    Counts,
    Defect,
    Intake,
    IntakeFile,
    Named,
    Outcome,
    Reason,
    Remarks,
    Result,
    Row,
    State,
)
from services.catalog.domain.leases import SILENT
from services.catalog.domain.resources import FileRole
from services.catalog.domain.uploads import State as UploadState

_COLUMNS = (
    "id, owner, client, grants, request_id, language,"
    " ltree2text(organisation_path) AS organisation_path, table_upload_id, archive_upload_id,"
    " defaults, dry_run, state, rows, remarks, failure, attempts, version, created_at, updated_at"
)
_UNFINISHED = "state IN ('RECEIVED', 'EXTRACTING', 'APPLYING')"
_GET = text(f"SELECT {_COLUMNS} FROM intakes WHERE id = :id")  # noqa: S608 - constant columns
_LOCKED = text(f"{_GET.text} FOR UPDATE")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM intakes WHERE owner = :owner"  # noqa: S608 - constant columns
    " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
)
_ADD = text(
    "INSERT INTO intakes (id, owner, client, grants, request_id, language, organisation_path,"
    " table_upload_id, archive_upload_id, defaults, dry_run, state, rows, remarks, failure,"
    " attempts, lease_until, version, created_at, updated_at) VALUES (:id, :owner, :client,"
    " CAST(:grants AS text[]), :request_id, :language,"
    " text2ltree(CAST(:organisation_path AS text)), :table_upload_id, :archive_upload_id,"
    " CAST(:defaults AS jsonb), :dry_run, :state, :rows, CAST(:remarks AS jsonb), :failure,"
    " :attempts, now(), :version, :created_at, :updated_at)"
)
_SAVE = text(
    "UPDATE intakes SET state = :state, rows = :rows, remarks = CAST(:remarks AS jsonb),"
    " failure = :failure, attempts = :attempts, version = :version, updated_at = :updated_at"
    " WHERE id = :id"
)
_TAKE = text(
    "UPDATE intakes SET worker = :worker, lease_until = now() + CAST(:lease AS interval)"  # noqa: S608 - constant text
    f" WHERE id = (SELECT id FROM intakes WHERE {_UNFINISHED} AND lease_until <= now()"
    " ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING {_COLUMNS}"
)
_HOLD = text(
    "UPDATE intakes SET lease_until = now() + CAST(:lease AS interval)"  # noqa: S608 - constant text
    f" WHERE id = :id AND worker = :worker AND {_UNFINISHED} RETURNING {_COLUMNS}"
)
_RELEASE = text(
    "UPDATE intakes SET worker = NULL, lease_until = now() + CAST(:pause AS interval),"
    " attempts = attempts + CAST(:failed AS integer) WHERE id = :id AND worker = :worker"
)
_ANY_UNFINISHED = text(f"SELECT EXISTS (SELECT FROM intakes WHERE {_UNFINISHED})")  # noqa: S608 - constant text
_WAITS = text(
    "SELECT worker IS NULL OR lease_until < now() + CAST(:silent AS interval) FROM intakes"  # noqa: S608 - constant text
    f" WHERE id = :id AND {_UNFINISHED}"
)
_ADD_FILES = text(
    "INSERT INTO intake_files (intake_id, name, sha256, upload_id, fault)"
    " VALUES (:intake_id, :name, :sha256, :upload_id, CAST(:fault AS jsonb))"
)
_FILES = text(
    "SELECT f.name, f.sha256, f.upload_id, f.fault, u.state, u.refusal FROM intake_files f"
    " LEFT JOIN uploads u ON u.id = f.upload_id"
    " WHERE f.intake_id = :id AND f.name = ANY(CAST(:names AS text[]))"
)
_GIVEN = text("SELECT name FROM intake_files WHERE intake_id = :id")
_WANTED = text(
    "SELECT DISTINCT n.name FROM intake_rows r CROSS JOIN LATERAL"
    " jsonb_to_recordset(r.files) AS n (name text) WHERE r.intake_id = :id AND r.outcome IS NULL"
    " AND NOT EXISTS (SELECT FROM intake_files f WHERE f.intake_id = :id AND f.name = n.name)"
    " ORDER BY n.name"
)
_STAGE = text(
    "INSERT INTO intake_rows (intake_id, position, line, key, metadata, files, outcome, defects)"
    " SELECT :id, position, line, key, metadata, files, outcome, defects"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (position int, line int, key text,"
    " metadata jsonb, files jsonb, outcome text, defects jsonb)"
)
_NEXT = text(
    "SELECT position, line, key, metadata, files FROM intake_rows"
    " WHERE intake_id = :id AND outcome IS NULL ORDER BY position LIMIT 1"
)
_SETTLE = text(
    "UPDATE intake_rows SET outcome = :outcome, resource_id = :resource_id,"
    " defects = CAST(:defects AS jsonb), metadata = '{}'"
    " WHERE intake_id = :id AND position = :position"
)
_COUNTS = text(
    "SELECT outcome, count(*) FROM intake_rows WHERE intake_id = :id AND outcome IS NOT NULL"
    " GROUP BY outcome"
)
_REPORTED = text(
    "SELECT position, line, key, outcome, resource_id, defects FROM intake_rows"
    " WHERE intake_id = :id AND position > :after AND outcome IS NOT NULL"
    " AND (CAST(:outcome AS text) IS NULL OR outcome = :outcome) ORDER BY position LIMIT :limit"
)
_HOLD_KEY = text("SELECT pg_advisory_xact_lock(hashtextextended('intake:' || :owner || :key, 0))")
_RESOURCES = text(
    "SELECT code, id FROM resources WHERE code = ANY(CAST(:codes AS text[]))"
    " AND (live_version IS NOT NULL OR owner = :owner)"
)
_KEYED = text("SELECT resource_id FROM intake_keys WHERE owner = :owner AND key = :key")
_KEEP_KEY = text(
    "INSERT INTO intake_keys (owner, key, resource_id) VALUES (:owner, :key, :resource_id)"
    " ON CONFLICT (owner, key) DO UPDATE SET resource_id = excluded.resource_id"
)
_SENT = text(
    "SELECT id FROM uploads WHERE owner = :owner AND sha256 = :sha256 AND filename = :filename"
    " AND created_at >= :since AND state IN ('OPEN', 'COMPLETED', 'AVAILABLE')"
    " ORDER BY state LIMIT 1"
)


class IntakeRepository:
    """`services.catalog.application.intake_ports.IntakeWorkStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, intake: Intake) -> None:
        await self._connection.execute(_ADD, _row(intake))

    async def get(self, intake_id: UUID) -> Intake | None:
        return await self._one(_GET, id=intake_id)

    async def locked(self, intake_id: UUID) -> Intake | None:
        return await self._one(_LOCKED, id=intake_id)

    async def take(self, worker: UUID, lease: timedelta) -> Intake | None:
        return await self._one(_TAKE, worker=worker, lease=lease)

    async def hold(self, intake_id: UUID, worker: UUID, lease: timedelta) -> Intake | None:
        return await self._one(_HOLD, id=intake_id, worker=worker, lease=lease)

    async def _one(self, query: Any, **parameters: Any) -> Intake | None:
        row = (await self._connection.execute(query, parameters)).one_or_none()
        return None if row is None else _intake(row)

    async def save(self, intake: Intake) -> None:
        await self._connection.execute(_SAVE, _row(intake))

    async def release(
        self, intake_id: UUID, worker: UUID, pause: timedelta, *, failed: bool
    ) -> None:
        told = {"id": intake_id, "worker": worker, "pause": pause, "failed": int(failed)}
        await self._connection.execute(_RELEASE, told)

    async def waits(self, intake_id: UUID) -> bool:
        asked = {"id": intake_id, "silent": SILENT}
        return bool(await self._connection.scalar(_WAITS, asked))

    async def unfinished(self) -> bool:
        return bool(await self._connection.scalar(_ANY_UNFINISHED))

    async def page(self, owner: str, limit: int, before: UUID | None) -> Sequence[Intake]:
        asked = {"owner": owner, "limit": limit, "before": before}
        return [_intake(row) for row in await self._connection.execute(_PAGE, asked)]

    async def add_files(self, intake_id: UUID, files: Collection[IntakeFile]) -> None:
        if files:
            rows = [
                {
                    "intake_id": intake_id,
                    "name": each.name,
                    "sha256": each.sha256,
                    "upload_id": each.upload_id,
                    "fault": _json(asdict(each.fault)) if each.fault else None,
                }
                for each in files
            ]
            await self._connection.execute(_ADD_FILES, rows)

    async def files(self, intake_id: UUID, names: Collection[str]) -> Mapping[str, IntakeFile]:
        rows = await self._connection.execute(_FILES, {"id": intake_id, "names": list(names)})
        return {
            row.name: IntakeFile(
                row.name,
                row.sha256,
                UUID(bytes=row.upload_id.bytes) if row.upload_id else None,
                _defect(row.fault) if row.fault else None,
                UploadState(row.state) if row.state else None,
                row.refusal or (),
            )
            for row in rows
        }

    async def given_files(self, intake_id: UUID) -> Sequence[str]:
        return list(await self._connection.scalars(_GIVEN, {"id": intake_id}))

    async def wanted_files(self, intake_id: UUID) -> Sequence[str]:
        return list(await self._connection.scalars(_WANTED, {"id": intake_id}))

    async def stage(self, intake_id: UUID, rows: Sequence[Row]) -> None:
        staged = [
            {
                "position": each.position,
                "line": each.line,
                "key": each.key,
                "metadata": each.metadata,
                "files": [asdict(file) for file in each.files],
                "outcome": Outcome.REJECTED if each.defects else None,
                "defects": [asdict(defect) for defect in each.defects],
            }
            for each in rows
        ]
        await self._connection.execute(_STAGE, {"id": intake_id, "rows": _json(staged)})

    async def next_row(self, intake_id: UUID) -> Row | None:
        row = (await self._connection.execute(_NEXT, {"id": intake_id})).one_or_none()
        if row is None:
            return None
        files = tuple(
            Named(each["name"], FileRole(each["role"]), each["column"]) for each in row.files
        )
        return Row(row.position, row.line, row.key, row.metadata, files)

    async def settle(self, intake_id: UUID, position: int, result: Result) -> None:
        told = {
            "id": intake_id,
            "position": position,
            "outcome": result.outcome,
            "resource_id": result.resource_id,
            "defects": _json([asdict(each) for each in result.defects]),
        }
        await self._connection.execute(_SETTLE, told)

    async def counts(self, intake_id: UUID) -> Counts:
        rows = await self._connection.execute(_COUNTS, {"id": intake_id})
        return {Outcome(outcome): count for outcome, count in rows}

    async def reported(
        self, intake_id: UUID, outcome: Outcome | None, after: int, limit: int
    ) -> Sequence[Reported]:
        asked = {"id": intake_id, "outcome": outcome, "after": after, "limit": limit}
        return [
            Reported(
                row.position,
                row.line,
                row.key,
                Outcome(row.outcome),
                row.resource_id,
                [_defect(each) for each in row.defects],
            )
            for row in await self._connection.execute(_REPORTED, asked)
        ]

    async def keyed(self, owner: str, key: str) -> UUID | None:
        asked = {"owner": owner, "key": key}
        await self._connection.execute(_HOLD_KEY, asked)
        found = await self._connection.scalar(_KEYED, asked)
        return UUID(bytes=found.bytes) if found else None

    async def resources(self, owner: str, codes: Collection[str]) -> Mapping[str, UUID]:
        if not codes:
            return {}
        rows = await self._connection.execute(_RESOURCES, {"owner": owner, "codes": list(codes)})
        return {row.code: UUID(bytes=row.id.bytes) for row in rows}

    async def keep_key(self, owner: str, key: str, resource_id: UUID) -> None:
        told = {"owner": owner, "key": key, "resource_id": resource_id}
        await self._connection.execute(_KEEP_KEY, told)

    async def sent(self, intake: Intake, sha256: bytes, filename: str) -> UUID | None:
        asked = {
            "owner": intake.owner,
            "sha256": sha256,
            "filename": filename,
            "since": intake.created_at,
        }
        found = await self._connection.scalar(_SENT, asked)
        return UUID(bytes=found.bytes) if found else None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _row(intake: Intake) -> dict[str, Any]:
    return {
        **{name: getattr(intake, name) for name in Intake.__slots__},
        "grants": list(intake.grants),
        "defaults": _json(intake.defaults),
        "remarks": _json(asdict(intake.remarks)),
    }


def _intake(row: Record[Any]) -> Intake:
    told = {name: getattr(row, name) for name in Intake.__slots__}
    for name in ("id", "table_upload_id", "archive_upload_id"):
        told[name] = told[name] and UUID(bytes=told[name].bytes)
    return Intake(**{**told, "state": State(row.state), "remarks": Remarks(**row.remarks)})


def _defect(told: Mapping[str, Any]) -> Defect:
    return Defect(told["column"], Reason(told["reason"]), told["detail"])
