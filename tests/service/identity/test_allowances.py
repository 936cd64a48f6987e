"""The page on which people see the applications that they let in, and withdraw it."""

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from services.identity.adapters.allowances import AllowanceRows
from services.identity.application.allowances import Allowances
from services.identity.routes.allowances import APPLICATIONS, AllowancePages
from services.identity.routes.visitors import Visitors
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.identity.authentication import fields_of
from tests.service.identity.provider import (
    Browser,
    House,
    RegisteredClient,
    leads_to,
    query,
    running_house,
)


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        runtime = house.runtime
        allowances = Allowances(runtime.new_uow, AllowanceRows, house.revocations, runtime.clock)
        visitors = Visitors(house.sessions, house.pages, 1, runtime.clock)
        house.app.include_router(AllowancePages(house.pages, visitors, allowances).router())
        yield house


async def allowed(house: House, browser: Browser, client: RegisteredClient) -> dict[str, str]:
    """Let the application in; its tokens."""
    page = await browser.authorize(client, scope="openid profile offline_access")
    back = await browser.submit(page, decision="allow")
    answer = await house.redeem(client, query(back)["code"])
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


async def withdraw(browser: Browser, client: RegisteredClient, **fields: str) -> httpx2.Response:
    page = (await browser.get(APPLICATIONS)).text
    shown = fields_of(page, APPLICATIONS if client.id in page else "/identity/logout")
    form = {"csrf": shown["csrf"], "application": client.id, **fields}
    return await browser.http.post(APPLICATIONS, data=form)


async def test_a_stranger_signs_in_first(house: House) -> None:
    for method in ("GET", "POST"):
        answer = await house.browser().http.request(method, APPLICATIONS)
        assert answer.status_code == (303 if method == "GET" else 403)


async def test_the_page_says_what_was_allowed_in_both_languages(house: House) -> None:
    client, trusted = await house.client(trusted=False), await house.client()
    browser = house.browser()
    await browser.sign_in(await house.person())
    assert "您没有允许过任何应用" in (await browser.get(APPLICATIONS, lang="zh")).text
    await allowed(house, browser, client)
    await browser.code(trusted)
    page = (await browser.get(APPLICATIONS)).text
    assert page.count('name="application"') == 1
    for told in ("听书", "由 陕西省 提供", "读取您的姓名等基本资料", "撤回"):
        assert told in page
    page = (await browser.get(APPLICATIONS, lang="en")).text
    for told in ("by 陕西省", "Read your name and profile", "Withdraw"):
        assert told in page
    assert "<script" not in page


async def test_what_is_withdrawn_is_void_at_once_and_asked_for_again(house: House) -> None:
    client, person = await house.client(trusted=False), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    tokens = await allowed(house, browser, client)
    unused = query(await browser.authorize(client, scope="openid profile"))["code"]
    assert leads_to(await withdraw(browser, client)) == APPLICATIONS
    assert (await house.userinfo(tokens["access_token"])).status_code == 401
    assert (await house.refresh(client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await house.redeem(client, unused)).json()["error"] == "invalid_grant"
    silent = query(await browser.authorize(client, prompt="none"))
    assert silent["error"] == "consent_required"
    assert client.id not in (await browser.get(APPLICATIONS)).text
    noted = await house.owner.fetchval(
        "SELECT count(*) FROM audit WHERE action = 'client.consent_withdrawn'"
    )
    assert noted == 1


async def test_other_applications_and_other_people_keep_theirs(house: House) -> None:
    client, other = [await house.client(trusted=False) for _ in range(2)]
    browser, neighbour = house.browser(), house.browser()
    await browser.sign_in(await house.person())
    await neighbour.sign_in(await house.person())
    await allowed(house, browser, client)
    kept = [await allowed(house, browser, other), await allowed(house, neighbour, client)]
    await withdraw(browser, client)
    for tokens in kept:
        assert (await house.userinfo(tokens["access_token"])).status_code == 200


async def test_what_was_not_allowed_cannot_be_withdrawn(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    for named in (str(uuid7()), "", "all", client.id):
        assert (await withdraw(browser, client, application=named)).status_code == 404


async def test_another_site_cannot_withdraw(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    await allowed(house, browser, client)
    assert (await withdraw(browser, client, csrf="guessed")).status_code == 403
    assert client.id in (await browser.get(APPLICATIONS)).text


async def test_an_application_that_asks_nobody_is_listed_while_it_is_signed_in(
    house: House,
) -> None:
    trusted, person = await house.client(), await house.person()
    tokens = await house.tokens(trusted, person, scope="openid offline_access")
    browser = house.browser()
    await browser.sign_in(person)
    assert trusted.id in (await browser.get(APPLICATIONS)).text
    assert (await withdraw(browser, trusted)).status_code == 303
    assert trusted.id not in (await browser.get(APPLICATIONS)).text
    assert (await house.refresh(trusted, tokens["refresh_token"])).status_code == 400
    assert (await house.userinfo(tokens["access_token"])).status_code == 401
