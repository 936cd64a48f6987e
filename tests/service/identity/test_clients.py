from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.identity.settings import Settings
from tests.service.identity.provider import House, RegisteredClient, running_house

CLIENTS = "/identity/v1/clients"
BOTH = "identity.read identity.manage"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


@pytest.fixture
def integrator(house: House) -> dict[str, str]:
    return house.bearer("the-integrator", BOTH, ("integrator@PHOUSE",))


@pytest.fixture
def security(house: House) -> dict[str, str]:
    return house.bearer("the-security-officer", BOTH, ("security_administrator@PHOUSE",))


def _wanted(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "organisation_id": str(house.organisation_id),
        "name": "听书",
        "purpose": "朗读课文",
        "auth_method": "client_secret_basic",
        "redirect_uris": ["https://app.example/callback"],
        "scopes": ["openid", "profile", "catalog.read"],
        "grant_types": ["authorization_code", "client_credentials"],
        **changes,
    }


async def _requested(
    house: House, caller: dict[str, str], **changes: Any
) -> tuple[dict[str, Any], str]:
    """A requested application, and its ETag."""
    answer = await house.http.post(CLIENTS, json=_wanted(house, **changes), headers=caller)
    assert answer.status_code == 201, answer.text
    return answer.json(), answer.headers["etag"]


async def _decide(
    house: House, client_id: str, decision: str, caller: dict[str, str], etag: str
) -> httpx2.Response:
    return await house.http.post(
        f"{CLIENTS}/{client_id}/decisions/{decision}", headers={**caller, "if-match": etag}
    )


async def _approved(
    house: House, integrator: dict[str, str], security: dict[str, str], **changes: Any
) -> tuple[dict[str, Any], str]:
    client, etag = await _requested(house, integrator, **changes)
    answer = await _decide(house, client["id"], "approve", security, etag)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.headers["etag"]


async def test_an_anonymous_caller_sees_and_asks_for_nothing(house: House) -> None:
    assert (await house.http.get(CLIENTS)).status_code == 401
    assert (await house.http.post(CLIENTS, json=_wanted(house))).status_code == 401


