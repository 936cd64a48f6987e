"""The portal's open pages, the way in and out, and what keeps a session."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from gateway.settings import Settings
from shared.testing.clock import FrozenClock
from tests.service.gateway.control.portal import (
    DESK,
    ORIGIN,
    SCOPES,
    FakeIdentity,
    Person,
    portal_alone,
)
from tests.service.house import Token

OPEN = ["/docs", "/docs/reference"]
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def identity(token: Token) -> FakeIdentity:
    return FakeIdentity(token)


@pytest.fixture
def build(identity: FakeIdentity) -> Callable[[Settings], FastAPI]:
    return lambda settings: portal_alone(settings, identity)


@pytest.fixture
def clock(app: FastAPI) -> FrozenClock:
    found: FrozenClock = app.state.runtime.clock
    return found


@pytest.fixture
async def person(app: FastAPI, identity: FakeIdentity) -> Person:
    found = Person(app, identity)
    answer = await found.sign_in()
    assert answer.status_code == 303, answer.text
    return found


@pytest.mark.parametrize("path", OPEN)
async def test_open_pages_speak_chinese_first_and_english_on_request(
    client: httpx2.AsyncClient, path: str
) -> None:
    chinese = await client.get(path)
    assert chinese.status_code == 200
    assert 'lang="zh-CN"' in chinese.text
    english = await client.get(path, headers={"accept-language": "en"})
    assert english.headers["content-language"] == "en"
    assert not _CHINESE.search(english.text.replace("简体中文", ""))
    chosen = await client.get(path, params={"lang": "en"})
    assert "docs_language=en" in chosen.headers["set-cookie"]
    assert (await client.get(path)).headers["content-language"] == "en"


@pytest.mark.parametrize("path", [*OPEN, "/docs/callback", "/docs/static/none.css"])
async def test_no_page_allows_anything_foreign_or_inline(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert ("script-src 'self'" in policy) == (path == "/docs/reference")
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert "onclick" not in answer.text


async def test_files_are_kept_for_ever_and_sent_compressed(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs/reference")).text
    address = page.split('src="/docs/static/swagger-ui-bundle')[1].split('"')[0]
    answer = await client.get(f"/docs/static/swagger-ui-bundle{address}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = await client.get("/docs/static/mark.svg", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for name in ("nothing.css", "README.md", "..%2Frenderer.py"):
        assert (await client.get(f"/docs/static/{name}")).status_code == 404


@pytest.mark.parametrize(
    "path", [DESK, f"{DESK}/new", f"{DESK}/01a20000-0000-7000-8000-000000000001"]
)
async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(
    client: httpx2.AsyncClient, identity: FakeIdentity, path: str
) -> None:
    for headers in ({}, {"cookie": "shuyuan_docs=made-up"}):
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 303
        where = urlsplit(answer.headers["location"])
        assert where.path == "/docs/sign-in"
        assert parse_qs(where.query) == {"return_to": [path]}
    assert identity.asked == []


@pytest.mark.parametrize(
    "path",
    [
        DESK,
        "/docs/sign-out",
        *(
            f"{DESK}/01a20000-0000-7000-8000-000000000001/{rest}"
            for rest in ("api-keys", "api-keys/revoke", "secrets", "secrets/revoke")
        ),
    ],
)
async def test_an_anonymous_form_does_nothing(
    client: httpx2.AsyncClient, identity: FakeIdentity, path: str
) -> None:
    answer = await client.post(path, data={"csrf": "x"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/docs/sign-in")
    assert identity.asked == []


async def test_a_sign_in_asks_for_a_code_with_pkce(app: FastAPI, identity: FakeIdentity) -> None:
    asked = await Person(app, identity).leave()
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == f"{ORIGIN}/docs/callback"
    assert asked["code_challenge_method"] == "S256"
    assert set(asked["scope"].split()) == set(SCOPES.split())
    assert len(asked["state"]) >= 43


async def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(
    app: FastAPI, identity: FakeIdentity
) -> None:
    answer = await Person(app, identity).sign_in()
    [kept] = [each for each in answer.headers.get_list("set-cookie") if "shuyuan_docs=" in each]
    assert "HttpOnly" in kept
    assert "SameSite=lax" in kept
    assert "Path=/docs" in kept
    assert "Max-Age" not in kept


async def test_over_https_the_cookie_is_bound_to_the_host(
    settings: Settings, identity: FakeIdentity, signing_key: ECKey
) -> None:
    origin = "https://edu.example"
    secure = portal_alone(settings, identity, origin)
    secure.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    person = Person(secure, identity, origin)
    answer = await person.sign_in()
    [kept] = [each for each in answer.headers.get_list("set-cookie") if "-docs=" in each]
    assert kept.startswith("__Host-shuyuan-docs=")
    assert "Secure" in kept
    assert "Path=/;" in kept
    assert (await person.browser.get(DESK)).status_code == 200
    await secure.state.runtime.close()


@pytest.mark.parametrize(
    "return_to",
    ["https://evil.example", "//evil.example", "/identity/logout", f"{DESK}x", f"/{DESK}", ""],
)
async def test_the_way_back_stays_on_the_desk(
    app: FastAPI, identity: FakeIdentity, return_to: str
) -> None:
    answer = await Person(app, identity).sign_in(return_to=return_to)
    assert answer.headers["location"] == DESK


async def test_the_way_back_leads_to_the_page_that_was_wanted(
    app: FastAPI, identity: FakeIdentity
) -> None:
    answer = await Person(app, identity).sign_in(return_to=f"{DESK}/new")
    assert answer.headers["location"] == f"{DESK}/new"


async def test_who_did_not_begin_the_sign_in_is_not_let_in(
    app: FastAPI, identity: FakeIdentity, clock: FrozenClock
) -> None:
    victim, attacker = Person(app, identity), Person(app, identity)
    asked = await attacker.leave()
    code = identity.let_in(attacker.subject, (), asked["code_challenge"])
    back = {"code": code, "state": asked["state"]}
    without = await victim.browser.get("/docs/callback", params=back)
    assert without.status_code == 400
    await victim.leave()
    other = await victim.browser.get("/docs/callback", params=back)
    assert other.status_code == 400
    victim.browser.cookies.clear()
    victim.browser.cookies.set("shuyuan_docs_sign_in", "bm9uc2Vuc2U=", path="/docs")
    assert (await victim.browser.get("/docs/callback", params=back)).status_code == 400
    clock.advance(timedelta(minutes=10))
    assert (await attacker.browser.get("/docs/callback", params=back)).status_code == 400
    assert code in identity.codes


async def test_a_code_that_identity_refuses_lets_nobody_in(
    app: FastAPI, identity: FakeIdentity, owner: asyncpg.Connection
) -> None:
    person = Person(app, identity)
    asked = await person.leave()
    for told in ({"code": "none"}, {"error": "access_denied"}):
        answer = await person.browser.get(
            "/docs/callback", params={**told, "state": asked["state"]}
        )
        assert answer.status_code == 400
        assert "请重新登录" in answer.text
    assert await owner.fetchval("SELECT count(*) FROM portal_sessions") == 0


async def test_tokens_stay_on_the_server_and_are_kept_encrypted(
    person: Person, owner: asyncpg.Connection
) -> None:
    page = await person.browser.get(DESK)
    assert "张老师" in page.text
    cookies = " ".join(person.browser.cookies.values())
    assert "eyJ" not in page.text + cookies
    row = await owner.fetchrow("SELECT digest, sealed FROM portal_sessions")
    assert row is not None
    kept = row["digest"] + row["sealed"]
    for plain in ("eyJ", "张老师", f"{person.subject}/", *person.browser.cookies.values()):
        assert plain.encode() not in kept


async def test_an_old_access_token_is_refreshed_once_for_all_tabs(
    person: Person, identity: FakeIdentity, clock: FrozenClock
) -> None:
    clock.advance(timedelta(minutes=9, seconds=30))
    answers = await asyncio.gather(*(person.browser.get(DESK) for _ in range(4)))
    assert {each.status_code for each in answers} == {200}
    assert identity.refreshed == 1
    clock.advance(timedelta(minutes=9, seconds=30))
    assert (await person.browser.get(DESK)).status_code == 200
    assert identity.refreshed == 2


async def test_a_session_that_ended_at_identity_is_over_here(
    person: Person, identity: FakeIdentity, clock: FrozenClock, owner: asyncpg.Connection
) -> None:
    identity.over = True
    assert (await person.browser.get(DESK)).status_code == 200
    clock.advance(timedelta(minutes=10))
    assert (await person.browser.get(DESK)).status_code == 303
    assert await owner.fetchval("SELECT count(*) FROM portal_sessions") == 0


async def test_a_revoked_token_ends_the_session(
    person: Person, app: FastAPI, owner: asyncpg.Connection
) -> None:
    app.state.runtime.verifier.use_revocations(lambda _claims: True)
    assert (await person.browser.get(DESK)).status_code == 303
    assert await owner.fetchval("SELECT count(*) FROM portal_sessions") == 0


async def test_a_session_lasts_half_a_day(
    person: Person, clock: FrozenClock, app: FastAPI, owner: asyncpg.Connection
) -> None:
    clock.advance(timedelta(hours=12))
    assert (await person.browser.get(DESK)).status_code == 303
    sweeping = asyncio.create_task(app.state.runtime.tasks["portal-sweeper"]())
    async with asyncio.timeout(5):
        while await owner.fetchval("SELECT count(*) FROM portal_sessions"):  # noqa: ASYNC110 - a table
            await asyncio.sleep(0.02)
    sweeping.cancel()


async def test_signing_out_ends_the_session_here_and_at_identity(
    person: Person, owner: asyncpg.Connection
) -> None:
    kept = {"cookie": f"shuyuan_docs={person.browser.cookies['shuyuan_docs']}"}
    answer = await person.send("/docs/sign-out", {})
    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert where.path == "/identity/end_session"
    assert parse_qs(where.query) == {
        "id_token_hint": [f"id-of-{person.subject}"],
        "post_logout_redirect_uri": [f"{ORIGIN}/docs"],
    }
    assert await owner.fetchval("SELECT count(*) FROM portal_sessions") == 0
    assert (await person.browser.get(DESK, headers=kept)).status_code == 303


async def test_without_identity_a_page_says_when_to_come_back(
    person: Person, identity: FakeIdentity, clock: FrozenClock
) -> None:
    identity.away = True
    for minutes in (0, 10):
        clock.advance(timedelta(minutes=minutes))
        answer = await person.browser.get(DESK)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "暂时无法应答" in answer.text
    identity.away = False
    assert (await person.browser.get(DESK)).status_code == 200
