"""Resources on their way to readers while the catalogue, PostgreSQL, NATS and the object store are
killed at random.

Authors change and submit the same resources, reviewers decide, an administrator suspends and
restores, somebody unknown reads, an integrator follows the feed. In the end
  C1  every decision that was acknowledged stands once, and of each thing that happened to a
      resource or a review row, event, audit entry, timeline and change are there together;
  C2  reviews, and what readers could see, went along the table of the lifecycle;
  C3  nobody in particular ever read what was not published, or was taken down already;
  C4  no change of a draft was lost;
  E1  every event left, E2 in the order in which it happened, and each publication was applied once
      by the service that registers it; the feed told every change once;
  E3  all this also after NATS and the index lost everything, and search shows what it showed;
  E4  within ten seconds of the last change search shows what everybody may read, and nothing else.

``SHUYUAN_FAULTS_SEED`` brings a campaign back, ``SHUYUAN_PUBLICATION_KILLS=50`` makes it long.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

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
from tests.faults.publication import RECOVERY_SECONDS, Outcome
from tests.faults.test_ledger_under_kills import Process, at_work, keys_served
from tests.service import house
from tests.service.catalog.resources import CITY, SCHOOL, SCOPES, Desk
from tests.service.house import own_bucket, own_database

KILLS = int(os.environ.get("SHUYUAN_PUBLICATION_KILLS", "6"))
VICTIMS = ("catalog", "catalog", "postgres", "nats", "object-store")
RESOURCES = 8
ISSUER = "http://tests.example/identity"
_STREAM = "SELECT created_at FROM outbox_stream WHERE name = 'CATALOG'"
AFTER_WIPES = 3
"""Decisions that are made once everything that can be built anew was wiped."""


class Catalogue:
    """A catalogue of its own on the stack's servers."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.kills: Counter[str] = Counter()
        self._stack = stack
        self._folder = folder
        self._index = folder / "search"
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
            "search_directory": str(self._index),
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

    async def wipe(self, database: asyncpg.Connection) -> None:
        """Take all that the index and NATS hold; return once that was seen and mended."""
        made = await database.fetchval(_STREAM)
        await self.kill("catalog")
        shutil.rmtree(self._index)
        await self.kill("nats")
        for path in sorted((self._stack.data / "nats").rglob("*"), reverse=True):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        began = time.monotonic()
        while await database.fetchval(_STREAM) == made:
            assert time.monotonic() - began < RECOVERY_SECONDS, "the stream was not made anew"
            await asyncio.sleep(0.1)
        await self.recovered()

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
        integrator, stranger = (
            Integrator(url, {}, told, chance),
            Stranger(made, url, {}, told, chance),
        )
        people = [
            *(Author(made, url, author, told, chance) for _ in range(3)),
            *(Reviewer(each, url, judges[each], told, chance) for each in judges),
            Administrator(made, url, above, told, chance),
            *(integrator, stranger),
        ]
        for each in people:
            running.push_async_callback(each.close)

        async def until(count: int, tasks: Sequence[asyncio.Task[None]]) -> None:
            """So many decisions were made."""
            deadline = time.monotonic() + RECOVERY_SECONDS
            while len(told.decided) < count:
                assert time.monotonic() < deadline, f"seed {seed}: {catalogue.kills} {told.decided}"
                assert not (ended := [each for each in tasks if each.done()]), ended
                await asyncio.sleep(0.1)

        began = time.monotonic()
        async with at_work(*(each.for_ever() for each in people)) as tasks:
            await until(1, tasks)
            for _ in range(kills):
                await catalogue.kill(chance.choice(VICTIMS))
                await asyncio.sleep(chance.uniform(0, 2))
                await until(len(told.decided) + 1, tasks)
            await catalogue.recovered()
        spoken = (
            f"seed {seed}: {dict(catalogue.kills)} in {time.monotonic() - began:.0f} s,"
            f" {told.repeats} repeats, {len(told.changed)} changes, {len(told.decided)} decisions,"
            f" {len(told.taken)} notices, {len(told.reads)} reads"
        )
        print(spoken)  # noqa: T201 - told when it fails
        facts = await running.enter_async_context(closing(await stack.superuser(name)))
        hearer = await running.enter_async_context(closing(await stack.superuser("copyright")))
        outcome = Outcome(facts, hearer, told, spoken)
        shown = await outcome.search_shows_what_is_live(stranger)
        await outcome.every_event_left()
        await catalogue.wipe(facts)
        await outcome.every_event_left()
        anew = await outcome.search_shows_what_is_live(stranger)
        for resource in anew.keys() & shown.keys():
            if anew[resource]["updated_at"] == shown[resource]["updated_at"]:
                assert anew[resource] == shown[resource], spoken
        async with at_work(*(each.for_ever() for each in people)) as tasks:
            await until(len(told.decided) + AFTER_WIPES, tasks)
        await outcome.search_shows_what_is_live(stranger)
        await outcome.every_event_left()
        await outcome.every_publication_was_applied_once()
        after = Integrator(url, {}, Told(), chance)
        running.push_async_callback(after.close)
        await outcome.the_feed_told_everything_once(after)
        await outcome.decisions_stand_once()
        await outcome.reviews_went_by_the_table()
        await outcome.everything_that_happened_is_told_everywhere()
        await outcome.nothing_unpublished_was_read()
        await outcome.no_change_was_lost()


@asynccontextmanager
async def closing(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    yield connection
    await connection.close()
