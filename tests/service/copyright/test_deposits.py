"""Deposits with an evidence platform of somebody else, a local stand-in here."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.copyright.application.deposits import Deposits
from services.copyright.parts.log import LogPart
from services.copyright.parts.registrations import deposits
from services.copyright.settings import Settings
from shared.service import Runtime
from tests.service.copyright.conftest import answering
from tests.service.copyright.evidence_platform import TIME, TOKEN, StandIn
from tests.service.copyright.registering import V1, WORK, Person, file
from tests.service.house import Token


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def platform_url(stand_in: StandIn) -> Iterator[str]:
    with answering(stand_in.respond) as url:
        yield url


@pytest.fixture
def settings(settings: Settings, platform_url: str, tmp_path: Path) -> Settings:
    """Those of the other tests, and one platform that stands on loopback."""
    token = tmp_path / "platform-token"
    token.write_text(TOKEN)
    told = settings.model_dump(mode="python") | {
        "evidence_platforms": [{"name": "notary", "url": platform_url, "token_file": str(token)}],
        "egress_networks": "127.0.0.0/8",
        "egress_ports": [int(platform_url.rpartition(":")[2])],
    }
    return Settings.model_validate(told)


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


@pytest.fixture
async def at(settings: Settings, app: FastAPI) -> AsyncIterator[Callable[[timedelta], Deposits]]:
    """What deposits, so much later."""
    made: list[Runtime] = []

    def later(time: timedelta) -> Deposits:
        runtime = Runtime("copyright", settings, {}, clock=lambda: datetime.now(UTC) + time)
        made.append(runtime)
        return deposits(runtime, settings)

    yield later
    for each in made:
        await each.close()


At = Callable[[timedelta], Deposits]
NOW, LATER = timedelta(), timedelta(days=1)


async def asked(person: Person, registered: str) -> dict[str, Any]:
    answer = await person.post(f"/{registered}/deposits", {"platform": "notary"})
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def shown(person: Person, registered: str) -> dict[str, Any]:
    [found] = (await person.get(f"/{registered}/deposits")).json()["deposits"]
    told: dict[str, Any] = found
    return told


async def test_a_deposit_waits_is_made_and_its_receipt_is_kept(
    ada: Person, at: At, stand_in: StandIn
) -> None:
    registered = await ada.registered()
    assert (await asked(ada, registered))["state"] == "waiting"
    assert await at(NOW).deliver()
    found = await shown(ada, registered)
    assert (found["state"], found["refusal"]) == ("deposited", None)
    assert datetime.fromisoformat(found["deposited_at"]) == datetime.fromtimestamp(TIME, UTC)
    [kept] = stand_in.kept.values()
    assert json.loads(found["receipt"]) == kept
    assert kept["hash"].lower() == file(WORK)["sha256"] == found["digest"]
    assert ada.id not in json.dumps(kept)


async def test_only_the_holder_deposits_and_only_with_a_platform_there_is(
    ada: Person, client: httpx2.AsyncClient, token: Token
) -> None:
    registered = await ada.registered()
    stranger = Person(client, token, "administrator@P0")
    body = {"platform": "notary"}
    assert (await stranger.post(f"/{registered}/deposits", body)).status_code == 403
    assert (await client.post(f"{V1}/{registered}/deposits", json=body)).status_code == 401
    other = await ada.post(f"/{registered}/deposits", {"platform": "another"})
    assert (other.status_code, "notary" in other.json()["detail"]) == (404, True)


async def test_a_platform_that_is_away_is_asked_again_later(
    ada: Person, at: At, stand_in: StandIn
) -> None:
    stand_in.failing = 1
    registered = await ada.registered()
    await asked(ada, registered)
    assert await at(NOW).deliver()
    assert (await shown(ada, registered))["state"] == "waiting"
    assert not await at(NOW).deliver()  # not at once
    assert await at(LATER).deliver()
    assert (await shown(ada, registered))["state"] == "deposited"


async def test_a_lost_answer_makes_no_second_deposit(
    ada: Person, at: At, stand_in: StandIn
) -> None:
    stand_in.answers_lost = 1
    registered = await ada.registered()
    first = await asked(ada, registered)
    assert (await asked(ada, registered))["id"] == first["id"]
    await at(NOW).deliver()
    await at(LATER).deliver()
    assert list(stand_in.kept) == [first["id"]]
    assert (await shown(ada, registered))["state"] == "deposited"


@pytest.mark.parametrize("fault", ["lying", "refusing"])
async def test_a_refusal_or_a_receipt_for_something_else_is_told_and_not_kept(
    ada: Person, at: At, stand_in: StandIn, fault: str
) -> None:
    setattr(stand_in, fault, True)
    registered = await ada.registered()
    await asked(ada, registered)
    await at(NOW).deliver()
    found = await shown(ada, registered)
    assert (found["state"], found["receipt"]) == ("refused", None)
    assert found["refusal"]
    assert not await at(LATER).deliver()


async def test_the_receipt_is_in_the_evidence(ada: Person, at: At, log: LogPart) -> None:
    registered = await ada.registered()
    await asked(ada, registered)
    await at(NOW).deliver()
    await log.worker.step()
    bundle = zipfile.ZipFile(io.BytesIO((await ada.get(f"/{registered}/evidence")).content))
    told = json.loads(bundle.read("deposits/notary.json"))
    assert told["digest"] == file(WORK)["sha256"]
    assert json.loads(told["receipt"])["blockHeight"] == 1
