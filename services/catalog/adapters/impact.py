"""Who uses a resource, in PostgreSQL."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.impact import SHOWN, CollectionUse, CourseUse, Impact
from services.catalog.domain.resources import Viewer

_TOTALS = text(
    "SELECT (SELECT count(*) FROM collection_items WHERE resource_id = :id) AS collections,"
    " (SELECT count(*) FROM course_references WHERE resource_id = :id) AS courses,"
    " (SELECT count(*) FROM favourites WHERE resource_id = :id) AS favourites"
)
_COLLECTIONS = text(
    "SELECT c.id, c.code, c.title, ltree2text(c.organisation_path) AS organisation_path, i.number"
    " FROM collection_items i JOIN collections c ON c.id = i.collection_id"
    " WHERE i.resource_id = :id AND (c.owner = CAST(:subject AS text)"
    " OR COALESCE(c.organisation_path <@ CAST(CAST(:paths AS text[]) AS ltree[]), false))"
    " ORDER BY c.id DESC LIMIT :limit"
)
_COURSES = text(
    "SELECT course_id, ltree2text(organisation_path) AS organisation_path FROM course_references"
    " WHERE resource_id = :id AND organisation_path <@ CAST(CAST(:paths AS text[]) AS ltree[])"
    " ORDER BY course_id LIMIT :limit"
)
_ADD = text(
    "INSERT INTO course_references (resource_id, course_id, organisation_path)"
    " VALUES (:resource_id, :course_id, text2ltree(CAST(:organisation_path AS text)))"
    " ON CONFLICT (resource_id, course_id)"
    " DO UPDATE SET organisation_path = excluded.organisation_path"
)
_REMOVE = text(
    "DELETE FROM course_references WHERE resource_id = :resource_id AND course_id = :course_id"
)


class ImpactRepository:
    """`services.catalog.application.impact.ImpactReads`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, resource_id: UUID, viewer: Viewer) -> Impact:
        asked = {"id": resource_id, "limit": SHOWN, "paths": list(viewer.paths)}
        totals = (await self._connection.execute(_TOTALS, asked)).one()
        collections = await self._connection.execute(
            _COLLECTIONS, {**asked, "subject": viewer.subject}
        )
        courses = await self._connection.execute(_COURSES, asked)
        return Impact(
            collections=totals.collections,
            courses=totals.courses,
            favourites=totals.favourites,
            named_collections=[
                CollectionUse(
                    UUID(bytes=row.id.bytes), row.code, row.title, row.organisation_path, row.number
                )
                for row in collections
            ],
            named_courses=[CourseUse(row.course_id, row.organisation_path) for row in courses],
        )


class CourseReferenceRepository:
    """`services.catalog.application.impact.CourseReferences`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, fact: Mapping[str, Any]) -> None:
        names = ("course_id", "organisation_path")
        row = {name: fact[name] for name in names}
        await self._connection.execute(_ADD, {**row, "resource_id": UUID(fact["resource_id"])})

    async def remove(self, fact: Mapping[str, Any]) -> None:
        row = {"resource_id": UUID(fact["resource_id"]), "course_id": fact["course_id"]}
        await self._connection.execute(_REMOVE, row)
