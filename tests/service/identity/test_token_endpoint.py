import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from services.identity.domain.people import State
from services.identity.settings import Settings
from shared.errors import Unavailable
from tests.service.identity.provider import (
    ISSUER,
    House,
    RegisteredClient,
    query,
    running_house,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


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
    for session in await house.sessions.list(person):
        await house.sessions.sign_out(session)
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


async def test_nothing_that_an_erased_person_gave_to_clients_is_left_in_force(
    house: House,
) -> None:
    client, person = await house.client(trusted=False), await house.person()
    browser = house.browser()
    await browser.sign_in(person)
    page = await browser.authorize(client, scope="openid offline_access")
    answer = await browser.submit(page, decision="allow")
    tokens = (await house.redeem(client, query(answer)["code"])).json()
    async with house.runtime.new_uow() as uow:
        await house.part.erase(uow, person)
        await uow.commit()
    assert (await house.refresh(client, tokens["refresh_token"])).status_code == 400
    assert (await house.userinfo(tokens["access_token"])).status_code == 401
    assert await house.owner.fetchval("SELECT count(*) FROM client_consents") == 0


async def test_tokens_issued_right_after_a_revocation_are_good(house: House) -> None:
    client, person = await house.client(), await house.person()
    old = await house.tokens(client, person)
    await house.revoke("person", str(person))
    new = (await house.refresh(client, old["refresh_token"])).json()
    assert (await house.claims(new["access_token"]))["iat"] <= time.time()
    assert (await house.userinfo(old["access_token"])).status_code == 401
    assert (await house.userinfo(new["access_token"])).status_code == 200


async def test_no_access_token_outlives_what_it_says(house: House) -> None:
    client, person = await house.client(), await house.person(grants=("teacher@PHOUSE",))
    now = house.runtime.clock()
    house.people.known[person].until = now + timedelta(seconds=90.7)
    tokens = await house.tokens(client, person)
    for each in (tokens, (await house.refresh(client, tokens["refresh_token"])).json()):
        claims = await house.claims(each["access_token"])
        assert claims["exp"] == int((now + timedelta(seconds=90.7)).timestamp())
        assert each["expires_in"] == claims["exp"] - claims["iat"]
    house.people.known[person].until = now + timedelta(days=1)
    longest = await house.tokens(client, person)
    assert longest["expires_in"] == 600


async def test_a_token_issued_before_the_revocation_commits_is_void(house: House) -> None:
    client, person = await house.client(), await house.person()
    tokens = await house.tokens(client, person)
    async with house.runtime.new_uow() as uow:
        await house.revocations.revoke(uow, "person", str(person))
        await asyncio.sleep(1)
        late = (await house.refresh(client, tokens["refresh_token"])).json()
        await uow.commit()
    assert (await house.userinfo(late["access_token"])).status_code == 401


async def test_a_revocation_that_commits_too_late_to_cover_every_token_does_not_commit(
    house: House,
) -> None:
    client, person = await house.client(), await house.person()
    tokens = await house.tokens(client, person)

    async def revoke_slowly() -> None:
        async with house.runtime.new_uow() as uow:
            await house.revocations.revoke(uow, "person", str(person))
            await asyncio.sleep(2.1)
            await uow.commit()

    with pytest.raises(Unavailable):
        await revoke_slowly()
    assert await house.owner.fetchval("SELECT count(*) FROM revocations") == 0
    assert (await house.userinfo(tokens["access_token"])).status_code == 200


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


async def test_introspection_tells_what_a_refresh_token_is_still_good_for(house: House) -> None:
    client = await house.client()
    person = await house.person(consented=frozenset({"catalog.read", "profile"}))
    tokens = await house.tokens(client, person, scope="openid profile catalog.read")
    house.people.known[person].consented = frozenset({"profile"})
    told = (await house.post("/introspect", client, token=tokens["refresh_token"])).json()
    assert told["scope"] == "openid profile"
    house.people.known[person].state = State.SUSPENDED
    told = (await house.post("/introspect", client, token=tokens["refresh_token"])).json()
    assert told == {"active": False}


async def test_a_public_client_may_not_introspect(house: House) -> None:
    client = await house.client(auth_method="none", grant_types=("authorization_code",))
    answer = await house.post("/introspect", client_id=client.id, token="anything")
    assert answer.status_code == 401
