"""Requests drawn from the service's own OpenAPI document: none is answered otherwise than the
document says."""

import asyncpg
import httpx2
from fastapi import FastAPI

from services.copyright.parts.log import LogPart
from shared.contract import openapi_document
from tests.service.copyright.registering import SCHOOL, WORK, Person, file
from tests.service.generated import defects, naming
from tests.service.house import Token

REQUESTS = 8
SECONDS = 6.0


async def test_every_answer_to_a_generated_request_is_one_that_is_documented(
    app: FastAPI, client: httpx2.AsyncClient, token: Token, log: LogPart, owner: asyncpg.Connection
) -> None:
    holder = Person(client, token, f"teacher@{SCHOOL}")
    other = Person(client, token)
    chief = Person(client, token, "administrator@P0")
    works = [await holder.registered(organisation=SCHOOL) for _ in range(3)]
    await other.post(f"/{works[1]}/disputes", {"kind": "claim.dispute", "text": "我的。"})
    await log.worker.step()
    works.append(await holder.registered())  # which is still queued
    code = (await holder.get(f"/{works[0]}")).json()["code"]
    known = {
        "registration_id": works,
        "code": [code, "graphic", "Z-0000"],
        "digest": [file(WORK)["sha256"]],
        "organisation": [SCHOOL],
        "if-match": ['"v1"', '"v2"'],
        "log": ["log", "log-sm3", "nothing"],
        "bundle": ["000.p/4", "000"],
        "tile": ["0/000.p/3", "1/000"],
    }
    callers = {"nobody": {}, "a holder": holder.headers, "an administrator": chief.headers}
    document = naming(openapi_document(app), known)
    found = await defects(document, client, callers, requests=REQUESTS, seconds=SECONDS)
    assert not found, "\n".join(found)
