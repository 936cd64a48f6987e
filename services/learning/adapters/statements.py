"""Statements into PostgreSQL: raw blobs, narrow rows and aggregates in one transaction.

Rows are copied in, which is the fastest way there is (``./shuyuan bench activity``), on the
assumption that their ids are new. Where one is not, PostgreSQL refuses the copy, what is known is
looked up, and what is really new is copied once more; so exactness rests on the primary keys.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.learning.adapters import aggregates
from services.learning.adapters.days import STORE_LOCK, Days
from services.learning.adapters.pool import Pool
from services.learning.domain.xapi import exact
from services.learning.domain.xapi.aggregates import Tally
from services.learning.domain.xapi.contents import key_of, merged_definition
from services.learning.domain.xapi.records import About, Batch, Record, plan
from services.learning.domain.xapi.rules import Json
from shared.encryption import KeyRing, Place
from shared.errors import Unavailable
from shared.ids import uuid7

ATTEMPTS = 6
LINES_IN_A_BLOB = 64
_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = (
    *("id", "stored", "at", "application_id", "actor_id", "verb", "object", "about"),
    *("registration", "related", "scaled", "progress", "completed", "passed", "duration_ms"),
    *("voided", "digest", "blob_id", "line"),
)
_VOIDED = _COLUMNS.index("voided")
_KNOWN = """
    SELECT id, digest FROM statements WHERE id = ANY($1)
    UNION ALL SELECT statement_id, digest FROM ledger WHERE statement_id = ANY($1)
"""
# What was taken in of people who were erased while their statements waited goes as what was there.
_MEANWHILE = """
    WITH voided AS (
        DELETE FROM pending_voids waiting USING applications own, applications other
        WHERE statement_id = ANY($1::uuid[]) AND own.id = waiting.application_id
            AND other.id = ANY($2::int[])
            AND (other.id = own.id OR other.secret_hash IS NULL AND own.secret_hash IS NULL
                AND other.name = own.name)
        RETURNING statement_id
    )
    SELECT statement_id, true FROM voided
    UNION ALL SELECT id, false FROM actors WHERE id = ANY($3::uuid[]) AND erased_at IS NOT NULL
"""
_DEFINE = """
    INSERT INTO activities AS known (key, iri, definition)
    SELECT key, iri, definition::jsonb
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (key, iri, definition) ORDER BY key
    ON CONFLICT (key) DO UPDATE 
        SET definition = merged_definition(known.definition, excluded.definition)
    WHERE known.definition <> merged_definition(known.definition, excluded.definition)
"""
# What is there is touched, so that an erasure which found it unused is waited for.
_ATTACH = """
    INSERT INTO attachments (sha2, content_type, sealed, stored)
    VALUES ($1, $2, $3, $4) ON CONFLICT (sha2) DO UPDATE SET sha2 = excluded.sha2
