"""Counts every aggregate anew from the raw statements."""

from uuid import UUID

import orjson

from services.learning.adapters import aggregates
from services.learning.adapters.days import STORE_LOCK, tables_of, union
from services.learning.adapters.pool import Pool
from services.learning.adapters.reading import lines_of
from services.learning.application.intake import NOBODY
from services.learning.domain.progress import points_of
from services.learning.domain.xapi.aggregates import Tally
from services.learning.domain.xapi.contents import figures_of, key_of
from services.learning.domain.xapi.values import Version, instant

BLOBS_AT_ONCE = 200


async def recount(pool: Pool) -> int:
    """Replace every aggregate by what the raw statements say; returns how many were counted.

    Nothing is stored meanwhile. Days that were set aside count as long as their tables are there.
    """
    counted = 0
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(f"SELECT pg_advisory_xact_lock({STORE_LOCK})")
        for table in ("progress", "activity_days", "mastery"):
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constant names
        rows, blobs = [
            union(await tables_of(connection, table)) for table in ("statements", "blobs")
        ]
        cursor = await connection.cursor(
            "SELECT b.content, array_agg(s.line) AS lines, array_agg(s.actor_id) AS actors,"  # noqa: S608 - names of tables
            f" array_agg(s.stored) AS stored FROM ({rows}) s JOIN ({blobs}) b ON b.id = s.blob_id"
            " WHERE s.about = 0 AND NOT s.voided GROUP BY b.id, b.content"
        )
        while found := await cursor.fetch(BLOBS_AT_ONCE):
            tally = Tally()
            for row in found:
                lines = lines_of(row["content"])
                for line, actor, stored in zip(
                    row["lines"], row["actors"], row["stored"], strict=True
                ):
                    if actor == NOBODY:
                        continue
                    statement = orjson.loads(lines[line])
                    given = statement.get("timestamp")
                    at = stored if given is None else min(instant(given, Version.V1), stored)
                    activity: UUID = key_of(statement["object"]["id"])
                    figures = figures_of(statement)
                    tally.add(actor, activity, at, figures)
                    tally.learn(actor, points_of(statement), at, figures)
                    counted += 1
            await aggregates.add(connection, tally)
    return counted
