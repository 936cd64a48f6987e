"""Submissions to the copyright log beside single-row commits; how soon they are in the signed log;
and proofs out of the tiles of a million entries."""

import asyncio
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from services.copyright.adapters.log import LogRepository
from services.copyright.domain.entries import dedup
from services.copyright.domain.proofs import plan_inclusion
from services.copyright.domain.tree import Edge, grow, trimmed
from services.copyright.parts.log import LogPart
from services.copyright.parts.log import build as build_log
from services.copyright.settings import Settings
from services.copyright.standalone.http import listening
from services.copyright.standalone.signing import SigningProgram
from services.copyright.verify.merkle import SHA256, verify_inclusion
from services.copyright.verify.tiles import Tile, tile_in
from shared.service import Runtime
from tests.bench.measure import Figure, in_turns
from tests.bench.stack import BenchStack

WRITERS = 32
SUBMISSIONS = 3200
MILLION = 1_000_000
PROOFS = 300
TOKEN = "of the benchmark"
PER_SECOND = 1500.0
PACED_SECONDS = 6.0
LOGGED_SECONDS = 2.0
PROOF_MS, VERIFY_MS = 5.0, 1.0

_LIMIT_TABLE = (
    "CREATE TABLE IF NOT EXISTS ledger_limit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " dedup bytea NOT NULL UNIQUE, body bytea NOT NULL)"
)
_LIMIT = "INSERT INTO ledger_limit (dedup, body) VALUES ($1, $2)"


async def bench(stack: BenchStack) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="shuyuan-signer-") as folder:
        origin = f"bench.example/{secrets.token_hex(8)}"
        with _signer(Path(folder), origin) as signer_url:
            settings = _settings(stack, origin, signer_url)
            return [await _submissions(stack, settings), await asyncio.to_thread(_proofs)]


