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
import orjson

from services.learning.adapters import aggregates
from services.learning.adapters.days import STORE_LOCK, Days
from services.learning.adapters.pool import Pool
from services.learning.domain.xapi.aggregates import Tally
from services.learning.domain.xapi.contents import key_of
from services.learning.domain.xapi.records import Batch, Record, plan
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
_KNOWN = """
    SELECT id, digest FROM statements WHERE id = ANY($1)
    UNION ALL SELECT statement_id, digest FROM ledger WHERE statement_id = ANY($1)
"""
_PENDING = """
    DELETE FROM pending_voids waiting USING applications own, applications other
    WHERE statement_id = ANY($1::uuid[]) AND own.id = waiting.application_id
        AND other.id = ANY($2::int[])
        AND other.organisation_path <@ own.organisation_path
    RETURNING statement_id
"""
_DEFINE = """
    INSERT INTO activities AS known (key, iri, definition)
    SELECT key, iri, definition::jsonb
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (key, iri, definition) ORDER BY key
    ON CONFLICT (key) DO UPDATE 
        SET definition = merged_definition(known.definition, excluded.definition)
    WHERE known.definition <> merged_definition(known.definition, excluded.definition)
"""
_ATTACH = """
    INSERT INTO attachments (sha2, content_type, sealed, stored)
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_ERASED = "SELECT id FROM actors WHERE id = ANY($1) AND erased_at IS NOT NULL"
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
        named = {each: self._days.named_by(each) for each in ids}
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
            if living := await self._living(connection, fresh):
                await self._insert(connection, living, stored, named)
            for target, application_id in voiding:
                await aggregates.void(connection, target, application_id)
            await connection.execute("COMMIT")
        except BaseException:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise

    async def _living(self, connection: asyncpg.Connection, fresh: Fresh) -> Fresh:
        """Without those of people who were erased while their statements waited: what was taken in
        goes as what was there."""
        actors = list({each.actor for _, each in fresh})
        erased = {row[0] for row in await connection.fetch(_ERASED, actors)}
        return [pair for pair in fresh if pair[1].actor not in erased] if erased else fresh

    async def _insert(
        self, connection: asyncpg.Connection, fresh: Fresh, stored: datetime, named: Named
    ) -> None:
        ids = [each.id for _, each in fresh]
        applications = list({batch.application_id for batch, _ in fresh})
        pending = await connection.fetch(_PENDING, ids, applications)
        voided = {row[0] for row in pending}
        rows, ledger = self._rows(fresh, stored, named, voided)
        chunks = [
            [each.raw for _, each in fresh[start : start + LINES_IN_A_BLOB]]
            for start in range(0, len(fresh), LINES_IN_A_BLOB)
        ]
        blobs = [uuid7() for _ in chunks]
        complete = [
            (*row, blobs[n // LINES_IN_A_BLOB], n % LINES_IN_A_BLOB) for n, row in enumerate(rows)
        ]
        await connection.copy_records_to_table("statements", records=complete, columns=_COLUMNS)
        if ledger:
            await connection.copy_records_to_table("ledger", records=ledger)
        contents = [zlib.compress(b"\n".join(chunk), 1) for chunk in chunks]
        await connection.execute(_BLOBS, blobs, contents)
        await self._describe(connection, fresh, stored)
        await aggregates.count(connection, stored, rows[-1][1], blobs)
        await aggregates.learn(connection, _learnt(fresh, rows))

    def _rows(
        self, fresh: Fresh, stored: datetime, named: Named, voided: set[UUID]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[UUID, UUID, bytes]]]:
        """The rows but for where their blobs are, and the ledger's rows."""
        rows = []
        ledger = []
        for batch, each in fresh:
            key = each.id
            if named[key] is None:
                key = uuid7()
                ledger.append((each.id, key, each.digest))
                self._days.note_foreign(each.id)
            at = each.at or stored
            figures = each.figures
            is_voided = each.id in voided and each.voids is None
            rows.append(
                (
                    *(key, stored, at, batch.application_id, each.actor, each.verb, each.object),
                    *(each.about, each.registration, each.related, figures.scaled),
                    *(figures.progress, figures.completed, figures.passed, figures.duration_ms),
                    *(is_voided, each.digest),
                )
            )
            stored += _MICROSECOND
        return rows, ledger

    async def _describe(
        self, connection: asyncpg.Connection, fresh: Fresh, stored: datetime
    ) -> None:
        """Note definitions and attachments that the batches bring along."""
        batches = {id(batch): batch for batch, _ in fresh}.values()
        definitions = {k: v for batch in batches for k, v in batch.definitions.items()}
        if definitions:
            await connection.execute(
                _DEFINE,
                [key_of(iri) for iri in definitions],
                list(definitions),
                [orjson.dumps(each).decode() for each in definitions.values()],
            )
        parts = {part.sha2.lower(): part for batch in batches for part in batch.attachments}
        for sha2, part in sorted(parts.items()):
            content = base64.b64encode(part.content).decode()
            sealed = self._keys.encrypt("attachments", content, attachment_place(sha2))
            await connection.execute(_ATTACH, sha2, part.content_type, sealed, stored)


def _learnt(fresh: Fresh, rows: Sequence[tuple[Any, ...]]) -> Tally:
    """What the records tell of mastery, given their rows."""
    tally = Tally()
    for (_, each), row in zip(fresh, rows, strict=True):
        stored, at, voided = row[1], row[2], row[-2]
        if each.points and not voided:
            tally.learn(each.actor, each.points, min(at, stored), each.figures)
    return tally


def attachment_place(sha2: str) -> Place:
    """Where an attachment stands sealed: a signature repeats the statement, people and all."""
    return Place("attachments", "sealed", sha2)
