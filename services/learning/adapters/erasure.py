"""Takes the activity records of a person away: rows, aggregates, documents, raw statements.

What is gone: what the person did; what others said about the person, as a statement's object or in
a sub-statement; signatures of statements that name the person, as each repeats all of it;
attachments that nobody else sent; how activities are called of which nobody else speaks. Statements
of others that mention the person name nobody then. Only a keyed hash of the person's account stays,
beside a pseudonym that nothing leads to, so that what a device sends late is refused.
"""

import zlib
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.learning.adapters.actors import ActorDirectory
from services.learning.adapters.days import SET_ASIDE, STORE_LOCK, union
from services.learning.adapters.pool import Pool
from services.learning.adapters.progress import People
from services.learning.adapters.reading import lines_of
from services.learning.application.intake import PERSONA
from services.learning.domain.xapi.attachments import hashes_in, signatures_in
from services.learning.domain.xapi.contents import attachment_key
from services.learning.domain.xapi.records import About
from services.learning.domain.xapi.rules import Json
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.ids import uuid7

BLOBS_AT_ONCE = 200

_MARK = """
    UPDATE actors SET erased_at = coalesce(erased_at, $2) WHERE identifier_hash = ANY($1)
    RETURNING id
"""
_BAR = """
    INSERT INTO actors (id, identifier_hash, created_at, erased_at) VALUES ($1, $2, $3, $3)
    ON CONFLICT (identifier_hash) DO UPDATE SET erased_at = excluded.erased_at RETURNING id
"""
_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({STORE_LOCK})")
_TABLES = text(SET_ASIDE.replace("$1", ":pattern"))
_LESS = text(
    "INSERT INTO activity_days AS known (activity, day, statements, completions, passes)"
    " SELECT * FROM unnest(CAST(:activities AS uuid[]), CAST(:days AS date[]),"
    " CAST(:statements AS bigint[]), CAST(:completions AS bigint[]), CAST(:passes AS bigint[]))"
    " ON CONFLICT (activity, day) DO UPDATE SET"
    " statements = known.statements + excluded.statements,"
    " completions = known.completions + excluded.completions,"
    " passes = known.passes + excluded.passes"
)
_NONE_LEFT = text(
    "DELETE FROM activity_days WHERE statements = 0 AND activity = ANY(CAST(:activities AS uuid[]))"
)
_BY_ACTOR = [
    text(f"DELETE FROM {table} WHERE actor_id = ANY(CAST(:actors AS uuid[]))")  # noqa: S608 - constant names
    for table in ("progress", "mastery", "documents", "personas")
]
_LEDGER = text("DELETE FROM ledger WHERE statement_id = ANY(CAST(:ids AS uuid[]))")
_PERSONAS = text("SELECT id FROM personas WHERE actor_id = ANY(CAST(:actors AS uuid[]))")
_TAKE = """
    DELETE FROM {table} WHERE actor_id = ANY(CAST(:actors AS uuid[]))
        OR (about = 1 AND object = ANY(CAST(:actors AS uuid[])))
    RETURNING object, about, least(at, stored) AS at, completed, passed, voided, related, blob_id,
        line
"""
_MENTIONS = """
    SELECT id, blob_id, line FROM {table}
    WHERE related IS NOT NULL AND related && CAST(:actors AS uuid[])
"""
# Before it is asked who else uses them: whoever stores one of them meanwhile has done so, or waits.
_HOLD = text(
    "SELECT FROM attachments WHERE sha2 = ANY(CAST(:hashes AS text[])) ORDER BY sha2 FOR UPDATE"
)
_ATTACHMENTS = """
    DELETE FROM attachments a USING unnest(CAST(:keys AS uuid[]), CAST(:hashes AS text[]))
        AS gone (key, sha2)
    WHERE a.sha2 = gone.sha2 AND NOT EXISTS (
        SELECT FROM ({rows}) s WHERE s.related IS NOT NULL AND s.related @> ARRAY[gone.key])
"""
_SIGNATURES = text("DELETE FROM attachments WHERE sha2 = ANY(CAST(:hashes AS text[]))")
# The row stays: who defined the activity again would not be asked for it a second time.
_UNDEFINE = """
    UPDATE activities a SET definition = '{{}}'
    WHERE key = ANY(CAST(:keys AS uuid[])) AND definition <> '{{}}'
        AND NOT EXISTS (SELECT FROM ({rows}) s WHERE s.object = a.key AND s.about = 0)
        AND NOT EXISTS (
            SELECT FROM ({rows}) s WHERE s.related IS NOT NULL AND s.related @> ARRAY[a.key])
"""


