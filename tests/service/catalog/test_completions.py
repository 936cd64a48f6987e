"""Completions by the short way: what a unit of work would have done, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.uploads import Person, build_uploads, some, teacher
from tests.service.house import Token


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_uploads)


@pytest.fixture
async def ada(client: httpx2.AsyncClient, token: Token) -> AsyncIterator[Person]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as store:
        yield Person(client, store, teacher(token, "ada"))


async def sent(person: Person) -> str:
    """An upload of which every byte was sent; its id."""
    content = some(1000)
    begun = await person.begin(content)
    await person.send(content, begun["parts"])
    upload_id: str = begun["id"]
    return upload_id


async def effects(owner: asyncpg.Connection, upload_id: str) -> tuple[int, int, int, int]:
    """Inspections, audit entries, entries to be chained, events."""
    row = await owner.fetchrow(
        "SELECT (SELECT count(*) FROM inspections WHERE upload_id = $1),"
        " (SELECT count(*) FROM audit WHERE target = $2 AND action = 'upload.completed'),"
        " (SELECT count(*) FROM audit_unchained u JOIN audit a ON a.id = u.audit_id"
        " WHERE a.target = $2 AND a.action = 'upload.completed'),"
        " (SELECT count(*) FROM outbox WHERE aggregate = 'uploads/' || $2)",
        *(UUID(upload_id), upload_id),
    )
    return tuple(row)


async def test_a_completion_queues_audits_and_tells_in_one_statement(
    ada: Person, owner: asyncpg.Connection, statements: list[str]
) -> None:
    upload_id = await sent(ada)
    statements.clear()
    answer = await ada.complete(upload_id)
    assert (answer.status_code, answer.json()["state"]) == (200, "COMPLETED")
    assert answer.headers["etag"] == '"v2"'
    assert statements == []  # none through the unit of work
    assert await effects(owner, upload_id) == (1, 1, 1, 1)


async def test_a_repeat_under_the_same_key_is_told_the_same(
    ada: Person, owner: asyncpg.Connection
) -> None:
    upload_id = await sent(ada)
    headers = {"idempotency-key": "complete-it"}
    first = await ada.complete(upload_id, **headers)
    again = await ada.complete(upload_id, **headers)
    assert first.status_code == again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert await effects(owner, upload_id) == (1, 1, 1, 1)


async def test_a_key_that_completed_one_upload_completes_no_other(
    ada: Person, owner: asyncpg.Connection
) -> None:
    one, other = await sent(ada), await sent(ada)
    headers = {"idempotency-key": "complete-it"}
    assert (await ada.complete(one, **headers)).status_code == 200
    assert (await ada.complete(other, **headers)).status_code == 422
    assert (await ada.get(other)).json()["state"] == "OPEN"
    assert await effects(owner, other) == (0, 0, 0, 0)


@pytest.mark.parametrize("key", [{}, {"idempotency-key": "complete-it"}])
async def test_completions_at_once_have_one_effect(
    ada: Person, owner: asyncpg.Connection, key: dict[str, str]
) -> None:
    upload_id = await sent(ada)
    answers = await asyncio.gather(*(ada.complete(upload_id, **key) for _ in range(5)))
    assert {each.status_code for each in answers} <= {200, 409}
    assert any(each.status_code == 200 for each in answers)
    assert await effects(owner, upload_id) == (1, 1, 1, 1)
