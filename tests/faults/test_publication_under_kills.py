"""Resources on their way to readers while the catalogue, PostgreSQL, NATS and the object store are
killed at random.

Authors change and submit the same resources, reviewers decide, an administrator suspends and
restores, somebody unknown reads, an integrator follows the feed. In the end
  C1  every decision that was acknowledged stands once, and of each thing that happened to a
      resource row, event, audit entry and change are there together;
  C2  what readers could see came and went along the table of the lifecycle;
  C3  nobody in particular ever read what was not published;
  C4  no change of a draft was lost;
  E1  every event left, E2 in the order in which it happened; the feed told every change once;
  E4  search shows what everybody may read, and nothing else.

``SHUYUAN_FAULTS_SEED`` brings a campaign back, ``SHUYUAN_PUBLICATION_KILLS=50`` makes it long.
"""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx2
import pytest
from joserfc.jwk import KeySet

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.conftest import Stack
from tests.faults.editing import (
    TITLE,
    Administrator,
    Author,
    Integrator,
    Reviewer,
    Stranger,
    Told,
)
from tests.faults.harness import free_port
from tests.faults.test_ledger_under_kills import Process, at_work, keys_served
from tests.service import house
from tests.service.catalog.resources import CITY, SCHOOL, SCOPES, Desk
from tests.service.house import own_bucket, own_database

KILLS = int(os.environ.get("SHUYUAN_PUBLICATION_KILLS", "6"))
VICTIMS = ("catalog", "catalog", "postgres", "nats", "object-store")
RESOURCES = 8
ISSUER = "http://tests.example/identity"
RECOVERY_SECONDS = 180.0
"""Of a process that was killed, on however slow a machine."""

FOLLOWS = {
    "published": {"published", "suspended"},
    "suspended": {"restored"},
    "restored": {"published", "suspended"},
}
"""What becomes of what readers see, after each; nobody retires anything here."""


