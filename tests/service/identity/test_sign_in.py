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
from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    PASSWORD,
    House,
    build_authentication,
    fields_of,
    house_of,
)

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
