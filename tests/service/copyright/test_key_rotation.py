"""A new key beside the old one, then the old one's retirement."""

from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from services.copyright.application.log_ports import SigningRefused
from services.copyright.parts.keys_command import rotation
from services.copyright.parts.log import LogPart
from services.copyright.parts.log import build as build_log
from services.copyright.settings import Settings
from services.copyright.standalone.signing import SigningProgram
from shared.service import Runtime
from tests.service.copyright.conftest import TOKEN, answering
from tests.service.copyright.registering import Person
from tests.service.house import Token


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


async def test_a_new_key_is_logged_and_the_old_one_retired_at_its_last_size(
    app: FastAPI,
    ada: Person,
    log: LogPart,
    settings: Settings,
    client: httpx2.AsyncClient,
    tmp_path: Path,
    origin: str,
) -> None:
    await ada.registered()
    await log.worker.step()
    directory = tmp_path / "signer"
    (directory / "log.key").rename(directory / "log.old.key")
    rotated = SigningProgram.opened(directory, origin, TOKEN)
    runtime = Runtime("copyright", settings, {})
    with answering(rotated.respond) as url:
        changed = settings.model_copy(update={"signer_url": url})
        done = await rotation(runtime, changed).rotate()
        assert (len(done.added), done.retired) == (1, ())
        assert await rotation(runtime, changed).rotate() != done  # again changes nothing
    await log.worker.step()
    entries = (await client.get("/copyright/log/tile/entries/000.p/2")).content
    assert b'"key.rotate"' in entries
    (directory / "log.old.key").unlink()
    with answering(SigningProgram.opened(directory, origin, TOKEN).respond) as url:
        changed = settings.model_copy(update={"signer_url": url})
        early = await rotation(runtime, changed).rotate()
        assert (early.retired, len(early.early)) == ((), 1)
        done = await rotation(runtime, changed).rotate(at_once=True)
    await runtime.close()
    assert len(done.retired) == 1
    told = (await client.get("/copyright/v1/trust")).json()["keys"]
    [retired] = [each for each in told if each["valid_to"]]
    assert (retired["vkey"], retired["last_size"]) == (done.retired[0], 2)


async def test_a_new_key_is_believed_only_once_the_log_was_told_of_it(
    ada: Person,
    log: LogPart,
    settings: Settings,
    client: httpx2.AsyncClient,
    tmp_path: Path,
    origin: str,
) -> None:
    await ada.registered()
    await log.worker.step()
    before = (await client.get("/copyright/v1/trust")).json()["keys"]
    directory = tmp_path / "signer"
    for name in ("log", "sibling.sm2"):
        (directory / f"{name}.key").rename(directory / f"{name}.old.key")
    rotated = SigningProgram.opened(directory, origin, TOKEN)
    runtime = Runtime("copyright", settings, {})
    with answering(rotated.respond) as url:
        changed = settings.model_copy(update={"signer_url": url})
        later = build_log(runtime, changed)
        await ada.registered()
        await later.worker.step()
        assert (await client.get("/copyright/v1/trust")).json()["keys"] == before
        assert len((await rotation(runtime, changed).rotate()).added) == len(("log", "SM2"))
        await later.worker.step()
        told = (await client.get("/copyright/log/tile/entries/000.p/4")).content
        assert told.count(b'"key.rotate"') == len(("log", "SM2"))
        (directory / "log.old.key").unlink()
    (directory / "log.key").unlink()
    with answering(SigningProgram.opened(directory, origin, TOKEN).respond) as url:
        alone = build_log(runtime, settings.model_copy(update={"signer_url": url}))
        await ada.registered()
        with pytest.raises(SigningRefused, match="rotate-keys"):
            await alone.worker.step()
    await runtime.close()
