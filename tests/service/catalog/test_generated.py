"""Requests drawn from the catalogue's own OpenAPI document: none is answered otherwise than the
document says."""

import asyncio

import asyncpg
import httpx2
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.contract import openapi_document
from tests.service.catalog.publication import SUSPENDED, WRONG, Office
from tests.service.catalog.resources import SCOPES
from tests.service.catalog.reviews import Panel
from tests.service.catalog.test_textbooks import BOOK
from tests.service.catalog.vocabularies import PROVINCE, starter_set
from tests.service.generated import defects, naming
from tests.service.house import Token

__all__ = ["starter_set"]

REQUESTS = 4
SECONDS = 45.0


async def test_every_answer_to_a_generated_request_is_one_that_is_documented(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> None:
    desk = Office(client, owner, token, object_store(settings), app=app)
    grants = (f"teacher@{PROVINCE}.C1.S1", f"administrator@{PROVINCE}")
    panel = Panel(client, owner, token, desk.objects, desk.subject, app)
    callers = {
        "nobody": {},
        "a teacher": token(desk.subject, SCOPES, grants),
        "a reviewer": panel.reviewer(),
    }
    reviews = [await panel.submitted(await panel.finished()) for _ in range(2)]
    made = [await desk.finished() for _ in range(2)]
    assert (await desk.freeze(made[0])).status_code == 201
    read, gone = [await desk.published() for _ in range(2)]
    await desk.taken("suspend", gone, SUSPENDED)
    url = f"/catalog/v1/resources/{read['id']}/reports"
    reported = await client.post(url, json=WRONG, headers=desk.colleague())
    book = await client.post(
        "/catalog/v1/textbooks", json=BOOK, headers=token("admin", SCOPES, grants)
    )
    known = {
        "resource_id": [each["id"] for each in (*made, read, gone)],
        "review_id": reviews,
        "organisation": [f"{PROVINCE}.C1.S1"],
        "case_id": [reported.json()["case_id"]],
        "upload_id": [await desk.upload(state=state) for state in ("OPEN", "AVAILABLE")],
        "textbook": [book.json()["id"]],
        "dictionary": ["edition", "subject"],
        "code": ["renjiao", made[0]["code"]],
        "if-match": ['"v1"', '"v2"', '"v3"', '"v4"'],
    }
    document = naming(openapi_document(app), known)
    following = asyncio.create_task(app.state.runtime.tasks["search-follower"]())
    async with asyncio.timeout(60):
        while (await client.get("/catalog/v1/search")).status_code != 200:  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.1)
    found = await defects(document, client, callers, requests=REQUESTS, seconds=SECONDS)
    following.cancel()
    assert not found, "\n".join(found)
