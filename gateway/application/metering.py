"""From Envoy's access log to counts, each request once.

How far the log was read is kept in the transaction that keeps the counts, so a kill in between
counts nothing twice and misses nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import orjson
import structlog

from gateway.domain.usage import Request, Tally

LOOK_SECONDS = 1.0
CHUNK = 128 << 10
"""Read at once: Envoy's questions wait in the same process, and for no longer than this takes."""

log = structlog.get_logger(__name__)


class LogFile(NamedTuple):
    """`name` stays the same when the file is renamed, and is never another file's."""

    name: str
    read: Callable[[int, int], bytes]


class AccessLog(Protocol):
    def files(self) -> list[LogFile]:
        """Those that are there, the oldest first."""

    async def tidy(self, counted: Mapping[str, int]) -> None:
        """Let the log go on in a new file when it is large, and remove the one before once it is
        counted to its end."""


class UsageStore(Protocol):
    async def position(self, name: str) -> int:
        """How far the file was counted."""

    async def add(self, name: str, before: int, after: int, tally: Tally) -> bool:
        """Count, unless another process went on from `before` first."""


class Metering:
    def __init__(self, access_log: AccessLog, store: UsageStore) -> None:
        self._log = access_log
        self._store = store

    async def run(self) -> None:
        """Follow the log until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Count what was added since the last look."""
        counted: dict[str, int] = {}
        for file in self._log.files():
            position = await self._store.position(file.name)
            while lines := _whole_lines(file.read(position, CHUNK)):
                tally = Tally()
                for line in lines.splitlines():
                    request = _request(line)
                    if request is not None:
                        tally.add(request)
                if not await self._store.add(file.name, position, position + len(lines), tally):
                    log.warning("another process counts the same log")
                    return
                position += len(lines)
                await asyncio.sleep(0)
            counted[file.name] = position
        await self._log.tidy(counted)


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _request(line: bytes) -> Request | None:
    try:
        return Request.of(orjson.loads(line))
    except orjson.JSONDecodeError:
        return None
