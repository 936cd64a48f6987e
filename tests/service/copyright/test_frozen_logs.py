"""A log is frozen and continued under another name, as after a key was exposed."""

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from services.copyright.app import create_app
from services.copyright.application.log_freezing import CannotFreeze, FrozenLog
from services.copyright.application.log_ports import LogBehind
from services.copyright.parts.freezing_commands import freezing
from services.copyright.parts.log import LogPart
from services.copyright.parts.log import build as build_log
from services.copyright.settings import Settings
from services.copyright.standalone.signing import SigningProgram
from services.copyright.standalone.witnessing import WitnessProgram
from services.copyright.verify.notes import Checkpoint, Note
from shared.service import Runtime
from tests.service.copyright.conftest import TOKEN, answering
from tests.service.copyright.registering import V1, WORK, Person
from tests.service.house import Token


@dataclass
class Platform:
    """The service under one name of its log."""

    app: FastAPI
    client: httpx2.AsyncClient
    log: LogPart
    settings: Settings


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


async def freeze(settings: Settings) -> FrozenLog:
    runtime = Runtime("copyright", settings, {})
    try:
        return await freezing(runtime, settings).freeze()
    finally:
        await runtime.close()


async def carry_on(settings: Settings) -> FrozenLog:
    runtime = Runtime("copyright", settings, {})
    try:
        return await freezing(runtime, settings).carry_on()
    finally:
        await runtime.close()


@pytest.fixture
def second_signing(origin: str, tmp_path: Path) -> SigningProgram:
    """A signer with new keys for the log's next name."""
    (tmp_path / "signer-2").mkdir()
    return SigningProgram.opened(tmp_path / "signer-2", f"{origin}/v2", TOKEN)


@pytest.fixture
def witness(
    tmp_path: Path, signing: SigningProgram, second_signing: SigningProgram
) -> WitnessProgram:
    """The witness of the other tests, which was told the keys of both logs."""
    (tmp_path / "witness").mkdir()
    known = tmp_path / "vkeys"
    known.write_text("".join(f"{vkey}\n" for vkey in (*signing.vkeys, *second_signing.vkeys)))
    return WitnessProgram.opened(tmp_path / "witness", "witness.example", known)


@pytest.fixture
def renamed(settings: Settings, origin: str, second_signing: SigningProgram) -> Iterator[Settings]:
    """Settings of the log that continues the test's."""
    with answering(second_signing.respond) as signer_url:
        changed = {
            "log_origin": f"{origin}/v2",
            "frozen_log_origins": [origin],
            "signer_url": signer_url,
        }
        yield settings.model_copy(update=changed)


@pytest.fixture
async def second(renamed: Settings, signing_key: ECKey) -> AsyncIterator[Platform]:
    """The service as it is started again under the new name."""
    app = create_app(renamed)
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    runtime = Runtime("copyright", renamed, {})
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://copyright.test") as client:
        yield Platform(app, client, build_log(runtime, renamed), renamed)
    await runtime.close()
    await app.state.runtime.close()


async def checkpoint(client: httpx2.AsyncClient, log: str) -> Checkpoint:
    answer = await client.get(f"/copyright/{log}/checkpoint")
    assert answer.status_code == 200, answer.text
    return Checkpoint.parse(Note.parse(answer.content).text)


async def test_the_new_log_begins_with_a_commitment_to_the_frozen_one(
    ada: Person, log: LogPart, settings: Settings, second: Platform, origin: str
) -> None:
    await ada.registered()
    await ada.registered()
    await log.worker.step()
    frozen = await freeze(settings)
    assert (frozen.origin, frozen.size) == (origin, 2)
    assert await freeze(settings) == frozen  # again changes nothing
    with pytest.raises(LogBehind):
        await second.log.sequencer.integrate()
    for _ in range(2):
        assert await carry_on(second.settings) == frozen
    await second.log.worker.step()
    bundle = (await second.client.get("/copyright/log/tile/entries/000.p/1")).content
    first = json.loads(bundle[2:])
    assert first["type"] == "log.continue"
    assert first["detail"] == {
        "origin": origin,
        "size": 2,
        "root": frozen.root.hex(),
        "sm3_root": frozen.sm3_root.hex(),
    }
    for name, trees in (("log", frozen.root), ("log-sm3", frozen.sm3_root)):
        ended = await checkpoint(second.client, f"{name}-1")
        assert (ended.size, ended.root) == (2, trees)
        assert (await checkpoint(second.client, name)).size == 1
    assert (await second.client.get("/copyright/log-2/checkpoint")).status_code == 404


