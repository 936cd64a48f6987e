"""From Envoy's access log to counts."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import orjson
import pytest
from fastapi import FastAPI

from gateway.adapters import access_log
from gateway.adapters.access_log import EnvoyAccessLog
from gateway.adapters.usage import UsageRows
from gateway.application import metering
from gateway.application.metering import Metering
from shared.ids import uuid7

READ = "GET /catalog/v1/resources"


def line(client: str | None = "one", **told: Any) -> bytes:
    """As Envoy writes it, without a client for what was no application's."""
    written = {
        "at": "2026-11-22T15:59:59.999Z",
        "operation": READ,
        "status": 200,
        "received": 5,
        "sent": 100,
        "client": client,
        "request_id": str(uuid7()),
        **told,
    }
    return orjson.dumps(written) + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.jsonl"


@pytest.fixture
def new_metering(app: FastAPI, path: Path) -> Callable[[], Metering]:
    runtime = app.state.runtime
    log = EnvoyAccessLog(path, "http://127.0.0.1:9")
    return lambda: Metering(log, UsageRows(runtime.new_uow, runtime.reader))


async def requests(owner: asyncpg.Connection, **where: Any) -> int:
    found = await owner.fetchval("SELECT COALESCE(SUM(requests), 0) FROM usage_days")
    return int(found)


async def test_each_request_of_an_application_is_counted_by_day_and_operation(
    new_metering: Callable[[], Metering], path: Path, owner: asyncpg.Connection
) -> None:
    path.write_bytes(
        line()
        + line(status=404)
        + line(status=503)
        + line(at="2026-11-22T16:00:00.000Z")  # midnight in China
        + line(client=None)
        + line(operation=None)
        + line(client="two", operation="POST /x")
        + b'{"half": \n'
        + b"[]\nnull\n"
        + b"[info] not json\n"
    )
    await new_metering().look()
    rows = await owner.fetch("SELECT * FROM usage_days ORDER BY client_id, day")
    assert [tuple(row.values())[1:] for row in rows] == [
        (rows[0]["day"], READ, 3, 1, 1, 15, 300),
        (rows[1]["day"], READ, 1, 0, 0, 5, 100),
        (rows[0]["day"], "POST /x", 1, 0, 0, 5, 100),
    ]
    assert [str(row["day"]) for row in rows] == ["2026-11-22", "2026-11-23", "2026-11-22"]


async def test_a_line_is_counted_once_it_is_whole_and_never_again(
    new_metering: Callable[[], Metering], path: Path, owner: asyncpg.Connection
) -> None:
    written = line()
    path.write_bytes(line() + written[:20])
    meter = new_metering()
    await meter.look()
    await meter.look()
    assert await requests(owner) == 1
    with path.open("ab") as file:
        file.write(written[20:])
    await new_metering().look()  # as after a kill
    await new_metering().look()
    assert await requests(owner) == 2


async def test_two_processes_that_read_one_log_count_each_request_once(
    new_metering: Callable[[], Metering],
    path: Path,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metering, "CHUNK", 2000)
    path.write_bytes(b"".join(line() for _ in range(500)))
    meters = [new_metering() for _ in range(4)]
    for _ in range(60):
        await asyncio.gather(*(meter.look() for meter in meters))
        if await requests(owner) == 500:
            break
    await asyncio.gather(*(meter.look() for meter in meters))
    assert await requests(owner) == 500


async def test_a_long_log_goes_on_in_a_new_file_and_no_line_is_lost(
    new_metering: Callable[[], Metering],
    path: Path,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []

    async def order(_self: httpx2.AsyncClient, url: str) -> None:
        told.append(url)

    monkeypatch.setattr(httpx2.AsyncClient, "post", order)
    monkeypatch.setattr(access_log, "LARGE", 1000)
    envoys = path.open("ab", buffering=0)
    for _ in range(10):
        envoys.write(line())
    meter = new_metering()
    await meter.look()
    assert told == ["http://127.0.0.1:9/reopen_logs"]
    envoys.write(line())  # before Envoy did as it was told
    path.write_bytes(line())
    await meter.look()
    before = path.with_name("access.jsonl.1")
    assert before.exists()  # it may still be written to
    assert await requests(owner) == 12
    long_ago = time.time() - 60
    os.utime(before, (long_ago, long_ago))
    monkeypatch.setattr(access_log, "SETTLING_SECONDS", -1.0)
    await meter.look()
    assert not before.exists()
    assert await requests(owner) == 12
    envoys.close()


async def test_without_a_log_nothing_happens(
    new_metering: Callable[[], Metering], path: Path, owner: asyncpg.Connection
) -> None:
    await new_metering().look()
    path.touch()
    await new_metering().look()
    assert await requests(owner) == 0