@dataclass(slots=True)
class _Gone:
    """What the rows that were deleted leave to be undone: figures by activity and day, lines by
    blob, activities; then, out of these lines and of those in which others mention one of
    `personas`, statement ids, further rows, attachments and signatures."""

    personas: Set[str]
    statements: Counter[tuple[UUID, date]] = field(default_factory=Counter)
    completions: Counter[tuple[UUID, date]] = field(default_factory=Counter)
    passes: Counter[tuple[UUID, date]] = field(default_factory=Counter)
    lines: dict[UUID, set[int]] = field(default_factory=dict)
    mentions: dict[UUID, dict[int, UUID]] = field(default_factory=dict)
    activities: set[UUID] = field(default_factory=set)
    ids: list[UUID] = field(default_factory=list)
    rows: list[UUID] = field(default_factory=list)
    attachments: set[str] = field(default_factory=set)
    signatures: set[str] = field(default_factory=set)

    def add(self, row: Any) -> None:
        """A row that was deleted."""
        self.lines.setdefault(_uuid(row.blob_id), set()).add(row.line)
        self.activities |= {_uuid(each) for each in (row.object, *(row.related or ()))}
        if row.about == About.ACTIVITY and not row.voided:
            key = (_uuid(row.object), civil_date(row.at))
            self.statements[key] += 1
            self.completions[key] += row.completed
            self.passes[key] += row.passed is True

    def mention(self, row: Any) -> None:
        """A row of somebody else."""
        self.mentions.setdefault(_uuid(row.blob_id), {})[row.line] = _uuid(row.id)

    def blanked(self, blob: UUID, content: bytes) -> bytes | None:
        """The blob with nothing in the lines that go; None if none does."""
        lines = lines_of(content)
        going = self.lines.get(blob, set())
        for number, row in self.mentions.get(blob, {}).items():
            statement = orjson.loads(lines[number])
            if self._is_about(statement["object"]):
                self.rows.append(row)
                going.add(number)
            else:
                self.signatures |= signatures_in(statement)
        for number in going:
            statement = orjson.loads(lines[number])
            self.ids.append(UUID(statement["id"]))
            self.attachments |= hashes_in(statement)
            lines[number] = b""
        return zlib.compress(b"\n".join(lines), 1) if going else None

    def _is_about(self, target: Json) -> bool:
        """Whether a sub-statement tells what the person did, or what is said of the person."""
        parts = (target.get("actor", {}), target.get("object", {}))
        return any(each.get(PERSONA) in self.personas for each in parts)


