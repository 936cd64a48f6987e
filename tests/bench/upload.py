"""Uploads beside a client that talks to the object store alone; what they cost the catalogue; and
1 GiB brought in through ten breaks."""

import asyncio
import hashlib
import json
import os
import random
import secrets
import signal
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil

from services.identity.demonstration.province import SIGN_IN
from services.identity.demonstration.sign_in import access_token
from shared.s3 import S3ObjectStore
from stack import demonstration, plan, ports
from stack.data import DataDirectory, read_json
from stack.settings import StackSettings
from tests.bench.measure import Figure, in_turns
from tests.bench.stack import CHECKOUT, BenchStack

MIB = 1 << 20
UPLOAD = 128 * MIB
PART = 8 * MIB
AT_ONCE = 2
CLIENTS = 8
ASKED = 400
COMPLETED = 40
ROUNDS = 3
ANNOUNCEMENT = "upload: announcement of two parts"
ADDRESS = "upload: address of a part"
COMPLETION = "upload: completion of two parts"
LEAST = "upload-limits"
CPU_US = 2_000.0
COST_GOALS = {ANNOUNCEMENT: None, ADDRESS: 1.0, COMPLETION: 1.0}
LARGE = 1 << 30
INSPECTED_SECONDS = 120
BREAKS = 10
VICTIMS = ("catalog", "postgres", "object-store", "connection", "connection")

SOON = timedelta(hours=1)


async def bench(stack: BenchStack) -> list[Figure]:
    data = DataDirectory(stack.data)
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    await demonstration.seed(components, data.accounts_file, data.logs)
    told = read_json(data.accounts_file)
    [client] = [each for each in told["clients"] if SIGN_IN in each["grant_types"]]
    teacher = next(each for each in told["accounts"] if "teacher" in each["username"])
    token = await access_token(
        f"{stack.gateway}/identity", client, teacher["username"], teacher["password"]
    )
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(
            base_url=f"{stack.gateway}/catalog/v1/", headers=headers, timeout=30, trust_env=False
        ) as api,
        httpx2.AsyncClient(timeout=60, trust_env=False) as store,
    ):
        return [
            *await _cost(stack, api, store),
            await _throughput(stack, api, store),
            await _broken(stack, api, store),
        ]


