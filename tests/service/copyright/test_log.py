"""The write path of the log on real stores, audited through nothing but its public files."""

import asyncio
from collections.abc import Sequence

import asyncpg
import httpx2
import pytest

from services.copyright.adapters.log import LogRepository
from services.copyright.application.log_ports import (
    LogBehind,
    PublicFileDiffers,
    SigningRefused,
)
from services.copyright.domain.entries import dedup
from services.copyright.parts.log import LogPart
from services.copyright.settings import Settings
from services.copyright.standalone.signing import SigningProgram
from services.copyright.verify.monitor import Audit
from services.copyright.verify.notes import Checkpoint, Note, VerifierKey
from services.copyright.verify.report import VALID, Report
from services.copyright.verify.trust import Trust
from shared.database import UnitOfWork, create_engine


async def submit(settings: Settings, *bodies: bytes) -> None:
    engine = create_engine(settings, "tests")
    async with UnitOfWork(engine, "/copyright") as uow:
        for body in bodies:
            await LogRepository(uow.connection).accept(dedup("tests", "test", body), body)
        await uow.commit()
    await engine.dispose()


def some(count: int, since: int = 0) -> list[bytes]:
    return [f"entry {n}".encode() for n in range(since, since + count)]


class Public:
    """The log as anyone reads it, through the service's static paths."""

    def __init__(self, client: httpx2.AsyncClient, signing: SigningProgram) -> None:
        self._client = client
        self._trust = Trust({VerifierKey.parse(v): None for v in signing.vkeys}, None, b"")

    async def audited(self, log: str = "log", past: Sequence[bytes] = ()) -> Report:
        """What the monitor says of the log, all of whose files were read before."""
        note = (await self._client.get(f"/copyright/{log}/checkpoint")).content
        loop = asyncio.get_running_loop()

        def read(path: str) -> bytes:
            asked = self._client.get(f"/copyright/{log}/{path}")
            answer = asyncio.run_coroutine_threadsafe(asked, loop).result()
            assert answer.status_code == 200, path
            return answer.content

        audit = Audit(read, self._trust, past)
        report = await asyncio.to_thread(audit.run)
        assert audit.note == note
        return report

    async def checkpoint(self, log: str = "log") -> Checkpoint:
        answer = await self._client.get(f"/copyright/{log}/checkpoint")
        return Checkpoint.parse(Note.parse(answer.content).text)


@pytest.fixture
def public(client: httpx2.AsyncClient, signing: SigningProgram) -> Public:
    return Public(client, signing)


async def test_what_was_submitted_is_in_both_public_logs(
    settings: Settings, log: LogPart, public: Public
) -> None:
    await submit(settings, *some(300))
    await log.worker.step()
    for name in ("log", "log-sm3"):
        report = await public.audited(name)
        assert report.exit_code == VALID, report.text()
        assert (await public.checkpoint(name)).size == 300


async def test_every_checkpoint_is_continued_by_the_next(
    settings: Settings, log: LogPart, public: Public, client: httpx2.AsyncClient
) -> None:
    past = []
    for n in range(4):
        await submit(settings, *some(90, 90 * n))
        await log.worker.step()
        past.append((await client.get("/copyright/log/checkpoint")).content)
    report = await public.audited(past=past)
    assert report.exit_code == VALID, report.text()


async def test_a_second_submission_of_the_same_adds_no_entry(
    settings: Settings, log: LogPart, public: Public
) -> None:
    await submit(settings, b"one", b"one", b"two")
    await log.worker.step()
    await submit(settings, b"one")
    await log.worker.step()
    assert (await public.checkpoint()).size == 2


async def test_a_submission_that_was_sequenced_meanwhile_blocks_no_batch(
    settings: Settings, log: LogPart, owner: asyncpg.Connection, public: Public
) -> None:
    await submit(settings, b"one")
    await log.worker.step()
    # A repeat that looked into `entry` before the batch was committed.
    await owner.execute(
        "INSERT INTO pending (dedup, body) VALUES ($1, $2)", dedup("tests", "test", b"one"), b"one"
    )
    await submit(settings, b"two")
    await log.worker.step()
    assert (await public.checkpoint()).size == 2


async def test_two_sequencers_at_once_lose_and_double_nothing(
    settings: Settings, log: LogPart, public: Public, owner: asyncpg.Connection
) -> None:
    await submit(settings, *some(1500))
    await asyncio.gather(*(log.sequencer.integrate() for _ in range(4)))
    await log.worker.step()
    assert (await public.checkpoint()).size == 1500
    assert await owner.fetchval("SELECT count(DISTINCT body) FROM entry") == 1500
    assert (await public.audited()).exit_code == VALID


