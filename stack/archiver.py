"""`python -m stack.archiver`: the component that keeps BACKUP up to the last commit.

PostgreSQL acknowledges no commit before `pg_receivewal` has it on BACKUP's disk: nothing that was
acknowledged can be lost with the data directory. While the receiver is away (its disk full, it or
PostgreSQL killed) commits wait, and clients with them; it is started again at once, then every
second. Objects, secrets and ports follow within seconds, and once more when it is told to stop.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stack import postgres
from stack.archive import SEGMENT_BYTES, Archive
from stack.backup import SLOT, Server, identifier, system_identifier, take_base
from stack.component import SERVER_ENVIRONMENT, Component
from stack.data import DataDirectory
from stack.errors import StackError
from stack.mirror import Mirror, buckets
from stack.secret_files import SecretFiles

if TYPE_CHECKING:
    from asyncpg import Connection

NAME = "archiver"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 1.0
"""Seconds before a receiver is started again: every commit waits for it."""
STEADY = 5.0
"""Seconds of receiving after which the next pause is short again."""
WATCH_SECONDS = 0.3
BEHIND_SECONDS = 3.0
"""Commits that wait for longer are told as an illness."""
LOOK_SECONDS = 1.0
IDLE_SHARE = 9
"""It rests so much longer than a look at the store took: a tenth of one thread at the most."""


def component(
    data: DataDirectory, ports: dict[str, int], object_store: str, archive: Path
) -> Component:
    """Ready when it receives, and BACKUP has a base that what it receives continues."""
    health = f"http://127.0.0.1:{ports[NAME]}/healthz"
    return Component(
        name=NAME,
        argv=(
            *(sys.executable, "-m", "stack.archiver", str(data.path), str(archive.absolute())),
            *("--postgres", f"postgresql://127.0.0.1:{ports['postgres']}"),
            *("--object-store", object_store, "--port", str(ports[NAME])),
        ),
        address=str(archive.absolute()),
        health=health,
        depends_on=frozenset({"postgres", "object-store"}),
        grace=30.0,  # one more look at the store
        start_timeout=86_400.0,  # the first base of much data
    )


class Archiver:
    def __init__(self, archive: Archive, server: Server, mirror: Mirror) -> None:
        self._archive = archive
        self._server = server
        self._mirror = mirror
        self._receives = asyncio.Event()
        self._has_base = False

    @property
    def is_well(self) -> bool:
        return self._receives.is_set() and self._has_base

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. StackError when BACKUP is another installation's."""
        wal, system = await self._slot()
        tasks = [asyncio.create_task(each) for each in (self._receive(wal), self._watch())]
        for ours in tasks:
            ours.add_done_callback(lambda _: stop.set())  # neither ends but by a defect
        stopped = asyncio.create_task(stop.wait())
        based = asyncio.create_task(self._have_base(wal, system))
        try:
            await asyncio.wait({stopped, based}, return_when=asyncio.FIRST_COMPLETED)
            if based.done():
                based.result()
            while not stop.is_set():
                rest = LOOK_SECONDS + IDLE_SHARE * await self._follow()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), rest)
            await self._follow()
            for ours in tasks:
                if ours.done():
                    ours.result()
        finally:
            for task in (*tasks, stopped, based):
                task.cancel()
            await asyncio.gather(*tasks, stopped, based, return_exceptions=True)

    async def _slot(self) -> tuple[str, str]:
        """The ID of the WAL to continue, or of a new one; and the cluster's system identifier."""
        database = await self._server.connect()
        try:
            for row in await database.fetch(
                "SELECT slot_name, wal_status FROM pg_replication_slots"
            ):
                name = row["slot_name"]
                known = name.startswith(SLOT) and self._archive.wal(name.removeprefix(SLOT))
                if known and known.is_dir() and row["wal_status"] != "lost":
                    return name.removeprefix(SLOT), await system_identifier(database)
            await postgres.drop_slots(database)
            wal = identifier()
            self._archive.wal(wal).mkdir(mode=0o700)
            await database.execute(
                "SELECT pg_create_physical_replication_slot($1, true)", SLOT + wal
            )
            return wal, await system_identifier(database)
        finally:
            await database.close()

    async def _receive(self, wal: str) -> None:
        """Keeps a receiver running, whatever ends it."""
        pause = FIRST_PAUSE
        while True:
            # Where the disk was full while a segment was made, it is shorter, and holds nothing.
            for path in self._archive.wal(wal).glob("*.partial"):
                if path.stat().st_size != SEGMENT_BYTES:
                    path.unlink()
            began = asyncio.get_running_loop().time()
            process = await asyncio.create_subprocess_exec(
                *postgres.launched("same", str(postgres.binaries() / "pg_receivewal")),
                *("--dbname", self._server.told(postgres.ARCHIVER), "--no-password"),
                *("--directory", str(self._archive.wal(wal)), "--slot", SLOT + wal),
                *("--synchronous", "--no-loop"),
                env=SERVER_ENVIRONMENT,
                stdin=asyncio.subprocess.DEVNULL,
            )
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.terminate()
                    await process.wait()
            if asyncio.get_running_loop().time() - began > STEADY:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _watch(self) -> None:
        """Asks PostgreSQL itself whether what it writes is received."""
        import asyncpg

        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                database = await self._server.connect()
                try:
                    await self._compare(database)
                finally:
                    database.terminate()
            self._receives.clear()
            await asyncio.sleep(WATCH_SECONDS)

    async def _compare(self, database: "Connection") -> None:
        """A receiver that hangs is still connected: what was written must soon be there."""
        wanted, since = 0, 0.0
        while True:
            written, received = await database.fetchrow(
                "SELECT pg_current_wal_flush_lsn() - '0/0', (SELECT flush_lsn - '0/0'"
                " FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming')",
                postgres.ARCHIVER,
            )
            now = asyncio.get_running_loop().time()
            if received is not None and received >= wanted:
                wanted, since = written, now
                self._receives.set()
            elif received is None or now - since > BEHIND_SECONDS:
                self._receives.clear()
            await asyncio.sleep(WATCH_SECONDS)

    async def _have_base(self, wal: str, system: str) -> None:
        await self._receives.wait()
        whole = self._archive.whole()
        if whole is None or whole.wal != wal:
            with self._archive.locked():
                self._archive.discard_unfinished()
                self._archive.keep_installation(self._server.data)  # no base without its keys
                self._archive.publish(await take_base(self._archive, self._server, system, wal))
            _say("a base was taken, which the WAL continues")
        self._has_base = True

    async def _follow(self) -> float:
        """One look at the store; how many seconds it took."""
        began = asyncio.get_running_loop().time()
        try:
            self._archive.keep_installation(self._server.data)
            look = await asyncio.to_thread(self._mirror.look, forget=True)
            if look.copied or look.gone or look.unread:
                _say(f"{look.copied} objects copied, {look.gone} gone, {len(look.unread)} not read")
        except (OSError, StackError) as error:
            _say(f"objects could not be followed: {error}")
        return asyncio.get_running_loop().time() - began

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Any request of HTTP/1.1: 200 when all is well, else 503."""
        with contextlib.suppress(OSError):
            await reader.readline()
            status = "200 OK" if self.is_well else "503 Service Unavailable"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        writer.close()


async def _run(options: argparse.Namespace) -> int:
    data, archive = DataDirectory(options.data), Archive(options.archive)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    archive.prepare(data)
    with archive.locked("followed"):
        return await _archive(options, data, archive, stop)


async def _archive(
    options: argparse.Namespace, data: DataDirectory, archive: Archive, stop: asyncio.Event
) -> int:
    store = buckets(options.object_store, SecretFiles(data.secrets))
    archiver = Archiver(archive, Server(options.postgres, data), Mirror(archive, store, NAME))
    health = await asyncio.start_server(archiver.answer, "127.0.0.1", options.port)
    async with health:
        await archiver.run(stop)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m stack.archiver")
    parser.add_argument("data", type=Path)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--postgres", required=True)
    parser.add_argument("--object-store", required=True)
    parser.add_argument("--port", type=int, required=True)
    try:
        return asyncio.run(_run(parser.parse_args(argv)))
    except StackError as error:
        _say(str(error))
        return error.exit_code
    except OSError as error:
        _say(f"PostgreSQL or BACKUP cannot be used: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
