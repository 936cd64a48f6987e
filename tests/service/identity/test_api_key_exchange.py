"""An API key becomes the token that takes its place behind the gateway."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.identity.domain.components import GATEWAY
from services.identity.settings import Settings
from tests.service.identity.provider import House, RegisteredClient, running_house

EXCHANGE = "/identity/v1/api-keys/exchange"
SECRET = "what only the gateway knows"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    told = settings.model_copy(update={"gateway_secret": type(settings.master_keys)(SECRET)})
    async with running_house(told, owner) as house:
        yield house


@pytest.fixture
async def client(house: House) -> RegisteredClient:
    return await house.client(scopes=("openid", "catalog.read", "learning.read"))


@pytest.fixture
async def key(house: House, client: RegisteredClient) -> str:
    wanted = {
        "name": "nightly",
        "scopes": ["catalog.read"],
        "expires_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    integrator = house.bearer("the-integrator", "identity.manage", ("integrator@PHOUSE",))
    path = f"/identity/v1/clients/{client.id}/api-keys"
    answer = await house.http.post(path, json=wanted, headers=integrator)
    return str(answer.json()["key"])


async def token_of_the_gateway(house: House, secret: str = SECRET) -> Any:
    pair = base64.b64encode(f"{GATEWAY}:{secret}".encode()).decode()
    return await house.http.post(
        "/identity/token",
        data={"grant_type": "client_credentials"},
        headers={"authorization": f"Basic {pair}"},
    )


async def exchanged(house: House, key: str) -> dict[str, Any]:
    token = (await token_of_the_gateway(house)).json()["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    answer = await house.http.post(EXCHANGE, json={"key": key}, headers=bearer)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_exchange_is_closed_to_anonymous_callers_and_to_applications(
    house: House, key: str
) -> None:
    assert (await house.http.post(EXCHANGE, json={"key": key})).status_code == 401
    other = house.bearer("an-application", "catalog.read integrate", ("integrator@PHOUSE",))
    assert (await house.http.post(EXCHANGE, json={"key": key}, headers=other)).status_code == 403


async def test_the_gateway_proves_itself_with_the_deployments_secret_alone(house: House) -> None:
    token = await token_of_the_gateway(house)
    assert token.status_code == 200
    assert token.json()["scope"] == "gateway.introspect"
    assert (await token_of_the_gateway(house, "another secret")).status_code == 401
    assert (await token_of_the_gateway(house, "")).status_code == 401


async def test_without_a_secret_there_is_no_such_client(
    settings: Settings, owner: asyncpg.Connection
) -> None:
    async with running_house(settings, owner) as house:
        assert (await token_of_the_gateway(house, "")).status_code == 401
        assert (await token_of_the_gateway(house)).status_code == 401


async def test_a_key_becomes_its_applications_token_of_the_keys_scopes(
    house: House, client: RegisteredClient, key: str
) -> None:
    found = await exchanged(house, key)
    assert found["active"] is True
    assert found["networks"] == []
    assert found["expires_in"] <= 600
    claims = await house.claims(found["access_token"])
    assert claims["sub"] == claims["client_id"] == client.id
    assert claims["scope"] == "catalog.read"
    assert claims["grants"] == ["integrator@PHOUSE"]
    assert claims["quota"] == found["quota_class"] == "standard"


async def test_no_token_outlives_its_key(house: House, key: str, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE api_keys SET expires_at = now() + interval '60 seconds'")
    found = await exchanged(house, key)
    claims = await house.claims(found["access_token"])
    assert 0 < claims["exp"] - claims["iat"] <= 60
    assert found["expires_in"] <= 60


async def test_what_is_no_key_becomes_nothing(house: House, key: str) -> None:
    found = await exchanged(house, key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert found["active"] is False
    assert found["access_token"] is None


async def test_where_a_key_may_be_used_from_is_the_owners_word(
    house: House, client: RegisteredClient, key: str
) -> None:
    owner = house.bearer("the-integrator", "identity.read identity.manage", ("integrator@PHOUSE",))
    path = f"/identity/v1/clients/{client.id}"
    read = await house.http.get(path, headers=owner)
    body: dict[str, Any] = {
        "name": "named",
        "purpose": "as before",
        "redirect_uris": read.json()["redirect_uris"],
        "networks": ["198.51.100.7/24"],
    }
    refused = await house.http.put(
        path, json=body, headers={**owner, "if-match": read.headers["etag"]}
    )
    assert refused.status_code == 422
    assert "networks" in refused.text
    body["networks"] = ["198.51.100.0/24"]
    told = await house.http.put(
        path, json=body, headers={**owner, "if-match": read.headers["etag"]}
    )
    assert told.status_code == 200, told.text
    assert (await exchanged(house, key))["networks"] == ["198.51.100.0/24"]
