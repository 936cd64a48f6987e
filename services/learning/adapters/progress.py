"""What is counted of learners, out of PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.boards import Pupil
from services.learning.domain.directory import PUPIL, Organisation
from services.learning.domain.progress import Mastery, MasteryOf, Point, Step, point_of
from services.learning.domain.xapi.contents import identifier_of
from shared.encryption import KeyRing
from shared.reader import Reader

_PUPILS = (
    "FROM members m JOIN organisations o ON o.id = m.organisation_id"
    f" WHERE m.kind = '{PUPIL}' AND o.state = 'OPEN'"
    " AND m.valid_from <= :day AND (m.valid_until IS NULL OR m.valid_until > :day)"
)
_CLASSES_OF = text(
    f"SELECT DISTINCT o.id, ltree2text(o.path) AS path, o.kind, o.name {_PUPILS}"
    " AND m.person = :person ORDER BY path"
)
_BELOW = text(
    f"SELECT DISTINCT ON (m.person) m.person, ltree2text(o.path) AS path, o.name {_PUPILS}"
    " AND o.path <@ text2ltree(:path) ORDER BY m.person, o.path"
)
_ACTORS = """
    SELECT n.person, a.id FROM unnest($1::bytea[], $2::text[]) AS n (hash, person)
    JOIN actors a ON a.identifier_hash = n.hash
"""
_OF_ONE = "{0}.actor_id = ANY($1::uuid[])"
_BEFORE = "($3::timestamptz IS NULL OR ({0}) < ($3, $4::uuid))"
_STEPS = f"""
    SELECT p.*, a.iri FROM progress p JOIN activities a ON a.key = p.activity
    WHERE {_OF_ONE.format("p")} AND {_BEFORE.format("p.last_at, p.activity")}
    ORDER BY p.last_at DESC, p.activity DESC LIMIT $2
"""  # noqa: S608 - constants
_MASTERY = f"""
    SELECT m.*, a.iri FROM mastery m JOIN activities a ON a.key = m.point
    WHERE {_OF_ONE.format("m")} AND {_BEFORE.format("m.last_at, m.point")}
    ORDER BY m.last_at DESC, m.point DESC LIMIT $2
"""  # noqa: S608 - constants


class PupilRepository:
    """`services.learning.application.progress_access.Pupils`, and that of boards."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def classes_of(self, person: str, day: date) -> Sequence[Organisation]:
        rows = await self._connection.execute(_CLASSES_OF, {"person": person, "day": day})
        return [
            Organisation(UUID(bytes=row.id.bytes), row.path, row.kind, row.name, open=True)
            for row in rows
        ]

    async def below(self, path: str, day: date) -> Sequence[Pupil]:
        rows = await self._connection.execute(_BELOW, {"path": path, "day": day})
        found = [Pupil(row.person, row.path, row.name) for row in rows]
        return sorted(found, key=lambda each: (each.path, each.person))


class People:
    """Who people are in the activity records: accounts of `issuer`."""

    def __init__(self, reader: Reader, keys: KeyRing, issuer: str) -> None:
        self._reader = reader
        self._keys = keys
        self._issuer = issuer

    def hashes(self, person: str) -> Sequence[bytes]:
        """Under which the person may be kept, that of the current key first."""
        agent = {"account": {"homePage": self._issuer, "name": person}}
        return self._keys.search_hashes("actors", identifier_of(agent) or "")

    async def actors(self, people: Sequence[str]) -> Mapping[UUID, str]:
        """Whom the pseudonyms stand for, in one statement; who was never spoken of is missing."""
        pairs = [(each, person) for person in people for each in self.hashes(person)]
        hashes, names = [each for each, _ in pairs], [person for _, person in pairs]
        return {
            row["id"]: row["person"] for row in await self._reader.fetch(_ACTORS, hashes, names)
        }


class RecordedProgress:
    """`services.learning.application.progress.ProgressRecords`: a resource of the catalogue is the
    activity whose IRI is its address at `origin`."""

    def __init__(self, reader: Reader, people: People, origin: str) -> None:
        self._reader = reader
        self._people = people
        self._resources = f"{origin}/catalog/v1/resources/"

    async def steps(
        self, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Step]:
        return [
            Step(
                key=row["activity"],
                activity=row["iri"],
                resource_id=self.resource_of(row["iri"]),
                **{name: row[name] for name in Step._fields[3:]},
            )
            for row in await self._rows(_STEPS, person, limit, before)
        ]

    async def mastery(
        self, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[MasteryOf]:
        return [
            MasteryOf(
                row["point"],
                point_of(row["iri"]) or Point("", row["iri"]),
                Mastery(
                    row["last_at"],
                    row["tries"],
                    row["score"],
                    int(row["weighed_tries"]),
                    int(row["weighed_score"]),
                ),
            )
            for row in await self._rows(_MASTERY, person, limit, before)
        ]

    def resource_of(self, iri: str) -> UUID | None:
        """The resource of the catalogue whose address `iri` is."""
        try:
            return UUID(iri.removeprefix(self._resources))
        except ValueError:
            return None

    async def _rows(
        self, query: str, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Any]:
        actors = list(await self._people.actors([person]))
        return await self._reader.fetch(query, actors, limit, *(before or (None, None)))
