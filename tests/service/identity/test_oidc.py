import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from services.identity.adapters.expiry import ExpirySweeper
from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    REDIRECT,
    SIGNED_OUT,
    House,
    RegisteredClient,
    leads_to,
    query,
    returned_request,
    running_house,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


# --- authorize -----------------------------------------------------------------------------------


async def test_an_anonymous_person_is_sent_to_the_login_page_and_back(house: House) -> None:
    client = await house.client()
    answer = await house.browser().authorize(client, ui_locales="en")
    assert leads_to(answer) == "/identity/login"
    returned = returned_request(answer)
    assert returned["client_id"] == [client.id]
    assert returned["state"] == ["the-state"]
    assert returned["ui_locales"] == ["en"]


@pytest.mark.parametrize("state", ["REQUESTED", "REJECTED", "SUSPENDED", "RETIRED"])
async def test_a_client_that_is_not_approved_gets_nobody_to_sign_in(
    house: House, state: str
) -> None:
    client = await house.client(state=state)
    answer = await house.browser().authorize(client)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_an_unknown_client_is_told_to_the_person_in_the_persons_language(
    house: House,
) -> None:
    nobody = RegisteredClient("0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e", None)
    answer = await house.browser().authorize(nobody, ui_locales="zh-CN")
    assert answer.status_code == 400
    assert "该应用未登记" in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_a_public_client_has_to_use_pkce(house: House) -> None:
    client = await house.client(
        auth_method="none", grant_types=("authorization_code",), pkce_required=True
    )
    browser = house.browser()
    await browser.sign_in(await house.person())
    refused = await browser.authorize(client, code_challenge=None, code_challenge_method=None)
    assert query(refused)["error"] == "invalid_request"
    plain = await browser.authorize(client, code_challenge_method="plain")
    assert query(plain)["error"] == "invalid_request"

    answer = await house.post(
        "/token",
        client_id=client.id,
        grant_type="authorization_code",
        code=await browser.code(client),
        redirect_uri=REDIRECT,
        code_verifier="the-verifier-of-a-test-has-at-least-43-characters",
    )
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()


async def test_a_native_application_may_listen_on_any_port(house: House) -> None:
    client = await house.client(redirect_uris=("http://127.0.0.1/cb",), application_type="native")
    browser = house.browser()
    await browser.sign_in(await house.person())
    answer = await browser.authorize(client, redirect_uri="http://127.0.0.1:51004/cb")
    assert leads_to(answer) == "http://127.0.0.1:51004/cb"
    for other in ("http://127.0.0.1:51004/other", "http://127.0.0.2/cb", "http://localhost/cb"):
        assert (await browser.authorize(client, redirect_uri=other)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "learning.write"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"registration": "{}"}, "registration_not_supported"),
        (
            {"claims": '{"id_token":{"acr":{"essential":true,"values":["urn:shuyuan:acr:2"]}}}'},
            "unmet_authentication_requirements",
        ),
    ],
)
async def test_a_faulty_request_is_told_to_the_client_with_its_state_and_our_name(
    house: House, changes: dict[str, str | None], error: str
) -> None:
    client = await house.client()
    browser = house.browser()
    await browser.sign_in(await house.person())
    answer = await browser.authorize(client, **changes)
    assert leads_to(answer) == REDIRECT
    back = query(answer)
    assert (back["error"], back["state"], back["iss"]) == (error, "the-state", ISSUER)
    assert "code" not in back


async def test_a_repeated_parameter_is_refused(house: House) -> None:
    client = await house.client()
    browser = house.browser()
    await browser.sign_in(await house.person())
    once = f"client_id={client.id}&redirect_uri={REDIRECT}&response_type=code&scope=openid"
    answer = await browser.http.get(f"/identity/authorize?{once}&scope=profile")
    assert query(answer)["error"] == "invalid_request"
    answer = await browser.http.get(f"/identity/authorize?{once}&client_id={client.id}")
    assert answer.status_code == 400


