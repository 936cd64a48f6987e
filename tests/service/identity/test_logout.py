"""The topics of OpenID's certification plan for RP-initiated logout, as tests of our own.

Each test names, in its docstring, the modules of
``oidcc-rp-initiated-logout-certification-test-plan`` (11) whose condition it checks. The suite
itself has not been run.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    SIGNED_OUT,
    Browser,
    House,
    RegisteredClient,
    leads_to,
    query,
    running_house,
    unnamed_modules,
)

LOGOUT = """
    rp-initiated-logout-discovery-endpoint-verification rp-initiated-logout
    rp-initiated-logout-bad-post-logout-redirect-uri rp-initiated-logout-modified-id-token-hint
    rp-initiated-logout-no-id-token-hint rp-initiated-logout-no-params
    rp-initiated-logout-no-post-logout-redirect-uri rp-initiated-logout-no-state
    rp-initiated-logout-only-state rp-initiated-logout-query-added-to-post-logout-redirect-uri
    rp-initiated-logout-bad-id-token-hint
"""


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


@pytest.fixture
async def client(house: House) -> RegisteredClient:
    return await house.client()


@pytest.fixture
async def browser(house: House) -> Browser:
    """Of a person who is signed in."""
    browser = house.browser()
    await browser.sign_in(await house.person())
    return browser


async def _hint(house: House, client: RegisteredClient, browser: Browser) -> str:
    """An ID token of the person."""
    answer = await house.redeem(client, await browser.code(client))
    token: str = answer.json()["id_token"]
    return token


def test_every_module_of_the_plan_is_accounted_for() -> None:
    assert len(LOGOUT.split()) == 11
    assert unnamed_modules(__name__, LOGOUT) == set()


async def test_the_endpoint_is_published(house: House) -> None:
    """oidcc-rp-initiated-logout-discovery-endpoint-verification"""
    metadata = (await house.http.get("/identity/.well-known/openid-configuration")).json()
    assert metadata["end_session_endpoint"] == f"{ISSUER}/end_session"


async def test_a_hint_ends_the_session_and_leads_back_with_the_state(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-rp-initiated-logout"""
    hint = await _hint(house, client, browser)
    answer = await browser.get(
        "/identity/end_session",
        id_token_hint=hint,
        post_logout_redirect_uri=SIGNED_OUT,
        state="bye",
    )
    assert answer.headers["location"] == f"{SIGNED_OUT}?state=bye"
    assert query(await browser.authorize(client, prompt="none"))["error"] == "login_required"


async def test_without_a_state_none_comes_back(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-rp-initiated-logout-no-state"""
    hint = await _hint(house, client, browser)
    answer = await browser.get(
        "/identity/end_session", id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT
    )
    assert answer.headers["location"] == SIGNED_OUT


async def test_without_an_address_the_person_stays_here_signed_out(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-rp-initiated-logout-no-post-logout-redirect-uri"""
    hint = await _hint(house, client, browser)
    answer = await browser.get("/identity/end_session", id_token_hint=hint, state="bye")
    assert answer.status_code == 200
    assert query(await browser.authorize(client, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize(
    "parameters",
    [{}, {"state": "bye"}, {"post_logout_redirect_uri": SIGNED_OUT, "state": "bye"}],
    ids=["no params", "only state", "no hint"],
)
async def test_without_a_hint_the_person_is_asked_and_sent_nowhere(
    client: RegisteredClient, browser: Browser, parameters: dict[str, str]
) -> None:
    """oidcc-rp-initiated-logout-no-params, oidcc-rp-initiated-logout-only-state,
    oidcc-rp-initiated-logout-no-id-token-hint"""
    page = await browser.get("/identity/end_session", **parameters)
    assert page.status_code == 200
    assert "离开后继续访问的应用除外" in page.text or "while you are away" in page.text
    assert "code" in query(await browser.authorize(client, prompt="none"))
    answer = await browser.submit(page, decision="sign_out")
    assert answer.status_code == 200
    assert query(await browser.authorize(client, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("address", ["https://evil.example/", f"{SIGNED_OUT}?more=1"])
async def test_an_address_that_is_not_registered_is_not_gone_to_after_logout(
    house: House, client: RegisteredClient, browser: Browser, address: str
) -> None:
    """oidcc-rp-initiated-logout-bad-post-logout-redirect-uri,
    oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri"""
    hint = await _hint(house, client, browser)
    answer = await browser.get(
        "/identity/end_session", id_token_hint=hint, post_logout_redirect_uri=address
    )
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("damage", ["modified", "foreign", "garbage"])
async def test_a_hint_that_is_not_ours_ends_nothing(
    house: House, client: RegisteredClient, browser: Browser, damage: str
) -> None:
    """oidcc-rp-initiated-logout-modified-id-token-hint,
    oidcc-rp-initiated-logout-bad-id-token-hint"""
    hint = await _hint(house, client, browser)
    head, payload, signature = hint.split(".")
    swapped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    damaged = {
        "modified": f"{head}.{payload}.{swapped}",
        "foreign": jwt.encode(
            {"alg": "none"}, {"sub": "x"}, OctKey.generate_key(256), algorithms=["none"]
        ),
        "garbage": "garbage",
    }[damage]
    answer = await browser.get(
        "/identity/end_session", id_token_hint=damaged, post_logout_redirect_uri=SIGNED_OUT
    )
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "code" in query(await browser.authorize(client, prompt="none"))


# --- beyond the plan -----------------------------------------------------------------------------


async def test_a_post_from_another_site_signs_out_by_way_of_a_get(house: House) -> None:
    client, person = await house.client(), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    hint = (await house.tokens(client, person))["id_token"]
    sent = await browser.http.post(
        "/identity/end_session",
        data={"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT},
    )
    assert leads_to(sent) == "/identity/end_session"
    answer = await browser.http.get(sent.headers["location"])
    assert answer.headers["location"] == SIGNED_OUT
    assert query(await browser.authorize(client, prompt="none"))["error"] == "login_required"


async def test_a_client_named_without_a_hint_gets_the_person_back_who_agreed(house: House) -> None:
    client = await house.client()
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.get(
        "/identity/end_session", client_id=client.id, post_logout_redirect_uri=SIGNED_OUT
    )
    assert page.status_code == 200
    answer = await browser.submit(page, decision="sign_out")
    assert answer.headers["location"] == SIGNED_OUT
