"""What these tests share: a bus that may be abused, and looking until something holds."""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import UnitOfWork
from shared.tasks import end

NewUow = Callable[[], UnitOfWork]


class NatsServer:
    """One nats-server on a port of its own, with its storage in a directory of its own."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        self._process = subprocess.Popen(
            [
                Path(sys.prefix) / "bin" / "nats-server",
                *("--addr", "127.0.0.1", "--port", str(self._port)),
                *("--jetstream", "--store_dir", self._storage),
            ],
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL; what it held stays on disk."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Keep its connections and answer nothing; `kill` ends that."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def wipe(self) -> None:
        """Lose everything it held. It must be down."""
        shutil.rmtree(self._storage, ignore_errors=True)

    def copy_to(self, folder: Path) -> None:
        """Keep a copy of what it holds. It must be down."""
        shutil.copytree(self._storage, folder)

    def restore_from(self, folder: Path) -> None:
        """Put an earlier copy back. It must be down."""
        self.wipe()
        shutil.copytree(folder, self._storage)


async def rows(engine: AsyncEngine, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query, each a tuple."""
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def count(engine: AsyncEngine, table: str) -> int:
    found: int = (await rows(engine, f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608 - a name
    return found


async def eventually(holds: Callable[[], Awaitable[bool]], within: float = 20.0) -> None:
    """Return once `holds`; fail when it does not `within` seconds."""
    deadline = time.monotonic() + within
    while not await holds():
        assert time.monotonic() < deadline, f"it did not come to hold within {within:g} s"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(*tasks: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `tasks` for as long as the block lasts; one that failed by itself fails the block."""
    started = [asyncio.create_task(task) for task in tasks]
    try:
        yield
    finally:
        failed = [task.exception() for task in started if task.done()]
        await end(started)
        for failure in failed:
            raise AssertionError("a task ended by itself") from failure
