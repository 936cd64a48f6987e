from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest

from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    House,
    RegisteredClient,
    leads_to,
    running_house,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


async def _poll(house: House, client: RegisteredClient, device_code: str) -> dict[str, Any]:
    await house.owner.execute("UPDATE device_codes SET polled_at = NULL")
    answer = await house.post("/token", client, grant_type=DEVICE_GRANT, device_code=device_code)
    body: dict[str, Any] = answer.json()
    return body


async def test_a_person_lets_a_device_in_that_then_gets_tokens_once(house: House) -> None:
    client, person = await house.client(), await house.person()
    started = (await house.post("/device_authorization", client, scope="openid profile")).json()
    assert started["verification_uri"] == f"{ISSUER}/device"
    device = started["device_code"]
    assert (await _poll(house, client, device))["error"] == "authorization_pending"

    browser = house.browser()
    sent = await browser.http.get("/identity/device", params={"user_code": started["user_code"]})
    assert leads_to(sent) == "/identity/login"
    await browser.sign_in(person)
    page = await browser.continue_after_login(sent)
    page = await browser.submit(page, user_code=started["user_code"].lower().replace("-", " "))
    assert "听书" in page.text
    assert "设备已连接" in (await browser.submit(page, decision="allow")).text

    tokens = await _poll(house, client, device)
    assert (await house.claims(tokens["id_token"]))["sub"] == str(person)
    assert (await house.userinfo(tokens["access_token"])).json()["name"] == "王小明"
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200
    assert (await _poll(house, client, device))["error"] == "invalid_grant"


async def test_tokens_of_a_device_let_in_right_before_a_revocation_are_good(house: House) -> None:
    client, person = await house.client(), await house.person()
    started = (await house.post("/device_authorization", client, scope="openid profile")).json()
    browser = house.browser()
    await browser.sign_in(person)
    page = await browser.get("/identity/device")
    page = await browser.submit(page, user_code=started["user_code"])
    await browser.submit(page, decision="allow")
    await house.revoke("consent", str(person))
    tokens = await _poll(house, client, started["device_code"])
    assert (await house.userinfo(tokens["access_token"])).status_code == 200


async def test_a_device_let_in_before_all_sign_ins_were_ended_gets_nothing(house: House) -> None:
    client, person = await house.client(), await house.person()
    started = (await house.post("/device_authorization", client, scope="openid profile")).json()
    browser = house.browser()
    await browser.sign_in(person)
    page = await browser.get("/identity/device")
    page = await browser.submit(page, user_code=started["user_code"])
    await browser.submit(page, decision="allow")
    async with house.runtime.new_uow() as uow:
        await house.sessions.revoke_all(uow, person)
        await uow.commit()
    for _ in range(2):
        assert (await _poll(house, client, started["device_code"]))["error"] == "invalid_grant"


async def test_a_device_is_let_in_for_what_the_page_showed_alone(house: House) -> None:
    client = await house.client()
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.get("/identity/device")
    page = await browser.submit(page, user_code=started["user_code"])
    await house.owner.execute("UPDATE clients SET name = '卖数据', purpose = '出售'")
    anew = await browser.submit(page, decision="allow")
    assert (anew.status_code, "卖数据" in anew.text) == (409, True)
    assert (await _poll(house, client, started["device_code"]))["error"] == "authorization_pending"
    assert "设备已连接" in (await browser.submit(anew, decision="allow")).text


async def test_a_refused_device_is_told_so(house: House) -> None:
    client = await house.client()
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.get("/identity/device", user_code=started["user_code"])
    page = await browser.submit(page, user_code=started["user_code"])
    await browser.submit(page, decision="deny")
    assert (await _poll(house, client, started["device_code"]))["error"] == "access_denied"


async def test_a_device_that_asks_too_often_is_slowed_down(house: House) -> None:
    client, other = await house.client(), await house.client()
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    asking = {"grant_type": DEVICE_GRANT, "device_code": started["device_code"]}
    first = await house.post("/token", client, **asking)
    assert first.json()["error"] == "authorization_pending"
    second = await house.post("/token", client, **asking)
    assert second.json()["error"] == "slow_down"
    stolen = await house.post("/token", other, **asking)
    assert stolen.json()["error"] == "invalid_grant"
    await house.owner.execute("UPDATE device_codes SET expires_at = now()")
    late = await house.post("/token", client, **asking)
    assert late.json()["error"] == "expired_token"


@pytest.mark.parametrize("typed", ["", "BCDF-GHJK", "%00", "不是代码", "x" * 500])
async def test_a_code_that_no_device_shows_is_told_to_the_person(house: House, typed: str) -> None:
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.get("/identity/device")
    answer = await browser.submit(page, user_code=typed)
    assert answer.status_code == 200
    assert "没有设备在等待这个代码" in answer.text


async def test_who_guesses_codes_is_slowed_down_and_nobody_else(house: House) -> None:
    client = await house.client()
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    thief, owner = house.browser(), house.browser()
    await thief.sign_in(await house.person())
    await owner.sign_in(await house.person())
    for _ in range(10):
        page = await thief.submit(await thief.get("/identity/device"), user_code="BCDF-GHJK")
        assert page.status_code == 200
    page = await thief.submit(await thief.get("/identity/device"), user_code=started["user_code"])
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) > 0
    page = await owner.submit(await owner.get("/identity/device"), user_code=started["user_code"])
    assert "听书" in page.text


async def test_the_trail_tells_what_a_device_was_given_and_what_waits_for_a_guardian(
    house: House,
) -> None:
    client, browser = await house.client(), house.browser()
    await browser.sign_in(await house.person(consented=frozenset({"profile"})))
    asked = {"scope": "openid profile phone"}
    started = (await house.post("/device_authorization", client, **asked)).json()
    page = await browser.get("/identity/device")
    page = await browser.submit(page, user_code=started["user_code"])
    await browser.submit(page, decision="allow")
    facts = orjson.loads(
        await house.owner.fetchval("SELECT facts FROM audit WHERE action = 'client.authorized'")
    )
    assert (facts["scopes"], facts["withheld"]) == (["openid", "profile"], ["phone"])
