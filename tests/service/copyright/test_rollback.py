"""The whole service over a database that is older than what the public has seen."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.copyright.parts.log import LogPart
from services.copyright.parts.log import build as build_log
from services.copyright.settings import Settings
from services.copyright.verify.notes import Checkpoint, Note
from services.copyright.verify.tiles import encode_entries
from shared.database import UnitOfWork, create_engine
from shared.service import Runtime
from tests.service.copyright.registering import WORK, Person, file
from tests.service.copyright.rollback import keep, roll_back
from tests.service.copyright.test_recovery import recover
from tests.service.house import Token


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


@pytest.fixture
async def restarted(settings: Settings) -> AsyncIterator[LogPart]:
    """The log of a service that was just started."""
    runtime = Runtime("copyright", settings, {})
    yield build_log(runtime, settings)
    await runtime.close()


async def public(client: httpx2.AsyncClient) -> list[int]:
    """The sizes of both logs as anybody reads them."""
    answers = [await client.get(f"/copyright/{name}/checkpoint") for name in ("log", "log-sm3")]
    return [Checkpoint.parse(Note.parse(each.content).text).size for each in answers]


async def for_a_while(work: Any) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(work, 1.0)


async def grown(person: Person, log: LogPart, owner: asyncpg.Connection) -> list[str]:
    """Three registrations in the log; the database is kept as it was after the first."""
    made = [await person.registered()]
    await log.worker.step()
    await keep(owner)
    made += [await person.registered() for _ in range(2)]
    await log.worker.step()
    return made


async def test_a_service_started_over_an_older_database_leaves_what_is_public(
    ada: Person,
    log: LogPart,
    restarted: LogPart,
    owner: asyncpg.Connection,
    client: httpx2.AsyncClient,
    settings: Settings,
) -> None:
    made = await grown(ada, log, owner)
    await roll_back(owner)
    await for_a_while(restarted.worker.run())
    assert await public(client) == [3, 3]
    assert await recover(settings) == (2, 0)
    assert (await ada.get(f"/{made[2]}")).status_code == 200
    await restarted.worker.step()
    await ada.registered()
    await restarted.worker.step()
    assert await public(client) == [4, 4]


async def test_a_newer_public_checkpoint_is_never_replaced(
    ada: Person, log: LogPart, owner: asyncpg.Connection, client: httpx2.AsyncClient
) -> None:
    await grown(ada, log, owner)
    await roll_back(owner)
    await log.publisher.serve_checkpoints()
    assert await public(client) == [3, 3]


@pytest.mark.parametrize("who", ["witness", "signer"])
async def test_what_a_witness_or_the_signer_saw_comes_back_under_an_older_checkpoint(
    ada: Person,
    log: LogPart,
    owner: asyncpg.Connection,
    client: httpx2.AsyncClient,
    settings: Settings,
    who: str,
) -> None:
    await ada.registered()
    await log.worker.step()
    older = {
        n: (await client.get(f"/copyright/{n}/checkpoint")).content for n in ("log", "log-sm3")
    }
    await keep(owner)
    await ada.registered()
    await log.worker.step()
    for name, note in older.items():
        await log.files.replace(f"{name}/checkpoint", note)
    await roll_back(owner)
    known = settings if who == "witness" else settings.model_copy(update={"witnesses": []})
    assert await recover(known) == (1, 0)
    await log.worker.step()
    assert await public(client) == [2, 2]


async def test_what_was_public_before_it_was_signed_comes_back_too(
    ada: Person,
    log: LogPart,
    restarted: LogPart,
    owner: asyncpg.Connection,
    client: httpx2.AsyncClient,
    settings: Settings,
) -> None:
    await ada.registered()
    await log.worker.step()
    await keep(owner)
    lost = await ada.registered()
    await log.sequencer.integrate()
    bodies = [row["body"] for row in await owner.fetch("SELECT body FROM entry ORDER BY idx")]
    await log.files.put_once("log/tile/entries/000.p/2", encode_entries(bodies))
    await roll_back(owner)
    assert await recover(settings) == (1, 0)
    assert (await ada.get(f"/{lost}")).json()["state"] == "queued"
    await restarted.worker.step()
    assert await public(client) == [2, 2]


async def test_a_halted_log_takes_nothing_and_says_so(
    app: FastAPI,
    ada: Person,
    log: LogPart,
    owner: asyncpg.Connection,
    client: httpx2.AsyncClient,
    settings: Settings,
) -> None:
    [registered, *_] = await grown(ada, log, owner)
    await roll_back(owner)
    offer = {"action": "offer", "template": "cc0-1.0"}
    async with app.router.lifespan_context(app):
        for _ in range(100):
            told = (await client.get("/readyz")).json()
            if told["dependencies"]["log"] == "down":
                break
            await asyncio.sleep(0.05)
        assert (told["status"], told["dependencies"]["log"]) == ("degraded", "down")
        new = {"title": "又一课", "category": "other", "files": [file(WORK)]}
        answers = [await ada.post(f"/{registered}/licences", offer), await ada.post("", new)]
        assert [each.status_code for each in answers] == [503, 503]
        assert "只读" in answers[0].json()["detail"] or "read-only" in answers[0].json()["detail"]
        assert (await ada.get(f"/{registered}")).status_code == 200
        await recover(settings)
        for _ in range(200):
            if (await client.get("/readyz")).json()["dependencies"]["log"] == "up":
                break
            await asyncio.sleep(0.05)
        assert (await ada.post(f"/{registered}/licences", offer)).status_code == 202


def bundle(answer: httpx2.Response) -> dict[str, Any]:
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = [name for name in archive.namelist() if name.endswith(".json")]
    return {name: json.loads(archive.read(name)) for name in names}


async def test_a_holder_shows_the_evidence_and_acts_again(
    ada: Person,
    log: LogPart,
    owner: asyncpg.Connection,
    emptying: str,
    settings: Settings,
    client: httpx2.AsyncClient,
    token: Token,
) -> None:
    registered = await ada.registered(completed_on="2026-09-10")
    await log.worker.step()
    before = (await ada.get(f"/{registered}")).json()
    told = bundle(await ada.get(f"/{registered}/evidence"))
    await owner.execute(emptying)
    await recover(settings)
    lost = (await ada.get(f"/{registered}")).json()
    assert lost["details"] == {"title": ""}
    assert [each["sha256"] for each in lost["files"]] == [file(WORK)["sha256"]]
    by_digest = await client.get(f"/copyright/v1/registrations?digest={file(WORK)['sm3']}")
    assert [each["id"] for each in by_digest.json()["items"]] == [registered]
    assert "licence.offer" not in lost["allowed"]
    shown = {"disclosure": told["disclosure.json"], "details": told["details.json"]}
    answer = await ada.post(f"/{registered}/disclosures", shown)
    assert answer.status_code == 200, answer.text
    after = (await ada.get(f"/{registered}")).json()
    for name in ("details", "files", "allowed", "head"):
        assert after[name] == before[name]
    offer = {"action": "offer", "template": "cc0-1.0"}
    assert (await ada.post(f"/{registered}/licences", offer)).status_code == 202


async def test_only_what_the_log_commits_to_is_believed_and_of_its_owner_alone(
    ada: Person, log: LogPart, client: httpx2.AsyncClient, token: Token
) -> None:
    registered = await ada.registered()
    await log.worker.step()
    told = bundle(await ada.get(f"/{registered}/evidence"))
    shown = {"disclosure": told["disclosure.json"], "details": told["details.json"]}
    other = await Person(client, token).post(f"/{registered}/disclosures", shown)
    assert other.status_code == 403
    salt = {**shown["disclosure"], "salt": "0" * 64}
    title = {**shown["details"], "details": {**shown["details"]["details"], "title": "x"}}
    for forged in ({**shown, "disclosure": salt}, {**shown, "details": title}):
        answer = await ada.post(f"/{registered}/disclosures", forged)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registration_events SET body = body",
        "DELETE FROM registration_events",
        "TRUNCATE registration_events",
        "UPDATE entry SET body = body",
        "DELETE FROM entry",
    ],
)
async def test_the_service_cannot_rewrite_what_was_logged(
    ada: Person, log: LogPart, settings: Settings, statement: str
) -> None:
    await ada.registered()
    await log.worker.step()
    engine = create_engine(settings, "tests")
    with pytest.raises(DBAPIError, match=r"written once|stay once|permission denied"):
        async with UnitOfWork(engine, "/copyright") as uow:
            await uow.connection.execute(text(statement))
    await engine.dispose()
