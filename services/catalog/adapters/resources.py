"""Resources and their drafts in PostgreSQL."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.notices import NoticeRepository
from services.catalog.adapters.reviews_makers import makers_of
from services.catalog.adapters.versions import (
    FILE_COLUMNS,
    FILE_VALUES,
    FILES_AS_JSON,
    SHOWN_FACTS,
    VersionRepository,
    facet_columns,
    file_rows,
    files_of,
)
from services.catalog.application.resources import CodeTaken
from services.catalog.application.resources_files import Attachable
from services.catalog.domain.lifecycle import State
from services.catalog.domain.notices import Notice
from services.catalog.domain.resources import Content, Resource
from services.catalog.domain.uploads import State as UploadState
from services.catalog.domain.versions import Version

READABLE = (
    "(r.live_version IS NOT NULL OR COALESCE(r.owner = CAST(:subject AS text), false)"
    " OR COALESCE(r.organisation_path <@ CAST(CAST(:paths AS text[]) AS ltree[]), false))"
)
"""`services.catalog.domain.resources.readable` in SQL."""

_SELECT = (
    "SELECT r.id, r.code, r.owner, ltree2text(r.organisation_path) AS organisation_path, r.state,"  # noqa: S608 - constant columns
    " r.live_version, r.latest_version, r.draft, r.version, r.created_at, r.updated_at,"
    " r.case_id,"
    f" (SELECT {FILES_AS_JSON} FROM resource_files f WHERE f.resource_id = r.id) AS files"
    " FROM resources r WHERE "
)
_BY_ID = text(f"{_SELECT} r.id = :id")
_BY_CODE = text(f"{_SELECT} r.code = :code")
_LOCK = text("SELECT FROM resources WHERE id = :id FOR NO KEY UPDATE")
_ADD = text(
    "INSERT INTO resources (id, code, owner, organisation_path, state, live_version,"
    " latest_version, draft, title, stage, subject, grades, edition, types, licence, version,"
    " created_at, updated_at) VALUES (:id, :code, :owner,"
    " text2ltree(CAST(:organisation_path AS text)), :state, :live_version, :latest_version,"
    " CAST(:draft AS jsonb), :title, :stage, :subject, :grades, :edition, :types, :licence,"
    " :version, :created_at, :updated_at) ON CONFLICT (code) DO NOTHING RETURNING id"
)
_SAVE = text(
    "UPDATE resources SET state = :state, live_version = :live_version,"
    " latest_version = :latest_version, draft = CAST(:draft AS jsonb), title = :title,"
    " stage = :stage, subject = :subject, grades = :grades, edition = :edition, types = :types,"
    " licence = :licence, version = :version, updated_at = :updated_at, case_id = :case_id"
    " WHERE id = :id"
)
_DELETE = text("DELETE FROM resources WHERE id = :id")
_DROP_FILES = text("DELETE FROM resource_files WHERE resource_id = :id")
_ADD_FILES = text(
    f"INSERT INTO resource_files (resource_id, position, {FILE_COLUMNS})"  # noqa: S608 - constant columns
    f" VALUES (:resource_id, :position, {FILE_VALUES})"
)
_ATTACHABLE = text(
    "SELECT u.id, u.owner, ltree2text(u.organisation_path) AS organisation_path, u.state,"  # noqa: S608 - constant columns
    " u.filename, COALESCE(f.media_type, u.media_type) AS media_type, u.size, u.sha256, u.refusal,"
    f" f.{SHOWN_FACTS} AS facts"
    " FROM uploads u LEFT JOIN files f ON f.sha256 = u.sha256 AND u.state = 'AVAILABLE'"
    " WHERE u.id = ANY(CAST(:ids AS uuid[])) FOR SHARE OF u"
)
_WAS_PUBLISHED = text(
    "SELECT EXISTS (SELECT FROM publications WHERE resource_id = :id AND version = :number)"
)


class ResourceRepository:
    """The `ResourceStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, resource: Resource) -> None:
        row = {
            **_row(resource),
            "code": resource.code,
            "owner": resource.owner,
            "organisation_path": resource.organisation_path,
            "created_at": resource.created_at,
        }
        if await self._connection.scalar(_ADD, row) is None:
            raise CodeTaken
        await self._add_files(resource)

    async def get(self, resource_id: UUID) -> Resource | None:
        return await self._one(_BY_ID, {"id": resource_id})

    async def by_code(self, code: str) -> Resource | None:
        return await self._one(_BY_CODE, {"code": code})

    async def locked(self, resource_id: UUID) -> Resource | None:
        await self._connection.execute(_LOCK, {"id": resource_id})
        return await self.get(resource_id)

    async def _one(self, query: Any, parameters: Mapping[str, Any]) -> Resource | None:
        row = (await self._connection.execute(query, parameters)).one_or_none()
        return None if row is None else _resource(row)

    async def save(self, resource: Resource) -> None:
        await self._connection.execute(_SAVE, _row(resource))
        await self._connection.execute(_DROP_FILES, {"id": resource.id})
        await self._add_files(resource)

    async def delete(self, resource_id: UUID) -> None:
        await self._connection.execute(_DROP_FILES, {"id": resource_id})
        await self._connection.execute(_DELETE, {"id": resource_id})

    async def attachable(self, upload_ids: Collection[UUID]) -> Mapping[UUID, Attachable]:
        rows = await self._connection.execute(_ATTACHABLE, {"ids": list(upload_ids)})
        found = {}
        for row in rows.mappings():
            state, refusal = UploadState(row["state"]), row["refusal"] or ()
            found[UUID(bytes=row["id"].bytes)] = Attachable(
                **{**row, "state": state, "refusal": refusal}
            )
        return found

    async def version(self, resource_id: UUID, number: int) -> Version | None:
        return await VersionRepository(self._connection).get(resource_id, number)

    async def was_published(self, resource_id: UUID, number: int) -> bool:
        asked = {"id": resource_id, "number": number}
        return bool(await self._connection.scalar(_WAS_PUBLISHED, asked))

    async def notice(self, resource_id: UUID) -> Notice:
        return await NoticeRepository(self._connection).latest(resource_id)

    async def makers(self, resource_id: UUID) -> frozenset[str]:
        return await makers_of(self._connection, resource_id)

    async def _add_files(self, resource: Resource) -> None:
        if resource.draft.files:
            rows = file_rows(resource.draft.files)
            await self._connection.execute(
                _ADD_FILES, [{"resource_id": resource.id, **row} for row in rows]
            )


def _row(resource: Resource) -> dict[str, Any]:
    return {
        "id": resource.id,
        "state": resource.state,
        "live_version": resource.live_version,
        "latest_version": resource.latest_version,
        "draft": orjson.dumps(resource.draft.metadata).decode(),
        **facet_columns(resource.draft.metadata),
        "version": resource.version,
        "updated_at": resource.updated_at,
        "case_id": resource.case_id,
    }


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        id=UUID(bytes=row.id.bytes),
        code=row.code,
        owner=row.owner,
        organisation_path=row.organisation_path,
        state=State(row.state),
        live_version=row.live_version,
        latest_version=row.latest_version,
        draft=Content(row.draft, files_of(row.files)),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        case_id=row.case_id and UUID(bytes=row.case_id.bytes),
    )
