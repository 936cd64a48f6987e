"""An application on the real stack: a key, its quota, and what it used."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from services.identity.demonstration.sign_in import access_token
from tests.conformance.demonstration import demonstrated
from tests.conftest import Stack

RESOURCES = "/catalog/v1/resources"
ORGANISATIONS = "/identity/v1/organisations"
COUNTED_SECONDS = 10.0


class Integrator:
    """The demonstration's second application, and the person who answers for it."""

    def __init__(self, http: httpx2.AsyncClient, told: dict[str, Any], person: str) -> None:
        self.http = http
        self.client = next(
            each for each in told["clients"] if {"integrate", "identity.read"} <= {*each["scopes"]}
        )
        self.person = {"authorization": f"Bearer {person}"}
        self.keys = f"/identity/v1/clients/{self.client['client_id']}/api-keys"

    async def token(self) -> dict[str, str]:
        pair = {name: self.client[name] for name in ("client_id", "client_secret")}
        form = {"grant_type": "client_credentials", **pair}
        answer = await self.http.post("/identity/token", data=form)
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    async def key(self, *scopes: str) -> dict[str, Any]:
        wanted = {
            "name": "nightly",
            "scopes": scopes,
            "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        }
        answer = await self.http.post(self.keys, json=wanted, headers=self.person)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def integrator(stack: Stack) -> AsyncIterator[Integrator]:
    async with integrating(stack) as found:
        yield found


@asynccontextmanager
async def integrating(stack: Stack) -> AsyncIterator[Integrator]:
    province = await demonstrated(stack)
    name = "admin-province"
    person = await access_token(province.issuer, province.client, name, province.password(name))
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, trust_env=False) as http:
        yield Integrator(http, province.told, person)


async def test_a_key_opens_its_scopes_until_it_is_revoked(integrator: Integrator) -> None:
    issued = await integrator.key("identity.read")
    key = {"x-api-key": issued["key"]}
    http = integrator.http
    answer = await http.get(ORGANISATIONS, headers=key)
    assert answer.status_code == 200, answer.text
    assert '"second";r=' in answer.headers["ratelimit"]
    assert answer.headers["ratelimit-policy"].startswith('"second";q=50;w=1')
    assert (await http.get("/learning/v1/about", headers=key)).status_code == 200
    assert (await http.get("/gateway/v1/quota", headers=key)).status_code == 403
    assert (await http.get("/identity/v1/audit", headers=key)).status_code == 403
    ended = await http.delete(f"{integrator.keys}/{issued['id']}", headers=integrator.person)
    assert ended.status_code == 204
    revoked_at = time.monotonic()
    while (await http.get(ORGANISATIONS, headers=key)).status_code == 200:
        assert time.monotonic() - revoked_at < 60
        await asyncio.sleep(0.5)
    refused = await http.get(ORGANISATIONS, headers=key)
    assert refused.status_code == 401
    assert refused.json()["type"] == "urn:shuyuan:problem:unauthenticated"


async def test_more_than_the_quota_is_told_when_to_come_back(integrator: Integrator) -> None:
    token = await integrator.token()

    async def asked() -> httpx2.Response:
        return await integrator.http.get(ORGANISATIONS, headers=token)

    answers = await asyncio.gather(*(asked() for _ in range(400)))
    refused = [each for each in answers if each.status_code == 429]
    assert {each.status_code for each in answers} == {200, 429}
    body = refused[0].json()
    assert body["type"] == "urn:shuyuan:problem:gateway/quota-exceeded"
    assert body["violated_policies"] == ["second"]
    assert '"second";r=0' in refused[0].headers["ratelimit"]
    await asyncio.sleep(int(refused[0].headers["retry-after"]))
    assert (await asked()).status_code == 200


async def test_what_an_application_asked_for_is_counted_within_seconds(
    integrator: Integrator,
) -> None:
    token = await integrator.token()

    async def counted() -> int:
        answer = await integrator.http.get("/gateway/v1/usage", headers=token)
        assert answer.status_code == 200, answer.text
        return sum(
            each["requests"]
            for each in answer.json()["items"]
            if each["operation"] == f"GET {RESOURCES}"
        )

    before = await counted()
    for _ in range(7):
        assert (await integrator.http.get(RESOURCES, headers=token)).status_code == 200
    asked_at = time.monotonic()
    while await counted() < before + 7:
        assert time.monotonic() - asked_at < COUNTED_SECONDS
        await asyncio.sleep(0.3)
    assert await counted() == before + 7
