"""What ends with a session, and with an account: nothing of it is good again afterwards."""

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    Browser,
    House,
    RegisteredClient,
    query,
    running_house,
)

CLIENTS = "/identity/v1/clients"
OFFLINE = "openid offline_access"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


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


async def _rename(house: House, client: RegisteredClient) -> None:
    """Its owner proposes another purpose; the security administrator accepts it."""
    scopes, address = "identity.read identity.manage", f"{CLIENTS}/{client.id}"
    owner = house.bearer("the-integrator", scopes, ("integrator@PHOUSE",))
    officer = house.bearer("the-officer", scopes, ("security_administrator@PHOUSE",))
    body = {"name": "卖数据", "purpose": "出售", "redirect_uris": [client.redirect_uri]}
    asked = await house.http.put(address, json=body, headers={**owner, "if-match": '"v1"'})
    matched = {**officer, "if-match": asked.headers["etag"]}
    accepted = await house.http.post(f"{address}/decisions/accept", headers=matched)
    assert accepted.json()["purpose"] == "出售", accepted.text


async def _let_in(house: House, client: RegisteredClient, browser: Browser) -> httpx2.Response:
    """The tokens of a device that the person behind `browser` lets in."""
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    page = await browser.submit(
        await browser.get("/identity/device"), user_code=started["user_code"]
    )
    await browser.submit(page, decision="allow")
    return await house.post(
        "/token", client, grant_type=DEVICE_GRANT, device_code=started["device_code"]
    )


async def test_who_agreed_to_another_purpose_is_asked_anew_before_anything_goes_on(
    house: House,
) -> None:
    client, other = await house.client(trusted=False), await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    given = []
    for each in (client, other):
        page = await browser.authorize(each, scope=OFFLINE)
        code = query(await browser.submit(page, decision="allow"))["code"]
        given.append((await house.redeem(each, code)).json())
    device = (await _let_in(house, client, browser)).json()
    code = await browser.code(client)

    await _rename(house, client)
    for token in (given[0]["refresh_token"], device["refresh_token"]):
        refused = await house.refresh(client, token)
        assert refused.json()["error"] == "invalid_grant"
    assert (await house.redeem(client, code)).json()["error"] == "invalid_grant"
    assert (await house.refresh(other, given[1]["refresh_token"])).status_code == 200

    page = await browser.authorize(client, scope=OFFLINE)
    assert "卖数据" in page.text
    code = query(await browser.submit(page, decision="allow"))["code"]
    anew = (await house.redeem(client, code)).json()
    assert (await house.refresh(client, anew["refresh_token"])).status_code == 200


async def test_what_asks_nobody_goes_on_under_another_purpose(house: House) -> None:
    client = await house.client()
    given = await house.tokens(client, await house.person(), scope=OFFLINE)
    await _rename(house, client)
    assert (await house.refresh(client, given["refresh_token"])).status_code == 200
    own = await house.post("/token", client, grant_type="client_credentials")
    assert own.status_code == 200
