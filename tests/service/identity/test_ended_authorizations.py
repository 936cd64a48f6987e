"""What ends with a session, and with an account: nothing of it is good again afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.identity.settings import Settings
from tests.service.identity.provider import ISSUER, House, running_house

OFFLINE = "openid offline_access"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    told = {"issuer": ISSUER, "public_origin": ISSUER.removesuffix("/identity")}
    async with running_house(settings.model_copy(update=told), owner) as found:
        yield found


async def test_whoever_ends_a_session_ends_what_was_given_offline_in_it(house: House) -> None:
    client, person = await house.client(), await house.person()
    given = await house.tokens(client, person, scope=OFFLINE)
    elsewhere = await house.tokens(client, person, scope=OFFLINE)
    session = (await house.sessions.list(person))[-1]
    await house.sessions.end(person, session.id)
    assert (await house.refresh(client, given["refresh_token"])).status_code == 400
    assert (await house.userinfo(given["access_token"])).status_code == 401
    assert (await house.refresh(client, elsewhere["refresh_token"])).status_code == 200


async def test_whoever_ends_all_others_keeps_what_was_given_here(house: House) -> None:
    client, person = await house.client(), await house.person()
    others = await house.tokens(client, person, scope=OFFLINE)
    here = await house.tokens(client, person, scope=OFFLINE)
    latest = max(await house.sessions.list(person), key=lambda each: each.created_at)
    await house.sessions.end_others(latest)
    assert (await house.refresh(client, others["refresh_token"])).status_code == 400
    assert (await house.refresh(client, here["refresh_token"])).status_code == 200


async def test_signing_out_leaves_what_was_given_offline(house: House) -> None:
    client, person = await house.client(), await house.person()
    given = await house.tokens(client, person, scope=OFFLINE)
    [session] = await house.sessions.list(person)
    await house.sessions.sign_out(session)
    assert (await house.refresh(client, given["refresh_token"])).status_code == 200


@pytest.mark.parametrize("scope", ["openid", OFFLINE])
async def test_nothing_of_a_disabled_account_comes_back_with_it(house: House, scope: str) -> None:
    client, person = await house.client(), await house.person()
    given = await house.tokens(client, person, scope=scope)
    browser = house.browser()
    await browser.sign_in(person)
    async with house.runtime.new_uow() as uow:
        await house.sessions.revoke_all(uow, person)
        await uow.commit()
    # The account is ACTIVE all the while, as after it was suspended and resumed.
    assert (await house.refresh(client, given["refresh_token"])).status_code == 400
    assert "/identity/login" in (await browser.authorize(client)).headers["location"]
    assert await house.sessions.list(person) == []


async def test_ending_everything_else_reaches_what_was_given_in_a_session_long_over(
    house: House,
) -> None:
    client, person = await house.client(), await house.person()
    stolen = await house.tokens(client, person, scope=OFFLINE)
    [session] = await house.sessions.list(person)
    await house.sessions.sign_out(session)
    mine = await house.tokens(client, person, scope=OFFLINE)
    [session] = await house.sessions.list(person)
    await house.sessions.end_others(session)
    assert (await house.refresh(client, stolen["refresh_token"])).status_code == 400
    assert (await house.userinfo(stolen["access_token"])).status_code == 401
    assert (await house.refresh(client, mine["refresh_token"])).status_code == 200
    assert (
        await house.owner.fetchval(
            "SELECT count(*) FROM audit WHERE action = 'authorization.ended'"
        )
        == 1
    )