async def _submissions(stack: BenchStack, settings: Settings) -> Figure:
    """Each submission is a transaction of its own, as a registration's is."""
    runtime = Runtime("copyright", settings, {})
    log = build_log(runtime, settings)
    committed: dict[bytes, float] = {}
    published: list[tuple[float, int]] = []

    async def submit() -> bytes:
        body = secrets.token_bytes(600)
        key = dedup("bench", "bench", body)
        async with runtime.new_uow() as uow:
            await LogRepository(uow.connection).accept(key, body)
            await uow.commit()
        return key

    async def without_a_pause(count: int) -> None:
        for _ in range(count):
            await submit()

    async def at_the_pace(writer: int) -> None:
        """So many of all writers a second as the goal says."""
        begin = time.perf_counter() + writer / PER_SECOND
        for n in range(round(PACED_SECONDS * PER_SECOND / WRITERS)):
            due = begin + n * WRITERS / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            committed[await submit()] = time.perf_counter()

    async with asyncpg.create_pool(
        stack.database_url("copyright"), min_size=WRITERS, max_size=WRITERS
    ) as pool:
        await _superuser(stack, _LIMIT_TABLE)

        async def submitted() -> float:
            started = time.perf_counter()
            await asyncio.gather(*(without_a_pause(SUBMISSIONS // WRITERS) for _ in range(WRITERS)))
            return SUBMISSIONS / (time.perf_counter() - started)

        working = asyncio.create_task(_work(runtime, log, published))
        rate, limit_rate, ratio = await in_turns(submitted, lambda: _inserts(pool))
        began = time.perf_counter()
        await asyncio.gather(*(at_the_pace(writer) for writer in range(WRITERS)))
        paced = len(committed) / (time.perf_counter() - began)
        while await pool.fetchval("SELECT EXISTS (SELECT FROM pending)"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        waits = await _waits(pool, committed, published)
    await runtime.close()
    facts: dict[str, float | str] = {
        "submissions a second, goal": PER_SECOND,
        "submissions a second while the next were measured": paced,
        "ms from commit to the signed log, median": 1000 * statistics.median(waits),
        "ms, p99": 1000 * statistics.quantiles(waits, n=100)[-1],
        "ms, goal of the p99": 1000 * LOGGED_SECONDS,
    }
    name = f"single-row commits, {WRITERS} writers"
    return Figure("ledger: submissions", rate, name, limit_rate, ratio, 0.60, facts)


async def _work(runtime: Runtime, log: LogPart, published: list[tuple[float, int]]) -> None:
    while True:
        await log.worker.step()
        async with runtime.new_uow() as uow:
            size = await LogRepository(uow.connection).published(log.publisher.origins)
        published.append((time.perf_counter(), min(each.size for each in size.values())))
        await asyncio.sleep(0.1)


async def _inserts(pool: asyncpg.Pool) -> float:
    async def write() -> None:
        async with pool.acquire() as connection:
            for _ in range(SUBMISSIONS // WRITERS):
                await connection.execute(_LIMIT, secrets.token_bytes(32), secrets.token_bytes(600))

    started = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return SUBMISSIONS / (time.perf_counter() - started)


async def _waits(
    pool: asyncpg.Pool, committed: dict[bytes, float], published: list[tuple[float, int]]
) -> list[float]:
    rows = await pool.fetch("SELECT idx, dedup FROM entry")
    found = []
    for row in rows:
        if row["dedup"] in committed:
            at = next((at for at, size in published if size > row["idx"]), None)
            if at is not None:
                found.append(max(0.0, at - committed[row["dedup"]]))
    assert len(found) == len(committed), "some submissions never came into the signed log"
    return found


def _proofs() -> Figure:
    """Inclusion proofs in a tree of a million, each from tiles and verified."""
    edge, tiles = Edge(0, ()), dict[Tile, bytes]()
    leaves = [SHA256.leaf(n.to_bytes(4, "big")) for n in range(MILLION)]
    for start in range(0, MILLION, 1 << 16):
        growth = grow(SHA256, edge, leaves[start : start + (1 << 16)])
        edge = growth.edge
        tiles |= {tile._replace(width=0): data for tile, data in growth.tiles.items()}
    root = edge.root(SHA256)
    built, verified = [], []
    for n in range(PROOFS):
        index = (n * 7919) % MILLION
        started = time.perf_counter()
        plan = plan_inclusion(index, MILLION)
        needed = {
            tile: trimmed(tiles[tile._replace(width=0)], tile.width)
            for tile in (tile_in(t.level, t.number, MILLION) for t in plan.tiles())
        }
        proof = plan.build(SHA256, needed)
        built.append(time.perf_counter() - started)
        started = time.perf_counter()
        verify_inclusion(SHA256, index, MILLION, leaves[index], proof, root)
        verified.append(time.perf_counter() - started)
    rate, limit = 1 / statistics.median(built), 1000 / PROOF_MS
    facts: dict[str, float | str] = {
        "ms a proof, median": 1000 * statistics.median(built),
        "ms to verify it, median": 1000 * statistics.median(verified),
        "ms to verify it, goal": VERIFY_MS,
    }
    name = f"{PROOF_MS:.0f} ms a proof"
    return Figure("ledger: proofs at a million", rate, name, limit, rate / limit, 1.0, facts)


@contextmanager
def _signer(folder: Path, origin: str) -> Iterator[str]:
    program = SigningProgram.opened(folder, origin, TOKEN)
    server = listening(program.respond, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _settings(stack: BenchStack, origin: str, signer_url: str) -> Settings:
    def secret(name: str) -> str:
        return (stack.data / "secrets/copyright" / f"shuyuan_copyright_{name}").read_text()

    told: dict[str, Any] = {
        "database_url": f"{stack.address('postgres')}/copyright".replace("//", "//copyright@", 1),
        "database_password": secret("database_password"),
        "database_pool": WRITERS + 4,
        "object_store_endpoint": stack.address("object-store"),
        "object_store_access_key": secret("object_store_access_key"),
        "object_store_secret_key": secret("object_store_secret_key"),
        "object_store_bucket": "copyright",
        "log_origin": origin,
        "signer_url": signer_url,
        "signer_token": TOKEN,
    }
    return Settings.model_validate(told)


async def _superuser(stack: BenchStack, statement: str) -> None:
    password = (stack.data / "secrets/postgres/superuser_password").read_text()
    connection = await asyncpg.connect(
        f"{stack.address('postgres')}/copyright", user="postgres", password=password
    )
    await connection.execute(f"{statement}; GRANT INSERT ON ledger_limit TO copyright")
    await connection.close()
