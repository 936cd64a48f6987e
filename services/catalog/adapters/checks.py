"""What the check asks about a draft, from PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.codes import CODE_COLUMNS, codes_of
from services.catalog.adapters.fingerprints import ALL_BANDS, keep_fingerprint
from services.catalog.adapters.resources import READABLE
from services.catalog.adapters.versions import DAMAGED
from services.catalog.application.checks import Kept, Likeness
from services.catalog.domain import files, uploads
from services.catalog.domain.checks import (
    Duplicate,
    ExaminedFile,
    Pinned,
    Related,
    TextbookFacts,
)
from services.catalog.domain.fingerprints import Fingerprint
from services.catalog.domain.resources import FileRole, Resource, Viewer
from services.catalog.domain.vocabularies import State

# A digest is a claim until the upload is available: nothing is learned of a file by it before.
_FILES = text(
    "SELECT d.position, d.role, d.filename, d.alt_text, u.sha256, u.state AS upload_state,"  # noqa: S608 - constant columns
    " u.refusal AS upload_refusal, f.state AS file_state, f.media_type, f.refusal, f.facts,"
    f" f.text_key, {DAMAGED} AS damaged, {CODE_COLUMNS} FROM resource_files d"
    " LEFT JOIN uploads u ON u.id = d.upload_id"
    " LEFT JOIN files f ON f.sha256 = u.sha256 AND u.state = 'AVAILABLE'"
    " LEFT JOIN file_codes c ON c.sha256 = f.sha256"
    " WHERE d.resource_id = :id ORDER BY d.position"
)
_TEXTBOOK = text(
    "SELECT stage, subject, edition, grade AS grades, volume, state FROM textbooks WHERE id = :id"
)
_CHAPTERS = text(
    "SELECT code, state FROM chapters WHERE textbook = :textbook AND code = ANY(:codes)"
)
_POINTS = text(
    "SELECT code, state FROM knowledge_points WHERE subject = :subject AND code = ANY(:codes)"
)
_RELATED = text(
    "SELECT w.id, w.version, r.code, w.version IS NULL OR v.number IS NOT NULL AS found,"  # noqa: S608 - constant predicate
    " CASE WHEN v.number IS NULL THEN r.licence ELSE v.licence END AS licence"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[])) AS w (id, version)"
    " JOIN resources r ON r.id = w.id LEFT JOIN resource_versions v"
    " ON v.resource_id = r.id AND v.number = COALESCE(w.version, r.live_version)"
    f" WHERE {READABLE}"
)
_HOLDERS = (
    "SELECT r.code, r.owner = :owner AS own, d.sha256 FROM resource_files d"
    " JOIN uploads u ON u.id = d.upload_id AND u.state = 'AVAILABLE'"
    " JOIN resources r ON r.id = d.resource_id"
    " WHERE d.sha256 = {digest} AND r.id <> :id AND r.owner = :owner"
    " UNION SELECT r.code, r.owner = :owner, d.sha256 FROM resource_version_files d"
    " JOIN resources r ON r.id = d.resource_id AND r.live_version = d.number"
    " WHERE d.sha256 = {digest} AND r.id <> :id"
)
_DUPLICATES = text(
    f"{_HOLDERS.format(digest='ANY(CAST(:digests AS bytea[]))')} ORDER BY code LIMIT 50"
)
_FINGERPRINTS = text(
    "SELECT sha256, grams, signature FROM fingerprints"
    " WHERE sha256 = ANY(CAST(:digests AS bytea[]))"
)
_ALIKE = text(
    "WITH near AS (SELECT b.sha256 FROM"  # noqa: S608 - constant text
    " unnest(CAST(:bands AS smallint[]), CAST(:keys AS bigint[])) AS w (band, key)"
    " JOIN fingerprint_bands b USING (band, key) WHERE b.sha256 <> :sha256"
    " GROUP BY b.sha256 ORDER BY count(*) DESC LIMIT 500)"
    " SELECT holder.code, holder.own, p.grams, p.signature FROM near"
    " JOIN fingerprints p USING (sha256)"
    f" CROSS JOIN LATERAL ({_HOLDERS.format(digest='near.sha256')}) AS holder"
)


class FactRepository:
    """The `FactStore` of the check."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def files(self, resource: Resource) -> Sequence[Kept]:
        rows = await self._connection.execute(_FILES, {"id": resource.id})
        return [_kept(row) for row in rows]

    async def textbook(self, textbook_id: UUID) -> TextbookFacts | None:
        rows = await self._connection.execute(_TEXTBOOK, {"id": textbook_id})
        row = rows.mappings().one_or_none()
        if row is None:
            return None
        codes = {name: code for name, code in row.items() if code and name != "state"}
        return TextbookFacts(codes, State(row["state"]) is State.RETIRED)

    async def chapters(self, textbook_id: UUID, codes: Collection[str]) -> Mapping[str, State]:
        asked = {"textbook": textbook_id, "codes": list(codes)}
        return _states(await self._connection.execute(_CHAPTERS, asked))

    async def points(self, subject: str, codes: Collection[str]) -> Mapping[str, State]:
        asked = {"subject": subject, "codes": list(codes)}
        return _states(await self._connection.execute(_POINTS, asked))

    async def related(self, wanted: Collection[Pinned], viewer: Viewer) -> Mapping[Pinned, Related]:
        ids, versions = zip(*wanted, strict=True)
        asked = {
            "ids": list(ids),
            "versions": list(versions),
            "subject": viewer.subject,
            "paths": list(viewer.paths),
        }
        rows = await self._connection.execute(_RELATED, asked)
        return {
            (UUID(bytes=row.id.bytes), row.version): Related(row.code, row.licence, row.found)
            for row in rows
        }

    async def duplicates(
        self, resource: Resource, positions: Mapping[bytes, int]
    ) -> Sequence[Duplicate]:
        asked = {**_of(resource), "digests": list(positions)}
        rows = await self._connection.execute(_DUPLICATES, asked)
        return [Duplicate(positions[row.sha256], row.code, row.own) for row in rows]

    async def fingerprints(self, digests: Collection[bytes]) -> Mapping[bytes, Fingerprint]:
        rows = await self._connection.execute(_FINGERPRINTS, {"digests": list(digests)})
        return {row.sha256: Fingerprint.unpacked(row.grams, row.signature) for row in rows}

    async def keep_fingerprint(self, sha256: bytes, made: Fingerprint) -> None:
        await keep_fingerprint(self._connection, sha256, made)

    async def alike(
        self, resource: Resource, sha256: bytes, made: Fingerprint
    ) -> Sequence[Likeness]:
        asked = {**_of(resource), "sha256": sha256, "bands": ALL_BANDS, "keys": made.bands}
        rows = await self._connection.execute(_ALIKE, asked)
        return [
            Likeness(row.code, row.own, Fingerprint.unpacked(row.grams, row.signature))
            for row in rows
        ]


def _of(resource: Resource) -> dict[str, Any]:
    return {"id": resource.id, "owner": resource.owner}


def _states(rows: Any) -> Mapping[str, State]:
    return {row.code: State(row.state) for row in rows}


def _kept(row: Row[Any]) -> Kept:
    # Uploads are kept as long as anything holds them; one that is gone is told as given up.
    state = uploads.State(row.upload_state or uploads.State.EXPIRED)
    file = ExaminedFile(
        position=row.position,
        role=FileRole(row.role),
        filename=row.filename,
        alt_text=row.alt_text,
        upload_state=state,
        file_state=files.State(row.file_state) if row.file_state else None,
        media_type=row.media_type or "",
        refusal=row.refusal or row.upload_refusal or (),
        facts=row.facts or {},
        damaged=row.damaged,
    )
    codes = codes_of(row)
    return Kept(file, row.sha256 or b"", row.text_key, codes.iscc if codes else None)
