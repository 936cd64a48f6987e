from collections.abc import Callable

import asyncpg
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    ORIGIN,
    PASSWORD,
    House,
    build_authentication,
    fields_of,
    house_of,
)


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


class TestForms:
    async def test_one_without_a_token_is_refused(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        answer = await browser.http.post(LOGIN, data={"username": "zhangwei", "password": PASSWORD})
        assert answer.status_code == 403
        assert not await browser.is_signed_in()

    async def test_one_without_a_cookie_is_refused(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        browser.http.cookies.clear()
        answer = await browser.submit(LOGIN, username="zhangwei", password=PASSWORD)
        assert answer.status_code == 403

    async def test_the_token_of_another_browser_is_refused(self, house: House) -> None:
        await house.person("zhangwei")
        attacker, victim = house.browser(), house.browser()
        await attacker.open(LOGIN)
        await victim.open(LOGIN)
        victim.shown = attacker.shown
        answer = await victim.submit(LOGIN, username="zhangwei", password=PASSWORD)
        assert answer.status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "https://evil.example"},
            {"origin": "null", "sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ],
    )
    async def test_one_from_another_site_is_refused(
        self, house: House, headers: dict[str, str]
    ) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        browser.http.headers.update(headers)
        answer = await browser.submit(LOGIN, username="zhangwei", password=PASSWORD)
        assert answer.status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [{"origin": ORIGIN}, {"origin": "null", "sec-fetch-site": "same-origin"}],
    )
    async def test_one_from_our_own_page_is_taken(
        self, house: House, headers: dict[str, str]
    ) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        browser.http.headers.update(headers)
        answer = await browser.submit(LOGIN, username="zhangwei", password=PASSWORD)
        assert answer.status_code == 303

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"username=a&username=b", "application/x-www-form-urlencoded"),
            (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
            (b"&".join(b"a%d=1" % n for n in range(99)), "application/x-www-form-urlencoded"),
            (b"password=" + b"a" * 20_000, "application/x-www-form-urlencoded"),
            (b'{"username":"a"}', "application/json"),
            (b"", ""),
        ],
    )
    async def test_what_is_no_form_of_ours_is_refused(
        self, house: House, content: bytes, kind: str
    ) -> None:
        browser = house.browser()
        page = await browser.open(LOGIN)
        token = fields_of(page.text, LOGIN)["csrf"].encode()
        answer = await browser.http.post(
            LOGIN, content=content + b"&csrf=" + token, headers={"content-type": kind}
        )
        assert answer.status_code == 403

    async def test_a_sign_in_page_left_open_in_another_tab_still_works(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        left_open = browser.shown
        await browser.sign_in("zhangwei")
        browser.shown = left_open
        assert (
            await browser.submit(LOGIN, username="zhangwei", password=PASSWORD)
        ).status_code == 303

    async def test_the_form_of_an_earlier_session_is_refused(self, house: House) -> None:
        browser, _ = await house.signed_in()
        await browser.open(f"{ACCOUNT}/sessions")
        earlier = browser.shown
        await browser.sign_in("zhangwei")
        browser.shown = earlier
        assert (await browser.submit("/identity/logout")).status_code == 403
        assert await browser.is_signed_in()


class TestTheWayBack:
    @pytest.mark.parametrize(
        "return_to",
        [
            "/identity/authorize?client_id=a&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=//x",
            "/identity/device",
            "/identity/account/sessions",
        ],
    )
    async def test_it_leads_where_the_person_came_from(self, house: House, return_to: str) -> None:
        await house.person("zhangwei")
        answer = await house.browser().sign_in("zhangwei", return_to=return_to)
        assert answer.headers["location"] == return_to

    @pytest.mark.parametrize(
        "return_to",
        [
            "https://evil.example/",
            "//evil.example/identity/",
            "/\\evil.example/identity/",
            "\\\\evil.example",
            "/identity\\@evil.example",
            "/identity.evil.example/",
            "/identityevil/",
            "/identity//evil.example",
            "/identity/..//evil.example",
            "/identity/../catalog/v1/about",
            "/identity/%2e%2e/catalog/",
            "/identity/.%2E/",
            "/identity/%2f%2fevil.example",
            "/identity/%5c..%5cevil",
            "/identity/account\r\nset-cookie: a=b",
            "/identity/account\t",
            " /identity/account",
            "/identity/账号",
            "javascript:alert(1)",
            "/catalog/v1/about",
            "http:/identity/account",
            "http:///identity/account",
            "",
            "/identity/" + "a" * 9_000,
        ],
    )
    async def test_it_never_leads_anywhere_else(self, house: House, return_to: str) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        answer = await browser.submit(
            LOGIN, username="zhangwei", password=PASSWORD, return_to=return_to
        )
        assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
