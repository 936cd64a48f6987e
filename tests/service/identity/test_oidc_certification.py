"""The topics of OpenID's basic certification plan, as tests of our own.

Each test names, in its docstring, the modules of ``oidcc-basic-certification-test-plan`` (38) whose
condition it checks. The suite itself has not been run.

Three modules of the basic plan need dynamic client registration, which we do not offer, so a
statically registered client is excused from them: oidcc-idtoken-signature, oidcc-idtoken-unsigned,
oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported. What of them can be
checked without registering is checked here: ID tokens are signed with RS256, ``none`` is not on
offer, and ``request_uri`` is refused with its own error.
"""

import time
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey

from services.identity.domain.tokens import half_hash
from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    REDIRECT,
    Browser,
    House,
    RegisteredClient,
    leads_to,
    query,
    running_house,
    unnamed_modules,
)

BASIC = """
    server response-type-missing idtoken-signature idtoken-unsigned userinfo-get
    userinfo-post-header userinfo-post-body
    ensure-request-without-nonce-succeeds-for-code-flow scope-profile scope-email scope-address
    scope-phone scope-all alternate-happy-flow display-page display-popup prompt-login
    prompt-none-not-logged-in prompt-none-logged-in max-age-1 max-age-10000
    ensure-request-with-unknown-parameter-succeeds id-token-hint login-hint ui-locales
    claims-locales ensure-request-with-acr-values-succeeds codereuse codereuse-30seconds
    ensure-registered-redirect-uri ensure-post-request-succeeds server-client-secret-post
    request-uri-unsigned-supported-correctly-or-rejected-as-unsupported
    unsigned-request-object-supported-correctly-or-rejected-as-unsupported claims-essential
    ensure-request-object-with-redirect-uri refresh-token ensure-request-with-valid-pkce-succeeds
"""
NO_KEY = OctKey.generate_key(256)
WITHOUT_PKCE = {"code_challenge": None, "code_challenge_method": None}


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


@pytest.fixture
async def client(house: House) -> RegisteredClient:
    """As the plan's static client: confidential, with Basic, PKCE waived."""
    return await house.client(trusted=True)


@pytest.fixture
async def browser(house: House) -> Browser:
    """Of a person who is signed in."""
    browser = house.browser()
    await browser.sign_in(await house.person())
    return browser


async def _redeemed(house: House, client: RegisteredClient, code: str) -> dict[str, str]:
    answer = await house.redeem(client, code, code_verifier="")
    assert answer.status_code == 200, answer.text
    body: dict[str, str] = answer.json()
    return body


async def _flow(
    house: House, client: RegisteredClient, browser: Browser, **changes: str | None
) -> dict[str, str]:
    code = await browser.code(client, **{**WITHOUT_PKCE, **changes})
    return await _redeemed(house, client, code)


def test_every_module_of_the_plan_is_accounted_for() -> None:
    assert len(BASIC.split()) == 38
    assert unnamed_modules(__name__, BASIC) == set()


# --- the code flow -------------------------------------------------------------------------------