"""
_BLOBS = "INSERT INTO blobs (id, content) SELECT * FROM unnest($1::uuid[], $2::bytea[])"

Fresh = Sequence[tuple[Batch, Record]]
Named = Mapping[UUID, date | None]
"""The day that each id names."""


class StatementWriter:
    def __init__(self, pool: Pool, days: Days, keys: KeyRing) -> None:
        self._pool = pool
        self._days = days
        self._keys = keys
        self._look_first = False

    async def write(self, batches: Sequence[Batch], stored: datetime) -> Mapping[int, UUID]:
        """Commit every batch but those that bring other content for an id that is taken: they are
        named by index, with the id. Raises `Unavailable`."""
        await self._days.ready()
        ids = [each.id for batch in batches for each in batch.records]
        named = self._days.named_by(ids)
        days = {day for day in named.values() if day is not None}
        await self._days.make(days)
        # Repeats seldom come alone: after one, the next writes look before they copy.
        look = self._look_first or any(map(self._days.is_mixed, days))
        async with self._pool.connection() as connection:
            for _ in range(ATTEMPTS):
                known = dict(await connection.fetch(_KNOWN, ids)) if look else {}
                planned = plan(batches, known)
                try:
                    if planned.fresh:
                        await self._commit(connection, planned.fresh, stored, named)
                except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
                    look = True
                except asyncpg.CheckViolationError:  # the day was retired since we looked
                    await self._days.refresh()
                    look = True
                else:
                    self._look_first = bool(known)
                    return planned.refused
        raise Unavailable(
            "Too many repeat the same statements. Send them again.",
            zh="重复写入过多，请稍后重试。",
        )

    async def _commit(
        self, connection: asyncpg.Connection, fresh: Fresh, stored: datetime, named: Named
    ) -> None:
        voiding = [(each.voids, batch.application_id) for batch, each in fresh if each.voids]
        lock = "pg_advisory_xact_lock" if voiding else "pg_advisory_xact_lock_shared"
        await connection.execute(f"BEGIN; SELECT {lock}({STORE_LOCK})")
        try:
            voided, erased = await self._meanwhile(connection, fresh)
            if erased:
                fresh = [pair for pair in fresh if erased.isdisjoint(_people(pair[1]))]
            if fresh:
                await self._insert(connection, fresh, stored, named, voided)
            for target, application_id in voiding:
                await aggregates.void(connection, target, application_id)
            await connection.execute("COMMIT")
        except BaseException:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise

    async def _meanwhile(
        self, connection: asyncpg.Connection, fresh: Fresh
    ) -> tuple[set[UUID], set[UUID]]:
        """Which statements were voided before they came, and which actors erased since."""
        rows = await connection.fetch(
            _MEANWHILE,
            [each.id for _, each in fresh],
            list({batch.application_id for batch, _ in fresh}),
            list({person for _, each in fresh for person in _people(each)}),
        )
        voided = {key for key, is_voided in rows if is_voided}
        return voided, {key for key, is_voided in rows if not is_voided}

    async def _insert(
        self,
        connection: asyncpg.Connection,
        fresh: Fresh,
        stored: datetime,
        named: Named,
        voided: set[UUID],
    ) -> None:
        chunks = [
            [each.raw for _, each in fresh[start : start + LINES_IN_A_BLOB]]
            for start in range(0, len(fresh), LINES_IN_A_BLOB)
        ]
        blobs = [uuid7() for _ in chunks]
        rows, ledger = self._rows(fresh, stored, named, voided, blobs)
        await connection.copy_records_to_table("statements", records=rows, columns=_COLUMNS)
        if ledger:
            await connection.copy_records_to_table("ledger", records=ledger)
        contents = [zlib.compress(b"\n".join(chunk), 1) for chunk in chunks]
        await connection.execute(_BLOBS, blobs, contents)
        await self._describe(connection, fresh, stored)
        await aggregates.count(connection, stored, rows[-1][1], blobs)
        await aggregates.learn(connection, _learnt(fresh, rows))

    def _rows(
        self,
        fresh: Fresh,
        stored: datetime,
        named: Named,
        voided: set[UUID],
        blobs: Sequence[UUID],
    ) -> tuple[list[tuple[Any, ...]], list[tuple[UUID, UUID, bytes]]]:
        """The rows, and the ledger's."""
        rows = []
        ledger = []
        for number, (batch, each) in enumerate(fresh):
            key = each.id
            if named[key] is None:
                key = uuid7()
                ledger.append((each.id, key, each.digest))
                self._days.note_foreign(each.id)
            at = each.at or stored
            figures = each.figures
            is_voided = bool(voided) and each.id in voided and each.voids is None
            rows.append(
                (
                    *(key, stored, at, batch.application_id, each.actor, each.verb, each.object),
                    *(each.about, each.registration, each.related, figures.scaled),
                    *(figures.progress, figures.completed, figures.passed, figures.duration_ms),
                    *(is_voided, each.digest, blobs[number // LINES_IN_A_BLOB]),
                    number % LINES_IN_A_BLOB,
                )
            )
            stored += _MICROSECOND
        return rows, ledger

    async def _describe(
        self, connection: asyncpg.Connection, fresh: Fresh, stored: datetime
    ) -> None:
        """Note definitions and attachments that the batches bring along."""
        batches = {id(batch): batch for batch, _ in fresh}.values()
        definitions: dict[str, Json] = {}
        for batch in batches:
            for iri, new in batch.definitions.items():
                definitions[iri] = merged_definition(definitions.get(iri, {}), new)
        if definitions:
            await connection.execute(
                _DEFINE,
                [key_of(iri) for iri in definitions],
                list(definitions),
                [exact.dumps(each).decode() for each in definitions.values()],
            )
        parts = {part.sha2.lower(): part for batch in batches for part in batch.attachments}
        for sha2, part in sorted(parts.items()):
            content = base64.b64encode(part.content).decode()
            sealed = self._keys.encrypt("attachments", content, attachment_place(sha2))
            await connection.execute(_ATTACH, sha2, part.content_type, sealed, stored)


def _people(record: Record) -> tuple[UUID, ...]:
    """Whose statement it is, and whom it is about."""
    return (record.actor, record.object) if record.about is About.ACTOR else (record.actor,)


def _learnt(fresh: Fresh, rows: Sequence[tuple[Any, ...]]) -> Tally:
    """What the records tell of mastery, given their rows."""
    tally = Tally()
    for (_, each), row in zip(fresh, rows, strict=True):
        stored, at, voided = row[1], row[2], row[_VOIDED]
        if each.points and not voided:
            tally.learn(each.actor, each.points, min(at, stored), each.figures)
    return tally


def attachment_place(sha2: str) -> Place:
    """Where an attachment stands sealed: a signature repeats the statement, people and all."""
    return Place("attachments", "sealed", sha2)
