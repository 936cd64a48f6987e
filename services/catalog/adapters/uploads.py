"""Uploads and quotas in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.uploads import Method, State, Upload

SELECT = (
    "SELECT id, owner, ltree2text(organisation_path) AS organisation_path, filename, media_type,"
    " size, sha256, method, state, object_key, multipart_id, part_size, created_at, expires_at,"
    " completed_at, refusal, version FROM uploads WHERE "
)
_GET = text(f"{SELECT} id = :id")
_LOCKED = text(f"{SELECT} id = :id FOR UPDATE")
_ADD = text(
    "INSERT INTO uploads (id, owner, organisation_path, filename, media_type, size, sha256, method,"
    " state, object_key, multipart_id, part_size, created_at, expires_at, completed_at, version)"
    " VALUES (:id, :owner, text2ltree(:organisation_path), :filename, :media_type, :size, :sha256,"
    " :method, :state, :object_key, :multipart_id, :part_size, :created_at, :expires_at,"
    " :completed_at, :version)"
)
_SAVE = text(
    "UPDATE uploads SET state = :state, object_key = :object_key, completed_at = :completed_at,"
    " refusal = CAST(:refusal AS jsonb), version = :version WHERE id = :id"
)
_ALREADY_HERE = text(
    "SELECT f.media_type, u.size FROM uploads u JOIN files f ON f.sha256 = u.sha256"
    " WHERE u.sha256 = :sha256 AND u.state = 'AVAILABLE' AND f.state = 'CLEAN'"
    " AND (u.owner = :owner OR u.organisation_path = text2ltree(:organisation_path))"
    " AND NOT EXISTS (SELECT FROM scrub_findings s WHERE s.sha256 = f.sha256"
    " AND s.resolved_at IS NULL) LIMIT 1"
)
_ATTACHED = text(
    "SELECT EXISTS (SELECT FROM resource_files WHERE sha256 = :sha256 AND upload_id = :id)"
    " OR EXISTS (SELECT FROM resource_version_files WHERE sha256 = :sha256 AND upload_id = :id)"
    " OR EXISTS (SELECT FROM review_attachments WHERE upload_id = :id)"
)
_OVERDUE = text(
    "SELECT id FROM uploads WHERE state = 'OPEN' AND expires_at <= :now"
    " ORDER BY expires_at LIMIT :limit"
)
_UNDER_WAY = text(
    "SELECT object_key FROM uploads WHERE object_key = ANY(CAST(:keys AS text[]))"
    " AND state IN ('OPEN', 'COMPLETED')"
)
_TAKE = text(
    "INSERT INTO quotas (holder, used) SELECT holder, :size"
    " FROM unnest(CAST(:holders AS text[])) WITH ORDINALITY AS h (holder, place) ORDER BY place"
    " ON CONFLICT (holder) DO UPDATE SET used = quotas.used + excluded.used RETURNING holder, used"
)
_KEEP = text(
    "INSERT INTO holdings (holder, sha256) SELECT holder, :sha256"
    " FROM unnest(CAST(:holders AS text[])) WITH ORDINALITY AS h (holder, place) ORDER BY place"
    " ON CONFLICT DO NOTHING RETURNING holder"
)
_FORGET = text(
    "DELETE FROM holdings h WHERE sha256 = :sha256 AND holder = ANY(CAST(:holders AS text[]))"
    " AND NOT EXISTS (SELECT FROM uploads u WHERE u.sha256 = :sha256 AND u.state = 'AVAILABLE'"
    " AND h.holder IN ('person:' || u.owner,"
    " 'organisation:' || ltree2text(subpath(u.organisation_path, -1)))) RETURNING holder"
)
_USED = text("SELECT holder, used FROM quotas WHERE holder = ANY(CAST(:holders AS text[]))")


class UploadRepository:
    """`services.catalog.application.uploads.UploadStore`, and what the sweeper needs beside it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, upload: Upload) -> None:
        await self._connection.execute(_ADD, asdict(upload))

    async def get(self, upload_id: UUID) -> Upload | None:
        return await self._one(_GET, upload_id)

    async def locked(self, upload_id: UUID) -> Upload | None:
        return await self._one(_LOCKED, upload_id)

    async def _one(self, query: Any, upload_id: UUID) -> Upload | None:
        rows = await self._connection.execute(query, {"id": upload_id})
        row = rows.mappings().one_or_none()
        return None if row is None else upload_of(dict(row))

    async def save(self, upload: Upload) -> None:
        refusal = orjson.dumps(list(upload.refusal)).decode() if upload.refusal else None
        row = {
            "id": upload.id,
            "state": upload.state,
            "object_key": upload.object_key,
            "completed_at": upload.completed_at,
            "refusal": refusal,
            "version": upload.version,
        }
        await self._connection.execute(_SAVE, row)

    async def is_attached(self, upload: Upload) -> bool:
        wanted = {"sha256": upload.sha256, "id": upload.id}
        return bool(await self._connection.scalar(_ATTACHED, wanted))

    async def already_here(self, upload: Upload) -> tuple[str, int] | None:
        asked = {
            "sha256": upload.sha256,
            "owner": upload.owner,
            "organisation_path": upload.organisation_path,
        }
        row = (await self._connection.execute(_ALREADY_HERE, asked)).one_or_none()
        return None if row is None else (row.media_type, row.size)

    async def overdue(self, now: datetime, limit: int) -> Sequence[UUID]:
        """Open uploads that expired, the longest overdue first."""
        return list(await self._connection.scalars(_OVERDUE, {"now": now, "limit": limit}))

    async def under_way(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` in the object store at which an upload is open or being inspected."""
        return set(await self._connection.scalars(_UNDER_WAY, {"keys": list(keys)}))


class QuotaRepository:
    """`services.catalog.application.uploads_quotas.QuotaStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, holders: Sequence[str], size: int) -> Mapping[str, int]:
        rows = await self._connection.execute(_TAKE, {"holders": list(holders), "size": size})
        return {row.holder: row.used for row in rows}

    async def keep(self, holders: Sequence[str], sha256: bytes) -> list[str]:
        row = {"holders": list(holders), "sha256": sha256}
        return list(await self._connection.scalars(_KEEP, row))

    async def forget(self, upload: Upload) -> list[str]:
        row = {"holders": upload.holders, "sha256": upload.sha256}
        return list(await self._connection.scalars(_FORGET, row))

    async def used(self, holders: Collection[str]) -> Mapping[str, int]:
        rows = await self._connection.execute(_USED, {"holders": list(holders)})
        return {row.holder: row.used for row in rows}


def upload_of(row: Mapping[str, Any]) -> Upload:
    """The upload in a row of `SELECT`."""
    facts = {name: row[name] for name in Upload.__slots__}
    facts["id"] = UUID(bytes=row["id"].bytes)  # the driver's own subclass goes into no event
    facts["method"], facts["state"] = Method(row["method"]), State(row["state"])
    facts["refusal"] = row["refusal"] or ()
    return Upload(**facts)