class Erasure:
    def __init__(self, pool: Pool, people: People, actors: ActorDirectory, clock: Clock) -> None:
        self._pool = pool
        self._people = people
        self._actors = actors
        self._clock = clock

    async def forget(self, uow: UnitOfWork, person: str) -> None:
        """`services.learning.consumers.Forget`; doing it again does nothing."""
        actors = await self._bar(person)
        run = uow.connection.execute
        asked = {"actors": actors}
        # No recount and no voiding meanwhile; storing goes on.
        await run(_SHARED)
        gone = _Gone({_uuid(row.id).hex for row in await run(_PERSONAS, asked)})
        tables = await self._tables(uow, "statements")
        for table in tables:
            for row in await run(text(_TAKE.format(table=table)), asked):
                gone.add(row)
            for row in await run(text(_MENTIONS.format(table=table)), asked):
                gone.mention(row)
        for table in await self._tables(uow, "blobs"):
            await self._blank(uow, table, gone)
        for table in tables:
            delete = text(f"DELETE FROM {table} WHERE id = ANY(CAST(:ids AS uuid[]))")  # noqa: S608 - names of tables
            await run(delete, {"ids": gone.rows})
        for statement in _BY_ACTOR:
            await run(statement, asked)
        await run(_LEDGER, {"ids": gone.ids})
        await self._orphans(uow, union(tables), gone)
        await self._uncount(uow, gone)
        uow.committed.append(lambda: self._actors.forget(actors))

    async def _bar(self, person: str) -> Sequence[UUID]:
        """Commit that nothing of the person is stored any more, and wait for what is being stored;
        returns the pseudonyms."""
        hashes, now = list(self._people.hashes(person)), self._clock()
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_MARK, hashes, now)
            rows = rows or await connection.fetch(_BAR, uuid7(), hashes[0], now)
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({STORE_LOCK})")
        return [row["id"] for row in rows]

    async def _tables(self, uow: UnitOfWork, name: str) -> Sequence[str]:
        """The table, and the days of it that were set aside."""
        pattern = {"pattern": f"^{name}_[0-9]{{8}}$"}
        return [name, *(await uow.connection.scalars(_TABLES, pattern)).all()]

    async def _blank(self, uow: UnitOfWork, table: str, gone: _Gone) -> None:
        select = text(
            f"SELECT id, content FROM {table} WHERE id = ANY(CAST(:ids AS uuid[]))"  # noqa: S608 - a table's name
            " ORDER BY id FOR UPDATE"
        )
        update = text(f"UPDATE {table} SET content = :content WHERE id = :id")  # noqa: S608 - likewise
        blobs = sorted(gone.lines.keys() | gone.mentions.keys())
        for start in range(0, len(blobs), BLOBS_AT_ONCE):
            asked = {"ids": blobs[start : start + BLOBS_AT_ONCE]}
            found = [
                (_uuid(row.id), row.content) for row in await uow.connection.execute(select, asked)
            ]
            blanked = ((key, gone.blanked(key, old)) for key, old in found)
            rows = [{"id": key, "content": new} for key, new in blanked if new is not None]
            if rows:
                await uow.connection.execute(update, rows)

    async def _orphans(self, uow: UnitOfWork, rows: str, gone: _Gone) -> None:
        """Attachments that came with no statement that is left, and definitions of which none
        speaks."""
        run = uow.connection.execute
        hashes = sorted(gone.attachments)
        keys = [attachment_key(each) for each in hashes]
        await run(_HOLD, {"hashes": hashes})
        await run(text(_ATTACHMENTS.format(rows=rows)), {"keys": keys, "hashes": hashes})
        await run(_SIGNATURES, {"hashes": sorted(gone.signatures)})
        await run(text(_UNDEFINE.format(rows=rows)), {"keys": sorted(gone.activities)})

    async def _uncount(self, uow: UnitOfWork, gone: _Gone) -> None:
        keys = sorted(gone.statements)
        less = {
            "activities": [activity for activity, _ in keys],
            "days": [day for _, day in keys],
            "statements": [-gone.statements[key] for key in keys],
            "completions": [-gone.completions[key] for key in keys],
            "passes": [-gone.passes[key] for key in keys],
        }
        await uow.connection.execute(_LESS, less)
        await uow.connection.execute(_NONE_LEFT, {"activities": less["activities"]})


def _uuid(found: Any) -> UUID:
    """The driver's own kind of UUID compares as no other."""
    return UUID(bytes=found.bytes)
