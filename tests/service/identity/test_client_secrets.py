"""How an application changes its secret."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.identity.settings import Settings
from tests.service.identity.provider import House, RegisteredClient, running_house


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


@pytest.fixture
def integrator(house: House) -> dict[str, str]:
    return house.bearer("the-integrator", "identity.read identity.manage", ("integrator@PHOUSE",))


@pytest.fixture
async def secrets(house: House) -> str:
    """Where those of an application are, which has none yet."""
    client = await house.client()
    await house.owner.execute("DELETE FROM client_secrets")
    return f"/identity/v1/clients/{client.id}/secrets"


def _client(secrets: str) -> str:
    return secrets.split("/")[-2]


async def test_a_secret_is_rotated_while_the_old_one_still_works(
    house: House, integrator: dict[str, str], secrets: str
) -> None:
    old = (await house.http.post(secrets, json={}, headers=integrator)).json()
    turn = {"replaces": old["id"], "old_ends_in_hours": 24}
    rotated = await house.http.post(secrets, json=turn, headers=integrator)
    new = rotated.json()
    for issued in (old, new):
        registered = RegisteredClient(_client(secrets), issued["secret"])
        answer = await house.post("/token", registered, grant_type="client_credentials")
        assert answer.status_code == 200
    third = await house.http.post(secrets, json={}, headers=integrator)
    assert third.status_code == 409
    listed = (await house.http.get(secrets, headers=integrator)).json()
    assert [each["id"] for each in listed] == [old["id"], new["id"]]
    assert listed[0]["expires_at"] is not None
    assert "secret" not in listed[0]

    ended = await house.http.delete(f"{secrets}/{old['id']}", headers=integrator)
    assert ended.status_code == 204
    refused = await house.post(
        "/token", RegisteredClient(_client(secrets), old["secret"]), grant_type="client_credentials"
    )
    assert refused.status_code == 401


async def test_of_two_rotations_of_a_secret_one_wins(
    house: House, integrator: dict[str, str], secrets: str
) -> None:
    old = (await house.http.post(secrets, json={}, headers=integrator)).json()
    turn = {"replaces": old["id"], "old_ends_in_hours": 0}
    sent = (house.http.post(secrets, json=turn, headers=integrator) for _ in range(4))
    answers = sorted(await asyncio.gather(*sent), key=lambda each: each.status_code)
    won, *lost = answers
    assert [each.status_code for each in answers] == [201, 409, 409, 409]
    assert {each.json()["type"] for each in lost} == {
        "urn:shuyuan:problem:identity/secret-replaced"
    }
    shown = RegisteredClient(_client(secrets), won.json()["secret"])
    assert (await house.post("/token", shown, grant_type="client_credentials")).status_code == 200


async def test_a_secret_that_is_to_end_has_to_be_named(
    house: House, integrator: dict[str, str], secrets: str
) -> None:
    answer = await house.http.post(secrets, json={"old_ends_in_hours": 0}, headers=integrator)
    assert answer.status_code == 422
    assert "replaces" in answer.json()["errors"][0]["detail"]
    turn = {"replaces": _client(secrets), "old_ends_in_hours": 0}
    assert (await house.http.post(secrets, json=turn, headers=integrator)).status_code == 409
    assert (await house.http.get(secrets, headers=integrator)).json() == []
