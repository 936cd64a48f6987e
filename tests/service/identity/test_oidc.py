import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.identity.adapters.expiry import ExpirySweeper
from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    REDIRECT,
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


async def test_people_are_asked_again_when_the_application_is_for_something_else(
    house: House,
) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    await browser.submit(await browser.authorize(client), decision="allow")
    url = f"/identity/v1/clients/{client.id}"
    scope = "identity.read identity.manage"
    owner = house.bearer("owner", scope, ("integrator@PHOUSE",))
    security = house.bearer("security", scope, ("security_administrator@PHOUSE",))
    purpose = "统计朗读时长"
    body = {"name": "听书", "purpose": purpose, "redirect_uris": [REDIRECT]}
    etag = (await house.http.get(url, headers=owner)).headers["etag"]
    asked = await house.http.put(url, json=body, headers={**owner, "if-match": etag})
    assert asked.status_code == 200
    assert asked.json()["proposed"]["purpose"] == purpose
    assert "code" in query(await browser.authorize(client, prompt="none"))
    accept = {**security, "if-match": asked.headers["etag"]}
    assert (await house.http.post(f"{url}/decisions/accept", headers=accept)).status_code == 200
    silent = query(await browser.authorize(client, prompt="none"))
    assert silent["error"] == "consent_required"
    assert purpose in (await browser.authorize(client)).text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("name = '卖数据'", "卖数据"),
        ("purpose = '出售'", "出售"),
        ("scopes = '{openid,profile,phone}'", "读取您的手机号码"),
    ],
)
async def test_consent_counts_for_what_the_page_showed_alone(
    house: House, change: str, told: str
) -> None:
    client = await house.client(trusted=False, scopes=("openid", "profile"))
    browser = house.browser()
    await browser.sign_in(await house.person())
    asking = {"scope": "openid profile phone", "ui_locales": "zh-CN"}
    page = await browser.authorize(client, **asking)
    await house.owner.execute(f"UPDATE clients SET {change}")  # noqa: S608 - our own words
    owner = house.bearer("owner", "identity.manage", ("integrator@PHOUSE",))
    secrets = f"/identity/v1/clients/{client.id}/secrets"
    # Whatever is done to a client, it is read anew.
    assert (await house.http.post(secrets, json={}, headers=owner)).status_code == 201

    anew = await browser.submit(page, decision="allow")
    assert anew.status_code == 409
    assert told in anew.text
    assert "请重新阅读后再决定" in anew.text
    assert await house.owner.fetchval("SELECT count(*) FROM client_consents") == 0
    assert "code" in query(await browser.submit(anew, decision="allow"))


async def test_consent_counts_for_what_is_stored_not_for_what_is_remembered(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.authorize(client)
    await house.owner.execute("UPDATE clients SET name = '卖数据'")
    anew = await browser.submit(page, decision="allow")
    assert (anew.status_code, "卖数据" in anew.text) == (409, True)
    assert "code" in query(await browser.submit(anew, decision="allow"))


async def test_a_refusal_is_told_to_the_client(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    back = query(await browser.submit(await browser.authorize(client), decision="deny"))
    assert (back["error"], back["state"]) == ("access_denied", "the-state")
    silent = query(await browser.authorize(client, prompt="none"))
    assert silent["error"] == "consent_required"


async def test_a_child_is_told_what_waits_for_a_guardian(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person(consented=frozenset({"email"})))
    page = (await browser.authorize(client, scope="openid profile email")).text
    granted, _, withheld = page.partition("监护人同意后才可以")
    assert "读取您的电子邮箱" in granted
    assert "读取您的姓名等基本资料" in withheld
    assert "读取您的姓名等基本资料" not in granted


async def test_another_site_cannot_send_the_consent_form(house: House) -> None:
    client = await house.client(trusted=False)
    browser = house.browser()
    await browser.sign_in(await house.person())
    page = await browser.authorize(client)
    answer = await browser.submit(page, decision="allow", csrf="guessed")
    assert answer.status_code == 403
    assert query(await browser.authorize(client, prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("trusted", [False, True])
async def test_prompt_consent_asks_again(house: House, trusted: bool) -> None:
    client = await house.client(trusted=trusted)
    browser = house.browser()
    await browser.sign_in(await house.person())
    if not trusted:
        await browser.submit(await browser.authorize(client), decision="allow")
    page = await browser.authorize(client, prompt="consent")
    assert page.status_code == 200
    assert "code" in query(await browser.submit(page, decision="allow"))


# --- what tokens say -----------------------------------------------------------------------------


async def test_an_access_token_says_who_may_do_what_where(house: House) -> None:
    client = await house.client()
    person = await house.person(grants=("teacher@PHOUSE#math", "reviewer@PHOUSE"))
    tokens = await house.tokens(client, person, ("pwd", "mfa"), scope="openid catalog.read")
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


async def test_the_trail_tells_what_was_given_and_what_waits_for_a_guardian(house: House) -> None:
    child = await house.person(consented=frozenset({"profile"}))
    browser = house.browser()
    await browser.sign_in(child)
    await browser.code(await house.client(), scope="openid profile phone")
    facts = json.loads(
        await house.owner.fetchval("SELECT facts FROM audit WHERE action = 'client.authorized'")
    )
    assert (facts["scopes"], facts["withheld"]) == (["openid", "profile"], ["phone"])


# --- discovery, sweeping -----------------------------------------------------------------


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
