import asyncio
import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import pytest
from fastapi import FastAPI

from services.identity.application.hashing import PasswordHashing, Seat
from services.identity.domain.people import State
from services.identity.domain.second_factors import code_at, step_of
from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    ORIGIN,
    PASSWORD,
    Browser,
    House,
    build_authentication,
    fields_of,
    house_of,
    secret_from,
)

SECOND_FACTOR = f"{LOGIN}/second-factor"
WRONG = "not the password of anybody"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


async def add_client(owner: asyncpg.Connection, redirect_uri: str) -> str:
    """An approved application with that address; its client_id."""
    organisation_id = await owner.fetchval(
        "INSERT INTO organisations (id, code, kind, name, sort_key, path, state, version,"
        " created_at) VALUES (gen_random_uuid(), 'N-0000-0000-0', 'COMPANY', '公司', 's',"
        " 'N000000000', 'OPEN', 1, now()) RETURNING id"
    )
    client_id = await owner.fetchval(
        "INSERT INTO clients (id, organisation_id, name, purpose, application_type, auth_method,"
        " redirect_uris, post_logout_redirect_uris, scopes, grant_types, pkce_required, trusted,"
        " quota_class, state, requested_by, version, created_at, updated_at)"
        " VALUES (gen_random_uuid(), $1, '应用', '学习', 'web', 'none', ARRAY[$2], '{}',"
        " '{openid}', '{authorization_code}', true, false, 'trial', 'APPROVED', 'test', 1, now(),"
        " now()) RETURNING id",
        organisation_id,
        redirect_uri,
    )
    return str(client_id)


def without_tokens(page: str) -> str:
    return re.sub(r'name="csrf" value="[^"]*"', "", page)


