"""What was acknowledged outlives its disk; a backup or a restore that is killed is run again."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from tests.conftest import CHECKOUT, SHUYUAN

Run = subprocess.CompletedProcess[str]
SECONDS = 300


def shuyuan(*arguments: str) -> Run:
    return subprocess.run(
        [SHUYUAN, *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@dataclass(frozen=True)
class Archived:
    """A stack that archives to `backup`."""

    place: Path
    postgres: str

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def backup(self) -> Path:
        return self.place / "backup"

    def pid(self, name: str) -> int:
        state = json.loads((self.data / "run" / "state.json").read_text())
        [pid] = [each["pid"] for each in state["components"] if each["name"] == name]
        return int(pid)

    @property
    def receiver(self) -> psutil.Process:
        [found] = [
            each
            for each in psutil.Process(self.pid("archiver")).children()
            if each.name() == "pg_receivewal"
        ]
        return found

    def archiver(self) -> dict[str, Any]:
        run = shuyuan("status", "--data", str(self.data), "--json")
        [told] = [c for c in json.loads(run.stdout)["components"] if c["name"] == "archiver"]
        return dict(told)

    async def connect(self, data: Path | None = None, postgres: str = "") -> asyncpg.Connection:
        secret = (data or self.data) / "secrets" / "postgres" / "superuser_password"
        return await asyncpg.connect(
            f"{postgres or self.postgres}/postgres", user="postgres", password=secret.read_text()
        )


@pytest.fixture(scope="module")
def archived() -> Iterator[Archived]:
    with tempfile.TemporaryDirectory(prefix="shuyuan-archived-") as directory:
        place = Path(directory)
        place.chmod(0o711)
        told = up(place / "data", "--archive", str(place / "backup"))
        yield Archived(place, told["postgres"])
        assert shuyuan("down", "--data", str(place / "data")).returncode == 0


def up(data: Path, *options: str) -> Any:
    run = shuyuan("up", "--data", str(data), "--port", "0", "--detach", "--json", *options)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@contextmanager
def killed_when(has_come: Callable[[], object], *arguments: str) -> Iterator[None]:
    """A command that is killed as soon as something is seen of it."""
    with tempfile.TemporaryFile("w+") as told:
        with subprocess.Popen(
            [SHUYUAN, *arguments], cwd=CHECKOUT, stdout=told, stderr=told
        ) as process:
            deadline = time.monotonic() + SECONDS
            while not has_come() and process.poll() is None:
                assert time.monotonic() < deadline
            ended = process.poll()
            process.kill()
        told.seek(0)
        assert ended is None, f"it ended before it could be killed: {told.read()}"
    yield


def test_a_stack_lost_under_load_is_restored_to_the_last_answer() -> None:
    run = shuyuan("drill", "--seconds", "3", "--json")
    told = json.loads(run.stdout)
    assert told["ok"], f"{told['steps'][-1]}\n{run.stderr}"
    counted = told["steps"][-1]["facts"]
    assert counted["rows"] > 50
    assert counted["files"] > 5
    assert told["rows_lost"] == counted["rows doubled"] == counted["files lost"] == 0
    assert 0 < told["rto_seconds"] < SECONDS


async def test_a_commit_waits_for_the_archive_and_no_longer(archived: Archived) -> None:
    database = await archived.connect()
    await database.execute("CREATE TABLE waiting (number int)")
    receiver = archived.receiver
    receiver.suspend()
    committing = asyncio.create_task(database.execute("INSERT INTO waiting VALUES (1)"))
    done, _ = await asyncio.wait({committing}, timeout=1)
    assert not done, "it was acknowledged without the archive"
    until(lambda: not archived.archiver()["healthy"])
    receiver.kill()
    await asyncio.wait_for(committing, 20)
    await database.close()


def test_what_follows_commits_comes_back_when_it_is_killed(archived: Archived) -> None:
    before = archived.pid("archiver")
    os.kill(before, signal.SIGKILL)
    until(lambda: archived.archiver()["healthy"] and archived.pid("archiver") != before)


async def test_a_backup_that_is_killed_leaves_the_one_before_and_is_run_again(
    archived: Archived,
) -> None:
    index = archived.backup / "backup.json"
    before = json.loads(index.read_text())
    asked = ("backup", "--data", str(archived.data), "--to", str(archived.backup), "--json")

    def two_bases() -> bool:
        return len(list(archived.backup.glob("base-*"))) == 2

    with killed_when(two_bases, *asked):
        assert json.loads(index.read_text()) == before
    run = shuyuan(*asked)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert [str(path) for path in archived.backup.glob("base-*")] == [told["base"]]
    assert told["wal"] == str(archived.backup / f"wal-{before['wal']}")


async def test_a_restore_that_is_killed_is_run_again_and_has_every_commit(
    archived: Archived,
) -> None:
    database = await archived.connect()
    await database.execute("CREATE TABLE restored AS SELECT 7 AS number")
    await database.close()
    data = archived.place / "restored"
    asked = ("restore", "--from", str(archived.backup), "--data", str(data))
    with killed_when((data / "postgres" / "data" / "recovery.signal").exists, *asked):
        run = shuyuan("up", "--data", str(data), "--port", "0")
        assert run.returncode == 3
        assert "did not finish. Run ./shuyuan restore on it again" in run.stderr
    run = shuyuan(*asked)
    assert run.returncode == 0, run.stderr
    again = shuyuan(*asked)
    assert again.returncode == 3
    assert "is not empty" in again.stderr
    told = up(data)
    try:
        copy = await archived.connect(data, told["postgres"])
        assert await copy.fetchval("SELECT number FROM restored") == 7
        assert await copy.fetchval("SELECT count(*) FROM pg_replication_slots") == 0
        await copy.close()
    finally:
        assert shuyuan("down", "--data", str(data)).returncode == 0


async def test_a_stack_that_archives_no_longer_keeps_no_wal_for_it(archived: Archived) -> None:
    assert shuyuan("down", "--data", str(archived.data)).returncode == 0
    told = up(archived.data)
    database = await archived.connect(postgres=told["postgres"])
    assert await database.fetchval("SELECT count(*) FROM pg_replication_slots") == 0
    assert await database.fetchval("SHOW synchronous_standby_names") == ""
    await database.close()
