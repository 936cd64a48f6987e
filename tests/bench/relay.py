"""Events from outbox rows into JetStream, beside the inserts that a producer could do at most."""

import asyncio
import time

import asyncpg
import orjson

from shared.clock import utc_now
from shared.ids import uuid7
from tests.bench.measure import Figure, in_turns
from tests.bench.stack import BenchStack

EVENTS = 4000
WRITERS = 16

_INSERT = """
    INSERT INTO outbox (event_id, type, aggregate, envelope, published_at)
    VALUES ($1, 'catalog.bench.measured.v1', $2, $3, $4)
"""
_LEFT = """
    SELECT count(*) FROM outbox
    WHERE published_at IS NULL AND type = 'catalog.bench.measured.v1'
"""
_PAYLOAD = orjson.dumps({"specversion": "1.0", "data": {"text": "书" * 100}})


async def bench(stack: BenchStack) -> list[Figure]:
    async with asyncpg.create_pool(
        stack.database_url("catalog"), min_size=WRITERS, max_size=WRITERS
    ) as pool:

        async def inserts() -> float:
            """Committed single-row inserts, none of them to be published."""
            started = time.perf_counter()
            await asyncio.gather(*(_write(pool, EVENTS // WRITERS) for _ in range(WRITERS)))
            return EVENTS / (time.perf_counter() - started)

        async def relayed() -> float:
            """From the moment the rows are there until the last is acknowledged by JetStream."""
            async with pool.acquire() as connection, connection.transaction():
                rows = [(uuid7(), str(n % 50), _PAYLOAD, None) for n in range(EVENTS)]
                await connection.executemany(_INSERT, rows)
            started = time.perf_counter()
            await pool.execute("NOTIFY outbox")
            while await pool.fetchval(_LEFT):  # noqa: ASYNC110 - another process empties it
                await asyncio.sleep(0.01)
            return EVENTS / (time.perf_counter() - started)

        rate, limit_rate, ratio = await in_turns(relayed, inserts)
    name = f"single-row commits, {WRITERS} writers"
    return [Figure("relay: outbox to JetStream", rate, name, limit_rate, ratio, 1.0)]


async def _write(pool: asyncpg.Pool, count: int) -> None:
    async with pool.acquire() as connection:
        for _ in range(count):
            await connection.execute(_INSERT, uuid7(), "bench", _PAYLOAD, utc_now())