class TestThePage:
    async def test_it_is_for_everybody_and_needs_no_script(self, house: House) -> None:
        answer = await house.browser().open(LOGIN)
        assert answer.status_code == 200
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text

    async def test_its_policy_allows_nothing_from_elsewhere(self, house: House) -> None:
        headers = (await house.browser().open(LOGIN)).headers
        policy = dict(
            directive.split(" ", 1) for directive in headers["content-security-policy"].split("; ")
        )
        assert policy == {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"

    async def test_it_may_lead_on_to_the_application_that_asked_and_to_no_other(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        client_id = await add_client(owner, "https://app.example/callback")

        async def leads_to(redirect_uri: str) -> str:
            query = urlencode({"client_id": client_id, "redirect_uri": redirect_uri})
            address = urlencode({"return_to": f"/identity/authorize?{query}"})
            policy = (await house.browser().open(f"{LOGIN}?{address}")).headers[
                "content-security-policy"
            ]
            return policy.partition("form-action ")[2].partition(";")[0]

        assert await leads_to("https://app.example/callback") == "'self' https://app.example"
        assert await leads_to("https://evil.example/callback") == "'self'"

    async def test_it_speaks_the_language_of_the_browser_of_the_choice_and_of_the_application(
        self, house: House
    ) -> None:
        chinese = house.browser(**{"accept-language": "zh-CN"})
        assert '<html lang="zh-CN">' in (await chinese.open(LOGIN)).text
        asked = f"{LOGIN}?return_to=/identity/authorize%3Fui_locales%3Den-GB"
        assert '<html lang="en">' in (await chinese.open(asked)).text
        assert '<html lang="en">' in (await chinese.open(f"{LOGIN}?lang=en")).text
        assert '<html lang="en">' in (await chinese.open(LOGIN)).text

    async def test_the_other_language_leads_to_the_same_place(self, house: House) -> None:
        browser = house.browser()
        await browser.open(f"{LOGIN}?return_to=/identity/device")
        answer = await browser.submit(LOGIN, username="nobody", password=WRONG)
        other = re.search(r'href="([^"]*lang=zh)"', answer.text)
        assert other is not None
        assert parse_qs(urlsplit(other[1].replace("&amp;", "&")).query) == {
            "return_to": ["/identity/device"],
            "lang": ["zh"],
        }

    async def test_it_fills_in_who_the_application_thinks_it_is(self, house: House) -> None:
        page = await house.browser().open(f"{LOGIN}?login_hint=zhang%22wei")
        assert fields_of(page.text, LOGIN)["username"] == 'zhang"wei'

    async def test_its_files_stay_forever_under_their_names(self, house: House) -> None:
        browser = house.browser()
        page = (await browser.open(LOGIN)).text
        for path in re.findall(r'(?:href|src)="(/identity/static/[^"]+)"', page):
            answer = await browser.http.get(path)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert (await browser.http.get("/identity/static/../settings.py")).status_code == 404


class TestPasswords:
    async def test_the_right_one_signs_in(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        answer = await browser.sign_in("zhangwei")
        assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
        assert await browser.is_signed_in()

    async def test_a_wrong_one_does_not(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        answer = await browser.sign_in("zhangwei", WRONG)
        assert answer.status_code == 401
        assert not await browser.is_signed_in()

    async def test_an_unknown_account_is_told_the_same_after_the_same_work(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await house.person("zhangwei")
        verified: list[str | None] = []
        verify = Seat.verify

        async def counted(seat: Seat, known: str | None, password: str) -> bool:
            verified.append(known)
            return await verify(seat, known, password)

        monkeypatch.setattr(Seat, "verify", counted)
        known = await house.browser("192.0.2.1").sign_in("zhangwei", WRONG)
        unknown = await house.browser("192.0.2.1").sign_in("nobodyxx", WRONG)
        assert unknown.status_code == known.status_code
        assert without_tokens(unknown.text) == without_tokens(known.text).replace(
            "zhangwei", "nobodyxx"
        )
        assert len(verified) == 2
        assert verified[1] is None

    @pytest.mark.parametrize("state", [State.INVITED, State.SUSPENDED, State.LEFT])
    async def test_somebody_who_is_not_active_is_told_what_a_stranger_is(
        self, house: House, state: State
    ) -> None:
        await house.person("zhangwei", state=state)
        assert (await house.browser().sign_in("zhangwei")).status_code == 401

    async def test_somebody_without_a_password_is_told_the_same(self, house: House) -> None:
        await house.person("zhangwei", password=None)
        assert (await house.browser().sign_in("zhangwei", "")).status_code == 401

    async def test_full_width_letters_are_the_same_password(self, house: House) -> None:
        await house.person("zhangwei")
        full_width = PASSWORD.translate({ord(each): ord(each) + 0xFEE0 for each in "heron"})
        assert (await house.browser().sign_in("zhangwei", full_width)).status_code == 303

    async def test_a_hash_of_older_parameters_is_renewed(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        person_id = await house.person("zhangwei")
        older = PasswordHashing(workers=1, queue=0, memory_kib=16_384, iterations=1)
        with older.seat() as seat:
            await owner.execute("UPDATE passwords SET hash = $1", await seat.hash(PASSWORD))
        assert (await house.browser().sign_in("zhangwei")).status_code == 303
        known = await owner.fetchval("SELECT hash FROM passwords WHERE person_id = $1", person_id)
        assert known.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
        assert (await house.browser().sign_in("zhangwei")).status_code == 303

    async def test_what_happens_is_audited_without_names(self, house: House) -> None:
        person_id = await house.person("zhangwei")
        await house.browser().sign_in("zhangwei", WRONG)
        await house.browser().sign_in("nobodyxx", WRONG)
        await house.browser().sign_in("zhangwei")
        known, unknown = await house.audited("sign_in.refused")
        [started] = await house.audited("session.started")
        assert (known["target"], unknown["target"]) == (str(person_id), "unknown")
        assert started["actor"] == str(person_id)
        told = str([dict(each) for each in (known, unknown, started)])
        assert not any(word in told for word in ("zhangwei", "nobodyxx", PASSWORD, WRONG, "192.0"))

    async def test_two_at_once_are_two_sessions(self, house: House) -> None:
        await house.person("zhangwei")
        browsers = [house.browser() for _ in range(2)]
        answers = await asyncio.gather(*(each.sign_in("zhangwei") for each in browsers))
        assert [answer.status_code for answer in answers] == [303, 303]
        assert browsers[0].cookie("session") != browsers[1].cookie("session")
        assert all([await each.is_signed_in() for each in browsers])


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
            (b'{"username":"a"}', "application/json"),
            (b"", ""),
        ],
    )
    async def test_what_is_no_form_is_refused(
        self, house: House, content: bytes, kind: str
    ) -> None:
        browser = house.browser()
        await browser.open(LOGIN)
        answer = await browser.http.post(LOGIN, content=content, headers={"content-type": kind})
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


class TestTheSession:
    async def test_a_cookie_planted_before_is_not_adopted(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        planted = "A" * 43
        browser.http.cookies.set("shuyuan_session", planted, "localhost.local", "/identity")
        await browser.sign_in("zhangwei")
        assert browser.cookie("session") not in (None, planted)
        attacker = house.browser()
        attacker.http.cookies.set("shuyuan_session", planted, "localhost.local", "/identity")
        assert not await attacker.is_signed_in()

    async def test_signing_in_again_changes_the_cookie_and_keeps_the_session(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        browser, _ = await house.signed_in()
        before = browser.cookie("session")
        house.clock.advance(timedelta(minutes=5))
        await browser.sign_in("zhangwei")
        stolen = house.browser()
        stolen.http.cookies.set("shuyuan_session", before or "", "localhost.local", "/identity")
        assert not await stolen.is_signed_in()
        assert await browser.is_signed_in()
        [row] = await owner.fetch("SELECT authenticated_at, created_at FROM sessions")
        assert row["authenticated_at"] - row["created_at"] == timedelta(minutes=5)

    async def test_signing_in_as_somebody_else_ends_it(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        browser, zhang = await house.signed_in()
        li = await house.person("lina")
        await browser.sign_in("lina")
        rows = await owner.fetch("SELECT person_id, revoked_at, id FROM sessions ORDER BY id")
        assert [(row["person_id"], row["revoked_at"] is None) for row in rows] == [
            (zhang, False),
            (li, True),
        ]
        assert house.seams.revoked == [("session", str(rows[0]["id"]))]

    async def test_its_cookies_are_not_for_scripts_nor_for_other_sites(self, house: House) -> None:
        await house.person("zhangwei")
        answer = await house.browser().sign_in("zhangwei")
        kept = [each.lower() for each in answer.headers.get_list("set-cookie")]
        assert len(kept) == 3
        assert all("httponly" in each and "samesite=lax" in each for each in kept)

    async def test_signing_out_asks_and_then_ends_it(self, house: House) -> None:
        browser, _ = await house.signed_in()
        assert (await browser.open("/identity/logout")).status_code == 200
        assert await browser.is_signed_in()
        stolen = browser.cookie("session")
        assert (await browser.submit("/identity/logout")).status_code == 303
        browser.http.cookies.set("shuyuan_session", stolen or "", "localhost.local", "/identity")
        assert not await browser.is_signed_in()
        assert [kind for kind, _ in house.seams.revoked] == ["session"]


class TestGuessing:
    async def guess(self, browser: Browser, times: int, username: str = "zhangwei") -> list[int]:
        return [(await browser.sign_in(username, WRONG)).status_code for _ in range(times)]

    async def test_ten_wrong_guesses_are_enough(self, house: House) -> None:
        await house.person("zhangwei")
        attacker = house.browser("198.51.100.7")
        assert await self.guess(attacker, 12) == [401] * 10 + [429] * 2
        answer = await attacker.sign_in("zhangwei")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300

    async def test_an_unknown_account_is_guarded_alike(self, house: House) -> None:
        assert await self.guess(house.browser(), 11, "nobody") == [401] * 10 + [429]

    async def test_guesses_at_the_same_moment_are_all_counted(self, house: House) -> None:
        await house.person("zhangwei")
        browsers = [house.browser("198.51.100.7") for _ in range(20)]
        answers = await asyncio.gather(*(each.sign_in("zhangwei", WRONG) for each in browsers))
        assert sum(answer.status_code == 401 for answer in answers) <= 10

    async def test_time_lets_one_try_again(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await self.guess(browser, 11)
        house.clock.advance(timedelta(minutes=5))
        assert (await browser.sign_in("zhangwei")).status_code == 303

    async def test_the_right_password_clears_the_count(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        for _ in range(3):
            await self.guess(browser, 9)
            assert (await browser.sign_in("zhangwei")).status_code == 303

    async def test_a_restart_forgives_nothing(self, house: House, settings: Settings) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser(), 11)
        restarted = build_authentication(settings)
        answer = await Browser(restarted).sign_in("zhangwei")
        assert answer.status_code == 429
        restarted.state.runtime.reader.close()
        await restarted.state.runtime.close()

    async def test_the_owner_elsewhere_is_not_kept_out(self, house: House) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser("198.51.100.7"), 15)
        assert (await house.browser("203.0.113.9").sign_in("zhangwei")).status_code == 303

    async def test_the_owner_on_a_known_device_is_not_kept_out_at_the_same_address(
        self, house: House
    ) -> None:
        owners, _ = await house.signed_in()
        await owners.open("/identity/logout")
        await owners.submit("/identity/logout")
        await self.guess(house.browser(), 15)
        assert (await house.browser().sign_in("zhangwei")).status_code == 429
        assert (await owners.sign_in("zhangwei")).status_code == 303

    async def test_a_device_known_to_one_person_is_unknown_to_another(self, house: House) -> None:
        attacker, _ = await house.signed_in()
        await house.person("lina")
        assert (await self.guess(attacker, 11, "lina"))[-1] == 429
        assert (await house.browser("203.0.113.9").sign_in("lina")).status_code == 303

    async def test_a_made_up_device_is_unknown(self, house: House) -> None:
        await house.person("zhangwei")
        for number in range(11):
            browser = house.browser()
            made_up = f"{number:043}"
            browser.http.cookies.set("shuyuan_device", made_up, "localhost.local", "/identity")
            last = await browser.sign_in("zhangwei", WRONG)
        assert last.status_code == 429

    async def test_many_addresses_together_do_not_keep_the_owner_out(self, house: House) -> None:
        await house.person("zhangwei")
        for site in range(10):
            await self.guess(house.browser(f"198.51.100.{site}"), 10)
        assert await self.guess(house.browser("198.51.100.99"), 2) == [401, 429]
        assert (await house.browser("203.0.113.9").sign_in("zhangwei")).status_code == 303

    async def test_what_a_client_says_of_its_address_is_hearsay(self, house: House) -> None:
        await house.person("zhangwei")
        answers = [
            await house.browser(f"203.0.113.{number}, 198.51.100.7").sign_in("zhangwei", WRONG)
            for number in range(11)
        ]
        assert answers[-1].status_code == 429

    async def test_the_addresses_of_one_ipv6_network_are_one(self, house: House) -> None:
        await house.person("zhangwei")
        answers = [
            await house.browser(f"2001:db8:1:2::{number:x}").sign_in("zhangwei", WRONG)
            for number in range(11)
        ]
        assert answers[-1].status_code == 429

    async def test_another_spelling_is_no_other_account(self, house: House) -> None:
        await house.person("zhangwei")
        spellings = ["zhangwei", "ZhangWei", " zhangwei ", "ｚｈａｎｇｗｅｉ"]
        answers = [
            await house.browser().sign_in(spellings[number % 4], WRONG) for number in range(11)
        ]
        assert answers[-1].status_code == 429

    async def test_counts_name_nobody(self, house: House, owner: asyncpg.Connection) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser(), 1)
        rows = await owner.fetch("SELECT key FROM throttle")
        assert len(rows) == 3
        assert all(len(row["key"]) == 32 and b"zhangwei" not in row["key"] for row in rows)


class TestTheHashingPool:
    async def test_a_full_one_turns_people_away_and_everything_else_goes_on(
        self, house: House
    ) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await browser.open(LOGIN)
        hashing: PasswordHashing = house.app.state.part.hashing
        with ExitStack() as taken:
            for _ in range(52):
                taken.enter_context(hashing.seat())
            answer = await browser.submit(LOGIN, username="zhangwei", password=PASSWORD)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert (await browser.http.get("/identity/v1/about")).status_code == 200
            assert (await browser.open(LOGIN)).status_code == 200
        assert (await browser.sign_in("zhangwei")).status_code == 303


class TestTheSecondFactor:
    @pytest.fixture
    async def secret(self, house: House) -> bytes:
        """The secret of somebody whose second factor is an authenticator, ready for a code."""
        browser, _ = await house.signed_in()
        page = await browser.open(f"{ACCOUNT}/authenticator")
        secret = secret_from(page.text)
        answer = await browser.submit(f"{ACCOUNT}/authenticator", code=self.code(house, secret))
        self.recovery_codes = re.findall(r"<li><code>([^<]+)</code>", answer.text)
        assert len(self.recovery_codes) == 10
        house.clock.advance(timedelta(minutes=2))
        return secret

    recovery_codes: list[str]

    def code(self, house: House, secret: bytes) -> str:
        return code_at(secret, step_of(house.clock()))

    async def halfway(self, house: House, address: str = "192.0.2.1") -> Browser:
        browser = house.browser(address)
        answer = await browser.sign_in("zhangwei", return_to="/identity/device")
        assert answer.headers["location"] == SECOND_FACTOR
        await browser.open(SECOND_FACTOR)
        return browser

    async def test_a_password_alone_is_not_enough(self, house: House, secret: bytes) -> None:
        browser = await self.halfway(house)
        assert not await browser.is_signed_in()
        assert browser.cookie("session") is None

    async def test_the_present_code_signs_in_and_leads_back(
        self, house: House, secret: bytes, owner: asyncpg.Connection
    ) -> None:
        browser = await self.halfway(house)
        answer = await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert (answer.status_code, answer.headers["location"]) == (303, "/identity/device")
        row = await owner.fetchrow("SELECT amr, acr FROM sessions ORDER BY id DESC LIMIT 1")
        assert row is not None
        assert row["amr"] == ["pwd", "otp", "mfa"]
        assert row["acr"] == "urn:shuyuan:acr:2"

    async def test_a_code_is_refused_the_second_time(self, house: House, secret: bytes) -> None:
        code = self.code(house, secret)
        first, second = await self.halfway(house), await self.halfway(house)
        assert (await first.submit(SECOND_FACTOR, code=code)).status_code == 303
        assert (await second.submit(SECOND_FACTOR, code=code)).status_code == 401

    async def test_of_two_at_once_with_one_code_one_gets_in(
        self, house: House, secret: bytes
    ) -> None:
        code = self.code(house, secret)
        browsers = [await self.halfway(house, f"192.0.2.{n}") for n in range(2)]
        answers = await asyncio.gather(
            *(each.submit(SECOND_FACTOR, code=code) for each in browsers)
        )
        assert sorted(answer.status_code for answer in answers) == [303, 401]

    async def test_a_recovery_code_works_once(self, house: House, secret: bytes) -> None:
        code = self.recovery_codes[0].lower().replace("-", " ")
        first, second = await self.halfway(house), await self.halfway(house)
        assert (await first.submit(SECOND_FACTOR, recovery_code=code)).status_code == 303
        assert (await second.submit(SECOND_FACTOR, recovery_code=code)).status_code == 401

    async def test_recovery_codes_are_kept_as_keyed_hashes(
        self, house: House, secret: bytes, owner: asyncpg.Connection
    ) -> None:
        rows = await owner.fetch("SELECT code_hash FROM recovery_codes")
        assert len(rows) == 10
        stored = await owner.fetchval("SELECT secret FROM authenticators")
        assert secret not in stored
        assert secret.hex().encode() not in stored

    async def test_codes_cannot_be_guessed_for_long(self, house: House, secret: bytes) -> None:
        attacker = await self.halfway(house, "198.51.100.7")
        answers = [
            (await attacker.submit(SECOND_FACTOR, code="000000")).status_code for _ in range(12)
        ]
        assert answers == [401] * 10 + [429] * 2
        owners = await self.halfway(house, "203.0.113.9")
        answer = await owners.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.status_code == 303

    async def test_a_sign_in_waits_ten_minutes(self, house: House, secret: bytes) -> None:
        browser = await self.halfway(house)
        house.clock.advance(timedelta(minutes=10))
        answer = await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.headers["location"] == f"{LOGIN}?notice=expired"
        assert not await browser.is_signed_in()

    async def test_a_finished_sign_in_cannot_be_finished_again(
        self, house: House, secret: bytes
    ) -> None:
        browser = await self.halfway(house)
        cookie = browser.cookie("sign_in") or ""
        await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        house.clock.advance(timedelta(minutes=1))
        thief = house.browser()
        thief.http.cookies.set("shuyuan_sign_in", cookie, "localhost.local", "/identity")
        answer = await thief.open(SECOND_FACTOR)
        assert answer.headers["location"] == f"{LOGIN}?notice=expired"

    async def test_somebody_suspended_halfway_stays_outside(
        self, house: House, secret: bytes, owner: asyncpg.Connection
    ) -> None:
        browser = await self.halfway(house)
        await owner.execute("UPDATE people SET state = 'SUSPENDED'")
        answer = await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.headers["location"] == f"{LOGIN}?notice=expired"

    async def test_without_a_sign_in_its_pages_lead_to_the_beginning(self, house: House) -> None:
        for page in ("second-factor", "second-factor/passkey", "enrol", "password"):
            answer = await house.browser().open(f"{LOGIN}/{page}")
            assert answer.headers["location"] == f"{LOGIN}?notice=expired"


class TestTheProfileDjbh3:
    STRONG = "Heron-7-river"

    @pytest.fixture
    async def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"password_profile": "djbh3"})

    async def grant(self, owner: asyncpg.Connection, person_id: object, role: str) -> None:
        await owner.execute(
            "INSERT INTO organisations (id, code, kind, name, sort_key, path, state, version,"
            " created_at) VALUES (gen_random_uuid(), 'P-0000-0000-0', 'PROVINCE', '陕西省', 's',"
            " 'P000000000', 'OPEN', 1, now())"
        )
        await owner.execute(
            "INSERT INTO role_grants (id, person_id, role, organisation_id, valid_from,"
            " granted_by, created_at) SELECT gen_random_uuid(), $1, $2, id, '2026-01-01', 'test',"
            " now() FROM organisations",
            person_id,
            role,
        )

    async def test_five_failures_lock_one_place_for_ten_minutes(self, house: House) -> None:
        await house.person("zhangwei", self.STRONG)
        attacker = house.browser("198.51.100.7")
        answers = [(await attacker.sign_in("zhangwei", WRONG)).status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
        owners = house.browser("203.0.113.9")
        assert (await owners.sign_in("zhangwei", self.STRONG)).status_code == 303
        house.clock.advance(timedelta(minutes=9, seconds=59))
        assert (await attacker.sign_in("zhangwei", self.STRONG)).status_code == 429
        house.clock.advance(timedelta(seconds=1))
        assert (await attacker.sign_in("zhangwei", self.STRONG)).status_code == 303

    @pytest.mark.parametrize(
        "role", ["administrator", "security_administrator", "auditor", "reviewer"]
    )
    async def test_who_administers_or_reviews_sets_up_a_second_factor_first(
        self, house: House, owner: asyncpg.Connection, role: str
    ) -> None:
        person_id = await house.person("zhangwei", self.STRONG)
        await self.grant(owner, person_id, role)
        browser = house.browser()
        answer = await browser.sign_in("zhangwei", self.STRONG, "/identity/device")
        assert answer.headers["location"] == f"{LOGIN}/enrol"
        assert not await browser.is_signed_in()
        page = await browser.open(f"{LOGIN}/enrol")
        code = code_at(secret_from(page.text), step_of(house.clock()))
        answer = await browser.submit(f"{LOGIN}/enrol", code="000000")
        assert answer.status_code == 401
        answer = await browser.submit(f"{LOGIN}/enrol", code=code)
        assert answer.status_code == 200
        assert len(re.findall(r"<li><code>", answer.text)) == 10
        assert 'href="/identity/device"' in answer.text
        assert await browser.is_signed_in()

    async def test_a_teacher_needs_none(self, house: House, owner: asyncpg.Connection) -> None:
        person_id = await house.person("zhangwei", self.STRONG)
        await self.grant(owner, person_id, "teacher")
        answer = await house.browser().sign_in("zhangwei", self.STRONG)
        assert answer.headers["location"] == ACCOUNT

    async def test_a_password_of_ninety_days_is_replaced_before_going_on(
        self, house: House
    ) -> None:
        await house.person("zhangwei", self.STRONG)
        house.clock.advance(timedelta(days=90))
        browser = house.browser()
        answer = await browser.sign_in("zhangwei", self.STRONG, "/identity/device")
        page = f"{LOGIN}/password"
        assert answer.headers["location"] == page
        await browser.open(page)
        weak = await browser.submit(page, password="heronriver", again="heronriver")
        assert weak.status_code == 422
        answer = await browser.submit(page, password="Stork-8-river", again="Stork-8-river")
        assert (answer.status_code, answer.headers["location"]) == (303, "/identity/device")
        assert await browser.is_signed_in()
        assert (await house.browser().sign_in("zhangwei", "Stork-8-river")).status_code == 303

    async def test_a_session_unused_for_half_an_hour_is_over(self, house: House) -> None:
        await house.person("zhangwei", self.STRONG)
        browser = house.browser()
        await browser.sign_in("zhangwei", self.STRONG)
        house.clock.advance(timedelta(minutes=29))
        assert await browser.is_signed_in()
        house.clock.advance(timedelta(minutes=30))
        assert not await browser.is_signed_in()
