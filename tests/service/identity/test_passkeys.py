import asyncio
import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    ORIGIN,
    Browser,
    House,
    build_authentication,
    fields_of,
    house_of,
)
from tests.service.identity.authenticator import Authenticator

PAGE = f"{ACCOUNT}/passkeys"
FACTORS = f"{ACCOUNT}/second-factors"
PASSKEY = f"{LOGIN}/passkey"
SECOND = f"{LOGIN}/second-factor/passkey"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


def options_of(page: str) -> str:
    found = re.search(r'data-options="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


async def register(
    browser: Browser, authenticator: Authenticator, name: str = "Office"
) -> httpx2.Response:
    page = await browser.open(PAGE)
    credential = authenticator.create(options_of(page.text))
    return await browser.submit(PAGE, credential=credential, name=name)


async def answer(browser: Browser, path: str, authenticator: Authenticator) -> httpx2.Response:
    page = await browser.open(path)
    credential = authenticator.get(options_of(page.text))
    return await browser.submit(path.partition("?")[0], credential=credential)


@pytest.fixture
async def registered(house: House) -> tuple[UUID, Authenticator]:
    """Somebody with a passkey."""
    browser, person_id = await house.signed_in()
    authenticator = Authenticator(ORIGIN)
    assert (await register(browser, authenticator)).status_code == 200
    return person_id, authenticator


class TestRegistering:
    async def test_the_first_one_comes_with_recovery_codes(self, house: House) -> None:
        browser, person_id = await house.signed_in()
        page = await register(browser, Authenticator(ORIGIN))
        assert page.text.count("<li><code>") == 10
        assert "Office" in (await browser.open(FACTORS)).text
        second = await register(browser, Authenticator(ORIGIN), "Phone")
        assert second.headers["location"] == FACTORS
        entries = await house.audited("second_factor.added")
        assert [entry["target"] for entry in entries] == [str(person_id)] * 2

    async def test_only_its_page_may_run_our_script(self, house: House) -> None:
        browser, _ = await house.signed_in()
        page = await browser.open(PAGE)
        assert "script-src 'self'" in page.headers["content-security-policy"]
        [script] = re.findall(r"<script[^>]*>", page.text)
        assert 'src="/identity/static/passkeys.js' in script
        for other in (ACCOUNT, FACTORS, LOGIN):
            answer = await browser.open(other)
            assert "script-src" not in answer.headers.get("content-security-policy", "")

    async def test_a_challenge_is_answered_once(self, house: House) -> None:
        browser, _ = await house.signed_in()
        page = await browser.open(PAGE)
        shown, options = browser.shown, options_of(page.text)
        first = await browser.submit(PAGE, credential=Authenticator(ORIGIN).create(options))
        assert first.status_code == 200
        browser.shown = shown
        second = await browser.submit(PAGE, credential=Authenticator(ORIGIN).create(options))
        assert second.status_code == 422

    async def test_a_challenge_is_good_for_ten_minutes(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        browser = house.browser()
        options = options_of((await browser.open(PASSKEY)).text)
        house.clock.advance(timedelta(minutes=10))
        late = await browser.submit(PASSKEY, credential=registered[1].get(options))
        assert late.status_code == 401

    async def test_the_challenge_of_another_session_is_refused(self, house: House) -> None:
        attacker, _ = await house.signed_in("lina")
        victim, _ = await house.signed_in("zhangwei")
        options = options_of((await attacker.open(PAGE)).text)
        await victim.open(PAGE)
        answer = await victim.submit(PAGE, credential=Authenticator(ORIGIN).create(options))
        assert answer.status_code == 422

    async def test_the_answer_of_another_site_is_refused(self, house: House) -> None:
        browser, _ = await house.signed_in()
        answer = await register(browser, Authenticator("https://evil.example"))
        assert answer.status_code == 422

    @pytest.mark.parametrize(
        "credential",
        [
            "",
            "{}",
            "[]",
            "null",
            "7",
            "not json",
            '{"response":{}}',
            '{"response":{"clientDataJSON":"e30"}}',
            '{"response":{"clientDataJSON":"////"}}',
            '{"response":{"clientDataJSON":7}}',
            "[" * 5_000,
        ],
    )
    async def test_what_is_no_answer_is_refused(self, house: House, credential: str) -> None:
        browser, _ = await house.signed_in()
        await browser.open(PAGE)
        assert (await browser.submit(PAGE, credential=credential)).status_code == 422

    async def test_a_damaged_answer_is_refused(self, house: House) -> None:
        browser, _ = await house.signed_in()
        for field in ("attestationObject", "clientDataJSON"):
            options = options_of((await browser.open(PAGE)).text)
            told = json.loads(Authenticator(ORIGIN).create(options))
            told["response"][field] = told["response"][field][:40]
            answer = await browser.submit(PAGE, credential=json.dumps(told))
            assert answer.status_code == 422


class TestAsASecondFactor:
    async def halfway(self, house: House) -> Browser:
        browser = house.browser()
        answer = await browser.sign_in("zhangwei", return_to="/identity/device")
        assert answer.headers["location"] == f"{LOGIN}/second-factor"
        return browser

    async def test_it_signs_in_and_leads_back(
        self, house: House, registered: tuple[UUID, Authenticator], owner: asyncpg.Connection
    ) -> None:
        browser = await self.halfway(house)
        done = await answer(browser, SECOND, registered[1])
        assert (done.status_code, done.headers["location"]) == (303, "/identity/device")
        row = await owner.fetchrow("SELECT amr, acr FROM sessions ORDER BY id DESC LIMIT 1")
        assert row is not None
        assert row["amr"] == ["pwd", "hwk", "user", "mfa"]
        assert row["acr"] == "urn:shuyuan:acr:2"

    async def test_touching_it_is_enough_beside_the_password(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        registered[1].verifies = False
        assert (await answer(await self.halfway(house), SECOND, registered[1])).status_code == 303

    async def test_somebody_elses_is_refused(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        other, _ = await house.signed_in("lina")
        theirs = Authenticator(ORIGIN)
        await register(other, theirs)
        browser = await self.halfway(house)
        assert (await answer(browser, SECOND, theirs)).status_code == 401
        assert not await browser.is_signed_in()

    async def test_an_answer_is_good_once(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        browser = await self.halfway(house)
        page = await browser.open(SECOND)
        credential = registered[1].get(options_of(page.text))
        answers = await asyncio.gather(
            *(browser.submit(SECOND, credential=credential) for _ in range(2))
        )
        assert sorted(each.status_code for each in answers) in ([303, 303], [303, 401])
        assert len(await house.audited("session.started")) == 2


class TestAlone:
    async def test_one_that_verifies_its_user_signs_in_without_a_password(
        self, house: House, registered: tuple[UUID, Authenticator], owner: asyncpg.Connection
    ) -> None:
        browser = house.browser()
        done = await answer(browser, f"{PASSKEY}?return_to=/identity/device", registered[1])
        assert (done.status_code, done.headers["location"]) == (303, "/identity/device")
        assert await browser.is_signed_in()
        row = await owner.fetchrow("SELECT amr, acr FROM sessions ORDER BY id DESC LIMIT 1")
        assert row is not None
        assert row["amr"] == ["hwk", "user", "mfa"]
        assert row["acr"] == "urn:shuyuan:acr:2"

    async def test_one_that_does_not_is_not_enough(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        registered[1].verifies = False
        browser = house.browser()
        assert (await answer(browser, PASSKEY, registered[1])).status_code == 401
        assert not await browser.is_signed_in()

    async def test_an_unknown_one_is_refused(self, house: House) -> None:
        assert (await answer(house.browser(), PASSKEY, Authenticator(ORIGIN))).status_code == 401
        assert len(await house.audited("sign_in.refused")) == 1

    async def test_the_challenge_of_another_browser_is_refused(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        attacker, victim = house.browser(), house.browser()
        options = options_of((await attacker.open(PASSKEY)).text)
        await victim.open(PASSKEY)
        credential = registered[1].get(options)
        assert (await victim.submit(PASSKEY, credential=credential)).status_code == 401

    async def test_an_answer_cannot_be_sent_again(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        browser = house.browser()
        page = await browser.open(PASSKEY)
        shown, credential = browser.shown, registered[1].get(options_of(page.text))
        assert (await browser.submit(PASSKEY, credential=credential)).status_code == 303
        browser.shown = shown
        assert (await browser.submit(PASSKEY, credential=credential)).status_code == 401

    async def test_a_copy_of_one_is_noticed_by_its_count(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        _, authenticator = registered
        assert (await answer(house.browser(), PASSKEY, authenticator)).status_code == 303
        authenticator.count = 0
        assert (await answer(house.browser(), PASSKEY, authenticator)).status_code == 401

    async def test_it_signs_nobody_in_who_is_not_active(
        self,
        house: House,
        registered: tuple[UUID, Authenticator],
        owner: asyncpg.Connection,
    ) -> None:
        await owner.execute("UPDATE people SET state = 'SUSPENDED'")
        assert (await answer(house.browser(), PASSKEY, registered[1])).status_code == 401

    async def test_a_signature_that_is_not_its_own_is_refused(
        self, house: House, registered: tuple[UUID, Authenticator]
    ) -> None:
        forged = Authenticator(ORIGIN, credential_id=registered[1].credential_id)
        assert (await answer(house.browser(), PASSKEY, forged)).status_code == 401


class TestRemoving:
    async def remove(self, browser: Browser, passkey_id: str) -> httpx2.Response:
        await browser.open(FACTORS)
        csrf = fields_of(browser.shown, "/identity/logout")["csrf"]
        body = {"csrf": csrf, "change": "remove_passkey", "passkey": passkey_id}
        return await browser.http.post(FACTORS, data=body)

    async def test_one_is_removed_and_signs_nobody_in(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        browser, _ = await house.signed_in()
        authenticator = Authenticator(ORIGIN)
        await register(browser, authenticator)
        passkey_id = str(await owner.fetchval("SELECT id FROM passkeys"))
        assert (await self.remove(browser, passkey_id)).status_code == 303
        assert (await answer(house.browser(), PASSKEY, authenticator)).status_code == 401
        assert (await self.remove(browser, passkey_id)).status_code == 404

    async def test_somebody_elses_is_not_there(
        self,
        house: House,
        registered: tuple[UUID, Authenticator],
        owner: asyncpg.Connection,
    ) -> None:
        passkey_id = str(await owner.fetchval("SELECT id FROM passkeys"))
        other, _ = await house.signed_in("lina")
        assert (await self.remove(other, passkey_id)).status_code == 404
        assert (await self.remove(other, "nothing")).status_code == 404


async def test_they_need_a_name_not_an_address(
    settings: Settings, owner: asyncpg.Connection
) -> None:
    app = build_authentication(settings, origin="http://127.0.0.1:8080")
    house = house_of(app, owner)
    await house.person("zhangwei")
    browser = house.browser()
    browser.http.base_url = "http://127.0.0.1:8080"
    assert PASSKEY not in (await browser.open(LOGIN)).text
    assert (await browser.open(PASSKEY)).status_code == 409
    assert (await browser.sign_in("zhangwei")).status_code == 303
    assert "IP address" in (await browser.open(FACTORS)).text
    assert (await browser.open(PAGE)).status_code == 409
    await app.state.runtime.close()
