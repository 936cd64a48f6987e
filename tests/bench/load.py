"""A closed-loop HTTP/1.1 load: so many connections, each with one request under way.

Runs as a process of its own (``python -m tests.bench.load``) so that it shares no interpreter with
what it measures, and prints one JSON object: requests, failures, seconds, p50_ms, p95_ms,
p99_ms.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

DIFFERENT = 10_000


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last was answered."""

    def __init__(
        self, requests: Iterator[bytes], latencies: list[float], failures: list[int]
    ) -> None:
        self._coming = requests
        self._latencies = latencies
        self._failures = failures
        self._buffer = b""
        self.stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._coming))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end or len(rest) < _length(head):
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        if not head.startswith(b"HTTP/1.1 2"):
            self._failures.append(int(head[9:12]))
        self._buffer = rest[_length(head) :]
        if not self.stopping:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopping:
            self._failures.append(0)


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + 15
    end = lowered.find(b"\r\n", start)
    return int(lowered[start : end if end > 0 else None])


def _request(url: str, headers: Sequence[str]) -> str:
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", *headers, "", ""])


async def load(url: str, connections: int, seconds: float, headers: list[str]) -> dict[str, float]:
    """Load `url` for `seconds`; every `{}` in it is another number each time. ``@FILE`` names a
    file of addresses at one server, a line each, which are asked in turn."""
    several = Path(url[1:]).read_text().splitlines() if url.startswith("@") else [url]
    parts = urlsplit(several[0])
    requests = cycle(
        [
            request.replace("{}", str(number)).encode()
            for request in (_request(each, headers) for each in several)
            for number in range(DIFFERENT if "{}" in request else 1)
        ]
    )
    latencies: list[float] = []
    failures: list[int] = []
    loop = asyncio.get_running_loop()
    protocols = []
    started = time.perf_counter()
    for _ in range(connections):
        _transport, protocol = await loop.create_connection(
            lambda: Connection(requests, latencies, failures),
            parts.hostname or "",
            parts.port or 80,
        )
        protocols.append(protocol)
    await asyncio.sleep(seconds)
    for protocol in protocols:
        protocol.stopping = True
    elapsed = time.perf_counter() - started
    latencies.sort()
    return {
        "requests": len(latencies),
        "failures": len(failures),
        "seconds": elapsed,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p95_ms": 1000 * latencies[len(latencies) * 95 // 100],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
    }


async def run(url: str, connections: int, seconds: float) -> dict[str, float]:
    """The same in a process of its own. Raises when a request failed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.load", url),
        *("--connections", str(connections), "--seconds", str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    told: dict[str, float] = json.loads(printed)
    if told["failures"]:
        raise RuntimeError(
            f"{told['failures']:.0f} of {told['requests']:.0f} requests failed: {url}"
        )
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--header", action="append", default=[])
    asked = parser.parse_args()
    print(json.dumps(uvloop.run(load(asked.url, asked.connections, asked.seconds, asked.header))))
