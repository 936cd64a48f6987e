"""What is counted of statements, in SQL. Rows are touched in the order of their keys, so that two
transactions never wait for each other."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from services.learning.adapters.days import tables_of, union
from services.learning.application.intake import NOBODY
from services.learning.domain.xapi.aggregates import MOST_DURATION_MS, Tally
from services.learning.domain.xapi.contents import Figures, key_of
from services.learning.domain.xapi.records import About
from services.learning.domain.xapi.statements import VOIDED
from shared.civil import civil_date

_COUNTED = "about = 0 AND actor_id <> '00000000-0000-0000-0000-000000000000' AND NOT voided"
"""Statements by somebody about an activity."""
_AT = "least(at, stored)"
"""When it happened: not in the future, whatever a device's clock says."""
_FIGURES = f"""
    SELECT actor_id, object, min({_AT}), max({_AT}), count(*),
        least(coalesce(sum(duration_ms), 0), {MOST_DURATION_MS}), max(progress), max(scaled),
        bool_or(completed), bool_or(passed IS TRUE)
"""
_MORE_PROGRESS = f"""
    ON CONFLICT (actor_id, activity) DO UPDATE SET
        first_at = least(known.first_at, excluded.first_at),
        last_at = greatest(known.last_at, excluded.last_at),
        statements = known.statements + excluded.statements,
        duration_ms = least(
            least(known.duration_ms, {MOST_DURATION_MS}) + excluded.duration_ms, {MOST_DURATION_MS}
        ),
        progress = greatest(known.progress, excluded.progress),
        best_scaled = greatest(known.best_scaled, excluded.best_scaled),
        completed = known.completed OR excluded.completed,
        passed = known.passed OR excluded.passed
"""
_MORE_ON_A_DAY = """
    ON CONFLICT (activity, day) DO UPDATE SET
        statements = known.statements + excluded.statements,
        completions = known.completions + excluded.completions,
        passes = known.passes + excluded.passes
"""
_INTO_PROGRESS = """
    INSERT INTO progress AS known (actor_id, activity, first_at, last_at, statements, duration_ms,
        progress, best_scaled, completed, passed)
"""
_INTO_DAYS = """
    INSERT INTO activity_days AS known (activity, day, statements, completions, passes)
"""
_COUNT = f"""
    WITH fresh AS MATERIALIZED (
        SELECT * FROM statements
        WHERE stored BETWEEN $1 AND $2 AND blob_id = ANY($3::uuid[]) AND {_COUNTED}
    ), counted AS (
        {_INTO_PROGRESS} {_FIGURES} FROM fresh GROUP BY actor_id, object
        ORDER BY actor_id, object {_MORE_PROGRESS}
    )
    {_INTO_DAYS}
    SELECT object, ({_AT} AT TIME ZONE interval '8 hours')::date AS day, count(*),
        count(*) FILTER (WHERE completed), count(*) FILTER (WHERE passed)
    FROM fresh GROUP BY object, day ORDER BY object, day {_MORE_ON_A_DAY}
"""  # noqa: S608 - constants
_ADD_PROGRESS = f"""
    {_INTO_PROGRESS}
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[],
        $5::bigint[], $6::bigint[], $7::smallint[], $8::float8[], $9::bool[], $10::bool[])
    {_MORE_PROGRESS}
"""  # noqa: S608 - constants
_ADD_DAYS = f"""
    {_INTO_DAYS}
    SELECT * FROM unnest($1::uuid[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[])
    {_MORE_ON_A_DAY}
"""  # noqa: S608 - constants
_ADD_MASTERY = """
    INSERT INTO mastery AS known (actor_id, point, last_at, tries, score, weighed_tries,
        weighed_score)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::bigint[],
        $6::numeric[], $7::numeric[])
    ON CONFLICT (actor_id, point) DO UPDATE SET
        last_at = greatest(known.last_at, excluded.last_at),
        tries = known.tries + excluded.tries,
        score = known.score + excluded.score,
        weighed_tries = known.weighed_tries + excluded.weighed_tries,
        weighed_score = known.weighed_score + excluded.weighed_score
"""
_UNLEARN = "DELETE FROM mastery WHERE actor_id = $1 AND point = ANY($2::uuid[]) RETURNING point"
_TRIES = f"""
    SELECT p.point, {_AT} AS at, s.scaled, s.passed
    FROM unnest($2::uuid[]) AS p (point) JOIN ({{rows}}) s ON s.related @> ARRAY[p.point]
    WHERE s.actor_id = $1 AND {_COUNTED}
"""  # noqa: S608 - constants
_VOID = """
    UPDATE {table} SET voided = true
    WHERE id = ANY($1) AND NOT voided AND verb <> $3 AND application_id IN (
        SELECT other.id FROM applications other, applications own WHERE own.id = $2
            AND (other.id = own.id OR other.secret_hash IS NULL AND own.secret_hash IS NULL
                AND other.name = own.name))
    RETURNING actor_id, object, about, least(at, stored), completed, passed, related
"""
_RECOUNT = f"""
    {_INTO_PROGRESS} {_FIGURES} FROM ({{rows}}) s
    WHERE actor_id = $1 AND object = $2 AND {_COUNTED} GROUP BY actor_id, object
"""
_LESS = """
    UPDATE activity_days SET statements = statements - 1, completions = completions - $3,
        passes = passes - $4
    WHERE activity = $1 AND day = $2
"""