async def test_what_was_queued_waits_for_the_new_log_and_nothing_is_added_to_the_old(
    ada: Person, log: LogPart, settings: Settings, second: Platform, origin: str
) -> None:
    old = await ada.registered()
    await log.worker.step()
    await freeze(settings)
    queued = await ada.registered()
    with pytest.raises(LogBehind):
        await log.worker.step()
    await carry_on(second.settings)
    await second.log.worker.step()
    [event] = (await second.client.get(f"{V1}/{queued}")).json()["events"]
    assert (event["log"], event["index"], event["state"]) == (None, 1, "witnessed")
    [before] = (await second.client.get(f"{V1}/{old}")).json()["events"]
    assert (before["log"], before["index"], before["state"]) == (origin, 0, "witnessed")


async def test_evidence_of_before_and_after_is_valid_to_a_stranger(
    ada: Person, log: LogPart, settings: Settings, second: Platform, tmp_path: Path
) -> None:
    registered = await ada.registered()
    await log.worker.step()
    await log.stamper.stamp()
    await freeze(settings)
    await carry_on(second.settings)
    offer = {"action": "offer", "template": "cc0-1.0"}
    assert (await ada.post(f"/{registered}/licences", offer)).status_code == 202
    await second.log.worker.step()
    await second.log.stamper.stamp()
    archive = (await second.client.get(f"{V1}/{registered}/evidence")).content
    assert len([n for n in zipfile.ZipFile(io.BytesIO(archive)).namelist() if "history/" in n]) == 2
    trust = tmp_path / "trust.json"
    trust.write_bytes((await second.client.get("/copyright/v1/trust")).content)
    (tmp_path / "work").write_bytes(WORK)
    (tmp_path / "evidence.zip").write_bytes(archive)
    (tmp_path / "verify.py").write_bytes(zipfile.ZipFile(io.BytesIO(archive)).read("verify.py"))
    given = [
        str(tmp_path / "evidence.zip"),
        "--trust",
        str(trust),
        "--work",
        str(tmp_path / "work"),
    ]
    checked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-I", str(tmp_path / "verify.py"), *given],
        capture_output=True,
        check=False,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def test_the_frozen_log_s_keys_are_retired_at_its_size(
    ada: Person, log: LogPart, settings: Settings, second: Platform, origin: str
) -> None:
    await ada.registered()
    await log.worker.step()
    await freeze(settings)
    await carry_on(second.settings)
    await second.log.worker.step()
    keys = (await second.client.get("/copyright/v1/trust")).json()["keys"]
    retired = {
        each["vkey"].partition("+")[0]: each["last_size"] for each in keys if each["valid_to"]
    }
    assert retired == {origin: 1, f"{origin}/sm3": 1}
    assert any(each["vkey"].startswith(f"{origin}/v2+") for each in keys if not each["valid_to"])


async def test_a_log_with_entries_that_nobody_signed_is_not_frozen(
    ada: Person, log: LogPart, settings: Settings, owner: asyncpg.Connection
) -> None:
    with pytest.raises(CannotFreeze):
        await freeze(settings)
    await ada.registered()
    await log.worker.step()
    await ada.registered()
    await log.sequencer.integrate()
    with pytest.raises(CannotFreeze):
        await freeze(settings)
    assert await owner.fetchval("SELECT count(*) FROM frozen_logs") == 0


async def test_nothing_is_continued_under_the_old_name(
    ada: Person, log: LogPart, settings: Settings
) -> None:
    await ada.registered()
    await log.worker.step()
    with pytest.raises(CannotFreeze):
        await carry_on(settings)
    await freeze(settings)
    with pytest.raises(CannotFreeze):
        await carry_on(settings)
