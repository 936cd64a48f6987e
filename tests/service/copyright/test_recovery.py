"""A database restored from before the public checkpoint."""

import asyncpg
import httpx2
import pytest

from services.copyright.application.log_ports import LogBehind
from services.copyright.parts.log import LogPart
from services.copyright.parts.recovery_command import recoverer
from services.copyright.settings import Settings
from services.copyright.verify.notes import Checkpoint, Note
from shared.service import Runtime
from tests.service.copyright.registering import Person
from tests.service.house import Token


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


async def recover(settings: Settings) -> tuple[int, int]:
    runtime = Runtime("copyright", settings, {})
    try:
        done = await recoverer(runtime, settings).recover()
    finally:
        await runtime.close()
    return done.entries, done.dropped


async def test_what_a_rollback_lost_comes_back_from_the_public_bundles(
    ada: Person,
    log: LogPart,
    settings: Settings,
    owner: asyncpg.Connection,
    emptying: str,
    client: httpx2.AsyncClient,
) -> None:
    registered = [await ada.registered() for _ in range(3)]
    code = (await ada.get(f"/{registered[1]}")).json()["code"]
    await log.worker.step()
    before = await owner.fetch("SELECT idx, body, dedup FROM entry ORDER BY idx")
    await owner.execute(emptying)
    with pytest.raises(LogBehind):
        await log.publisher.guard()
    assert await recover(settings) == (3, 0)
    assert await owner.fetch("SELECT idx, body, dedup FROM entry ORDER BY idx") == before
    shown = (await ada.get(f"/{registered[1]}")).json()
    assert (shown["standing"], shown["state"], shown["code"]) == ("active", "logged", code)
    assert (await client.get(f"/copyright/v/{code}")).status_code == 200
    await ada.registered()
    await log.worker.step()
    note = Note.parse((await client.get("/copyright/log/checkpoint")).content)
    assert Checkpoint.parse(note.text).size == 4


async def test_licences_and_what_disputes_wait_for_come_back_too(
    ada: Person,
    log: LogPart,
    settings: Settings,
    owner: asyncpg.Connection,
    emptying: str,
    client: httpx2.AsyncClient,
    token: Token,
) -> None:
    registered = await ada.registered()
    notice = {"kind": "takedown.notice", "text": "插图取自我的教案。"}
    await Person(client, token).post(f"/{registered}/disputes", notice)
    await log.worker.step()
    before = [
        (await client.get(f"/copyright/v1/registrations/{registered}/licences")).json(),
        await owner.fetch("SELECT event, kind, due_at FROM deadlines ORDER BY due_at"),
    ]
    await owner.execute(emptying)
    await recover(settings)
    after = [
        (await client.get(f"/copyright/v1/registrations/{registered}/licences")).json(),
        await owner.fetch("SELECT event, kind, due_at FROM deadlines ORDER BY due_at"),
    ]
    assert after == before
    assert len(after[1]) == len(("ANSWER", "DECISION"))


async def test_an_event_accepted_after_the_rollback_gives_way_to_the_logged_one(
    ada: Person, log: LogPart, settings: Settings, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered()
    await log.worker.step()
    await ada.post(f"/{registered}/licences", {"action": "offer", "template": "cc0-1.0"})
    await log.worker.step()
    offered = (await ada.get(f"/{registered}")).json()["head"]
    # The rollback: the second event was never there, the trees have one entry.
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(
        "DELETE FROM entry WHERE idx = 1; UPDATE tree_state SET size = 1; DELETE FROM published;"
        " DELETE FROM checkpoint_history; DELETE FROM registration_events WHERE seq_in_reg = 1;"
        " UPDATE tile SET hashes = substr(hashes, 1, 32);"
    )
    await owner.execute("SET session_replication_role = origin")
    await ada.post(f"/{registered}/licences", {"action": "offer", "template": "cc-by-4.0"})
    with pytest.raises(LogBehind):
        await log.worker.step()
    assert await recover(settings) == (1, 1)
    assert (await ada.get(f"/{registered}")).json()["head"] == offered
    assert await owner.fetchval("SELECT count(*) FROM pending") == 0


async def test_a_database_with_another_history_stays_as_it_is(
    ada: Person, log: LogPart, settings: Settings, owner: asyncpg.Connection, emptying: str
) -> None:
    await ada.registered()
    await log.worker.step()
    await owner.execute(emptying)
    await ada.registered()
    await log.sequencer.integrate()
    with pytest.raises(LogBehind):
        await recover(settings)
    assert await owner.fetchval("SELECT count(*) FROM published") == 0