async def test_nobody_changes_or_removes_an_entry(
    settings: Settings, log: LogPart, owner: asyncpg.Connection
) -> None:
    await submit(settings, b"one")
    await log.sequencer.integrate()
    for statement in ("UPDATE entry SET body = ''", "DELETE FROM entry", "TRUNCATE entry"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)


async def test_a_checkpoint_carries_the_witness_and_both_kinds_of_signature(
    settings: Settings, log: LogPart, client: httpx2.AsyncClient
) -> None:
    await submit(settings, b"one")
    await log.worker.step()
    note = Note.parse((await client.get("/copyright/log-sm3/checkpoint")).content)
    assert [each.name for each in note.signatures] == [
        f"{settings.log_origin}/sm3",
        f"{settings.log_origin}/sm3",
        "witness.example",
    ]


async def test_a_database_older_than_the_public_log_signs_nothing(
    settings: Settings, log: LogPart, owner: asyncpg.Connection, public: Public, emptying: str
) -> None:
    await submit(settings, *some(10))
    await log.worker.step()
    await owner.execute(emptying)
    await submit(settings, b"another history")
    with pytest.raises(LogBehind):
        await log.worker.step()
    assert await owner.fetchval("SELECT count(*) FROM entry") == 0
    assert (await public.checkpoint()).size == 10
    assert (await public.audited()).exit_code == VALID


async def test_a_lost_checkpoint_does_not_let_the_signer_fork(
    settings: Settings, log: LogPart, owner: asyncpg.Connection, emptying: str, witness_url: str
) -> None:
    await submit(settings, *some(3))
    await log.worker.step()
    await owner.execute(emptying)
    for folder in ("log", "log-sm3"):
        await log.files.replace(f"{folder}/checkpoint", b"")
    await submit(settings, *some(5, 100))
    await log.sequencer.integrate()
    with pytest.raises((SigningRefused, LogBehind, PublicFileDiffers, ValueError)):
        await log.publisher.publish()


async def test_another_file_at_a_path_halts_the_log(
    settings: Settings, log: LogPart, client: httpx2.AsyncClient
) -> None:
    await log.files.replace("log/tile/entries/000.p/1", b"not ours")
    await submit(settings, b"one")
    with pytest.raises(PublicFileDiffers):
        await log.worker.step()
    assert (await client.get("/copyright/log/checkpoint")).status_code == 404


async def test_a_crash_before_the_checkpoint_is_served_is_made_good(
    settings: Settings, log: LogPart, client: httpx2.AsyncClient
) -> None:
    await submit(settings, b"one")
    await log.worker.step()
    newest = (await client.get("/copyright/log/checkpoint")).content
    await log.files.replace("log/checkpoint", b"older")
    await log.publisher.serve_checkpoints()
    assert (await client.get("/copyright/log/checkpoint")).content == newest


async def test_static_files_say_how_long_they_may_be_cached(
    settings: Settings, log: LogPart, client: httpx2.AsyncClient
) -> None:
    await submit(settings, b"one")
    await log.worker.step()
    tile = await client.get("/copyright/log/tile/0/000.p/1")
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert tile.headers["content-type"] == "application/octet-stream"
    checkpoint = await client.get("/copyright/log/checkpoint")
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    for path in ("tile/0/999", "tile/entries/000"):
        assert (await client.get(f"/copyright/log/{path}")).status_code == 404
    for path in ("tile/0/..%2f..%2fcheckpoint", "tile/x", "tile/entries/0"):
        assert (await client.get(f"/copyright/log/{path}")).status_code in (404, 422)


@pytest.mark.parametrize("rest", [0, 40])
async def test_a_checkpoint_that_is_not_whole_is_not_served(
    settings: Settings, log: LogPart, client: httpx2.AsyncClient, rest: int
) -> None:
    await submit(settings, b"one")
    await log.worker.step()
    newest = (await client.get("/copyright/log/checkpoint")).content
    await log.files.replace("log/checkpoint", newest[:rest])
    assert (await client.get("/copyright/log/checkpoint")).status_code == 503


async def test_a_checkpoint_is_time_stamped_once(
    settings: Settings, log: LogPart, owner: asyncpg.Connection
) -> None:
    await submit(settings, b"one")
    await log.worker.step()
    await log.stamper.stamp()
    await log.stamper.stamp()
    [row] = await owner.fetch("SELECT size, authority FROM timestamps")
    assert (row["size"], row["authority"]) == (1, "local")
