"""Takes the activity records of a person away: rows, aggregates, documents, raw statements.

Only a keyed hash of the person's account stays, beside a pseudonym that nothing leads to, so that
what a device sends late is refused. Statements of others that mention the person name nobody then.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.learning.adapters.actors import ActorDirectory
from services.learning.adapters.days import STORE_LOCK
from services.learning.adapters.pool import Pool
from services.learning.adapters.progress import People
from services.learning.adapters.reading import lines_of
from services.learning.adapters.recount import SET_ASIDE
from services.learning.domain.xapi.aggregates import day_of
from services.learning.domain.xapi.records import About
from services.learning.domain.xapi.rules import Json
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
_ATTACHMENTS = text("DELETE FROM attachments WHERE sha2 = ANY(CAST(:hashes AS text[]))")


@dataclass(slots=True)
class _Gone:
    """What the rows that were deleted leave to be undone: figures by activity and day, lines by
    blob; then, out of these lines, statement ids and attachments."""

    statements: Counter[tuple[UUID, date]] = field(default_factory=Counter)
    completions: Counter[tuple[UUID, date]] = field(default_factory=Counter)
    passes: Counter[tuple[UUID, date]] = field(default_factory=Counter)
    lines: dict[UUID, list[int]] = field(default_factory=dict)
    ids: list[UUID] = field(default_factory=list)
    attachments: set[str] = field(default_factory=set)

    def add(self, row: Any) -> None:
        self.lines.setdefault(UUID(bytes=row.blob_id.bytes), []).append(row.line)
        if row.about == About.ACTIVITY and not row.voided:
            key = (UUID(bytes=row.object.bytes), day_of(row.at))
            self.statements[key] += 1
            self.completions[key] += row.completed
            self.passes[key] += row.passed is True

    def blanked(self, blob: UUID, content: bytes) -> bytes:
        """The blob with nothing in these lines."""
        lines = lines_of(content)
        for number in self.lines[blob]:
            statement = orjson.loads(lines[number])
            self.ids.append(UUID(statement["id"]))
            for each in (statement, statement["object"]):
                self._note_attachments(each)
            lines[number] = b""
        return zlib.compress(b"\n".join(lines), 1)

    def _note_attachments(self, part: Json) -> None:
        self.attachments |= {each["sha2"].lower() for each in part.get("attachments", ())}


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
        # No recount and no voiding meanwhile; storing goes on.
        await run(_SHARED)
        gone = _Gone()
        for table in await self._tables(uow, "statements"):
            rows = await run(
                text(
                    f"DELETE FROM {table} WHERE actor_id = ANY(CAST(:actors AS uuid[]))"  # noqa: S608 - names of tables
                    " RETURNING object, about, at, completed, passed, voided, blob_id, line"
                ),
                {"actors": actors},
            )
            for row in rows:
                gone.add(row)
        for table in await self._tables(uow, "blobs"):
            await self._blank(uow, table, gone)
        for statement in _BY_ACTOR:
            await run(statement, {"actors": actors})
        await run(_LEDGER, {"ids": gone.ids})
        # One that another's statement has too goes as well: it is the erased person's first.
        await run(_ATTACHMENTS, {"hashes": sorted(gone.attachments)})
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
        blobs = sorted(gone.lines)
        for start in range(0, len(blobs), BLOBS_AT_ONCE):
            asked = {"ids": blobs[start : start + BLOBS_AT_ONCE]}
            found = [
                (UUID(bytes=row.id.bytes), row.content)
                for row in await uow.connection.execute(select, asked)
            ]
            if found:
                rows = [{"id": key, "content": gone.blanked(key, old)} for key, old in found]
                await uow.connection.execute(update, rows)

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
