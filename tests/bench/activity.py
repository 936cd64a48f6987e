"""Learning activity over HTTP into PostgreSQL, beside a plain COPY of the same rows.

The load runs as a process of its own (``python -m tests.bench.activity URL …``), so that it shares
no interpreter with what it measures. Its requests are made before the clock starts.
"""

import argparse
import asyncio
import base64
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
import uvloop

from services.learning.domain.xapi.values import told
from shared.clock import utc_now
from shared.ids import uuid7
from stack import plan, ports
from stack.data import DataDirectory
from stack.settings import StackSettings
from tests.bench.load import Connection
from tests.bench.measure import Figure, in_turns, processor_seconds
from tests.bench.stack import CHECKOUT, BenchStack

STATEMENTS = 20_000
SINGLES = 4_000
LEARNERS = 2_000
ACTIVITIES = 200
GOAL_SINGLES = 1_500.0
PEER_CPU_US = {1: 1_440.0, 50: 124.0}
"""Of Ralph 5.1.0 over a dictionary in memory, per statement, by statements a request."""


async def bench(stack: BenchStack) -> list[Figure]:
    credentials = await _application(stack)
    superuser = await _superuser(stack)
    try:
        await superuser.execute("CREATE TABLE twin (LIKE statements INCLUDING ALL)")
        batches = Sent(stack, credentials, per_request=50, connections=24, statements=STATEMENTS)
        await batches.round()
        rows = await superuser.fetch(f"SELECT * FROM statements LIMIT {STATEMENTS}")  # noqa: S608 - a constant
        columns = list(rows[0].keys())
        records = [tuple(row) for row in rows]

        async def copy() -> float:
            """The same rows into a table with the same indexes, in one COPY and one commit."""
            await superuser.execute("TRUNCATE twin")
            started = time.perf_counter()
            await superuser.copy_records_to_table("twin", records=records, columns=columns)
            return len(records) / (time.perf_counter() - started)

        rate, limit_rate, ratio = await in_turns(batches.round, copy)
        singles = Sent(stack, credentials, per_request=1, connections=64, statements=SINGLES)
        await singles.round()
        single_rate = sorted([await singles.round() for _ in range(3)])[1]
    finally:
        await superuser.execute("DROP TABLE IF EXISTS twin")
        await superuser.close()
    return [
        Figure(
            "activity: 50 statements a request",
            rate,
            "COPY of the same rows, same indexes",
            limit_rate,
            ratio,
            0.35,
            batches.facts(50),
        ),
        Figure(
            "activity: one statement a request, 64 clients",
            single_rate,
            f"a goal of {GOAL_SINGLES:,.0f} a second",
            GOAL_SINGLES,
            single_rate / GOAL_SINGLES,
            1.0,
            singles.facts(1),
        ),
    ]


class Sent:
    """Rounds of new statements, with what the processes used for them in the last one."""

    def __init__(
        self,
        stack: BenchStack,
        credentials: str,
        *,
        per_request: int,
        connections: int,
        statements: int,
    ) -> None:
        self._url = f"{stack.address('learning')}/learning/xapi/2.0.0/statements"
        self._pids = {name: stack.pid(name) for name in ("learning", "postgres")}
        self._arguments = (
            *("--authorization", credentials, "--per-request", str(per_request)),
            *("--connections", str(connections), "--statements", str(statements)),
        )
        self._cpu_us: dict[str, float] = {}
        self._told: dict[str, float] = {}

    async def round(self) -> float:
        before = {name: processor_seconds([pid]) for name, pid in self._pids.items()}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.activity", self._url, *self._arguments),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        told: dict[str, float] = json.loads(printed)
        if told["failures"]:
            raise RuntimeError(f"{told['failures']:.0f} requests failed: {self._url}")
        self._told = told
        self._cpu_us = {
            name: 1e6 * (processor_seconds([pid]) - before[name]) / told["statements"]
            for name, pid in self._pids.items()
        }
        return told["statements"] / told["seconds"]

    def facts(self, per_request: int) -> dict[str, float | str]:
        return {
            "CPU µs a statement, service": self._cpu_us["learning"],
            "CPU µs a statement, PostgreSQL": self._cpu_us["postgres"],
            "CPU µs a statement, Ralph 5.1.0 in memory": PEER_CPU_US[per_request],
            "p50 ms": self._told["p50_ms"],
            "p99 ms": self._told["p99_ms"],
        }