async def test_somebody_else_than_the_hint_says_may_sign_in_once_more_but_not_go_on(
    house: House,
) -> None:
    client = await house.client()
    expected, other = await house.person(), await house.person()
    hint = (await house.tokens(client, expected))["id_token"]
    browser = house.browser()
    await browser.sign_in(other)
    silent = await browser.authorize(client, id_token_hint=hint, prompt="none")
    assert query(silent)["error"] == "login_required"
    asked = await browser.authorize(client, id_token_hint=hint)
    assert leads_to(asked) == "/identity/login"

    await browser.sign_in(other)
    again = await browser.continue_after_login(asked)
    assert query(again)["error"] == "login_required"
    await browser.sign_in(expected)
    assert "code" in query(await browser.continue_after_login(asked))


async def test_a_hint_signed_with_a_key_that_is_gone_still_counts(house: House) -> None:
    client, person = await house.client(), await house.person()
    hint = (await house.tokens(client, person))["id_token"]
    await house.owner.execute("UPDATE signing_keys SET created_at = now() - interval '1 day'")
    await house.part.rotate_keys()
    await house.owner.execute("UPDATE signing_keys SET entered_at = now() - interval '1 day'")
    await house.part.keys.tend()
    states = await house.owner.fetch("SELECT state FROM signing_keys WHERE private_key IS NULL")
    assert [state for (state,) in states] == ["gone", "gone"]

    browser = house.browser()
    await browser.sign_in(person)
    assert "code" in query(await browser.authorize(client, id_token_hint=hint, prompt="none"))


async def test_two_replicas_that_start_at_once_make_one_set_of_keys(house: House) -> None:
    await house.owner.execute("DELETE FROM signing_keys")
    replicas = [house.replica(), house.replica()]
    await asyncio.gather(*(each.keys.tend() for each in replicas))
    states = await house.owner.fetch("SELECT ring, state FROM signing_keys ORDER BY ring, state")
    assert [tuple(row) for row in states] == [
        ("access", "active"),
        ("access", "next"),
        ("id", "active"),
        ("id", "next"),
    ]
    one, other = replicas
    assert one.keys.published() == other.keys.published()


# --- consent -------------------------------------------------------------------------------------


async def test_a_person_is_asked_once_for_a_client_of_others(house: House) -> None:
    client, person = await house.client(trusted=False), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    page = await browser.authorize(client, scope="openid profile", ui_locales="zh-CN")
    assert page.status_code == 200
    assert "听书" in page.text
    assert "陕西省" in page.text
    assert "读取您的姓名等基本资料" in page.text
    assert "form-action 'self' https://app.example" in page.headers["content-security-policy"]

    answer = await browser.submit(page, decision="allow")
    assert leads_to(answer) == REDIRECT
    assert (await house.redeem(client, query(answer)["code"])).status_code == 200
    assert "code" in query(await browser.authorize(client, scope="openid profile"))
    more = await browser.authorize(client, scope="openid profile email")
    assert more.status_code == 200


