"""Knowledge graphs in PostgreSQL. Whoever writes takes their lock first."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.knowledge import Graph, GraphSummary
from services.catalog.domain.knowledge import Point
from services.catalog.domain.vocabularies import State

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('knowledge', 0))")
_PAGE = text(
    "SELECT g.subject, g.version, (SELECT count(*) FROM knowledge_points p"
    " WHERE p.subject = g.subject AND p.state = 'ACTIVE') AS points FROM knowledge_graphs g"
    " WHERE g.subject > :after ORDER BY g.subject LIMIT :limit"
)
_GRAPHS = text(
    "SELECT g.subject, g.version, p.code, p.parent, p.name_zh, p.name_en, p.position, p.state,"
    " coalesce(q.prerequisites, '{}') AS prerequisites FROM knowledge_graphs g"
    " JOIN knowledge_points p ON p.subject = g.subject"
    ' LEFT JOIN (SELECT subject, point, array_agg(prerequisite ORDER BY prerequisite COLLATE "C")'
    " AS prerequisites FROM knowledge_prerequisites GROUP BY subject, point) q"
    " ON q.subject = p.subject AND q.point = p.code"
    " WHERE CAST(:subjects AS text[]) IS NULL OR g.subject = ANY(:subjects)"
    " ORDER BY g.subject, p.position, p.code"
)
_BUMP = text(
    "INSERT INTO knowledge_graphs (subject, version, updated_at)"
    " SELECT subject, 1, :at FROM unnest(CAST(:subjects AS text[])) AS subject"
    " ON CONFLICT (subject) DO UPDATE SET version = knowledge_graphs.version + 1,"
    " updated_at = excluded.updated_at"
)
_KEEP = text(
    "INSERT INTO knowledge_points (subject, code, parent, name_zh, name_en, position, state)"
    " SELECT subject, code, parent, name_zh, name_en, position, state"
    " FROM jsonb_to_recordset(CAST(:points AS jsonb)) AS r (subject text, code text, parent text,"
    " name_zh text, name_en text, position int, state text)"
    " ON CONFLICT (subject, code) DO UPDATE SET parent = excluded.parent,"
    " name_zh = excluded.name_zh, name_en = excluded.name_en, position = excluded.position,"
    " state = excluded.state"
)
_UNLINK = text(
    "DELETE FROM knowledge_prerequisites k USING jsonb_to_recordset(CAST(:points AS jsonb))"
    " AS r (subject text, code text) WHERE k.subject = r.subject AND k.point = r.code"
)
_LINK = text(
    "INSERT INTO knowledge_prerequisites (subject, point, prerequisite)"
    " SELECT r.subject, r.code, jsonb_array_elements_text(r.prerequisites)"
    " FROM jsonb_to_recordset(CAST(:points AS jsonb))"
    " AS r (subject text, code text, prerequisites jsonb)"
)


class KnowledgeRepository:
    """The `KnowledgeStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        await self._connection.execute(_LOCK)

    async def page(self, limit: int, after: str) -> Sequence[GraphSummary]:
        rows = await self._connection.execute(_PAGE, {"limit": limit, "after": after})
        return [GraphSummary(row.subject, row.version, row.points) for row in rows]

    async def graphs(self, subjects: Collection[str] | None) -> Mapping[str, Graph]:
        wanted = None if subjects is None else list(subjects)
        found: dict[str, tuple[int, dict[str, Point]]] = {}
        for row in await self._connection.execute(_GRAPHS, {"subjects": wanted}):
            _, points = found.setdefault(row.subject, (row.version, {}))
            points[row.code] = _point(row)
        return {subject: Graph(subject, *graph) for subject, graph in found.items()}

    async def keep(self, points: Sequence[tuple[str, Point]], at: datetime) -> None:
        subjects = sorted({subject for subject, _ in points})
        await self._connection.execute(_BUMP, {"subjects": subjects, "at": at})
        records = [
            {
                "subject": subject,
                "code": point.code,
                "parent": point.parent,
                "name_zh": point.name_zh,
                "name_en": point.name_en,
                "position": point.position,
                "state": point.state,
                "prerequisites": point.prerequisites,
            }
            for subject, point in points
        ]
        given = {"points": orjson.dumps(records).decode()}
        for statement in (_KEEP, _UNLINK, _LINK):
            await self._connection.execute(statement, given)


def _point(row: Row[*tuple[Any, ...]]) -> Point:
    return Point(
        code=row.code,
        name_zh=row.name_zh,
        name_en=row.name_en,
        parent=row.parent,
        prerequisites=tuple(row.prerequisites),
        position=row.position,
        state=State(row.state),
    )
