"""Learning activity while the service and PostgreSQL are killed: what was acknowledged is there,
once; what was not is there whole or not at all; the aggregates are those of a recount.

``SHUYUAN_FAULTS_KILLS`` makes the campaign longer, ``SHUYUAN_FAULTS_SEED`` brings one back.
"""

import asyncio
import base64
import json
import os
import random
import signal
import sys
import time
import uuid
from contextlib import suppress
from typing import Any

import asyncpg
import httpx2

from shared.ids import uuid7
from stack import plan, ports
from stack.data import DataDirectory
from stack.settings import StackSettings
from tests.conftest import CHECKOUT, Stack

KILLS = int(os.environ.get("SHUYUAN_FAULTS_KILLS", "4"))
CLIENTS = 6
RECOVERY_SECONDS = 30.0
KILLED = ("learning", "postgres")
POINTS = "http://127.0.0.1/catalog/v1/knowledge/14/points"
HOME = "https://faults.example"

Json = dict[str, Any]


class Activity:
    """Clients that send batches until each is acknowledged, and what became of them."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._chance = random.Random(seed)
        self._stopping = False
        self.batches: dict[str, list[Json]] = {}
        self.acknowledged: set[str] = set()
        self.repeats = 0
        data = DataDirectory(stack.data)
        components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
        [self._learning] = [each for each in components if each.name == "learning"]
        self.headers = {"x-experience-api-version": "2.0.0"}
        self.url = f"{self._learning.address}/learning/xapi/2.0.0"

    async def command(self, *arguments: str) -> str:
        """What a command of the learning service printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.learning", *arguments),
            env=dict(self._learning.env),
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0
        return printed.decode()

    async def register(self) -> None:
        told = json.loads(
            await self.command(
                *("register-application", "faults", "--name", "Faults"),
                *("--organisation", "PFAULTS", "--unknown-organisation"),
            )
        )
        pair = base64.b64encode(f"{told['username']}:{told['password']}".encode()).decode()
        self.headers["authorization"] = f"Basic {pair}"

    async def work(self) -> None:
        """Send until told to stop; the last batch is seen through."""
        async with httpx2.AsyncClient(timeout=5, trust_env=False, headers=self.headers) as client:
            while not self._stopping:
                name = str(uuid.uuid4())
                batch = self.batches[name] = [
                    self._statement() for _ in range(self._chance.randint(1, 8))
                ]
                while not await self._sent(client, batch):
                    self.repeats += 1
                    await asyncio.sleep(0.1)
                self.acknowledged.add(name)

    async def _sent(self, client: httpx2.AsyncClient, batch: list[Json]) -> bool:
        try:
            answer = await client.post(f"{self.url}/statements", json=batch)
        except httpx2.HTTPError:
            return False
        if answer.status_code in (429, 500, 503):
            return False
        assert answer.status_code == 200, answer.text
        assert answer.json() == [each["id"] for each in batch]
        return True

    def _statement(self) -> Json:
        chance = self._chance
        return {
            "id": str(uuid7() if chance.random() < 0.7 else uuid.uuid4()),
            "actor": {"account": {"homePage": HOME, "name": f"learner-{chance.randrange(20)}"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
            "object": {"id": f"{HOME}/lessons/{chance.randrange(10)}"},
            "result": {"success": chance.random() < 0.5, "duration": f"PT{chance.randrange(99)}S"},
            "context": {
                "contextActivities": {"other": [{"id": f"{POINTS}/P{chance.randrange(5)}"}]}
            },
        }

    def stop(self) -> None:
        self._stopping = True

    async def kill(self, name: str) -> None:
        """SIGKILL a component, and return once the service is ready again."""
        status = await asyncio.create_subprocess_exec(
            *(str(CHECKOUT / "shuyuan"), "status", "--json", "--data", str(self._stack.data)),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await status.communicate()
        [pid] = [each["pid"] for each in json.loads(told)["components"] if each["name"] == name]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(self._chance.uniform(0.2, 0.5))
        began = time.monotonic()
        async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
            while True:
                with suppress(httpx2.HTTPError):
                    if (await client.get(f"{self._learning.address}/readyz")).status_code == 200:
                        return
                assert time.monotonic() - began < RECOVERY_SECONDS, f"after {name} was killed"
                await asyncio.sleep(0.1)


async def test_nothing_acknowledged_is_lost_or_doubled(stack: Stack, seed: int) -> None:
    activity = Activity(stack, seed)
    await activity.register()
    chance = random.Random(seed)
    workers = [asyncio.create_task(activity.work()) for _ in range(CLIENTS)]
    for number in range(KILLS):
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        await activity.kill(KILLED[number % len(KILLED)])
    await asyncio.sleep(0.5)
    activity.stop()
    async with asyncio.timeout(RECOVERY_SECONDS):
        await asyncio.gather(*workers)
    told = f"seed {seed}: {len(activity.acknowledged)} batches, {activity.repeats} repeats"
    assert len(activity.acknowledged) > KILLS, told

    learning = await stack.superuser("learning")
    try:
        await everything_is_there_once(activity, learning, told)
        await another_body_is_refused(activity)
        await aggregates_are_those_of_a_recount(activity, learning, told)
    finally:
        await learning.close()


async def everything_is_there_once(
    activity: Activity, learning: asyncpg.Connection, told: str
) -> None:
    """A1 and A3."""
    own = {row[0] for row in await learning.fetch("SELECT id FROM statements")}
    foreign = {
        row[0]: row[1] for row in await learning.fetch("SELECT statement_id, id FROM ledger")
    }
    assert set(foreign.values()) <= own, told
    for name, batch in activity.batches.items():
        ids = [uuid.UUID(each["id"]) for each in batch]
        there = [each in own or each in foreign for each in ids]
        assert all(there) if name in activity.acknowledged else len(set(there)) == 1, told
    sent = sum(len(activity.batches[name]) for name in activity.acknowledged)
    assert len(own) == sent, told
    async with httpx2.AsyncClient(timeout=5, trust_env=False, headers=activity.headers) as client:
        seen: list[str] = []
        base = "/learning/xapi/2.0.0"
        page: Json = {"more": f"{base}/statements?limit=500"}
        while page["more"]:
            answer = await client.get(activity.url.removesuffix(base) + page["more"])
            page = answer.json()
            seen += [each["id"] for each in page["statements"]]
    assert len(seen) == len(set(seen)) == sent, told


async def another_body_is_refused(activity: Activity) -> None:
    """A2."""
    async with httpx2.AsyncClient(timeout=5, trust_env=False, headers=activity.headers) as client:
        for name in list(activity.acknowledged)[:10]:
            known = activity.batches[name][0]
            other = {**known, "object": {"id": f"{HOME}/other"}}
            answer = await client.post(f"{activity.url}/statements", json=other)
            assert answer.status_code == 409
            asked = {"statementId": known["id"]}
            found = await client.get(f"{activity.url}/statements", params=asked)
            assert found.json()["object"] == known["object"]


async def aggregates_are_those_of_a_recount(
    activity: Activity, learning: asyncpg.Connection, told: str
) -> None:
    """A4."""
    tables = ("progress", "activity_days", "mastery")
    queries = [f"SELECT * FROM {table} ORDER BY 1, 2" for table in tables]  # noqa: S608 - their names
    before = [await learning.fetch(query) for query in queries]
    assert all(before), told
    await activity.command("recount")
    assert [await learning.fetch(query) for query in queries] == before, told
