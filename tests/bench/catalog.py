"""What the catalogue costs: a page of 20 of 100,000 published resources."""

import asyncio

import asyncpg

from tests.bench import load
from tests.bench.measure import Figure, in_turns
from tests.bench.read import Asked
from tests.bench.stack import BenchStack, beside

RESOURCES = 100_000
LIST_CPU_US = 3_000.0
PAGE = "/catalog/v1/resources"
QUERY = (
    "SELECT CAST(r.id AS text), r.code, r.state, r.live_version, r.updated_at, v.title, v.stage,"
    " v.subject, v.grades, v.edition, v.types, v.licence FROM resources r"
    " JOIN resource_versions v ON v.resource_id = r.id AND v.number = r.live_version"
    " WHERE r.live_version IS NOT NULL ORDER BY r.id DESC LIMIT 21"
)
_COLUMNS = "title, stage, subject, grades, types, licence"
_FACETS = (
    "'分数的初步认识 第' || n || '课', (ARRAY['primary', 'junior', 'senior'])[1 + n % 3],"
    " 'subject-' || n % 15, ARRAY['G' || 1 + n % 12], ARRAY['coursewares'], 'CC-BY-4.0'"
)
_SEED = (
    "INSERT INTO resources (id, code, owner, organisation_path, state, live_version,"  # noqa: S608 - constant text
    f" latest_version, draft, {_COLUMNS}, version, created_at, updated_at)"
    " SELECT uuidv7(), 'R-' || n, 'owner-' || n % 2000, text2ltree('P0.C' || n % 10 || '.S' ||"
    f" n % 500), 'DRAFT', 1, 1, '{{}}', {_FACETS}, 1, now(), now()"
    f" FROM generate_series(1, {RESOURCES}) n",
    f"INSERT INTO resource_versions (resource_id, number, metadata, {_COLUMNS}, digest,"  # noqa: S608 - constant text
    " created_at, created_by, note) SELECT id, 1, draft, title, stage, subject, grades, types,"
    " licence, '\\x00', now(), owner, '' FROM resources",
)


async def bench(stack: BenchStack) -> list[Figure]:
    """Listing beside the same statement by raw ASGI and asyncpg; and its processor time beside a
    limit of `LIST_CPU_US` on one core."""
    url = stack.database_url("catalog")
    page = stack.address("catalog") + PAGE
    database = await asyncpg.connect(url)
    try:
        for statement in _SEED:
            await database.execute(statement)
        environment = {"BENCH_DATABASE_URL": url, "BENCH_QUERY": QUERY}
        async with beside("tests.bench.limits.raw_asgi", environment) as (raw, raw_pid):
            limit = Asked(raw + "/", [raw_pid])
            subject = Asked(page, [stack.pid("catalog")])
            rate, limit_rate, ratio = await in_turns(subject.round, limit.round)
        facts: dict[str, float | str] = {
            "CPU µs a request": subject.cpu_us,
            "CPU µs a request, limit": limit.cpu_us,
            "p99 ms": subject.p99_ms,
            "transactions a request": await _transactions_a_request(database, page),
        }
    finally:
        await database.close()
    name = f"catalog: 20 of {RESOURCES:,} resources"
    allowed = 1e6 / LIST_CPU_US
    cpu = f"{LIST_CPU_US:.0f} µs of processor time a request"
    return [
        Figure(name, rate, "raw ASGI + asyncpg, the same query", limit_rate, ratio, None, facts),
        Figure(f"{name}, CPU", rate, cpu, allowed, LIST_CPU_US / subject.cpu_us, 1.0),
    ]


async def _transactions_a_request(database: asyncpg.Connection, page: str) -> float:
    """Each statement of a list is a transaction of its own; the service's background adds some."""
    before = await _transactions(database)
    told = await load.run(page, 4, 2.0)
    return (await _transactions(database) - before) / told["requests"]


async def _transactions(database: asyncpg.Connection) -> int:
    await asyncio.sleep(11)  # backends report all their counts once they were idle for 10 s
    return int(
        await database.fetchval(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        )
    )