class Catalogue:
    """A catalogue of its own on the stack's servers."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.kills: Counter[str] = Counter()
        self._stack = stack
        self._folder = folder
        self._process: Process

    @asynccontextmanager
    async def running(self, database: asyncpg.Connection, jwks_url: str) -> AsyncIterator[Settings]:
        told = {
            **await own_database(self._stack, "catalog", database),
            **own_bucket(self._stack, "catalog"),
            "port": self.url.rpartition(":")[2],
            "issuer": ISSUER,
            "jwks_url": jwks_url,
            "nats_url": self._stack.nats,
            "nats_user": "catalog",
            "nats_password": self._stack.service_secret("catalog", "nats_password"),
        }
        environment = {f"SHUYUAN_CATALOG_{name.upper()}": told[name] for name in told}
        self._process = Process("services.catalog", [], environment)
        async with self._process.running(self._folder / "catalog.log"):
            await self.recovered()
            yield Settings.model_validate(told)

    async def recovered(self) -> None:
        """Return once it is ready."""
        began = time.monotonic()
        async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
            while True:
                with suppress(httpx2.HTTPError):
                    if (await client.get(f"{self.url}/readyz")).status_code == httpx2.codes.OK:
                        return
                assert time.monotonic() - began < RECOVERY_SECONDS, f"after {dict(self.kills)}"
                await asyncio.sleep(0.1)

    async def kill(self, name: str) -> None:
        """SIGKILL it, if it is there."""
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self._pid_of(name), signal.SIGKILL)
            self.kills[name] += 1

    def _pid_of(self, name: str) -> int:
        """Raises `ProcessLookupError`, `FileNotFoundError`."""
        if name == "catalog":
            pid = self._process.pid
        elif name == "postgres":
            told = (self._stack.data / "postgres" / "data" / "postmaster.pid").read_text()
            pid = int(told.split()[0])
        else:
            state = json.loads((self._stack.data / "run" / "state.json").read_text())
            [pid] = [each["pid"] for each in state["components"] if each["name"] == name]
        if not pid:
            raise ProcessLookupError
        return int(pid)


@asynccontextmanager
async def database_of_its_own(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    manager = house.migrated_database(stack, "catalog")
    connection = await manager.__aenter__()
    try:
        yield connection
    finally:
        # Killed with its server, the connection drops no database: the stack goes as a whole.
        with suppress(asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
            await manager.__aexit__(None, None, None)


@pytest.mark.parametrize("kills", [KILLS])
async def test_what_readers_see_survives_kills_of_everything_it_passes(
    stack: Stack, tmp_path: Path, seed: int, kills: int
) -> None:
    chance, key, told = random.Random(seed), house.new_signing_key(), Told()
    token = house.signer(ISSUER, key)
    async with AsyncExitStack() as running:
        database = await running.enter_async_context(database_of_its_own(stack))
        name = await database.fetchval("SELECT current_database()")
        jwks_url = running.enter_context(keys_served(KeySet([key]).as_dict(private=False)))
        catalogue = Catalogue(stack, tmp_path)
        settings = await running.enter_async_context(catalogue.running(database, jwks_url))
        client = await running.enter_async_context(
            httpx2.AsyncClient(base_url=catalogue.url, trust_env=False, timeout=30)
        )
        desk = Desk(client, database, token, object_store(settings))
        made = [(await desk.finished(title=f"{TITLE} 0"))["id"] for _ in range(RESOURCES)]

        def headers(subject: str, grant: str) -> dict[str, str]:
            scopes = f"{SCOPES} catalog.review"
            return token(subject, scopes, (grant,), exp=int(time.time()) + 7200)

        author = headers(desk.subject, f"teacher@{SCHOOL}")
        above = headers(str(uuid7()), f"administrator@{CITY}")
        judges = {each: headers(each, f"reviewer@{SCHOOL}") for each in ("one", "two", "three")}
        url = catalogue.url
        people = [
            *(Author(made, url, author, told, chance) for _ in range(3)),
            *(Reviewer(each, url, judges[each], told, chance) for each in judges),
            Administrator(made, url, above, told, chance),
            Stranger(made, url, {}, told, chance),
        ]
        integrator = Integrator(url, {}, told, chance)
        async with at_work(*(each.for_ever() for each in (*people, integrator))) as tasks:

            async def until(count: int) -> None:
                """So many decisions were made."""
                deadline = time.monotonic() + RECOVERY_SECONDS
                while len(told.decided) < count:
                    assert time.monotonic() < deadline, f"seed {seed}: {catalogue.kills} {told}"
                    assert not (ended := [each for each in tasks if each.done()]), ended
                    await asyncio.sleep(0.1)

            await until(1)
            for _ in range(kills):
                await catalogue.kill(chance.choice(VICTIMS))
                await asyncio.sleep(chance.uniform(0, 2))
                await until(len(told.decided) + 1)
            await catalogue.recovered()
        spoken = f"seed {seed}: {dict(catalogue.kills)}, {told.repeats} repeats"
        print(spoken, len(told.changed), len(told.decided), len(told.taken))  # noqa: T201
        facts = await running.enter_async_context(closing(await stack.superuser(name)))
        await every_event_left(facts, spoken)
        after = Integrator(url, {}, Told(), chance)
        await the_feed_told_everything_once(facts, after, told, spoken)
        await decisions_stand_once(facts, told, spoken)
        await everything_that_happened_is_told_everywhere(facts, told, spoken)
        await nothing_unpublished_was_read(facts, told, spoken)
        await no_change_was_lost(facts, told, spoken)
        await search_shows_what_is_live(facts, Stranger(made, url, {}, Told(), chance), spoken)


@asynccontextmanager
async def closing(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    yield connection
    await connection.close()


async def every_event_left(facts: asyncpg.Connection, told: str) -> None:
    """E1."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    while await facts.fetchval(waiting):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.3)
    assert await facts.fetchval("SELECT count(*) FROM inbox_parked") == 0, told


