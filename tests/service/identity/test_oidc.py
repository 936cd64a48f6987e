from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.identity.settings import Settings
from tests.service.identity.provider import House, running_house


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


async def test_smoke(house: House) -> None:
    client, person = await house.client(), await house.person()
    tokens = await house.tokens(client, person, scope="openid profile offline_access")
    print(await house.claims(tokens["access_token"]))
    print(await house.claims(tokens["id_token"]))
    answer = await house.userinfo(tokens["access_token"])
    print(answer.text)
    again = await house.refresh(client, tokens["refresh_token"])
    print(again.text)
    again = await house.post("/token", client, grant_type="client_credentials")
    print(again.text)
    again = await house.post("/introspect", client, token=tokens["access_token"])
    print(again.text)
    assert 0
