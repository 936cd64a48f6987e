"""Requests drawn from the catalogue's own OpenAPI document: none is answered otherwise than the
document says."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any

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
SECONDS = 6.0
HELD_BY_USE_CASES = tuple(
    f"/catalog/v1/{each}"
    for each in ("dictionaries", "textbooks", "knowledge", "uploads", "imports")
)
"""Their words are looked at by rules of their own, which tell every defect at once."""


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


def _free_texts(
    schema: Mapping[str, Any], components: Mapping[str, Any], path: str, seen: frozenset[str]
) -> Iterator[tuple[str, str | None]]:
    """Where a body of that schema holds text of any kind, and the pattern that it is held to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from _free_texts(components[name], components, path, seen | {name})
        return
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _free_texts({**each, "pattern": each.get("pattern")}, components, path, seen)
    for name, each in schema.get("properties", {}).items():
        yield from _free_texts(each, components, f"{path}.{name}", seen)
    if isinstance(schema.get("items"), Mapping):
        yield from _free_texts(schema["items"], components, f"{path}[]", seen)
    fixed = {"enum", "const", "format"} & schema.keys()
    if schema.get("type") == "string" and not fixed:
        yield path, schema.get("pattern")


def test_no_text_of_any_body_may_hold_a_null(app: FastAPI) -> None:
    document = openapi_document(app)
    components = document["components"]["schemas"]
    open_to_it = list[str]()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for kind, body in operation.get("requestBody", {}).get("content", {}).items():
                where = f"{method} {path}"
                if "json" not in kind or path.startswith(HELD_BY_USE_CASES):
                    continue
                for text, pattern in _free_texts(body["schema"], components, where, frozenset()):
                    # Whatever admits one of these admits a null somewhere.
                    tried = ("\0", "/\0", "a\0", "a\0b", "a b\0c")
                    if pattern is None or any(re.search(pattern, each) for each in tried):
                        open_to_it.append(f"{text}: {pattern}")
    assert not open_to_it, "\n".join(open_to_it)
