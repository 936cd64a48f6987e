"""What a sign-in has proved, and what takes it back at once."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode

import asyncpg
import pytest

from services.identity.settings import Settings
from shared.errors import Unauthenticated
from tests.service.identity.provider import (
    House,
    leads_to,
    query,
    returned_request,
    running_house,
)


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


# --- a sign-in of the request's own --------------------------------------------------------------


@pytest.mark.parametrize(
    "forged", [{"asked_at": "0"}, {"asked_at": "1.x"}, {"authenticated_since": "0"}]
)
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"prompt": "select_account"}])
async def test_nobody_but_us_says_that_the_request_led_to_the_sign_in(
    house: House, forged: dict[str, str], asked: dict[str, str]
) -> None:
    client, browser = await house.client(), house.browser()
    await browser.sign_in(await house.person())
    assert leads_to(await browser.authorize(client, **asked, **forged)) == "/identity/login"


async def test_the_mark_of_one_request_and_browser_serves_no_other(house: House) -> None:
    client, person = await house.client(), await house.person()
    browser, other = house.browser(), house.browser()
    await browser.sign_in(person)
    marked = returned_request(await browser.authorize(client, prompt="login"))["asked_at"][0]
    for each in (browser, other):
        await each.sign_in(person)
    mark = {"prompt": "login", "asked_at": marked}
    assert leads_to(await other.authorize(client, **mark)) == "/identity/login"
    assert leads_to(await browser.authorize(client, **mark, nonce="n")) == "/identity/login"
    assert "code" in query(await browser.authorize(client, **mark))


async def test_the_consent_page_is_no_way_around_a_sign_in(house: House) -> None:
    client, person = await house.client(trusted=False), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    page = await browser.authorize(client)
    asked = parse_qs(str(page.url.query, "ascii"))
    request = urlencode({name: values[0] for name, values in asked.items()} | {"prompt": "login"})
    answer = await browser.submit(page, decision="allow", request=request)
    assert leads_to(answer) == "/identity/login"


# --- a second factor for those whose roles ask for one -------------------------------------------

ADMINISTRATOR = ("administrator@PHOUSE",)


async def test_a_role_given_since_the_sign_in_asks_for_a_second_factor(house: House) -> None:
    client, person = await house.client(), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    tokens = (await house.redeem(client, await browser.code(client))).json()
    code = await browser.code(client)
    house.people.known[person].grants = ADMINISTRATOR
    for answer in (
        await house.refresh(client, tokens["refresh_token"]),
        await house.redeem(client, code),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    silent = query(await browser.authorize(client, prompt="none"))
    assert silent["error"] == "login_required"
    asked = await browser.authorize(client)
    assert leads_to(asked) == "/identity/login"
    await browser.sign_in(person, ("pwd", "otp", "mfa"))
    code = query(await browser.continue_after_login(asked))["code"]
    body = (await house.redeem(client, code)).json()
    assert (await house.claims(body["access_token"]))["grants"] == list(ADMINISTRATOR)


# --- a revocation of our own ---------------------------------------------------------------------


async def test_what_this_process_revokes_it_refuses_at_once(house: House) -> None:
    client, person = await house.client(), await house.person()
    token = (await house.tokens(client, person))["access_token"]
    verified = house.runtime.verifier.verify
    assert verified(token).subject == str(person)
    async with house.runtime.new_uow() as uow:
        await house.revocations.revoke(uow, "person", str(person))
        assert verified(token).subject == str(person)
        await uow.commit()
    with pytest.raises(Unauthenticated):
        verified(token)


async def test_a_revocation_that_is_not_committed_voids_nothing(house: House) -> None:
    client, person = await house.client(), await house.person()
    token = (await house.tokens(client, person))["access_token"]
    async with house.runtime.new_uow() as uow:
        await house.revocations.revoke(uow, "person", str(person))
    assert house.runtime.verifier.verify(token).subject == str(person)
