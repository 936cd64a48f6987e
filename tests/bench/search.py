"""How well search finds, and what it costs over 100,000 resources beside the engine alone."""

import asyncio
import json
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
import httpx2

from shared.ids import uuid7
from tests.bench import load
from tests.bench.limits.raw_search import FACETS
from tests.bench.measure import Figure, in_turns
from tests.bench.read import Asked
from tests.bench.relevance.corpus import DIRECTORY, HERE, corpus, rows
from tests.bench.relevance.evaluate import by_kind, outcomes
from tests.bench.relevance.judging import judged_queries
from tests.bench.stack import BenchStack, beside

RESOURCES = 100_000
_REST_SECONDS = 40.0
_REGIONS = 20
P99_MS = 25.0
ADDED_P95_MS = 5.0
GOALS = {"exact": 0.90, "pinyin": 0.90, "typo": 0.85, "concept": 0.85}
SEARCH = "/catalog/v1/search"
TYPICAL = "三年级数学 课件"
QUERIES = (
    TYPICAL,
    "数学",
    "人教版 五年级 上册 科学",
    "分数的初步认识",
    "sannianji shuxue",
    "二次函树",
    "gzw yc",
    "抛物线 习题",
)
_MOST_SECONDS = 600
_TERMS = HERE.parents[2] / "services" / "catalog" / "starter" / "terms.csv"
_COLUMNS = ("title", "stage", "subject", "grades", "edition", "types")


async def bench(stack: BenchStack) -> list[Figure]:
    if not DIRECTORY.exists():
        print("search is not measured: name the textbook directory in SHUYUAN_TEST_TEXTBOOKS")
        return []
    return [*await _relevance(), *await _cost(stack)]


async def _relevance() -> list[Figure]:
    """A figure's rate is the mean nDCG@10; the limit, 1, is a perfect order."""
    with tempfile.TemporaryDirectory() as folder:
        told = await outcomes(Path(folder))
    return [
        Figure(
            f"search: {kind}, nDCG@10",
            ndcg,
            "the best order there can be",
            1.0,
            ndcg,
            GOALS[kind],
            {"queries": float(count), "nDCG@10": ndcg, "recall@50": recall},
        )
        for kind, (count, ndcg, recall) in by_kind(told).items()
    ]


async def _cost(stack: BenchStack) -> list[Figure]:
    database = await asyncpg.connect(stack.database_url("catalog"))
    try:
        await _seed(database)
    finally:
        await database.close()
    await _indexed(stack.address("catalog"))
    directory = os.environ.get("SHUYUAN_CATALOG_SEARCH_DIRECTORY") or str(stack.data / "search")
    environment = {"BENCH_SEARCH_DIRECTORY": directory}
    async with beside("tests.bench.limits.raw_search", environment) as (raw, raw_pid):
        name, figures = f"search: four facets, {RESOURCES:,} resources", []
        for asked, ours, engines, goal in _loads(stack, raw):
            subject, limit = Asked(ours, [stack.pid("catalog")]), Asked(engines, [raw_pid])
            rate, limit_rate, ratio = await in_turns(subject.round, limit.round)
            facts: dict[str, float | str] = {
                "CPU µs a request": subject.cpu_us,
                "CPU µs a request, limit": limit.cpu_us,
            }
            job = f"{name}, asked {asked}"
            engine = "the engine in bare ASGI, asked the same"
            figures.append(Figure(job, rate, engine, limit_rate, ratio, goal, facts))
        return [*figures, *await _latencies(stack, raw, name)]


def _loads(stack: BenchStack, raw: str) -> Iterator[tuple[str, str, str, float | None]]:
    """How it is asked, what the service is asked, what the engine is, and the goal of the ratio."""
    mixture = _mixture()
    ours = [f"{_address(stack, query)}&prefer_region={region}" for query, region in mixture]
    engines = [f"{raw}/{quote(query)}" for query, _ in mixture]
    yield "as people ask", _listed(stack, "ours", ours), _listed(stack, "engines", engines), 0.70
    typical, engine = _address(stack, TYPICAL), f"{raw}/{quote(TYPICAL)}"
    # A region that there is not makes a question another one, and changes no answer.
    yield "each for the first time", f"{typical}&prefer_region=P{{}}", engine, None
    yield "again and again", typical, engine, None


def _mixture() -> list[tuple[str, str]]:
    """Queries with a preferred region, as many people ask: the judged queries, the n-th commonest
    an n-th as often as the first (Zipf's law), each from any of the regions."""
    queries = [each.query for each in judged_queries()]
    chance = random.Random(1)
    chance.shuffle(queries)
    often = [1 / rank for rank in range(1, len(queries) + 1)]
    asked = chance.choices(queries, often, k=load.DIFFERENT)
    return [(query, f"P{chance.randrange(_REGIONS)}") for query in asked]


