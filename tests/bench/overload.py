"""Three times what a service can do arrives at the door: how much is still done, and how quickly
the rest is sent away."""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.measure import Figure
from tests.service.gateway.door import POLICY, Door, open_door

AT_ONCE = 8
SERVICE_SECONDS = 0.02
SECONDS = 4.0
TIMES = 3
REFUSAL_MS = 5.0
PATH = "/catalog/v1/textbooks"


@dataclass
class Told:
    """Seconds that each request took, by status."""

    seconds: dict[int, list[float]] = field(default_factory=dict)

    def note(self, status: int, seconds: float) -> None:
        self.seconds.setdefault(status, []).append(seconds)

    def rate(self, status: int, over: float) -> float:
        return len(self.seconds.get(status, ())) / over


async def bench() -> list[Figure]:
    """A service that does so many at once and needs so long for each, behind a door that lets no
    more through."""
    limits = POLICY.service.model_copy(update={"most_requests": AT_ONCE})
    policy = POLICY.model_copy(update={"service": limits})
    with tempfile.TemporaryDirectory() as folder, open_door(Path(folder), rate_factor=1e3) as door:
        door.compile(policy)
        door.upstream.delay = SERVICE_SECONDS
        await asyncio.sleep(1)
        peak = (await _arriving(door, 0.9 * AT_ONCE / SERVICE_SECONDS)).rate(200, SECONDS)
        told = await _arriving(door, TIMES * peak)
    refused = sorted(
        each for status, found in told.seconds.items() if status == 503 for each in found
    )
    goodput = told.rate(200, SECONDS)
    p99 = 1000 * refused[len(refused) * 99 // 100]
    others = sum(len(found) for status, found in told.seconds.items() if status not in (200, 503))
    return [
        Figure(
            f"gateway: goodput at {TIMES} times the peak",
            goodput,
            "the peak of the same service",
            peak,
            goodput / peak,
            0.8,
            {"refused": len(refused), "neither": others},
        ),
        Figure(
            "gateway: refusals then, p99",
            p99,
            f"at most {REFUSAL_MS:g} ms",
            REFUSAL_MS,
            REFUSAL_MS / p99,
            1.0,
        ),
    ]


async def _arriving(door: Door, a_second: float) -> Told:
    """Requests at a fixed rate, whether or not those before were answered."""
    told = Told()
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    request = f"GET {PATH} HTTP/1.1\r\nHost: gateway.test\r\n\r\n".encode()

    async def one() -> None:
        reader, writer = (
            idle.pop() if idle else await asyncio.open_connection("127.0.0.1", door.port)
        )
        began = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.split(b"content-length:")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        told.note(int(head[9:12]), time.perf_counter() - began)
        idle.append((reader, writer))

    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(int(SECONDS * a_second)):
            await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
            group.create_task(one())
    for _, writer in idle:
        writer.close()
    return told
