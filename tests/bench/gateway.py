"""What the door costs: a read with a verified token at the service and through the gateway, one
with an API key, 500 requests a second while the configuration changes a hundred times, and three
times what a service can do."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx2

from services.identity.demonstration.sign_in import access_token
from stack import demonstration, plan, ports
from stack.data import DataDirectory, read_json
from stack.settings import StackSettings
from tests.bench import overload
from tests.bench.measure import ROUNDS, Figure, in_turns, processor_seconds
from tests.bench.stack import BenchStack
from tests.service.gateway.door import open_door

PATH = "/catalog/v1/uploads"
SECONDS = 1.5
ENVOY_CPU_US = 150.0
KEY_CPU_US = 250.0
ADDED_P99_MS = 5.0
RELOADS = 100
REQUESTS_A_SECOND = 500
WORKERS = 10


async def bench(stack: BenchStack) -> list[Figure]:
    token, key = await _credentials(stack)
    carried = await _carried(stack, token)
    costs = [await _cost(), await _key_cost(stack, key)]
    return [*carried, *costs, await _reloads(stack), *await overload.bench()]


async def _credentials(stack: BenchStack) -> tuple[str, str]:
    """A person's access token, and an API key of an application that the person answers for."""
    data = DataDirectory(stack.data)
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    await demonstration.seed(components, data.accounts_file, stack.data)
    told = read_json(data.accounts_file)
    client = next(each for each in told["clients"] if each["redirect_uris"])
    account = next(each for each in told["accounts"] if each["username"] == "admin-province")
    issuer = stack.gateway + "/identity"
    token = await access_token(issuer, client, account["username"], account["password"])
    owned = next(each for each in told["clients"] if "catalog.write" in each["scopes"][:3])
    wanted = {
        "name": "bench",
        "scopes": ["catalog.read", "catalog.write"],
        "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    async with httpx2.AsyncClient(base_url=stack.gateway, trust_env=False) as http:
        answer = await http.post(
            f"/identity/v1/clients/{owned['client_id']}/api-keys",
            json=wanted,
            headers={"authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
    return token, str(answer.json()["key"])


async def _carried(stack: BenchStack, token: str) -> list[Figure]:
    tails: dict[str, list[float]] = {}

    def at(origin: str) -> Callable[[], Awaitable[float]]:
        async def one() -> float:
            told = await _load(origin + PATH, _bearer(token))
            tails.setdefault(origin, []).append(told["p99_ms"])
            return told["requests"] / told["seconds"]

        return one

    direct, through = stack.address("catalog"), stack.gateway
    rate, limit_rate, ratio = await in_turns(at(through), at(direct))
    added = median(tails[through]) - median(tails[direct])
    limit = "the service directly, the same token"
    return [
        Figure("gateway: read with a token", rate, limit, limit_rate, ratio, 0.75),
        _within("gateway: added p99", max(added, 0.01), ADDED_P99_MS, "ms"),
    ]


async def _cost() -> Figure:
    """Envoy's processor time with a token checked and limits in force, before a service that
    answers at once: kept busy, as it is where its cost matters."""
    with tempfile.TemporaryDirectory() as folder, open_door(Path(folder), rate_factor=1e3) as door:
        token = door.token("identity.read")
        costs = []
        for _ in range(ROUNDS):
            before = processor_seconds([door.pid])
            told = await _load(f"{door.origin}/identity/v1/organisations", _bearer(token))
            costs.append(1e6 * (processor_seconds([door.pid]) - before) / told["requests"])
    return _within("gateway: CPU of Envoy", median(costs), ENVOY_CPU_US, "µs a request")


async def _key_cost(stack: BenchStack, key: str) -> Figure:
    """Processor time of Envoy and of the control plane together, before a service that answers at
    once."""
    real = {name: urlsplit(stack.address(name)).netloc for name in ("identity", "gateway")}
    issuer = f"{stack.gateway}/identity"
    with (
        tempfile.TemporaryDirectory() as folder,
        open_door(Path(folder), real, rate_factor=1e3, issuer=issuer) as door,
    ):
        pids = [door.pid, stack.pid("gateway")]
        costs = []
        for _ in range(ROUNDS):
            before = processor_seconds(pids)
            told = await _load(f"{door.origin}{PATH}", f"X-Api-Key: {key}")
            costs.append(1e6 * (processor_seconds(pids) - before) / told["requests"])
    return _within("gateway: CPU with an API key", median(costs), KEY_CPU_US, "µs a request")


def _bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


async def _load(url: str, header: str) -> dict[str, float]:
    """`tests.bench.load` in a process of its own. Raises when a request failed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.load", url, "--seconds", str(SECONDS)),
        *("--header", header),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    told: dict[str, float] = json.loads(printed)
    if told["failures"]:
        raise RuntimeError(f"{told['failures']:.0f} requests failed: {url}")
    return told


def _within(job: str, value: float, most: float, unit: str) -> Figure:
    """A goal that is an upper bound: the ratio is how often the value fits into it."""
    return Figure(job, value, f"at most {most:g} {unit}", most, most / value, 1.0)


async def _reloads(stack: BenchStack) -> Figure:
    """The listener, the clusters and the routes in turn, replaced as the compiler does."""
    folder = stack.data / "config" / "envoy"
    statuses: list[int] = []
    stopping = asyncio.Event()
    workers = [
        asyncio.create_task(_paced(stack.gateway, statuses, stopping)) for _ in range(WORKERS)
    ]
    started = time.perf_counter()
    for number in range(RELOADS):
        name = ("listeners", "clusters", "routes")[number % 3]
        _replace(folder / f"{name}.json", _CHANGES[name], number)
        await asyncio.sleep(0.1)
    stopping.set()
    await asyncio.gather(*workers)
    seconds = time.perf_counter() - started
    failures = sum(status != 200 for status in statuses)
    rate = len(statuses) / seconds
    return Figure(
        "gateway: requests while it is reconfigured",
        rate,
        f"{REQUESTS_A_SECOND} requests a second, none of which fails",
        REQUESTS_A_SECOND,
        0.0 if failures else rate / REQUESTS_A_SECOND,
        0.9,
        {"reloads": RELOADS, "failed requests": failures},
    )


_CHANGES: dict[str, Callable[[dict[str, Any], int], None]] = {
    "listeners": lambda one, n: one.update(per_connection_buffer_limit_bytes=262_144 + n),
    "clusters": lambda one, n: one.update(connect_timeout=f"0.{500 + n}s"),
    "routes": lambda one, n: one.update(max_direct_response_body_size_bytes=4096 + n),
}


def _replace(path: Path, change: Callable[[dict[str, Any], int], None], number: int) -> None:
    document = json.loads(path.read_text())
    for resource in document["resources"]:
        change(resource, number)
    draft = path.with_name(f".{path.name}.bench")
    draft.write_text(json.dumps(document))
    draft.replace(path)


async def _paced(origin: str, statuses: list[int], stopping: asyncio.Event) -> None:
    """One connection's share of the requests; it is opened anew when the gateway asks to."""
    place = urlsplit(origin)
    request = f"GET /identity/jwks.json HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    writer = None
    pause = WORKERS / REQUESTS_A_SECOND
    due = time.perf_counter()
    while not stopping.is_set():
        due += pause
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if writer is None:
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            statuses.append(0)
            writer = None
            continue
        statuses.append(int(head[9:12]))
        if b"connection: close" in head:
            writer.close()
            writer = None
