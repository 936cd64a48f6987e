"""What is counted of many learners together, out of PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.learning.adapters.progress import People, RecordedProgress
from services.learning.domain.boards import Activity, Figures, PointFigures
from services.learning.domain.progress import PRIOR, Point, point_of, weight
from shared.reader import Reader

_GROUPS = """
    SELECT key, count(*) AS begun, count(*) FILTER (WHERE last_at > $3) AS active,
        sum(activities)::bigint AS activities, sum(completed)::bigint AS completed,
        sum(passed)::bigint AS passed, sum(statements)::bigint AS statements,
        least(sum(duration_ms), 9223372036854775807)::bigint AS duration_ms, max(last_at) AS last_at
    FROM (
        SELECT n.key, count(*) AS activities, count(*) FILTER (WHERE p.completed) AS completed,
            count(*) FILTER (WHERE p.passed) AS passed, sum(p.statements) AS statements,
            sum(p.duration_ms) AS duration_ms, max(p.last_at) AS last_at
        FROM unnest($1::uuid[], $2::text[]) AS n (actor_id, key)
        JOIN progress p ON p.actor_id = n.actor_id
        GROUP BY n.key, n.actor_id
    ) learners
    GROUP BY key
"""
_ACTIVITIES = """
    SELECT a.iri, p.* FROM (
        SELECT activity, count(*) AS begun, count(*) FILTER (WHERE completed) AS completed,
            count(*) FILTER (WHERE passed) AS passed, avg(progress)::float8 AS progress,
            least(sum(duration_ms), 9223372036854775807)::bigint AS duration_ms
        FROM progress WHERE actor_id = ANY($1::uuid[])
        GROUP BY activity ORDER BY begun DESC, activity LIMIT $2
    ) p JOIN activities a ON a.key = p.activity
    ORDER BY p.begun DESC, p.activity
"""
# The estimate is that of services/learning/domain/progress.py.
_POINTS = """
    SELECT a.iri, m.* FROM (
        SELECT point, count(*) AS begun, sum(tries)::bigint AS tries,
            avg((weighed_score::float8 / (1000 * $3::float8) + $4::float8 / 2)
                / (weighed_tries::float8 / $3 + $4)) AS estimate
        FROM mastery WHERE actor_id = ANY($1::uuid[])
        GROUP BY point ORDER BY begun DESC, point LIMIT $2
    ) m JOIN activities a ON a.key = m.point
    ORDER BY m.begun DESC, m.point
"""


class RecordedBoards:
    """`services.learning.application.boards.BoardRecords`."""

    def __init__(self, reader: Reader, people: People, progress: RecordedProgress) -> None:
        self._reader = reader
        self._people = people
        self._progress = progress

    async def actors(self, people: Sequence[str]) -> Mapping[UUID, str]:
        return await self._people.actors(people)

    async def groups(self, groups: Mapping[UUID, str], since: datetime) -> Mapping[str, Figures]:
        rows = await self._reader.fetch(_GROUPS, list(groups), list(groups.values()), since)
        return {row["key"]: Figures(*(row[name] for name in Figures._fields)) for row in rows}

    async def activities(self, actors: Sequence[UUID], limit: int) -> Sequence[Activity]:
        return [
            Activity(
                row["iri"],
                self._progress.resource_of(row["iri"]),
                **{name: row[name] for name in Activity._fields[2:]},
            )
            for row in await self._reader.fetch(_ACTIVITIES, list(actors), limit)
        ]

    async def points(
        self, actors: Sequence[UUID], now: datetime, limit: int
    ) -> Sequence[PointFigures]:
        asked = (list(actors), limit, float(weight(now)), float(PRIOR))
        return [
            PointFigures(
                point_of(row["iri"]) or Point("", row["iri"]),
                row["begun"],
                row["tries"],
                row["estimate"],
            )
            for row in await self._reader.fetch(_POINTS, *asked)
        ]