async def test_roles_elsewhere_reach_no_application(
    house: House, integrator: dict[str, str]
) -> None:
    client, etag = await _requested(house, integrator)
    stranger = house.bearer(
        "somebody", BOTH, ("integrator@POTHER", "security_administrator@POTHER")
    )
    one = f"{CLIENTS}/{client['id']}"
    matched = {**stranger, "if-match": etag}
    described = {"name": "x", "purpose": "x"}
    answers = [
        await house.http.get(one, headers=stranger),
        await house.http.put(one, json=described, headers=matched),
        await house.http.post(f"{one}/retire", headers=matched),
        await house.http.post(f"{one}/decisions/approve", headers=matched),
        await house.http.get(f"{one}/secrets", headers=stranger),
        await house.http.post(f"{one}/secrets", json={}, headers=stranger),
        await house.http.post(CLIENTS, json=_wanted(house), headers=stranger),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert (await house.http.get(CLIENTS, headers=stranger)).json()["items"] == []


async def test_an_application_is_asked_for_approved_and_then_obtains_tokens(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _requested(house, integrator)
    assert client["state"] == "REQUESTED"
    secret = (
        await house.http.post(f"{CLIENTS}/{client['id']}/secrets", json={}, headers=integrator)
    ).json()["secret"]
    registered = RegisteredClient(client["id"], secret)
    early = await house.post("/token", registered, grant_type="client_credentials")
    assert early.json()["error"] == "invalid_client"

    assert (await _decide(house, client["id"], "approve", security, etag)).status_code == 200
    answer = await house.post("/token", registered, grant_type="client_credentials")
    assert answer.json()["scope"] == "catalog.read"
    events = await house.owner.fetch("SELECT type FROM outbox WHERE aggregate = $1", client["id"])
    assert [event for (event,) in events] == ["identity.client.approved.v1"]
    actions = await house.owner.fetch(
        "SELECT action FROM audit WHERE target = $1 ORDER BY id", client["id"]
    )
    assert [action for (action,) in actions] == [
        "client.requested",
        "client.secret_added",
        "client.approve",
    ]


async def test_the_owner_cannot_approve(house: House, integrator: dict[str, str]) -> None:
    client, etag = await _requested(house, integrator)
    answer = await _decide(house, client["id"], "approve", integrator, etag)
    assert answer.status_code == 404


async def test_nobody_approves_what_they_asked_for(house: House) -> None:
    both = house.bearer("both", BOTH, ("integrator@PHOUSE", "security_administrator@PHOUSE"))
    client, etag = await _requested(house, both)
    answer = await _decide(house, client["id"], "approve", both, etag)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("identity/own-client")


async def test_the_caller_is_told_what_they_may_do_now(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, _ = await _requested(house, integrator)
    address = f"{CLIENTS}/{client['id']}"
    owners = (await house.http.get(address, headers=integrator)).json()["actions"]
    deciders = (await house.http.get(address, headers=security)).json()["actions"]
    assert owners == ["describe", "retire"]
    assert deciders == ["set_terms", "approve", "reject"]


async def test_a_change_needs_the_etag_that_was_read(
    house: House, integrator: dict[str, str]
) -> None:
    client, etag = await _requested(house, integrator)
    address = f"{CLIENTS}/{client['id']}"
    body = {"name": "看书", "purpose": "阅读", "redirect_uris": ["https://app.example/new"]}
    assert (await house.http.put(address, json=body, headers=integrator)).status_code == 428
    matched = {**integrator, "if-match": etag}
    changed = await house.http.put(address, json=body, headers=matched)
    assert (changed.status_code, changed.json()["name"]) == (200, "看书")
    assert (await house.http.put(address, json=body, headers=matched)).status_code == 412


async def test_where_an_approved_application_sends_people_changes_by_decision_alone(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    address = f"{CLIENTS}/{client['id']}"
    asked = {"name": "听书", "purpose": "朗读课文", "redirect_uris": ["https://other.example/cb"]}
    answer = await house.http.put(address, json=asked, headers={**integrator, "if-match": etag})
    told = answer.json()
    assert (told["redirect_uris"], told["state"]) == (client["redirect_uris"], "APPROVED")
    assert told["proposed"]["redirect_uris"] == asked["redirect_uris"]
    etag = answer.headers["etag"]
    assert (await _decide(house, client["id"], "accept", integrator, etag)).status_code == 404
    accepted = await _decide(house, client["id"], "accept", security, etag)
    told = accepted.json()
    assert (told["redirect_uris"], told["proposed"]) == (asked["redirect_uris"], None)
    again = await _decide(house, client["id"], "accept", security, accepted.headers["etag"])
    assert again.status_code == 409


async def test_nobody_accepts_what_they_proposed(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    both = house.bearer("both", BOTH, ("integrator@PHOUSE", "security_administrator@PHOUSE"))
    body = {"name": "平台登录", "purpose": "朗读课文", "redirect_uris": client["redirect_uris"]}
    matched = {**both, "if-match": etag}
    proposed = await house.http.put(f"{CLIENTS}/{client['id']}", json=body, headers=matched)
    assert (proposed.json()["name"], proposed.json()["proposed"]["name"]) == ("听书", "平台登录")
    etag = proposed.headers["etag"]
    assert (await _decide(house, client["id"], "accept", both, etag)).status_code == 403
    declined = await _decide(house, client["id"], "decline", security, etag)
    assert (declined.json()["name"], declined.json()["proposed"]) == ("听书", None)


async def test_an_address_is_taken_away_and_a_network_set_at_once(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    two = ["https://app.example/callback", "https://app.example/other"]
    body = {"name": "听书", "purpose": "朗读课文", "redirect_uris": two}
    matched = {**integrator, "if-match": etag}
    asked = await house.http.put(f"{CLIENTS}/{client['id']}", json=body, headers=matched)
    etag = asked.headers["etag"]
    etag = (await _decide(house, client["id"], "accept", security, etag)).headers["etag"]
    body |= {"redirect_uris": two[1:], "networks": ["198.51.100.0/24"]}
    matched = {**integrator, "if-match": etag}
    told = (await house.http.put(f"{CLIENTS}/{client['id']}", json=body, headers=matched)).json()
    assert (told["redirect_uris"], told["proposed"]) == (two[1:], None)
    assert told["networks"] == ["198.51.100.0/24"]


async def test_a_suspended_application_loses_its_tokens_until_it_is_resumed(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    secret = (
        await house.http.post(f"{CLIENTS}/{client['id']}/secrets", json={}, headers=integrator)
    ).json()["secret"]
    registered = RegisteredClient(client["id"], secret)
    token = (await house.post("/token", registered, grant_type="client_credentials")).json()
    suspended = await _decide(house, client["id"], "suspend", security, etag)
    assert suspended.json()["state"] == "SUSPENDED"
    refused = await house.post("/token", registered, grant_type="client_credentials")
    assert refused.json()["error"] == "invalid_client"
    await house.revocations.load()
    answer = await house.http.get(
        "/identity/v1/clients", headers={"authorization": f"Bearer {token['access_token']}"}
    )
    assert answer.status_code == 401

    resumed = await _decide(house, client["id"], "resume", security, suspended.headers["etag"])
    assert resumed.json()["state"] == "APPROVED"
    again = await house.post("/token", registered, grant_type="client_credentials")
    assert again.status_code == 200


async def test_a_retired_application_stays_retired(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    retired = await house.http.post(
        f"{CLIENTS}/{client['id']}/retire", headers={**integrator, "if-match": etag}
    )
    assert retired.json()["state"] == "RETIRED"
    answer = await _decide(house, client["id"], "resume", security, retired.headers["etag"])
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("identity/client-action-unavailable")


async def test_where_nothing_was_proposed_there_is_nothing_to_accept(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    answer = await _decide(house, client["id"], "accept", security, etag)
    assert answer.status_code == 409
    assert "没有待审批的变更" in answer.text
    answer = await _decide(house, client["id"], "resume", security, etag)
    assert "set_terms、suspend。" in answer.text


async def test_terms_are_set_by_the_security_administrator(
    house: House, integrator: dict[str, str], security: dict[str, str]
) -> None:
    client, etag = await _approved(house, integrator, security)
    terms = {
        "scopes": ["openid"],
        "grant_types": ["authorization_code"],
        "pkce_required": False,
        "trusted": True,
        "quota_class": "high",
    }
    address = f"{CLIENTS}/{client['id']}/terms"
    matched = {"if-match": etag}
    refused = await house.http.put(address, json=terms, headers={**integrator, **matched})
    assert refused.status_code == 404
    changed = await house.http.put(address, json=terms, headers={**security, **matched})
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in terms} == terms
    kinds = await house.owner.fetch("SELECT kind FROM revocations WHERE value = $1", client["id"])
    assert [kind for (kind,) in kinds] == ["client"]


async def test_every_defect_of_a_registration_is_told_at_once(
    house: House, integrator: dict[str, str]
) -> None:
    body = _wanted(
        house,
        auth_method="none",
        redirect_uris=["http://app.example/cb", "https://app.example/*", "https://ok.example/"],
        post_logout_redirect_uris=["https://app.example/#out"],
        scopes=["openid", "offline_access"],
    )
    answer = await house.http.post(CLIENTS, json=body, headers=integrator)
    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} == {
        "#/redirect_uris/0",
        "#/redirect_uris/1",
        "#/post_logout_redirect_uris/0",
        "#/grant_types",
    }


async def test_an_unknown_scope_is_a_defect(house: House, integrator: dict[str, str]) -> None:
    body = _wanted(house, scopes=["openid", "everything"])
    answer = await house.http.post(CLIENTS, json=body, headers=integrator)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("#/scopes")


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kty": "oct", "k": "aa"}]},
        {"keys": [{"kty": "EC"}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "aaaa", "y": "bbbb"}]},
        {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": ["EC"]}]},
        {"keys": "no list"},
        KeySet([ECKey.generate_key("P-256")]).as_dict(private=True),
        KeySet([RSAKey.generate_key(1024)]).as_dict(private=False),
    ],
    ids=[
        "no keys",
        "empty",
        "symmetric",
        "no base64",
        "incomplete",
        "off the curve",
        "no modulus",
        "odd type",
        "no list",
        "private",
        "short",
    ],
)
async def test_only_sound_public_keys_are_kept(
    house: House, integrator: dict[str, str], jwks: dict[str, Any]
) -> None:
    body = _wanted(house, auth_method="private_key_jwt", jwks=jwks)
    answer = await house.http.post(CLIENTS, json=body, headers=integrator)
    assert answer.status_code == 422
    [defect] = answer.json()["errors"]
    assert defect["pointer"] == "#/jwks"
    assert any("\u4e00" <= letter <= "\u9fff" for letter in defect["detail"])


async def test_a_client_with_keys_has_no_secret(house: House, integrator: dict[str, str]) -> None:
    jwks = KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)
    client, _ = await _requested(house, integrator, auth_method="private_key_jwt", jwks=jwks)
    assert client["jwks"]["keys"][0]["kid"]
    answer = await house.http.post(f"{CLIENTS}/{client['id']}/secrets", json={}, headers=integrator)
    assert answer.status_code == 409


async def test_a_repeated_request_is_answered_the_same_and_made_once(
    house: House, integrator: dict[str, str]
) -> None:
    keyed = {**integrator, "idempotency-key": "once-and-for-all"}
    first = await house.http.post(CLIENTS, json=_wanted(house), headers=keyed)
    again = await house.http.post(CLIENTS, json=_wanted(house), headers=keyed)
    assert first.json() == again.json()
    assert await house.owner.fetchval("SELECT count(*) FROM clients") == 1


async def test_a_list_is_paged_newest_first_within_reach_in_one_statement(
    house: House, statements: list[str], security: dict[str, str]
) -> None:
    school = await house.organisation("SONE")
    schools = house.bearer("schools", BOTH, ("integrator@PHOUSE.SONE",))
    provinces = house.bearer("provinces", BOTH, ("integrator@PHOUSE",))
    mine = [
        (await _requested(house, schools, organisation_id=str(school)))[0]["id"] for _ in range(3)
    ]
    other, _ = await _requested(house, provinces)
    first = (await house.http.get(f"{CLIENTS}?limit=2", headers=schools)).json()
    statements.clear()
    rest = (
        await house.http.get(f"{CLIENTS}?limit=2&cursor={first['next']}", headers=schools)
    ).json()
    assert len(statements) == 1
    assert [each["id"] for each in (*first["items"], *rest["items"])] == mine[::-1]
    assert rest["next"] is None
    everything = (await house.http.get(CLIENTS, headers=security)).json()["items"]
    assert [each["id"] for each in everything] == [other["id"], *mine[::-1]]
    approved = await house.http.get(f"{CLIENTS}?state=APPROVED", headers=security)
    assert approved.json()["items"] == []


@pytest.fixture
def app(house: House) -> Any:
    """The application whose statements the fixture of that name counts."""
    return house.app


async def test_the_feed_of_revocations_is_read_page_by_page(
    house: House,
) -> None:
    reader = house.bearer("a-service", "integrate")
    for number in range(3):
        await house.revoke("session", f"session-{number}")
    await house.owner.execute("UPDATE revocations SET expires_at = now() WHERE value = 'session-0'")
    first = (await house.http.get("/identity/v1/revocations?limit=1", headers=reader)).json()
    [one] = first["items"]
    assert (one["kind"], one["value"]) == ("session", "session-1")
    rest = await house.http.get(f"/identity/v1/revocations?after={one['id']}", headers=reader)
    assert [each["value"] for each in rest.json()["items"]] == ["session-2"]
    anonymous = await house.http.get("/identity/v1/revocations")
    assert anonymous.status_code == 401
    unscoped = house.bearer("somebody", "identity.read")
    assert (await house.http.get("/identity/v1/revocations", headers=unscoped)).status_code == 403
