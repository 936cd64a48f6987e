import asyncio
import re
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.adapters.sweeping import AuthenticationSweeper
from services.identity.settings import Settings
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.identity.authentication import (
    ACCOUNT,
    ORIGIN,
    House,
    build_authentication,
    fields_of,
    house_of,
)

PAGE = f"{ACCOUNT}/sessions"
API = "/identity/v1/sessions"
SCOPES = "identity.read identity.manage"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


class TestThePage:
    async def test_a_stranger_signs_in_first(self, house: House) -> None:
        answer = await house.browser().open(PAGE)
        assert answer.headers["location"] == f"/identity/login?return_to={PAGE}"

    async def test_somebody_elses_session_is_not_there(self, house: House) -> None:
        browser, _ = await house.signed_in("zhangwei")
        _, other = await house.signed_in("lina")
        await browser.open(PAGE)
        [session] = await house.app.state.part.sessions.list(other)
        forged = {"csrf": fields_of(browser.shown, "/identity/logout")["csrf"]}
        answer = await browser.http.post(PAGE, data={**forged, "session": str(session.id)})
        assert answer.status_code == 404
        assert len(await house.app.state.part.sessions.list(other)) == 1

    async def test_it_names_each_device_and_marks_the_present_one(self, house: House) -> None:
        await house.person("zhangwei")
        agents = {
            "Edge · Windows": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0",
            "WeChat · Android": "Mozilla/5.0 (Linux; Android 15) Chrome/130 MicroMessenger/8.0",
            "Safari · iPadOS": "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Safari/604.1",
        }
        for agent in agents.values():
            browser = house.browser(**{"user-agent": agent})
            await browser.sign_in("zhangwei")
        page = (await browser.open(PAGE)).text
        assert set(re.findall(r"<strong>([^<]+)</strong>", page)) == set(agents)
        assert page.count("this one") == 1

    async def test_one_is_ended_with_its_tokens(self, house: House) -> None:
        lost, person_id = await house.signed_in()
        house.clock.advance(timedelta(seconds=1))
        browser = house.browser()
        await browser.sign_in("zhangwei")
        await browser.open(PAGE)
        answer = await browser.submit(PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        assert not await lost.is_signed_in()
        assert await browser.is_signed_in()
        [entry] = await house.audited("session.revoked")
        assert entry["actor"] == str(person_id)
        assert house.seams.revoked == [("session", entry["target"])]

    async def test_all_others_are_ended_at_once(self, house: House) -> None:
        others = [(await house.signed_in())[0]]
        for _ in range(2):
            others.append(house.browser())
            await others[-1].sign_in("zhangwei")
        browser = others.pop()
        await browser.open(PAGE)
        csrf = fields_of(browser.shown, PAGE)["csrf"]
        await browser.http.post(PAGE, data={"csrf": csrf, "session": "others"})
        assert await browser.is_signed_in()
        assert not any([await each.is_signed_in() for each in others])

    async def test_what_is_no_session_is_not_found(self, house: House) -> None:
        browser, _ = await house.signed_in()
        await browser.open(PAGE)
        csrf = fields_of(browser.shown, "/identity/logout")["csrf"]
        for chosen in ("", "all", str(uuid7())):
            answer = await browser.http.post(PAGE, data={"csrf": csrf, "session": chosen})
            assert answer.status_code == 404


class TestTheirLife:
    async def test_one_that_is_used_stays(self, house: House) -> None:
        browser, _ = await house.signed_in()
        for _ in range(10):
            house.clock.advance(timedelta(hours=23))
            assert await browser.is_signed_in()

    async def test_one_that_is_not_used_for_a_day_is_over(self, house: House) -> None:
        browser, _ = await house.signed_in()
        house.clock.advance(timedelta(hours=24))
        assert not await browser.is_signed_in()

    async def test_after_a_fortnight_everybody_signs_in_again(self, house: House) -> None:
        browser, _ = await house.signed_in()
        for _ in range(14):
            house.clock.advance(timedelta(hours=23))
            await browser.is_signed_in()
        house.clock.advance(timedelta(hours=15))
        assert not await browser.is_signed_in()

    async def test_one_ends_while_its_person_is_suspended(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        browser, _ = await house.signed_in()
        await owner.execute("UPDATE people SET state = 'SUSPENDED'")
        assert not await browser.is_signed_in()

    @pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "课", "'; DROP TABLE sessions; --"])
    async def test_any_other_cookie_is_none(self, house: House, cookie: str) -> None:
        await house.signed_in()
        assert await house.app.state.part.sessions.current(cookie) is None

    async def test_the_database_does_not_know_the_cookie(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        browser, _ = await house.signed_in()
        cookie = (browser.cookie("session") or "").encode()
        assert len(cookie) == 43
        row = await owner.fetchrow("SELECT * FROM sessions")
        assert row is not None
        assert cookie not in str(dict(row)).encode()

    async def test_long_after_nothing_is_left_of_it(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        await house.signed_in()
        await house.browser().sign_in("nobody", "whatever this may be")
        sweeper = AuthenticationSweeper(house.app.state.runtime.engine, house.clock)
        assert await sweeper.sweep() == 0
        house.clock.advance(timedelta(days=400))
        await sweeper.sweep()
        for table in ("sessions", "known_devices", "throttle"):
            assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608


class TestTheInterface:
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", ""), ("DELETE", "/00000000-0000-7000-8000-000000000001")]
    )
    async def test_nobody_anonymous(
        self, client: httpx2.AsyncClient, method: str, path: str
    ) -> None:
        assert (await client.request(method, API + path)).status_code == 401

    async def test_nobody_elses(
        self, house: House, client: httpx2.AsyncClient, token: Token
    ) -> None:
        _, person_id = await house.signed_in()
        stranger = token(str(uuid7()), SCOPES)
        assert (await client.get(API, headers=stranger)).json() == {"items": [], "next": None}
        [session] = await house.app.state.part.sessions.list(person_id)
        answer = await client.delete(f"{API}/{session.id}", headers=stranger)
        assert answer.status_code == 404

    async def test_ones_own_are_listed_and_ended(
        self, house: House, client: httpx2.AsyncClient, token: Token
    ) -> None:
        browser, person_id = await house.signed_in()
        me = token(str(person_id), SCOPES)
        [session] = (await client.get(API, headers=me)).json()["items"]
        assert session["amr"] == ["pwd"]
        assert session["acr"] == "urn:shuyuan:acr:1"
        assert (await client.delete(f"{API}/{session['id']}", headers=me)).status_code == 204
        assert not await browser.is_signed_in()
        assert (await client.delete(f"{API}/{session['id']}", headers=me)).status_code == 404

    async def test_a_token_needs_the_scope(self, client: httpx2.AsyncClient, token: Token) -> None:
        me = token(str(uuid7()), "identity.read")
        assert (await client.delete(f"{API}/{uuid7()}", headers=me)).status_code == 403
        assert (await client.get(API, headers=token(str(uuid7()), "openid"))).status_code == 403

    async def test_a_client_that_acts_for_itself_has_none(
        self, client: httpx2.AsyncClient, token: Token
    ) -> None:
        assert (await client.get(API, headers=token("not-a-person", SCOPES))).status_code == 404


async def test_ending_one_twice_at_once_ends_it_once(house: House) -> None:
    _, person_id = await house.signed_in()
    sessions = house.app.state.part.sessions
    [session] = await sessions.list(person_id)
    await asyncio.gather(*(sessions.sign_out(session) for _ in range(3)))
    assert len(await house.audited("session.revoked")) == 1


async def test_over_https_cookies_are_bound_to_the_host(
    settings: Settings, owner: asyncpg.Connection
) -> None:
    secure = "https://id.example.cn"
    app = build_authentication(settings, origin=secure)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=secure) as client:
        answer = await client.get("/identity/login")
        [kept] = answer.headers.get_list("set-cookie")
        assert kept.startswith("__Host-shuyuan-visit=")
        assert "Secure" in kept
        assert "Path=/;" in kept
        assert "domain" not in kept.lower()
    assert app.state.part.sessions.cookie_name == "__Host-shuyuan"
    assert ORIGIN.startswith("http:")
    await app.state.runtime.close()
