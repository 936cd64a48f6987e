"""Erasure: what leads from the log to a person is destroyed, and the log stays whole."""

import io
import json
import zipfile

import asyncpg
from fastapi import FastAPI

from services.copyright.adapters.erasure import ErasedTables
from services.copyright.application.erasure import Erasure
from services.copyright.parts.log import LogPart
from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.copyright.registering import Person
from tests.service.copyright.test_registrations import hear

NOTICE = {"kind": "takedown.notice", "text": "插图取自我的教案。"}


async def erased(app: FastAPI, person: Person) -> None:
    data = {"person_id": person.id, "code": "U-1", "version": 2}
    kind = "identity.person.erased.v1"
    await hear(app, Envelope(uuid7(), "/identity", kind, person.id, utc_now(), data))


async def test_erasure_destroys_the_salt_and_leaves_the_log_whole(
    app: FastAPI, ada: Person, log: LogPart, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered()
    await log.worker.step()
    data = {"person_id": ada.id, "code": "U-1", "version": 2}
    now = utc_now()
    erased = Envelope(uuid7(), "/identity", "identity.person.erased.v1", ada.id, now, data)
    await hear(app, erased)
    assert await owner.fetchval("SELECT count(*) FROM parties") == 0
    bundle = zipfile.ZipFile(io.BytesIO((await ada.get(f"/{registered}/evidence")).content))
    assert "disclosure.json" not in bundle.namelist()


async def test_nothing_of_who_was_erased_is_left_in_the_files_of_the_database(
    app: FastAPI, ada: Person, ben: Person, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered()
    assert (await ben.post(f"/{registered}/disputes", NOTICE)).status_code == 202
    gone = {
        table: await owner.fetchval(f"SELECT sealed FROM {table} WHERE person = $1", ben.id)  # noqa: S608 - constant names
        for table in ("parties", "texts")
    }
    kept = await owner.fetchval("SELECT sealed FROM parties WHERE person = $1", ada.id)
    await erased(app, ben)
    runtime: Runtime = app.state.runtime
    erasure = Erasure(runtime.new_uow, ErasedTables)
    assert await erasure.destroy()
    assert not await erasure.destroy()
    await owner.execute("CHECKPOINT")
    for table, sealed in gone.items():
        assert sealed not in await file_of(owner, table)
    assert kept in await file_of(owner, "parties")
    assert (await ada.get(f"/{registered}/disputes")).json()["statements"][0]["text"] is None


async def file_of(owner: asyncpg.Connection, table: str) -> bytes:
    found: bytes = await owner.fetchval(
        "SELECT pg_read_binary_file(pg_relation_filepath($1::regclass))", table
    )
    return found


async def test_what_a_session_did_in_two_registrations_is_joined_by_nothing_public(
    ada: Person, owner: asyncpg.Connection
) -> None:
    first, second = await ada.registered(), await ada.registered()
    offer = {"action": "offer", "template": "cc-by-sa-4.0"}
    assert (await ada.post(f"/{first}/licences", offer)).status_code == 202
    own, other = await sessions(owner, first), await sessions(owner, second)
    assert own[0] == own[1] != other[0]
    assert all(len(str(each)) == 64 for each in own + other)


async def sessions(owner: asyncpg.Connection, registered: str) -> list[str | None]:
    query = "SELECT body FROM registration_events WHERE reg_id = $1 ORDER BY seq_in_reg"
    rows = await owner.fetch(query, registered)
    return [json.loads(each["body"])["auth_context"]["session"] for each in rows]
