"""The main job in its thin form: a lesson is uploaded, judged at each level, published, registered
and found, through the gateway and the real processes."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from tests.conformance.demonstration import demonstrated
from tests.conftest import Stack
from tests.e2e.test_catalogue import Teacher, handout, signed_in
from tests.service.catalog.resources import COMPLETE
from tests.service.catalog.reviews import APPROVE

SECONDS = 20.0
PEOPLE = ("teacher01", "reviewer-school1", "reviewer-county1", "reviewer-county2")


@pytest.fixture
async def people(stack: Stack) -> AsyncIterator[list[Teacher]]:
    province = await demonstrated(stack)
    async with AsyncExitStack() as leaving:
        found = []
        for username in PEOPLE:
            somebody = await signed_in(stack, province, username)
            leaving.push_async_callback(somebody.close)
            found.append(somebody)
        yield found


@pytest.fixture
async def anybody(stack: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, trust_env=False) as client:
        yield client


async def until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The first answer that is not empty."""
    deadline = time.monotonic() + SECONDS
    while not (told := await ask()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    return told


async def drafted(teacher: Teacher, title: str) -> Any:
    upload = await teacher.upload("讲义.pdf", "application/pdf", handout())
    assert (await teacher.inspected(upload))["state"] == "AVAILABLE"
    terms = (await teacher.told("GET", "dictionaries/subject"))["terms"]
    [subject] = [each["code"] for each in terms if each["name_zh"] == "数学"]
    metadata = {**COMPLETE, "title": title, "subject": subject}
    files = [{"upload_id": upload, "role": "main"}]
    body = {"organisation": teacher.organisation, "metadata": metadata, "files": files}
    return await teacher.told("POST", "resources", 201, json=body)


async def judged(reviewer: Teacher, review_id: str) -> Any:
    """Claimed once it has come to this level, read, and approved."""

    async def came() -> bool:
        listed = (await reviewer.told("GET", "reviews"))["items"]
        return review_id in {each["id"] for each in listed}

    await until(came)
    await reviewer.told("POST", f"reviews/{review_id}/claim")
    seen = await reviewer.told("GET", f"reviews/{review_id}")
    verdict = {**APPROVE, "digest": seen["digest"]}
    return await reviewer.told("POST", f"reviews/{review_id}/decide", json=verdict)


async def test_a_lesson_is_published_registered_and_found(
    people: list[Teacher], anybody: httpx2.AsyncClient
) -> None:
    teacher, at_school, at_county, elsewhere = people
    title = f"分数的认识{secrets.token_hex(4)}"
    made = await drafted(teacher, title)
    path = f"resources/{made['id']}"

    async def found() -> Any:
        answer = await anybody.get("/catalog/v1/search", params={"q": title})
        return [each for each in answer.json()["items"] if each["id"] == made["id"]]

    submitted = await teacher.told("POST", f"{path}/submit", json={"commitment": True})
    review_id = submitted["review_id"]
    refused = await teacher.api.post(f"reviews/{review_id}/claim")
    assert refused.status_code in (403, 404), "the maker may not judge"
    assert (await elsewhere.api.get(f"reviews/{review_id}")).status_code == 404
    assert not await found()
    assert (await anybody.get(f"/catalog/v1/{path}")).status_code in (401, 404)

    await judged(at_school, review_id)
    assert (await teacher.told("GET", path))["state"] == "IN_REVIEW"
    await judged(at_county, review_id)
    assert (await teacher.told("GET", path))["state"] == "PUBLISHED"

    await until(found)

    async def registered() -> Any:
        asked = {"resource_id": made["id"]}
        answer = await anybody.get("/copyright/v1/registrations", params=asked)
        return answer.json()["items"]

    [registration] = await until(registered)
    assert registration["resource_code"] == made["code"]

    feed = (await anybody.get("/catalog/v1/changes", params={"limit": 100})).json()["items"]
    assert made["id"] in {each["resource_id"] for each in feed}