async def the_feed_told_everything_once(
    facts: asyncpg.Connection, after: Integrator, told: Told, spoken: str
) -> None:
    """Whoever followed through all of it was told what whoever comes afterwards is told."""
    rows = await facts.fetch(
        "SELECT kind, code, version FROM changes ORDER BY transaction, position"
    )
    everything = [tuple(each) for each in rows]
    async with asyncio.timeout(RECOVERY_SECONDS):
        while len(after.told.feed) < len(everything):
            await after.act()
    assert after.told.feed == everything, spoken
    assert told.feed == everything[: len(told.feed)], spoken
    assert told.feed, spoken


async def decisions_stand_once(facts: asyncpg.Connection, told: Told, spoken: str) -> None:
    """C1."""
    rows = await facts.fetch("SELECT case_id, round, level, reviewer FROM review_verdicts")
    stand = Counter((str(row["case_id"]), row["round"], row["reviewer"]) for row in rows)
    assert told.decided, spoken
    for decision in told.decided:
        assert stand[decision] == 1, f"{decision}: {spoken}"
    seats = Counter((row["case_id"], row["round"], row["level"]) for row in rows)
    assert set(seats.values()) == {1}, spoken


async def everything_that_happened_is_told_everywhere(
    facts: asyncpg.Connection, told: Told, spoken: str
) -> None:
    """C1, C2, E2."""
    notices = {str(row[0]) for row in await facts.fetch("SELECT id FROM notices")}
    assert set(told.taken) <= notices, spoken
    assert len(set(told.taken)) == len(told.taken), spoken
    for row in await facts.fetch("SELECT id, state, live_version FROM resources"):
        changes = await facts.fetch(
            "SELECT kind, version FROM changes WHERE resource_id = $1"
            " ORDER BY transaction, position",
            row["id"],
        )
        kinds = [each["kind"] for each in changes]
        events = await facts.fetch(
            "SELECT type FROM outbox WHERE aggregate = $1 ORDER BY id", f"resources/{row['id']}"
        )
        assert [each["type"].split(".")[2] for each in events] == kinds, spoken
        audited = await facts.fetch(
            "SELECT action FROM audit WHERE target = $1 AND action = ANY($2)",
            *(str(row["id"]), [f"resource.{each}" for each in FOLLOWS]),
        )
        assert Counter(each["action"].split(".")[1] for each in audited) == Counter(kinds), spoken
        published = await facts.fetchval(
            "SELECT count(*) FROM publications WHERE resource_id = $1", row["id"]
        )
        assert published == kinds.count("published"), spoken
        assert all(then in FOLLOWS[now] for now, then in pairwise(kinds)), f"{kinds}: {spoken}"
        last = changes[-1] if changes else None
        assert row["live_version"] == (last["version"] if last else None), spoken
        assert (row["state"] == "SUSPENDED") == (kinds[-1:] == ["suspended"]), spoken


async def nothing_unpublished_was_read(facts: asyncpg.Connection, told: Told, spoken: str) -> None:
    """C3."""
    rows = await facts.fetch("SELECT resource_id, version FROM publications")
    published = {(str(row["resource_id"]), row["version"]) for row in rows}
    assert told.seen, spoken
    assert told.seen <= published, spoken


async def no_change_was_lost(facts: asyncpg.Connection, told: Told, spoken: str) -> None:
    """C4: each change raised the title by one, and none was made over another."""
    assert len(set(told.changed)) == len(told.changed), spoken
    for resource_id in {each for each, _ in told.changed}:
        title = await facts.fetchval(
            "SELECT draft ->> 'title' FROM resources WHERE id = $1", UUID(resource_id)
        )
        audited = await facts.fetchval(
            "SELECT count(*) FROM audit WHERE action = 'resource.changed' AND target = $1",
            resource_id,
        )
        assert int(title.rpartition(" ")[2]) == audited, spoken


async def search_shows_what_is_live(
    facts: asyncpg.Connection, stranger: Stranger, spoken: str
) -> None:
    """E4."""
    rows = await facts.fetch("SELECT id, live_version FROM resources WHERE live_version > 0")
    live = {(str(row["id"]), row["live_version"]) for row in rows}
    deadline = time.monotonic() + RECOVERY_SECONDS
    while await stranger.listed(f"/search?q={TITLE}&limit=100") != live:
        assert time.monotonic() < deadline, spoken
        await asyncio.sleep(0.3)