async def _application(stack: BenchStack) -> str:
    """The Authorization header of a new application."""
    data = DataDirectory(stack.data)
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    learning = next(each for each in components if each.name == "learning")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.learning", "register-application", "bench"),
        *("--name", "Bench", "--organisation", "PBENCH", "--unknown-organisation"),
        env=dict(learning.env),
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    told = json.loads(printed)
    return _basic(told["username"], told["password"])


def _basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


async def _superuser(stack: BenchStack) -> asyncpg.Connection:
    secret = stack.data / "secrets" / "postgres" / "superuser_password"
    return await asyncpg.connect(
        f"{stack.address('postgres')}/learning", user="postgres", password=secret.read_text()
    )


def statement(number: int) -> dict[str, Any]:
    """An answer to a question, as a learning space would tell it."""
    activity = f"https://resources.example/lessons/{number % ACTIVITIES}"
    return {
        "id": str(uuid7()),
        "actor": {
            "account": {
                "homePage": "https://platform.example/identity",
                "name": f"learner-{number * 7 % LEARNERS}",
            }
        },
        "verb": {
            "id": "http://adlnet.gov/expapi/verbs/answered",
            "display": {"zh-CN": "回答"},
        },
        "object": {
            "objectType": "Activity",
            "id": f"{activity}/questions/{number % 10}",
            "definition": {"type": "http://adlnet.gov/expapi/activities/question"},
        },
        "result": {"score": {"scaled": 0.8}, "success": True, "duration": "PT12S"},
        "context": {"contextActivities": {"parent": [{"id": activity}]}},
        "timestamp": told(utc_now()),
    }


class Sender(Connection):
    """Sends its requests, each once."""

    def __init__(
        self,
        requests: list[bytes],
        latencies: list[float],
        failures: list[int],
        ended: asyncio.Event,
    ) -> None:
        super().__init__(iter(requests), latencies, failures)
        self._left = len(requests)
        self._ended = ended

    def _send(self) -> None:
        if self._left:
            self._left -= 1
            super()._send()
        else:
            self.stopping = True
            self._ended.set()


async def load(
    url: str, authorization: str, connections: int, per_request: int, statements: int
) -> dict[str, float]:
    """Send `statements` new ones, so many a request, over so many connections."""
    parts = urlsplit(url)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Authorization: {authorization}",
        "X-Experience-API-Version: 2.0.0",
        "Content-Type: application/json",
    ]
    head = "\r\n".join(lines).encode()
    requests: list[list[bytes]] = [[] for _ in range(connections)]
    for number in range(statements // per_request):
        body = orjson.dumps([statement(number * per_request + n) for n in range(per_request)])
        length = f"\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        requests[number % connections].append(head + length + body)
    latencies: list[float] = []
    failures: list[int] = []
    loop = asyncio.get_running_loop()
    ended = [asyncio.Event() for _ in requests]
    started = time.perf_counter()
    for waiting, event in zip(requests, ended, strict=True):
        await loop.create_connection(
            lambda waiting=waiting, event=event: Sender(  # type: ignore[misc]
                waiting, latencies, failures, event
            ),
            parts.hostname or "",
            parts.port or 80,
        )
    await asyncio.gather(*(event.wait() for event in ended))
    elapsed = time.perf_counter() - started
    latencies.sort()
    return {
        "statements": per_request * (statements // per_request),
        "failures": len(failures),
        "seconds": elapsed,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--authorization", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--per-request", type=int, required=True)
    parser.add_argument("--statements", type=int, required=True)
    asked = parser.parse_args()
    print(
        json.dumps(
            uvloop.run(
                load(
                    asked.url,
                    asked.authorization,
                    asked.connections,
                    asked.per_request,
                    asked.statements,
                )
            )
        )
    )