async def test_the_code_flow_gives_tokens_that_say_who_signed_in_where_and_when(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-server, oidcc-idtoken-signature"""
    answer = await browser.authorize(client, **WITHOUT_PKCE)
    back = query(answer)
    assert leads_to(answer) == REDIRECT
    assert back["state"] == "the-state"
    assert back["iss"] == ISSUER

    body = await _redeemed(house, client, back["code"])
    assert body["token_type"] == "Bearer"
    assert jws.extract_compact(body["id_token"].encode()).headers()["alg"] == "RS256"
    claims = await house.claims(body["id_token"])
    assert claims["iss"] == ISSUER
    assert claims["aud"] == client.id
    assert browser.session is not None
    assert claims["sub"] == str(browser.session.person_id)
    assert claims["nonce"] == "the-nonce"
    assert claims["at_hash"] == half_hash(body["access_token"])
    assert claims["iat"] <= time.time() < claims["exp"]


async def test_a_client_registered_for_it_sends_its_secret_in_the_form(
    house: House, browser: Browser
) -> None:
    """oidcc-server-client-secret-post"""
    client = await house.client(auth_method="client_secret_post")
    code = await browser.code(client, **WITHOUT_PKCE)
    answer = await house.redeem(
        RegisteredClient("", None, REDIRECT), code, code_verifier="", client_id=client.id
    )
    assert answer.json()["error"] == "invalid_client"
    answer = await house.post(
        "/token",
        grant_type="authorization_code",
        code=code,
        redirect_uri=REDIRECT,
        client_id=client.id,
        client_secret=client.secret or "",
    )
    assert answer.status_code == 200


async def test_a_request_without_response_type_is_told_so(
    client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-response-type-missing"""
    back = query(await browser.authorize(client, response_type=None))
    assert back["error"] == "invalid_request"
    assert back["state"] == "the-state"


async def test_unsigned_id_tokens_are_not_on_offer(house: House) -> None:
    """oidcc-idtoken-unsigned"""
    metadata = (await house.http.get("/identity/.well-known/openid-configuration")).json()
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256"]


async def test_without_a_nonce_the_code_flow_succeeds_and_the_id_token_has_none(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-ensure-request-without-nonce-succeeds-for-code-flow"""
    body = await _flow(house, client, browser, nonce=None)
    assert "nonce" not in await house.claims(body["id_token"])


async def test_the_order_of_scopes_and_parameters_does_not_matter(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-alternate-happy-flow"""
    parameters = {
        "state": "s",
        "scope": "email openid profile",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "nonce": "n",
        "client_id": client.id,
    }
    code = query(await browser.get("/identity/authorize", **parameters))["code"]
    body = await _redeemed(house, client, code)
    assert set(body["scope"].split()) == {"openid", "email", "profile"}


async def test_a_request_by_post_succeeds(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-ensure-post-request-succeeds"""
    answer = await browser.http.post(
        "/identity/authorize",
        data={
            "client_id": client.id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid",
        },
        follow_redirects=False,
    )
    answer = await browser.http.get(answer.headers["location"])
    await _redeemed(house, client, query(answer)["code"])


async def test_unknown_parameters_are_ignored(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-ensure-request-with-unknown-parameter-succeeds"""
    await _flow(house, client, browser, extra="foobar")


async def test_pkce_is_checked_where_it_is_used(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-ensure-request-with-valid-pkce-succeeds"""
    assert (await house.redeem(client, await browser.code(client))).status_code == 200
    for verifier in ("", "x" * 43):
        answer = await house.redeem(client, await browser.code(client), code_verifier=verifier)
        assert answer.json()["error"] == "invalid_grant"


# --- userinfo and scopes -------------------------------------------------------------------------


async def test_userinfo_answers_the_same_to_get_to_post_and_to_a_token_in_the_form(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body"""
    token = (await _flow(house, client, browser, scope="openid profile"))["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    by_get = await house.http.get("/identity/userinfo", headers=bearer)
    by_header = await house.http.post("/identity/userinfo", headers=bearer)
    by_form = await house.post("/userinfo", access_token=token)
    assert by_get.status_code == by_header.status_code == by_form.status_code == 200
    assert by_get.json() == by_header.json() == by_form.json()
    assert browser.session is not None
    assert by_get.json()["sub"] == str(browser.session.person_id)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("profile", {"name", "preferred_username"}),
        ("email", {"email", "email_verified"}),
        ("phone", {"phone_number", "phone_number_verified"}),
        ("address", {"address"}),
        ("profile email phone address", {"name", "email", "phone_number", "address"}),
    ],
)
async def test_a_scope_opens_its_claims_at_userinfo_not_in_the_id_token(
    house: House, client: RegisteredClient, browser: Browser, scope: str, names: set[str]
) -> None:
    """oidcc-scope-profile, oidcc-scope-email, oidcc-scope-phone, oidcc-scope-address,
    oidcc-scope-all"""
    body = await _flow(house, client, browser, scope=f"openid {scope}")
    claims = (await house.userinfo(body["access_token"])).json()
    assert names <= claims.keys()
    assert names.isdisjoint(await house.claims(body["id_token"]))


async def test_an_essential_claim_is_told_without_its_scope(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-claims-essential"""
    asked = '{"userinfo": {"name": {"essential": true}}}'
    body = await _flow(house, client, browser, claims=asked)
    told = (await house.userinfo(body["access_token"])).json()
    assert told.keys() == {"sub", "name"}


# --- what the person sees ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "preference",
    [
        {"display": "page"},
        {"display": "popup"},
        {"ui_locales": "se en"},
        {"claims_locales": "se"},
        {"login_hint": "bob@example.org"},
        {"acr_values": "urn:shuyuan:acr:2 urn:shuyuan:acr:1"},
    ],
)
async def test_preferences_are_accepted(
    house: House, client: RegisteredClient, browser: Browser, preference: dict[str, str | None]
) -> None:
    """oidcc-display-page, oidcc-display-popup, oidcc-ui-locales, oidcc-claims-locales,
    oidcc-login-hint, oidcc-ensure-request-with-acr-values-succeeds"""
    body = await _flow(house, client, browser, **preference)
    assert (await house.claims(body["id_token"]))["acr"] == "urn:shuyuan:acr:1"


async def test_a_login_hint_goes_along_to_the_login_page(
    house: House, client: RegisteredClient
) -> None:
    """oidcc-login-hint"""
    answer = await house.browser().authorize(client, login_hint="bob@example.org")
    assert leads_to(answer) == "/identity/login"
    assert query(answer)["login_hint"] == "bob@example.org"


async def test_prompt_login_signs_in_again_with_a_later_auth_time(
    house: House, client: RegisteredClient, browser: Browser, owner: asyncpg.Connection
) -> None:
    """oidcc-prompt-login"""
    await _grow_old(owner, timedelta(seconds=10))
    first = await house.claims((await _flow(house, client, browser))["id_token"])
    answer = await browser.authorize(client, prompt="login", **WITHOUT_PKCE)
    assert leads_to(answer) == "/identity/login"

    assert browser.session is not None
    await browser.sign_in(browser.session.person_id)
    code = query(await browser.continue_after_login(answer))["code"]
    second = await house.claims((await _redeemed(house, client, code))["id_token"])
    assert second["sub"] == first["sub"]
    assert second["auth_time"] > first["auth_time"]


async def test_prompt_none_without_a_session_is_told_to_the_client(
    house: House, client: RegisteredClient
) -> None:
    """oidcc-prompt-none-not-logged-in"""
    answer = await house.browser().authorize(client, prompt="none")
    assert leads_to(answer) == REDIRECT
    assert query(answer)["error"] == "login_required"


async def test_prompt_none_with_a_session_succeeds_with_the_same_auth_time(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-prompt-none-logged-in"""
    first = await house.claims((await _flow(house, client, browser))["id_token"])
    second = await house.claims((await _flow(house, client, browser, prompt="none"))["id_token"])
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


async def test_a_session_older_than_max_age_signs_in_again(
    house: House, client: RegisteredClient, browser: Browser, owner: asyncpg.Connection
) -> None:
    """oidcc-max-age-1"""
    await _grow_old(owner, timedelta(seconds=10))
    first = await house.claims((await _flow(house, client, browser))["id_token"])
    answer = await browser.authorize(client, max_age="1", **WITHOUT_PKCE)
    assert leads_to(answer) == "/identity/login"

    assert browser.session is not None
    await browser.sign_in(browser.session.person_id)
    code = query(await browser.continue_after_login(answer))["code"]
    second = await house.claims((await _redeemed(house, client, code))["id_token"])
    assert second["auth_time"] > first["auth_time"]


async def test_a_session_younger_than_max_age_goes_on(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-max-age-10000"""
    first = await house.claims((await _flow(house, client, browser))["id_token"])
    body = await _flow(house, client, browser, max_age="10000")
    assert (await house.claims(body["id_token"]))["auth_time"] == first["auth_time"]


async def test_an_id_token_hint_of_the_person_lets_prompt_none_succeed(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-id-token-hint"""
    first = (await _flow(house, client, browser))["id_token"]
    second = (await _flow(house, client, browser, prompt="none", id_token_hint=first))["id_token"]
    assert (await house.claims(second))["sub"] == (await house.claims(first))["sub"]


async def _grow_old(owner: asyncpg.Connection, age: timedelta) -> None:
    await owner.execute(
        "UPDATE sessions SET authenticated_at = authenticated_at - CAST($1 AS interval)", age
    )


# --- what is refused -----------------------------------------------------------------------------


async def test_a_code_works_once_and_its_reuse_ends_the_tokens_that_came_of_it(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-codereuse, oidcc-codereuse-30seconds"""
    code = await browser.code(client, **WITHOUT_PKCE)
    body = await _redeemed(house, client, code)
    assert (await house.userinfo(body["access_token"])).status_code == 200
    answer = await house.redeem(client, code, code_verifier="")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert (await house.userinfo(body["access_token"])).status_code == 401
    refused = await house.refresh(client, body["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "address", ["https://evil.example/", f"{REDIRECT}/", f"{REDIRECT}?x=y", REDIRECT[:-1], None]
)
async def test_an_address_that_is_not_registered_is_never_redirected_to(
    client: RegisteredClient, browser: Browser, address: str | None
) -> None:
    """oidcc-ensure-registered-redirect-uri"""
    answer = await browser.authorize(client, redirect_uri=address)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("name", "error"),
    [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")],
)
async def test_request_objects_are_refused_with_their_own_error(
    house: House, client: RegisteredClient, browser: Browser, name: str, error: str
) -> None:
    """oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported,
    oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported"""
    back = query(await browser.authorize(client, **{name: "https://app.example/request.jwt"}))
    assert back["error"] == error
    assert back["state"] == "the-state"
    metadata = (await house.http.get("/identity/.well-known/openid-configuration")).json()
    assert metadata[f"{name}_parameter_supported"] is False


async def test_a_redirect_address_inside_a_request_object_leads_nowhere(
    client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-ensure-request-object-with-redirect-uri"""
    inner = {"redirect_uri": "https://evil.example/", "client_id": client.id}
    unsigned = jwt.encode({"alg": "none"}, inner, NO_KEY, algorithms=["none"])
    answer = await browser.authorize(client, request=unsigned)
    assert leads_to(answer) == REDIRECT
    assert query(answer)["error"] == "request_not_supported"


async def test_a_refresh_token_works_for_the_client_that_it_was_issued_to(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    """oidcc-refresh-token"""
    asked = {"scope": "openid offline_access", "prompt": "consent", **WITHOUT_PKCE}
    answer = await browser.submit(await browser.authorize(client, **asked), decision="allow")
    first = await _redeemed(house, client, query(answer)["code"])
    other = await house.client()
    stolen = await house.refresh(other, first["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"

    second = (await house.refresh(client, first["refresh_token"])).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    before, after = [await house.claims(each["id_token"]) for each in (first, second)]
    kept = ("iss", "sub", "aud", "auth_time")
    assert [before[name] for name in kept] == [after[name] for name in kept]
    assert "nonce" not in after
