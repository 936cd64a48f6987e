"""Versions in PostgreSQL: rows that are written once. A trigger refuses any change of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.versions import Listed
from services.catalog.domain.files import OWN_FACTS
from services.catalog.domain.resources import (
    Attachment,
    Content,
    Facets,
    FileReference,
    FileRole,
    Metadata,
)
from services.catalog.domain.versions import Version

FILE_COLUMNS = (
    "upload_id, sha256, role, filename, media_type, size, description, alt_text, language"
)
FILE_VALUES = (
    ":upload_id, :sha256, :role, :filename, :media_type, :size, :description, :alt_text, :language"
)
SHOWN_FACTS = "facts - CAST('{" + ",".join(OWN_FACTS) + "}' AS text[])"
DAMAGED = (
    "EXISTS (SELECT FROM scrub_findings s WHERE s.sha256 = f.sha256 AND s.resolved_at IS NULL)"
)
"""Whether the object of `f`, a file, was found missing, altered or unreadable."""
# A digest is a claim until the upload is available: nothing is learned of a file by it before.
FILES_AS_JSON = (
    "COALESCE(jsonb_agg(jsonb_build_array(f.upload_id, encode(f.sha256, 'hex'), f.role,"  # noqa: S608 - constant columns
    " f.filename, f.media_type, f.size, f.description, f.alt_text, f.language,"
    f" (SELECT l.{SHOWN_FACTS} FROM uploads u JOIN files l ON l.sha256 = u.sha256"
    " WHERE u.id = f.upload_id AND u.state = 'AVAILABLE' AND l.state = 'CLEAN'),"
    f" (SELECT {DAMAGED} FROM uploads u WHERE u.id = f.upload_id AND u.state = 'AVAILABLE'))"
    " ORDER BY f.position), '[]')"
)
_GET = text(
    "SELECT v.resource_id, v.number, v.metadata, v.digest, v.created_at, v.created_by, v.note,"  # noqa: S608 - constant columns
    f" (SELECT {FILES_AS_JSON} FROM resource_version_files f"
    " WHERE f.resource_id = v.resource_id AND f.number = v.number) AS files"
    " FROM resource_versions v WHERE v.resource_id = :resource_id AND v.number = :number"
)
_PAGE = text(
    "SELECT number, title, digest, created_at, created_by, note FROM resource_versions"
    " WHERE resource_id = :resource_id AND (CAST(:before AS int) IS NULL OR number < :before)"
    " ORDER BY number DESC LIMIT :limit"
)
_ADD = text(
    "INSERT INTO resource_versions (resource_id, number, metadata, title, stage, subject, grades,"
    " edition, types, licence, digest, created_at, created_by, note)"
    " VALUES (:resource_id, :number, CAST(:metadata AS jsonb), :title, :stage, :subject, :grades,"
    " :edition, :types, :licence, :digest, :created_at, :created_by, :note)"
)
_ADD_FILES = text(
    f"INSERT INTO resource_version_files (resource_id, number, position, {FILE_COLUMNS})"  # noqa: S608 - constant columns
    f" VALUES (:resource_id, :number, :position, {FILE_VALUES})"
)


class VersionRepository:
    """The `VersionStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, version: Version) -> None:
        key = {"resource_id": version.resource_id, "number": version.number}
        row = {
            **key,
            "metadata": orjson.dumps(version.content.metadata).decode(),
            **facet_columns(version.content.metadata),
            "digest": version.digest,
            "created_at": version.created_at,
            "created_by": version.created_by,
            "note": version.note,
        }
        await self._connection.execute(_ADD, row)
        files = [{**key, **each} for each in file_rows(version.content.files)]
        if files:
            await self._connection.execute(_ADD_FILES, files)

    async def get(self, resource_id: UUID, number: int) -> Version | None:
        key = {"resource_id": resource_id, "number": number}
        row = (await self._connection.execute(_GET, key)).one_or_none()
        if row is None:
            return None
        return Version(
            resource_id=resource_id,
            number=number,
            content=Content(row.metadata, files_of(row.files)),
            digest=row.digest,
            created_at=row.created_at,
            created_by=row.created_by,
            note=row.note,
        )

    async def page(self, resource_id: UUID, limit: int, before: int | None) -> Sequence[Listed]:
        asked = {"resource_id": resource_id, "limit": limit, "before": before}
        rows = await self._connection.execute(_PAGE, asked)
        return [_listed(row) for row in rows]


def _listed(row: Row[Any]) -> Listed:
    return Listed(row.number, row.title, row.digest, row.created_at, row.created_by, row.note)


def facet_columns(metadata: Metadata) -> dict[str, Any]:
    """The columns by which lists filter."""
    told = asdict(Facets.of(metadata))
    return {**told, "grades": list(told["grades"]), "types": list(told["types"])}


def file_rows(files: Iterable[Attachment]) -> list[dict[str, Any]]:
    """The columns of files, their places among them."""
    return [
        {
            "position": position,
            "upload_id": each.reference.upload_id,
            "role": each.reference.role,
            "description": each.reference.description,
            "alt_text": each.reference.alt_text,
            "language": each.reference.language,
            "sha256": each.sha256,
            "filename": each.filename,
            "media_type": each.media_type,
            "size": each.size,
        }
        for position, each in enumerate(files)
    ]


def files_of(rows: Iterable[Sequence[Any]]) -> tuple[Attachment, ...]:
    """Files from what `FILES_AS_JSON` selects."""
    return tuple(_attachment(*row) for row in rows)


def _attachment(
    upload: str,
    sha256: str,
    role: str,
    filename: str,
    media_type: str,
    size: int,
    description: str | None,
    alt_text: str | None,
    language: str | None,
    facts: Mapping[str, Any] | None,
    damaged: bool | None,
) -> Attachment:
    said = FileReference(UUID(upload), FileRole(role), description, alt_text, language)
    return Attachment(said, bytes.fromhex(sha256), filename, media_type, size, facts, bool(damaged))