async def count(
    connection: asyncpg.Connection, first: datetime, last: datetime, blobs: Sequence[UUID]
) -> None:
    """Count the statements that this transaction stored from `first` to `last` in `blobs`."""
    await connection.execute(_COUNT, first, last, blobs)


async def add(connection: asyncpg.Connection, tally: Tally) -> None:
    """Add what was counted elsewhere to what is stored."""
    progress = list(tally.progress.items())
    figures = [each for _, each in progress]
    await connection.execute(
        _ADD_PROGRESS,
        [key[0] for key, _ in progress],
        [key[1] for key, _ in progress],
        [each.first_at for each in figures],
        [each.last_at for each in figures],
        [each.statements for each in figures],
        [each.duration_ms for each in figures],
        [each.progress for each in figures],
        [each.best_scaled for each in figures],
        [each.completed for each in figures],
        [each.passed for each in figures],
    )
    days = list(tally.days.items())
    await connection.execute(
        _ADD_DAYS,
        [key[0] for key, _ in days],
        [key[1] for key, _ in days],
        [each.statements for _, each in days],
        [each.completions for _, each in days],
        [each.passes for _, each in days],
    )
    await learn(connection, tally)


async def learn(connection: asyncpg.Connection, tally: Tally) -> None:
    """Add what the tally holds of mastery."""
    mastery = sorted(tally.mastery.items())
    if not mastery:
        return
    figures = [each for _, each in mastery]
    await connection.execute(
        _ADD_MASTERY,
        [key[0] for key, _ in mastery],
        [key[1] for key, _ in mastery],
        [each.last_at for each in figures],
        [each.tries for each in figures],
        [each.score for each in figures],
        [Decimal(each.weighed_tries) for each in figures],
        [Decimal(each.weighed_score) for each in figures],
    )


async def void(connection: asyncpg.Connection, target: UUID, application_id: int) -> None:
    """Void a statement for an application that reaches it, and count anew what it counted in, days
    that were set aside and all.

    One that is not there yet is voided when it comes; one that voids another stays. The caller
    holds the store's lock alone.
    """
    ids = [target]
    ids += await connection.fetch("SELECT id FROM ledger WHERE statement_id = $1", target)
    found = [each if isinstance(each, UUID) else each[0] for each in ids]
    tables = await tables_of(connection, "statements")
    rows = union(tables)
    for table in tables:
        row = await connection.fetchrow(
            _VOID.format(table=table), found, application_id, key_of(VOIDED)
        )
        if row is not None:
            await _take_out(connection, rows, *row)
            return
    if not await connection.fetchval(f"SELECT true FROM ({rows}) s WHERE id = ANY($1)", found):  # noqa: S608 - names of tables
        await connection.execute(
            "INSERT INTO pending_voids VALUES ($1, $2) ON CONFLICT DO NOTHING",
            target,
            application_id,
        )


async def _take_out(  # the columns of one row
    connection: asyncpg.Connection,
    rows: str,
    actor: UUID,
    activity: UUID,
    about: int,
    at: datetime,
    completed: bool,
    passed: bool | None,
    related: Sequence[UUID] | None,
) -> None:
    if about != About.ACTIVITY or actor == NOBODY:
        return
    key: tuple[Any, ...] = (actor, activity)
    await connection.execute("DELETE FROM progress WHERE actor_id = $1 AND activity = $2", *key)
    await connection.execute(_RECOUNT.format(rows=rows), *key)
    day = civil_date(at)
    await connection.execute(_LESS, activity, day, int(completed), int(passed is True))
    await connection.execute(
        "DELETE FROM activity_days WHERE activity = $1 AND day = $2 AND statements = 0",
        activity,
        day,
    )
    if related:
        await _unlearn(connection, rows, actor, related)


async def _unlearn(
    connection: asyncpg.Connection, rows: str, actor: UUID, related: Sequence[UUID]
) -> None:
    """Count mastery anew of those of `related` that are knowledge points."""
    points = [row[0] for row in await connection.fetch(_UNLEARN, actor, related)]
    tally = Tally()
    for point, at, scaled, passed in await connection.fetch(
        _TRIES.format(rows=rows), actor, points
    ):
        tally.learn(actor, [point], at, Figures(scaled, None, False, passed, None))
    await learn(connection, tally)