async def test_a_refusal_is_told_to_the_client(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    back = query(await browser.submit(await browser.authorize(client), decision="deny"))
    assert (back["error"], back["state"]) == ("access_denied", "the-state")
    silent = query(await browser.authorize(client, prompt="none"))
    assert silent["error"] == "consent_required"


async def test_another_site_cannot_send_the_consent_form(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.authorize(client)
    answer = await browser.submit(page, decision="allow", csrf="guessed")
    assert answer.status_code == 403
    assert query(await browser.authorize(client, prompt="none"))["error"] == "consent_required"


async def test_prompt_consent_asks_again(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    await browser.submit(await browser.authorize(client), decision="allow")
    page = await browser.authorize(client, prompt="consent")
    assert page.status_code == 200
    assert "code" in query(await browser.submit(page, decision="allow"))


# --- what tokens say -----------------------------------------------------------------------------


async def test_an_access_token_says_who_may_do_what_where(house: House) -> None:
    client = await house.client()
    person = await house.person(grants=("teacher@PHOUSE#math", "reviewer@PHOUSE"))
    tokens = await house.tokens(client, person, scope="openid catalog.read")
    claims = await house.claims(tokens["access_token"])
    assert claims["sub"] == str(person)
    assert claims["aud"] == "shuyuan"
    assert claims["client_id"] == client.id
    assert claims["scope"] == "catalog.read openid"
    assert claims["grants"] == ["teacher@PHOUSE#math", "reviewer@PHOUSE"]
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 600
    assert {"jti", "sid", "fam", "auth_time", "acr"} <= claims.keys()


async def test_a_token_without_openid_has_no_id_token_and_opens_no_userinfo(house: House) -> None:
    client = await house.client()
    tokens = await house.tokens(client, await house.person(), scope="catalog.read")
    assert "id_token" not in tokens
    answer = await house.userinfo(tokens["access_token"])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_a_claim_asked_for_by_name_stands_in_the_id_token(house: House) -> None:
    client = await house.client()
    asked = '{"id_token": {"email": null, "unheard_of": null}}'
    tokens = await house.tokens(client, await house.person(), claims=asked)
    assert (await house.claims(tokens["id_token"]))["email"] == "wang@school.example"


async def test_a_claim_is_not_told_to_a_client_that_is_not_registered_for_its_scope(
    house: House,
) -> None:
    client = await house.client(scopes=("openid",))
    asked = '{"userinfo": {"name": {"essential": true}}, "id_token": {"email": null}}'
    tokens = await house.tokens(client, await house.person(), claims=asked)
    assert "email" not in await house.claims(tokens["id_token"])
    assert (await house.userinfo(tokens["access_token"])).json().keys() == {"sub"}


async def test_a_minors_token_carries_what_guardians_consented_to(house: House) -> None:
    client = await house.client()
    child = await house.person(consented=frozenset({"profile"}))
    tokens = await house.tokens(client, child, scope="openid profile email offline_access")
    assert tokens["scope"] == "openid profile"
    assert "email" not in (await house.userinfo(tokens["access_token"])).json()

    house.people.known[child].consented = frozenset()
    await house.revoke("consent", str(child))
    assert (await house.userinfo(tokens["access_token"])).status_code == 401
    again = (await house.refresh(client, tokens["refresh_token"])).json()
    assert again["scope"] == "openid"
    assert (await house.userinfo(again["access_token"])).json().keys() == {"sub"}


async def test_a_claim_by_name_does_not_get_around_a_minors_consent(house: House) -> None:
    client = await house.client()
    child = await house.person(consented=frozenset())
    asked = '{"userinfo": {"name": null}, "id_token": {"name": null}}'
    tokens = await house.tokens(client, child, claims=asked)
    assert "name" not in await house.claims(tokens["id_token"])
    assert (await house.userinfo(tokens["access_token"])).json().keys() == {"sub"}


async def test_reading_a_minors_data_is_audited_for_the_guardians(house: House) -> None:
    client = await house.client()
    child = await house.person(consented=frozenset({"profile"}))
    tokens = await house.tokens(client, child, scope="openid profile")
    await house.userinfo(tokens["access_token"])
    row = await house.owner.fetchrow("SELECT * FROM audit WHERE action = 'person.read'")
    assert (row["actor"], row["on_behalf_of"]) == (client.id, str(child))
    assert json.loads(row["facts"])["fields"] == ["name", "preferred_username", "updated_at"]


# --- refreshing ----------------------------------------------------------------------------------


async def test_two_refreshes_at_once_give_one_answer_and_end_the_family(house: House) -> None:
    client = await house.client()
    first = await house.tokens(client, await house.person(), scope="openid offline_access")
    answers = await asyncio.gather(
        *(house.refresh(client, first["refresh_token"]) for _ in range(4))
    )
    won = [each.json() for each in answers if each.status_code == 200]
    lost = [each.json()["error"] for each in answers if each.status_code != 200]
    assert len(won) == 1
    assert lost == ["invalid_grant"] * 3
    assert (await house.userinfo(won[0]["access_token"])).status_code == 401
    assert (await house.refresh(client, won[0]["refresh_token"])).status_code == 400


async def test_two_exchanges_of_a_code_at_once_give_one_answer_and_end_the_family(
    house: House,
) -> None:
    client = await house.client()
    browser = house.browser()
    await browser.sign_in(await house.person())
    code = await browser.code(client)
    answers = await asyncio.gather(*(house.redeem(client, code) for _ in range(4)))
    won = [each.json() for each in answers if each.status_code == 200]
    assert len(won) == 1
    assert (await house.userinfo(won[0]["access_token"])).status_code == 401


async def test_a_refresh_may_ask_for_less_and_later_for_all_again(house: House) -> None:
    client = await house.client()
    first = await house.tokens(client, await house.person(), scope="openid profile catalog.read")
    less = (await house.refresh(client, first["refresh_token"], scope="catalog.read")).json()
    assert less["scope"] == "catalog.read"
    more = await house.refresh(client, less["refresh_token"], scope="openid email")
    assert more.json()["error"] == "invalid_scope"
    whole = (await house.refresh(client, less["refresh_token"])).json()
    assert whole["scope"] == "catalog.read openid profile"


async def test_refreshing_ends_with_the_session_unless_it_is_offline(house: House) -> None:
    client, person = await house.client(), await house.person()
    bound = await house.tokens(client, person, scope="openid")
    offline = await house.tokens(client, person, scope="openid offline_access")
    async with house.runtime.new_uow() as uow:
        await house.sessions.revoke_all(uow, person)
        await uow.commit()
    assert (await house.refresh(client, bound["refresh_token"])).status_code == 400
    assert (await house.userinfo(bound["access_token"])).status_code == 401
    assert (await house.refresh(client, offline["refresh_token"])).status_code == 200
    assert (await house.userinfo(offline["access_token"])).status_code == 200


async def test_a_disabled_person_gets_no_token_and_loses_those_there_are(house: House) -> None:
    client, person = await house.client(), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    code = await browser.code(client)
    tokens = await house.tokens(client, person)
    await house.suspend(person)
    assert (await house.redeem(client, code)).json()["error"] == "invalid_grant"
    refused = await house.refresh(client, tokens["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
    assert (await house.userinfo(tokens["access_token"])).status_code == 401


async def test_tokens_issued_right_after_a_revocation_are_good(house: House) -> None:
    client, person = await house.client(), await house.person()
    old = await house.tokens(client, person)
    await house.revoke("person", str(person))
    new = (await house.refresh(client, old["refresh_token"])).json()
    assert (await house.userinfo(old["access_token"])).status_code == 401
    assert (await house.userinfo(new["access_token"])).status_code == 200


# --- clients that act for themselves, revoke and introspect --------------------------------------


async def test_a_client_acts_for_itself_as_an_integrator_of_its_owner(house: House) -> None:
    client = await house.client(scopes=("openid", "catalog.read", "integrate"))
    body = (await house.post("/token", client, grant_type="client_credentials")).json()
    claims = await house.claims(body["access_token"])
    assert claims["sub"] == claims["client_id"] == client.id
    assert claims["scope"] == "catalog.read integrate"
    assert claims["grants"] == ["integrator@PHOUSE"]
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}


async def test_a_client_cannot_speak_of_people_when_it_acts_for_itself(house: House) -> None:
    client = await house.client()
    answer = await house.post("/token", client, grant_type="client_credentials", scope="openid")
    assert answer.json()["error"] == "invalid_scope"


async def test_a_grant_that_the_client_is_not_registered_for_is_refused(house: House) -> None:
    client = await house.client(grant_types=("authorization_code",))
    answer = await house.post("/token", client, grant_type="client_credentials")
    assert answer.json()["error"] == "unauthorized_client"


async def test_an_unknown_grant_is_refused(house: House) -> None:
    client = await house.client()
    answer = await house.post("/token", client, grant_type="password", username="x", password="y")
    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_grant_type"
    assert answer.headers["cache-control"] == "no-store"


async def test_issuing_a_token_to_a_known_client_takes_no_statement(
    house: House, statements: list[str]
) -> None:
    client = await house.client()
    await house.post("/token", client, grant_type="client_credentials")
    statements.clear()
    await house.post("/token", client, grant_type="client_credentials")
    assert statements == []


@pytest.fixture
def app(house: House) -> Any:
    """The application whose statements the fixture of that name counts."""
    return house.app


async def test_a_wrong_secret_is_challenged(house: House) -> None:
    client = await house.client()
    wrong = RegisteredClient(client.id, "wrong")
    answer = await house.post("/token", wrong, grant_type="client_credentials")
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")


def _assertion(client_id: str, key: ECKey, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": ISSUER,
        "jti": str(time.time_ns()),
        "exp": now + 120,
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": key.kid}, kept, key)


@pytest.fixture
def client_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "mine"})


async def test_a_client_proves_itself_with_its_key_once_for_each_assertion(
    house: House, client_key: ECKey
) -> None:
    jwks: Any = KeySet([client_key]).as_dict(private=False)
    client = await house.client(auth_method="private_key_jwt", jwks=jwks)
    proof = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": _assertion(client.id, client_key),
    }
    assert (await house.post("/token", None, **proof)).status_code == 200
    assert (await house.post("/token", None, **proof)).json()["error"] == "invalid_client"
    proof["client_assertion"] = _assertion(client.id, client_key, aud=f"{ISSUER}/token")
    assert (await house.post("/token", None, **proof)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": 9_999_999_999},
        {"jti": None},
        {"iss": "somebody"},
        {"nbf": 9_999_999_999},
    ],
)
async def test_an_assertion_for_others_or_for_too_long_is_refused(
    house: House, client_key: ECKey, changes: dict[str, Any]
) -> None:
    jwks: Any = KeySet([client_key]).as_dict(private=False)
    client = await house.client(auth_method="private_key_jwt", jwks=jwks)
    answer = await house.post(
        "/token",
        grant_type="client_credentials",
        client_assertion_type=ASSERTION_TYPE,
        client_assertion=_assertion(client.id, client_key, **changes),
    )
    assert answer.status_code == 401


async def test_revoking_a_refresh_token_ends_everything_that_came_of_it(house: House) -> None:
    client = await house.client()
    tokens = await house.tokens(client, await house.person())
    answer = await house.post("/revoke", client, token=tokens["refresh_token"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 400
    assert (await house.userinfo(tokens["access_token"])).status_code == 401


async def test_revoking_an_access_token_ends_that_alone(house: House) -> None:
    client = await house.client()
    tokens = await house.tokens(client, await house.person())
    await house.post("/revoke", client, token=tokens["access_token"])
    assert (await house.userinfo(tokens["access_token"])).status_code == 401
    again = await house.refresh(client, tokens["refresh_token"])
    assert (await house.userinfo(again.json()["access_token"])).status_code == 200


async def test_another_clients_token_is_not_revoked(house: House) -> None:
    client, other = await house.client(), await house.client()
    tokens = await house.tokens(client, await house.person())
    await house.post("/revoke", other, token=tokens["refresh_token"])
    refused = await house.post("/revoke", other, token=tokens["access_token"])
    assert refused.json()["error"] == "unauthorized_client"
    assert (await house.userinfo(tokens["access_token"])).status_code == 200
    assert (await house.post("/revoke", other, token="unknown")).status_code == 200


async def test_introspection_tells_the_client_and_the_gateway(house: House) -> None:
    client, other = await house.client(), await house.client()
    gateway = await house.client(scopes=("gateway.introspect",))
    tokens = await house.tokens(client, await house.person(), scope="openid catalog.read")
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    for reader in (client, gateway):
        told = (await house.post("/introspect", reader, token=access)).json()
        assert told["active"] is True
        assert told["scope"] == "catalog.read openid"
    assert (await house.post("/introspect", client, token=refresh)).json()["active"] is True
    for token in (access, refresh, "unknown", "a.b.c"):
        assert (await house.post("/introspect", other, token=token)).json() == {"active": False}
    await house.post("/revoke", client, token=refresh)
    for token in (access, refresh):
        assert (await house.post("/introspect", client, token=token)).json() == {"active": False}


async def test_a_public_client_may_not_introspect(house: House) -> None:
    client = await house.client(auth_method="none", grant_types=("authorization_code",))
    answer = await house.post("/introspect", client_id=client.id, token="anything")
    assert answer.status_code == 401


# --- devices -------------------------------------------------------------------------------------


async def _poll(house: House, client: RegisteredClient, device_code: str) -> dict[str, Any]:
    await house.owner.execute("UPDATE device_codes SET polled_at = NULL")
    answer = await house.post("/token", client, grant_type=DEVICE_GRANT, device_code=device_code)
    body: dict[str, Any] = answer.json()
    return body


async def test_a_person_lets_a_device_in_that_then_gets_tokens_once(house: House) -> None:
    client, person = await house.client(), await house.person()
    started = (await house.post("/device_authorization", client, scope="openid profile")).json()
    assert started["verification_uri"] == f"{ISSUER}/device"
    device = started["device_code"]
    assert (await _poll(house, client, device))["error"] == "authorization_pending"

    browser = house.browser()
    sent = await browser.http.get("/identity/device", params={"user_code": started["user_code"]})
    assert leads_to(sent) == "/identity/login"
    await browser.sign_in(person)
    page = await browser.continue_after_login(sent)
    page = await browser.submit(page, user_code=started["user_code"].lower().replace("-", " "))
    assert "听书" in page.text
    assert "设备已连接" in (await browser.submit(page, decision="allow")).text

    tokens = await _poll(house, client, device)
    assert (await house.claims(tokens["id_token"]))["sub"] == str(person)
    assert (await house.userinfo(tokens["access_token"])).json()["name"] == "王小明"
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 200
    assert (await _poll(house, client, device))["error"] == "invalid_grant"


async def test_a_refused_device_is_told_so(house: House) -> None:
    client = await house.client()
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.get("/identity/device", user_code=started["user_code"])
    page = await browser.submit(page, user_code=started["user_code"])
    await browser.submit(page, decision="deny")
    assert (await _poll(house, client, started["device_code"]))["error"] == "access_denied"


async def test_a_device_that_asks_too_often_is_slowed_down(house: House) -> None:
    client, other = await house.client(), await house.client()
    started = (await house.post("/device_authorization", client, scope="openid")).json()
    asking = {"grant_type": DEVICE_GRANT, "device_code": started["device_code"]}
    first = await house.post("/token", client, **asking)
    assert first.json()["error"] == "authorization_pending"
    second = await house.post("/token", client, **asking)
    assert second.json()["error"] == "slow_down"
    stolen = await house.post("/token", other, **asking)
    assert stolen.json()["error"] == "invalid_grant"
    await house.owner.execute("UPDATE device_codes SET expires_at = now()")
    late = await house.post("/token", client, **asking)
    assert late.json()["error"] == "expired_token"


@pytest.mark.parametrize("typed", ["", "BCDF-GHJK", "%00", "不是代码", "x" * 500])
async def test_a_code_that_no_device_shows_is_told_to_the_person(house: House, typed: str) -> None:
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.get("/identity/device")
    answer = await browser.submit(page, user_code=typed)
    assert answer.status_code == 200
    assert "没有设备在等待这个代码" in answer.text


# --- logout, discovery, sweeping -----------------------------------------------------------------


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


async def test_both_metadata_documents_agree_and_may_be_cached(house: House) -> None:
    one = await house.http.get("/identity/.well-known/openid-configuration")
    other = await house.http.get("/identity/.well-known/oauth-authorization-server")
    assert one.json() == other.json()
    assert one.headers["cache-control"] == "public, max-age=300"


async def test_what_expired_a_day_ago_is_swept_and_nothing_else(house: House) -> None:
    client, person = await house.client(), await house.person()
    old = await house.tokens(client, person)
    new = await house.tokens(client, person)
    old_family = (await house.claims(old["access_token"]))["fam"]
    await house.owner.execute(
        "UPDATE authorizations SET expires_at = now() - interval '2 days' WHERE id = $1",
        old_family,
    )
    await house.revoke("token", "in-force")
    await house.revoke("token", "forgotten")
    await house.owner.execute("UPDATE revocations SET expires_at = now() WHERE value = 'forgotten'")
    assert await ExpirySweeper(house.runtime.engine, house.runtime.clock).sweep() == 2
    assert (await house.refresh(client, old["refresh_token"])).status_code == 400
    assert (await house.refresh(client, new["refresh_token"])).status_code == 200


async def test_a_body_that_is_no_form_is_an_oauth_error(house: House) -> None:
    answer = await house.http.post("/identity/token", json={"grant_type": "client_credentials"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
