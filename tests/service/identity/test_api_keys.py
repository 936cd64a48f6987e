from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.identity.settings import Settings
from tests.service.identity.provider import House, RegisteredClient, running_house

LOOK_UP = "/identity/v1/api-keys/introspect"
BOTH = "identity.read identity.manage"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


@pytest.fixture
def integrator(house: House) -> dict[str, str]:
    return house.bearer("the-integrator", BOTH, ("integrator@PHOUSE",))


@pytest.fixture
async def client(house: House) -> RegisteredClient:
    return await house.client(scopes=("openid", "catalog.read", "learning.read"))


def _keys(client: RegisteredClient) -> str:
    return f"/identity/v1/clients/{client.id}/api-keys"


def _wanted(**changes: Any) -> dict[str, Any]:
    in_a_month = datetime.now(UTC) + timedelta(days=30)
    return {
        "name": "nightly synchronisation",
        "scopes": ["catalog.read"],
        "expires_at": in_a_month.isoformat(),
        **changes,
    }


async def _issued(house: House, client: RegisteredClient, caller: dict[str, str]) -> dict[str, Any]:
    answer = await house.http.post(_keys(client), json=_wanted(), headers=caller)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def _look_up(house: House, key: str) -> dict[str, Any]:
    gateway = house.bearer("the-gateway", "gateway.introspect")
    answer = await house.http.post(LOOK_UP, json={"key": key}, headers=gateway)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_anonymous_caller_gets_no_key_and_looks_none_up(
    house: House, client: RegisteredClient
) -> None:
    assert (await house.http.post(_keys(client), json=_wanted())).status_code == 401
    assert (await house.http.post(LOOK_UP, json={"key": "sy_"})).status_code == 401


async def test_roles_elsewhere_reach_no_key(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    stranger = house.bearer("somebody", BOTH, ("integrator@POTHER",))
    answers = [
        await house.http.get(_keys(client), headers=stranger),
        await house.http.post(_keys(client), json=_wanted(), headers=stranger),
        await house.http.delete(f"{_keys(client)}/{issued['id']}", headers=stranger),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_looking_up_is_for_the_gateway_alone(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    answer = await house.http.post(LOOK_UP, json={"key": issued["key"]}, headers=integrator)
    assert answer.status_code == 403


async def test_a_key_opens_what_it_was_issued_for_and_its_use_is_noted(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    assert issued["key"].startswith(f"sy_{issued['id']}")
    found = await _look_up(house, issued["key"])
    assert found["active"] is True
    assert found["client_id"] == client.id
    assert found["organisation"] == "PHOUSE"
    assert found["scopes"] == ["catalog.read"]
    assert found["quota_class"] == "standard"
    [listed] = (await house.http.get(_keys(client), headers=integrator)).json()["items"]
    assert listed["last_used_at"] is not None
    assert "key" not in listed


async def test_a_use_is_noted_at_most_once_a_minute(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    for _ in range(2):
        await _look_up(house, issued["key"])
    first = await house.owner.fetchval("SELECT last_used_at FROM api_keys")
    await _look_up(house, issued["key"])
    assert await house.owner.fetchval("SELECT last_used_at FROM api_keys") == first


@pytest.mark.parametrize("damage", ["other secret", "other id", "shape", "case", "nothing"])
async def test_what_is_no_key_is_not_active(
    house: House, client: RegisteredClient, integrator: dict[str, str], damage: str
) -> None:
    key = (await _issued(house, client, integrator))["key"]
    damaged = {
        "other secret": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "other id": key[:3] + "00000000" + key[11:],
        "shape": key + "x",
        "case": key.upper(),
        "nothing": "",
    }[damage]
    assert await _look_up(house, damaged) == {
        "active": False,
        "key_id": None,
        "client_id": None,
        "organisation": None,
        "scopes": [],
        "quota_class": None,
        "expires_at": None,
    }


async def test_a_revoked_key_is_dead_at_once(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    address = f"{_keys(client)}/{issued['id']}"
    for _ in range(2):
        assert (await house.http.delete(address, headers=integrator)).status_code == 204
    assert (await _look_up(house, issued["key"]))["active"] is False
    unknown = await house.http.delete(f"{_keys(client)}/00000000", headers=integrator)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET expires_at = now()",
        "UPDATE clients SET state = 'SUSPENDED'",
    ],
)
async def test_a_key_dies_with_its_time_and_with_its_application(
    house: House, client: RegisteredClient, integrator: dict[str, str], change: str
) -> None:
    issued = await _issued(house, client, integrator)
    await house.owner.execute(change)
    assert (await _look_up(house, issued["key"]))["active"] is False


async def test_a_key_loses_a_scope_with_its_application(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    await house.owner.execute("UPDATE clients SET scopes = '{learning.read}'")
    assert (await _look_up(house, issued["key"]))["scopes"] == []


@pytest.mark.parametrize("scopes", [["copyright.read"], ["openid"], []])
async def test_a_key_carries_only_what_its_application_may_use_by_itself(
    house: House, client: RegisteredClient, integrator: dict[str, str], scopes: list[str]
) -> None:
    answer = await house.http.post(_keys(client), json=_wanted(scopes=scopes), headers=integrator)
    assert answer.status_code == 422


@pytest.mark.parametrize("days", [-1, 400])
async def test_a_key_expires_within_a_year(
    house: House, client: RegisteredClient, integrator: dict[str, str], days: int
) -> None:
    late = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    answer = await house.http.post(_keys(client), json=_wanted(expires_at=late), headers=integrator)
    assert answer.status_code == 422


async def test_the_database_keeps_no_key(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    issued = await _issued(house, client, integrator)
    [(kept,)] = await house.owner.fetch("SELECT k::text FROM api_keys k")
    assert issued["key"] not in kept
    assert issued["key"][11:] not in kept


async def test_keys_are_listed_newest_first_by_pages(
    house: House, client: RegisteredClient, integrator: dict[str, str]
) -> None:
    made = [(await _issued(house, client, integrator))["id"] for _ in range(3)]
    address = _keys(client)
    first = (await house.http.get(f"{address}?limit=2", headers=integrator)).json()
    rest = (
        await house.http.get(f"{address}?limit=2&cursor={first['next']}", headers=integrator)
    ).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == made[::-1]
