"""What the platform binds itself to in the log."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from services.copyright.parts.log import LogPart
from services.copyright.parts.registrations import announcements
from services.copyright.settings import Settings
from shared.audit import NotedHead, verify
from shared.service import Runtime
from tests.service.copyright.registering import V1, Person
from tests.service.house import Token


@pytest.fixture
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    runtime = Runtime("copyright", settings, {})
    yield runtime
    await runtime.close()


async def events(client: httpx2.AsyncClient, kind: str) -> list[dict[str, Any]]:
    """All of that kind that the platform announced."""
    found = []
    for each in (await client.get(V1)).json()["items"]:
        if each["origin"] == "PLATFORM":
            shown = (await client.get(f"{V1}/{each['id']}")).json()
            found += [event for event in shown["events"] if event["type"] == kind]
    return found


async def test_the_licences_are_announced_once_until_they_change(
    runtime: Runtime,
    settings: Settings,
    client: httpx2.AsyncClient,
    log: LogPart,
    owner: asyncpg.Connection,
) -> None:
    announcing = announcements(runtime, settings)
    assert [await announcing.publish_policy() for _ in range(2)] == [True, False]
    await log.worker.step()
    assert [each["state"] for each in await events(client, "policy.publish")] == ["witnessed"]
    told = (await client.get("/copyright/v1/licence-profile")).content
    entry = (await client.get("/copyright/log/tile/entries/000.p/1")).content
    [stream] = (await client.get(V1)).json()["items"]
    assert (await client.get(f"{V1}/{stream['id']}/evidence")).status_code == 200
    assert hashlib.sha256(told).hexdigest().encode() in entry


async def test_nobody_agrees_to_what_the_platform_publishes(
    runtime: Runtime, settings: Settings, client: httpx2.AsyncClient, token: Token
) -> None:
    await announcements(runtime, settings).publish_policy()
    [event] = await events(client, "policy.publish")
    [stream] = (await client.get(V1)).json()["items"]
    agree = {"action": "agree", "offer": event["hash"]}
    answer = await Person(client, token).post(f"/{stream['id']}/licences", agree)
    assert answer.status_code == 409, answer.text


async def test_the_head_of_the_audit_chain_is_announced_hourly_and_holds(
    runtime: Runtime,
    settings: Settings,
    client: httpx2.AsyncClient,
    token: Token,
) -> None:
    announcing = announcements(runtime, settings)
    assert not await announcing.publish_audit_head()  # there is no entry yet
    await Person(client, token).registered()
    await runtime.sealer.seal()
    assert [await announcing.publish_audit_head() for _ in range(2)] == [True, False]
    [event] = await events(client, "audit.head")
    noted = NotedHead(bytes.fromhex(event["detail"]["head"]), event["detail"]["entries"])
    await runtime.sealer.seal()
    report = await verify(runtime.engine, noted)
    assert (report.broken, report.sealed > noted.sequence) == (None, True)
    later = Runtime(
        "copyright", settings, {}, clock=lambda: datetime.now(UTC) + timedelta(minutes=61)
    )
    assert await announcements(later, settings).publish_audit_head()
    await later.close()


async def test_the_page_of_a_stream_of_the_platform_is_shown(
    runtime: Runtime, settings: Settings, client: httpx2.AsyncClient
) -> None:
    await announcements(runtime, settings).publish_policy()
    [stream] = (await client.get(V1)).json()["items"]
    page = await client.get(f"/copyright/v/{stream['code']}", headers={"accept-language": "zh"})
    assert (page.status_code, "公布许可配置" in page.text) == (200, True)