async def _throughput(
    stack: BenchStack, api: httpx2.AsyncClient, store: httpx2.AsyncClient
) -> Figure:
    """The same parts by the same client, at addresses it was given and at addresses it signed."""
    objects = _objects(stack)
    content = bytearray(secrets.token_bytes(UPLOAD))

    async def subject() -> float:
        content[:16] = secrets.token_bytes(16)
        body = _announced(bytes(content))
        started = time.perf_counter()
        begun = await _asked(api, "POST", "uploads", body)
        await _put_all(store, content, begun["parts"])
        await _asked(api, "POST", f"uploads/{begun['id']}/complete")
        return UPLOAD / MIB / (time.perf_counter() - started)

    async def limit() -> float:
        key = f"incoming/{secrets.token_hex(8)}"
        started = time.perf_counter()
        upload_id = await objects.create_multipart(key, "application/zip")
        parts = [
            {
                "url": objects.presign_part(key, upload_id, number + 1, expires=SOON),
                "offset": number * PART,
                "length": PART,
            }
            for number in range(UPLOAD // PART)
        ]
        await _put_all(store, content, parts)
        listed = await objects.list_parts(key, upload_id)
        await objects.complete_multipart(key, upload_id, listed)
        rate = UPLOAD / MIB / (time.perf_counter() - started)
        await objects.delete(key)
        return rate

    rate, limit_rate, ratio = await in_turns(subject, limit)
    name = "a direct client of the same object store"
    return Figure(f"upload: {UPLOAD // MIB} MiB, MiB/s", rate, name, limit_rate, ratio, 0.95)


async def _cost(
    stack: BenchStack, api: httpx2.AsyncClient, store: httpx2.AsyncClient
) -> list[Figure]:
    """Processor time of the catalogue's own process, on one core; beside it, that of a small
    request which reads two rows.

    Several are under way at once: between lone requests the process goes cold, and waking it again
    costs more than what is measured.
    """
    service = psutil.Process(stack.pid("catalog"))
    announced, begun = list[bytes](), list[dict[str, Any]]()

    async def announce() -> None:
        content = announced.pop()
        upload = await _asked(api, "POST", "uploads", _announced(content))
        begun.append({**upload, "content": content})

    async def address() -> None:
        await _asked(api, "GET", f"uploads/{begun[0]['id']}/parts?from=2&count=1")

    async def complete() -> None:
        await _asked(api, "POST", f"uploads/{begun.pop()['id']}/complete")

    async def nothing() -> None:
        await _asked(api, "GET", "upload-limits")

    async def cost(ask: Callable[[], Awaitable[None]], times: int) -> float:
        async def some(turns: Iterator[int]) -> None:
            for _ in turns:
                await ask()

        async def all_of(turns: Iterator[int]) -> None:
            await asyncio.gather(*(some(turns) for _ in range(CLIENTS)))

        await all_of(iter(range(CLIENTS)))  # the first also load what all others need
        before = _own_seconds(service)
        await all_of(iter(range(times)))
        return 1e6 * (_own_seconds(service) - before) / times

    # What the inspector does with the uploads is not the cost of bringing them in.
    inspector = psutil.Process(stack.pid("catalog-inspector"))
    inspector.suspend()
    spent: dict[str, list[float]] = {job: [] for job in (*COST_GOALS, LEAST)}
    for _ in range(ROUNDS):
        announced += [secrets.token_bytes(PART + MIB) for _ in range(COMPLETED + CLIENTS)]
        await _settled(service)
        spent[LEAST].append(await cost(nothing, ASKED))
        spent[ANNOUNCEMENT].append(await cost(announce, COMPLETED))
        spent[ADDRESS].append(await cost(address, ASKED))
        for each in begun:
            await _put_all(store, each["content"], each["parts"])
        await _settled(service)
        spent[COMPLETION].append(await cost(complete, COMPLETED))
    inspector.resume()
    figures = []
    for job, goal in COST_GOALS.items():
        # What a shared machine adds, it adds; it takes nothing away.
        best, limit = min(spent[job]), f"{CPU_US:,.0f} µs of processor time"
        facts: dict[str, float | str] = {
            "CPU µs, least and most of the rounds": f"{best:,.0f}, {max(spent[job]):,.0f}",
            "CPU µs, upload-limits": f"{min(spent[LEAST]):,.0f}, {max(spent[LEAST]):,.0f}",
        }
        figures.append(Figure(job, 1e6 / best, limit, 1e6 / CPU_US, CPU_US / best, goal, facts))
    return figures


async def _broken(stack: BenchStack, api: httpx2.AsyncClient, store: httpx2.AsyncClient) -> Figure:
    """Processes are killed and connections cut at random while parts are under way; in the end
    the bytes are read back."""
    content, chance = _noise(LARGE), random.Random(LARGE)
    body = {**_announced(content), "filename": "朗读.wav", "media_type": "audio/wav"}
    began = time.perf_counter()
    begun = await _asked(api, "POST", "uploads", body)
    path, breaks = f"uploads/{begun['id']}", 0
    while parts := (await _asked(api, "GET", path))["parts"]:
        sending = asyncio.create_task(_put_all(store, content, parts))
        if breaks < BREAKS:
            await asyncio.wait([sending], timeout=chance.uniform(0.2, 1.2))
            victim = VICTIMS[breaks % len(VICTIMS)]
            if victim != "connection":
                os.kill(await _pid(stack, victim), signal.SIGKILL)
            sending.cancel()
            breaks += 1
        with suppress(asyncio.CancelledError, httpx2.HTTPError):
            await sending
    await _asked(api, "POST", f"{path}/complete")
    seconds = time.perf_counter() - began
    right = await _read_back(api, store, path) == body["sha256"]
    facts: dict[str, float | str] = {
        "breaks": breaks,
        "seconds": seconds,
        "digest": "right" if right else "WRONG",
    }
    name = f"{BREAKS} breaks, the right digest"
    return Figure("upload: 1 GiB through breaks", float(right), name, 1.0, float(right), 1.0, facts)


async def _read_back(api: httpx2.AsyncClient, store: httpx2.AsyncClient, path: str) -> str:
    deadline = time.monotonic() + INSPECTED_SECONDS
    while time.monotonic() < deadline:  # inspection moves the object
        if (await _asked(api, "GET", path))["state"] != "COMPLETED":
            break
        await asyncio.sleep(1)
    answer = await api.get(f"{path}/content")
    if not answer.is_redirect:
        return answer.text
    digest = hashlib.sha256()
    async with store.stream("GET", answer.headers["location"]) as stored:
        async for piece in stored.aiter_bytes():
            digest.update(piece)
    return digest.hexdigest()


async def _asked(
    api: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the service says, however often it must be asked."""
    deadline, key = time.monotonic() + 60, {"idempotency-key": secrets.token_hex(16)}
    while True:
        with suppress(httpx2.HTTPError):
            answer = await api.request(method, path, json=body, headers=key)
            if answer.is_success:
                told: dict[str, Any] = answer.json()
                return told
            if answer.status_code < 500 and answer.status_code != 409:
                raise RuntimeError(f"{method} {path}: {answer.text}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{method} {path} was not answered")
        await asyncio.sleep(0.2)


async def _put_all(
    store: httpx2.AsyncClient, content: bytes | bytearray, parts: Sequence[dict[str, Any]]
) -> None:
    """PUT the parts, so many at once. Raises `httpx2.HTTPError` at the first that fails."""
    waiting, view = iter(parts), memoryview(content)

    async def work() -> None:
        for part in waiting:
            piece = view[part["offset"] : part["offset"] + part["length"]]
            (await store.put(part["url"], content=bytes(piece))).raise_for_status()

    tasks = [asyncio.create_task(work()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _announced(content: bytes) -> dict[str, Any]:
    return {
        "filename": "课件.zip",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "application/zip",
    }


def _noise(size: int) -> bytes:
    """A sound file of so many bytes: 48 kHz, 16 bits, stereo (RIFF WAVE, PCM)."""
    form = struct.pack("<IHHIIHH", 16, 1, 2, 48_000, 192_000, 4, 16)
    head = struct.pack("<4sI8s", b"RIFF", size - 8, b"WAVEfmt ") + form
    head += struct.pack("<4sI", b"data", size - len(head) - 8)
    return head + secrets.token_bytes(size - len(head))


def _objects(stack: BenchStack) -> S3ObjectStore:
    secret = stack.data / "secrets" / "catalog"
    name = "shuyuan_catalog_object_store_"
    address = stack.address("object-store")
    return S3ObjectStore(
        endpoint=address,
        origin=address,
        access_key=(secret / f"{name}access_key").read_text(),
        secret_key=(secret / f"{name}secret_key").read_text(),
        bucket="catalog",
    )


async def _settled(process: psutil.Process) -> None:
    """Until what it does in the background after its start is done."""
    for _ in range(60):
        before = _own_seconds(process)
        await asyncio.sleep(1)
        if _own_seconds(process) - before <= 0.03:
            return


def _own_seconds(process: psutil.Process) -> float:
    """Of its threads, to the nanosecond: the kernel's own times are told in hundredths."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


async def _pid(stack: BenchStack, name: str) -> int:
    """Of a component that may have been started again since; waits until it is up."""
    while True:
        status = await asyncio.create_subprocess_exec(
            *(str(CHECKOUT / "shuyuan"), "status", "--json", "--data", str(stack.data)),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await status.communicate()
        components = json.loads(printed)["components"]
        (pid,) = (each["pid"] for each in components if each["name"] == name)
        if pid is not None:
            return int(pid)
        await asyncio.sleep(0.2)
