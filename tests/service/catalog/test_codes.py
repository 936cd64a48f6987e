"""What tells files that are alike: kept when they are inspected, told when they are published."""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

import asyncpg
import httpx2
import iscc_lib
import pytest
from fastapi import FastAPI

from services.catalog.adapters.codes import keep_codes
from services.catalog.adapters.objects import object_store
from services.catalog.domain.codes import Codes, Iscc
from services.catalog.settings import Settings
from shared.service import Runtime
from shared.winnowing import winnow
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import Office, build_publication, office
from tests.service.catalog.resources import build_resources
from tests.service.catalog.test_inspections import new_worker
from tests.service.catalog.uploads import Person, build_uploads, teacher
from tests.service.house import Token

__all__ = ["office"]

LESSON = "分数表示把一个整体平均分成若干份后取其中的一份或几份。" * 20
CODES = Codes(Iscc("ISCC:IAD", "ISCC:GAD", "ISCC:EAD"), winnow(LESSON))


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_uploads, build_resources, build_publication)


async def test_inspection_keeps_the_codes_of_bytes_and_text(
    app: FastAPI,
    client: httpx2.AsyncClient,
    token: Token,
    settings: Settings,
    owner: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    text = LESSON + secrets.token_hex(8)
    content = text.encode()
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as store:
        ada = Person(client, store, teacher(token, "ada"))
        await ada.upload(content, filename="课.txt", media_type="text/plain")

    assert await new_worker(app, settings, object_store(settings), tmp_path).step()

    kept = await owner.fetchrow(
        "SELECT * FROM file_codes WHERE sha256 = $1", hashlib.sha256(content).digest()
    )
    assert kept["instance"] == iscc_lib.gen_instance_code_v0(content, bits=256).iscc
    assert kept["data"] == iscc_lib.gen_data_code_v0(content, bits=256).iscc
    assert kept["content"] == iscc_lib.gen_text_code_v0(text, bits=256).iscc
    assert (kept["letters"], kept["prints"]) == (winnow(text).letters, winnow(text).packed)


async def test_the_neighbours_hear_the_codes_and_the_prints_of_texts(office: Office) -> None:
    made = await office.finished()
    assert (await office.freeze(made)).status_code == 201
    assert office.app is not None
    runtime: Runtime = office.app.state.runtime
    async with runtime.new_uow() as uow:
        await keep_codes(uow.connection, bytes.fromhex(made["files"][0]["sha256"]), CODES)
        await uow.commit()

    await office.approve(made)

    [(_, told)] = await office.events(made)
    assert told["files"][0]["iscc"] == {
        "instance": "ISCC:IAD",
        "data": "ISCC:GAD",
        "content": "ISCC:EAD",
    }
    assert told["texts"] == [
        {
            "path": made["files"][0]["filename"],
            "letters": winnow(LESSON).letters,
            "every": 1,
            "prints": winnow(LESSON).encoded,
        }
    ]