def _listed(stack: BenchStack, name: str, addresses: Sequence[str]) -> str:
    """What the load takes for these addresses."""
    file = stack.data / f"asked-{name}"
    file.write_text("\n".join(addresses))
    return f"@{file}"


async def _latencies(stack: BenchStack, raw: str, name: str) -> list[Figure]:
    """Of two clients, over queries of every kind; ratios of what is allowed to what was taken."""
    p99, added, facts = 0.0, 0.0, dict[str, float | str]()
    for query in QUERIES:
        engine = await load.run(f"{raw}/{quote(query)}", 2, 1.5)
        ours = await load.run(_address(stack, query) + "&prefer_region=P{}", 2, 1.5)
        p99 = max(p99, ours["p99_ms"])
        added = max(added, ours["p95_ms"] - engine["p95_ms"])
        facts[f"{query}: p50, p95, p99 ms"] = ", ".join(
            f"{ours[each]:.2f}" for each in ("p50_ms", "p95_ms", "p99_ms")
        )
    return [
        Figure(
            f"{name}, p99",
            1000 / p99,
            f"{P99_MS:.0f} ms at the service, two clients, the slowest query",
            1000 / P99_MS,
            P99_MS / p99,
            1.0,
            facts,
        ),
        Figure(
            f"{name}, added p95",
            1000 / added if added > 0 else float("inf"),
            f"{ADDED_P95_MS:.0f} ms beside the engine, the slowest query",
            1000 / ADDED_P95_MS,
            ADDED_P95_MS / added if added > 0 else float("inf"),
            1.0,
        ),
    ]


def _address(stack: BenchStack, query: str) -> str:
    asked = urlencode([("q", query), *(("facet", each.value) for each in FACETS)])
    return f"{stack.address('catalog')}{SEARCH}?{asked}"


async def _indexed(service: str) -> None:
    """Wait until the service has followed the feed to its end, learnt the words, and is at rest."""
    async with httpx2.AsyncClient(trust_env=False) as client, asyncio.timeout(_MOST_SECONDS):
        while True:
            answer = await client.get(f"{service}{SEARCH}?limit=1")
            if answer.status_code == 200 and answer.json()["estimated_total"] >= RESOURCES:
                break
            await asyncio.sleep(1)
    await asyncio.sleep(_REST_SECONDS)


async def _seed(database: asyncpg.Connection) -> None:
    """The corpus of the judged queries, again and again as further lessons, published at once."""
    versions, resources, now = [], [], datetime.now(UTC)
    for number, (facets, metadata) in enumerate(_lessons()):
        resource_id = uuid7()
        path = f"P0.C{number % 10}.X{number % 50}.S{number % 500}"
        told = [facets[name] for name in _COLUMNS]
        resources.append(
            (resource_id, f"L-{number}", f"owner-{number % 2000}", path, json.dumps(metadata), now)
        )
        versions.append(
            (resource_id, 1, json.dumps(metadata), *told, "CC-BY-4.0", b"\x00", now, "o", "")
        )
    async with database.transaction():
        await database.executemany(
            "INSERT INTO resources (id, code, owner, organisation_path, state, live_version,"
            " latest_version, draft, title, grades, types, version, created_at, updated_at)"
            " VALUES ($1, $2, $3, text2ltree($4::text), 'PUBLISHED', 1, 1, $5, '', '{}', '{}', 1,"
            " $6, $6)",
            resources,
        )
        await database.copy_records_to_table(
            "resource_versions",
            records=versions,
            columns=[
                *("resource_id", "number", "metadata", *_COLUMNS, "licence"),
                *("digest", "created_at", "created_by", "note"),
            ],
        )
        await database.execute(
            "INSERT INTO changes (at, kind, resource_id, code, version) SELECT now(), 'published',"
            " id, code, 1 FROM resources WHERE code LIKE 'L-%'"
        )


def _lessons() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    codes = {(row["dictionary"], row["name_zh"]): row["code"] for row in rows(_TERMS)}
    resources = list(corpus())
    for number in range(RESOURCES):
        made = resources[number % len(resources)]
        told, turn = made.attributes, number // len(resources)
        facets = {
            "title": made.document.title + (f" 第{turn + 1}课时" if turn else ""),
            "stage": codes.get(("stage", told.stage)),
            "subject": codes.get(("subject", told.subject)),
            "grades": [code] if (code := codes.get(("grade", told.grade))) else [],
            "edition": codes.get(("edition", told.edition)),
            "types": [codes.get(("resource_type", told.type), "digital_textbook")],
        }
        metadata = {
            "title": facets["title"],
            "keywords": list(made.document.keywords),
            "description": f"{told.edition}{told.subject}，供{told.grade}{told.volume}使用。",
        }
        yield facets, metadata
