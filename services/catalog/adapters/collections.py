"""Collections and their items in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.resources import READABLE
from services.catalog.application.collections import Known
from services.catalog.application.collections_views import Ancestor, Entry, Told
from services.catalog.application.resources import CodeTaken
from services.catalog.domain.collections import Collection, Item, Origin, State
from services.catalog.domain.resources import Viewer

_COLUMNS = (
    "c.id, c.code, c.owner, ltree2text(c.organisation_path) AS organisation_path, c.state, c.title,"
    " c.description, c.items, c.derived_from_collection, c.derived_from_version, c.version,"
    " c.created_at, c.updated_at"
)
_GET = text(f"SELECT {_COLUMNS} FROM collections c WHERE c.id = :id")  # noqa: S608 - constant columns
_BY_CODE = text(f"SELECT {_COLUMNS} FROM collections c WHERE c.code = :id")  # noqa: S608 - constant columns
_LOCKED = text(f"{_GET.text} FOR NO KEY UPDATE")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM collections c"  # noqa: S608 - constant columns
    " WHERE (CAST(:owner AS text) IS NULL OR c.owner = :owner)"
    " AND (CAST(:path AS text) IS NULL OR c.organisation_path <@ text2ltree(:path))"
    " AND (CAST(:before AS uuid) IS NULL OR c.id < :before) ORDER BY c.id DESC LIMIT :limit"
)
_ADD = text(
    "INSERT INTO collections (id, code, owner, organisation_path, state, title, description, items,"
    " derived_from_collection, derived_from_version, version, created_at, updated_at)"
    " VALUES (:id, :code, :owner, text2ltree(CAST(:organisation_path AS text)), :state, :title,"
    " :description, :items, :derived_from_collection, :derived_from_version, :version, :created_at,"
    " :updated_at) ON CONFLICT (code) DO NOTHING RETURNING id"
)
_SAVE = text(
    "UPDATE collections SET title = :title, description = :description, items = :items,"
    " version = :version, updated_at = :updated_at WHERE id = :id"
)
_DELETE = text("DELETE FROM collections WHERE id = :id")
_ITEMS = text(
    "SELECT resource_id, number, note FROM collection_items WHERE collection_id = :id"
    " ORDER BY position"
)
_DROP_ITEMS = text("DELETE FROM collection_items WHERE collection_id = :id")
_PUT_ITEMS = text(
    "INSERT INTO collection_items (collection_id, position, resource_id, number, note)"
    " SELECT :id, place - 1, resource_id, number, note FROM unnest(CAST(:resources AS uuid[]),"
    " CAST(:numbers AS int[]), CAST(:notes AS text[])) WITH ORDINALITY"
    " AS i (resource_id, number, note, place)"
)
_COPY_ITEMS = text(
    "INSERT INTO collection_items (collection_id, position, resource_id, number, note)"
    " SELECT :target, position, resource_id, number, note FROM collection_items"
    " WHERE collection_id = :source"
)
_INSIDER = (
    "(COALESCE(r.owner = CAST(:subject AS text), false)"
    " OR COALESCE(r.organisation_path <@ CAST(CAST(:paths AS text[]) AS ltree[]), false))"
)
"""`services.catalog.domain.resources.sees_draft` in SQL."""

_SEEN = (
    f"({READABLE} AND (CAST({{pin}} AS int) IS NULL"
    f" OR (v.number IS NOT NULL AND (r.live_version = {{pin}} OR {_INSIDER} OR EXISTS"
    " (SELECT FROM publications p WHERE p.resource_id = r.id AND p.version = {pin})))))"
)
_VERSION = (
    "LEFT JOIN resource_versions v ON v.resource_id = r.id"
    " AND v.number = COALESCE({pin}, r.live_version)"
)
_KNOWN = text(
    f"SELECT w.id, w.number, {_SEEN.format(pin='w.number')} AS seen"  # noqa: S608 - constant text
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS int[])) AS w (id, number)"
    f" JOIN resources r ON r.id = w.id {_VERSION.format(pin='w.number')} WHERE {READABLE}"
)
_TOLD = ("title", "stage", "subject", "grades", "types")
_ENTRIES = text(
    "SELECT i.position, i.resource_id, i.number, i.note, r.code, v.number AS shown,"  # noqa: S608 - constant text
    f" COALESCE({_SEEN.format(pin='i.number')}, false) AS seen, "
    + ", ".join(f"CASE WHEN v.number IS NULL THEN r.{c} ELSE v.{c} END AS {c}" for c in _TOLD)
    + " FROM collection_items i LEFT JOIN resources r ON r.id = i.resource_id"
    f" {_VERSION.format(pin='i.number')} WHERE i.collection_id = :id AND i.position > :after"
    " ORDER BY i.position LIMIT :limit"
)
_LONGEST_LINE = 50
_LINEAGE = text(
    "WITH RECURSIVE line AS (SELECT 1 AS step, derived_from_collection AS id,"  # noqa: S608 - constant columns
    " derived_from_version AS version FROM collections"
    " WHERE id = :id AND derived_from_collection IS NOT NULL"
    " UNION ALL SELECT l.step + 1, c.derived_from_collection, c.derived_from_version"
    " FROM line l JOIN collections c ON c.id = l.id"
    " WHERE c.derived_from_collection IS NOT NULL AND l.step < :longest)"
    f" SELECT l.id AS origin_id, l.version AS origin_version, {_COLUMNS}"
    " FROM line l LEFT JOIN collections c ON c.id = l.id ORDER BY l.step"
)


class CollectionRepository:
    """`services.catalog.application.collections_views.CollectionReads`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, collection: Collection) -> None:
        if await self._connection.scalar(_ADD, _row(collection)) is None:
            raise CodeTaken

    async def get(self, collection_id: UUID) -> Collection | None:
        return await self._one(_GET, collection_id)

    async def locked(self, collection_id: UUID) -> Collection | None:
        return await self._one(_LOCKED, collection_id)

    async def by_code(self, code: str) -> Collection | None:
        return await self._one(_BY_CODE, code)

    async def _one(self, query: Any, id_: UUID | str) -> Collection | None:
        row = (await self._connection.execute(query, {"id": id_})).one_or_none()
        return None if row is None else _collection(row)

    async def save(self, collection: Collection) -> None:
        await self._connection.execute(_SAVE, _row(collection))

    async def delete(self, collection_id: UUID) -> None:
        await self._connection.execute(_DROP_ITEMS, {"id": collection_id})
        await self._connection.execute(_DELETE, {"id": collection_id})

    async def page(
        self, owner: str | None, path: str | None, limit: int, before: UUID | None
    ) -> Sequence[Collection]:
        asked = {"owner": owner, "path": path, "limit": limit, "before": before}
        return [_collection(row) for row in await self._connection.execute(_PAGE, asked)]

    async def items(self, collection_id: UUID) -> Sequence[Item]:
        rows = await self._connection.execute(_ITEMS, {"id": collection_id})
        return [_item(row) for row in rows]

    async def put_items(self, collection_id: UUID, items: Sequence[Item]) -> None:
        await self._connection.execute(_DROP_ITEMS, {"id": collection_id})
        row = {
            "id": collection_id,
            "resources": [each.resource_id for each in items],
            "numbers": [each.number for each in items],
            "notes": [each.note for each in items],
        }
        await self._connection.execute(_PUT_ITEMS, row)

    async def copy_items(self, source: UUID, target: UUID) -> None:
        await self._connection.execute(_COPY_ITEMS, {"source": source, "target": target})

    async def known(self, items: Sequence[Item], viewer: Viewer) -> Known:
        asked = {
            "ids": [each.resource_id for each in items],
            "numbers": [each.number for each in items],
            **_viewer(viewer),
        }
        rows = await self._connection.execute(_KNOWN, asked)
        return {(UUID(bytes=row.id.bytes), row.number): row.seen for row in rows}

    async def entries(
        self, collection_id: UUID, viewer: Viewer, limit: int, after: int
    ) -> Sequence[Entry]:
        asked = {"id": collection_id, "limit": limit, "after": after, **_viewer(viewer)}
        return [_entry(row) for row in await self._connection.execute(_ENTRIES, asked)]

    async def lineage(self, collection_id: UUID) -> Sequence[Ancestor]:
        asked = {"id": collection_id, "longest": _LONGEST_LINE}
        return [
            Ancestor(
                Origin(UUID(bytes=row.origin_id.bytes), row.origin_version),
                _collection(row) if row.id is not None else None,
            )
            for row in await self._connection.execute(_LINEAGE, asked)
        ]


def _viewer(viewer: Viewer) -> dict[str, Any]:
    return {"subject": viewer.subject, "paths": list(viewer.paths)}


def _row(collection: Collection) -> dict[str, Any]:
    names = [name for name in Collection.__slots__ if name != "origin"]
    origin = collection.origin
    return {
        **{name: getattr(collection, name) for name in names},
        "derived_from_collection": origin and origin.collection_id,
        "derived_from_version": origin and origin.version,
    }


def _collection(row: Row[Any]) -> Collection:
    origin = row.derived_from_collection
    return Collection(
        id=UUID(bytes=row.id.bytes),
        code=row.code,
        owner=row.owner,
        organisation_path=row.organisation_path,
        state=State(row.state),
        title=row.title,
        description=row.description,
        items=row.items,
        origin=origin and Origin(UUID(bytes=origin.bytes), row.derived_from_version),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _item(row: Row[Any]) -> Item:
    return Item(UUID(bytes=row.resource_id.bytes), row.number, row.note)


def _entry(row: Row[Any]) -> Entry:
    resource = None
    if row.seen:
        facets = {name: getattr(row, name) for name in _TOLD}
        resource = Told(code=row.code, number=row.shown, **facets)
    return Entry(row.position, _item(row), resource)
