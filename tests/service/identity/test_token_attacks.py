"""What somebody might try with tokens, each against the endpoints that take them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.identity.settings import Settings
from tests.service.identity.provider import (
    ISSUER,
    REDIRECT,
    VERIFIER,
    Browser,
    House,
    RegisteredClient,
    query,
    running_house,
)


@dataclass(frozen=True)
class Loot:
    """What an attacker has: a good token, taken apart, and the published keys."""

    token: str
    id_token: str
    header: dict[str, Any]
    claims: dict[str, Any]
    keys: list[dict[str, Any]]

    @property
    def key(self) -> dict[str, Any]:
        """The published key that verifies the token."""
        return next(key for key in self.keys if key["kid"] == self.header["kid"])


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


@pytest.fixture
async def client(house: House) -> RegisteredClient:
    return await house.client()


@pytest.fixture
async def browser(house: House) -> Browser:
    browser = house.browser()
    await browser.sign_in(await house.person())
    return browser


@pytest.fixture
async def loot(house: House, client: RegisteredClient) -> Loot:
    person = await house.person(grants=("teacher@PHOUSE",))
    tokens = await house.tokens(client, person, scope="openid profile")
    header, payload, _ = tokens["access_token"].split(".")
    keys = (await house.http.get("/identity/jwks.json")).json()["keys"]
    return Loot(
        tokens["access_token"], tokens["id_token"], _decoded(header), _decoded(payload), keys
    )


def _encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _spliced(loot: Loot, header: dict[str, Any], claims: Any) -> str:
    """Another header or other claims under the old signature."""
    return f"{_encoded(header)}.{_encoded(claims)}.{loot.token.split('.')[2]}"


def _own(loot: Loot, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Signed with the attacker's key, under the published kid."""
    key = ECKey.generate_key("P-256")
    return jwt.encode({**loot.header, **(header or {})}, {**loot.claims, **claims}, key)


def _hmac(loot: Loot, secret: bytes, algorithm: str = "HS256") -> str:
    signed = f"{_encoded({**loot.header, 'alg': algorithm})}.{_encoded(loot.claims)}"
    return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _pem(loot: Loot) -> bytes:
    return ECKey.import_key(loot.key).as_pem(private=False)


def _with_own_jwk(loot: Loot) -> str:
    key = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "typ": "at+jwt", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, loot.claims, key)


def _signed_with_rsa(loot: Loot) -> str:
    header = {**loot.header, "alg": "RS256"}
    return jwt.encode(header, loot.claims, RSAKey.generate_key(2048), algorithms=["RS256"])


def _flipped(loot: Loot) -> str:
    head, payload, signature = loot.token.split(".")
    return f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _zero_signature(loot: Loot) -> str:
    head, payload, _ = loot.token.split(".")
    return f"{head}.{payload}.{_encoded(bytes(64))}"


def _repeated_claim(loot: Loot) -> str:
    doubled = json.dumps(loot.claims)[:-1] + ', "sub": "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e"}'
    head, _, signature = loot.token.split(".")
    return f"{head}.{_encoded(doubled.encode())}.{signature}"


def _nested(loot: Loot) -> str:
    return f"{_encoded(loot.header)}.{_encoded(b'[' * 5000)}.{loot.token.split('.')[2]}"


FORGERIES: dict[str, Callable[[Loot], str]] = {
    "alg none without a signature": lambda loot: (
        f"{_encoded({'alg': 'none', 'typ': 'at+jwt'})}.{_encoded(loot.claims)}."
    ),
    "alg None in other letters": lambda loot: (
        f"{_encoded({'alg': 'nOnE', 'typ': 'at+jwt'})}.{_encoded(loot.claims)}."
    ),
    "alg none under the old signature": lambda loot: _spliced(
        loot, {**loot.header, "alg": "none"}, loot.claims
    ),
    "no alg at all": lambda loot: _spliced(loot, {"typ": "at+jwt"}, loot.claims),
    "HS256 with the published key as PEM": lambda loot: _hmac(loot, _pem(loot)),
    "HS256 with the published key as JSON": lambda loot: _hmac(loot, json.dumps(loot.key).encode()),
    "HS256 with the x coordinate": lambda loot: _hmac(loot, loot.key["x"].encode()),
    "HS256 with an empty key": lambda loot: _hmac(loot, b""),
    "HS256 by way of an oct key": lambda loot: jwt.encode(
        {"alg": "HS256", "typ": "at+jwt"}, loot.claims, OctKey.generate_key(256)
    ),
    "RS256 with a key of the attacker": _signed_with_rsa,
    "the attacker's key under the published kid": _own,
    "the attacker's key in the header": _with_own_jwk,
    "a jku of the attacker": lambda loot: _own(loot, {"jku": "https://evil.example/jwks"}),
    "an x5u of the attacker": lambda loot: _own(loot, {"x5u": "https://evil.example/x"}),
    "an x5c of the attacker": lambda loot: _spliced(
        loot, {**loot.header, "x5c": ["MIIB"]}, loot.claims
    ),
    "an unknown kid": lambda loot: _own(loot, {"kid": "unknown"}),
    "a kid that is a path": lambda loot: _own(loot, {"kid": "../../../../dev/null"}),
    "a kid that is SQL": lambda loot: _own(loot, {"kid": "' OR '1'='1"}),
    "a kid that is no text": lambda loot: _spliced(
        loot, {**loot.header, "kid": {"a": 1}}, loot.claims
    ),
    "no kid": lambda loot: _own(loot, {"kid": ""}),
    "an unknown critical header": lambda loot: _spliced(
        loot, {**loot.header, "crit": ["exp"], "exp": 1}, loot.claims
    ),
    "another subject": lambda loot: _spliced(
        loot, loot.header, {**loot.claims, "sub": "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e"}
    ),
    "more scopes": lambda loot: _spliced(
        loot, loot.header, {**loot.claims, "scope": "openid profile identity.manage"}
    ),
    "more grants": lambda loot: _spliced(
        loot, loot.header, {**loot.claims, "grants": ["administrator@PHOUSE"]}
    ),
    "a later expiry": lambda loot: _spliced(
        loot, loot.header, {**loot.claims, "exp": 9_999_999_999}
    ),
    "another audience": lambda loot: _spliced(loot, loot.header, {**loot.claims, "aud": "x"}),
    "another issuer": lambda loot: _spliced(
        loot, loot.header, {**loot.claims, "iss": "https://evil.example"}
    ),
    "a repeated claim": _repeated_claim,
    "claims that are a list": lambda loot: _spliced(loot, loot.header, ["sub"]),
    "claims that nest without end": _nested,
    "a flipped bit in the signature": _flipped,
    "a signature of zeroes": _zero_signature,
    "no signature": lambda loot: loot.token.rpartition(".")[0] + ".",
    "a part too many": lambda loot: f"{loot.token}.{loot.token}",
    "an oversize token": lambda loot: _own(loot, padding="x" * 10_000),
    "the ID token in place of the access token": lambda loot: loot.id_token,
    "garbage": lambda _loot: "....",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=list(FORGERIES))
async def test_a_forged_token_opens_nothing(
    house: House, client: RegisteredClient, loot: Loot, forge: Callable[[Loot], str]
) -> None:
    forged = forge(loot)
    bearer = {"authorization": f"Bearer {forged}"}
    answer = await house.userinfo(forged)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    told = await house.post("/introspect", client, token=forged)
    assert told.json().get("active", False) is False
    assert (await house.http.get("/identity/v1/clients", headers=bearer)).status_code == 401


async def _signed_by_us(house: House, loot: Loot, **changes: Any) -> str:
    """A token that our own key signed: what remains to be refused are its claims."""
    claims = {**loot.claims, **changes}
    return house.part.keys.sign_access({k: v for k, v in claims.items() if v is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": f"{ISSUER}/"},
        {"sub": None},
        {"client_id": None},
    ],
    ids=lambda changes: str(*changes),
)
async def test_a_token_of_ours_for_other_times_or_others_opens_nothing(
    house: House, client: RegisteredClient, loot: Loot, changes: dict[str, Any]
) -> None:
    token = await _signed_by_us(house, loot, **changes)
    assert (await house.userinfo(token)).status_code == 401
    assert (await house.post("/introspect", client, token=token)).json() == {"active": False}


async def test_a_token_in_the_query_is_not_taken(house: House, loot: Loot) -> None:
    answer = await house.http.get(f"/identity/userinfo?access_token={loot.token}")
    assert answer.status_code == 401


async def test_a_token_in_two_places_is_refused(house: House, loot: Loot) -> None:
    answer = await house.http.post(
        "/identity/userinfo",
        data={"access_token": loot.token},
        headers={"authorization": f"Bearer {loot.token}"},
    )
    assert answer.json()["error"] == "invalid_request"


async def test_a_code_is_of_no_use_to_another_client(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    other = await house.client()
    code = await browser.code(client)
    assert (await house.redeem(other, code)).json()["error"] == "invalid_grant"
    assert (await house.redeem(client, code)).status_code == 200


async def test_a_code_is_of_no_use_for_another_address(house: House, browser: Browser) -> None:
    client = await house.client(redirect_uris=(REDIRECT, "https://app.example/other"))
    code = await browser.code(client)
    answer = await house.redeem(client, code, redirect_uri="https://app.example/other")
    assert answer.json()["error"] == "invalid_grant"


async def test_a_code_expires_within_a_minute(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    code = await browser.code(client)
    life = await house.owner.fetchval("SELECT max(expires_at) - now() FROM authorization_codes")
    assert life.total_seconds() <= 60
    await house.owner.execute("UPDATE authorization_codes SET expires_at = now()")
    assert (await house.redeem(client, code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", [VERIFIER[:-1] + "X", VERIFIER[:42], "", "x" * 129])
async def test_a_stolen_code_is_of_no_use_without_the_verifier(
    house: House, client: RegisteredClient, browser: Browser, verifier: str
) -> None:
    answer = await house.redeem(client, await browser.code(client), code_verifier=verifier)
    assert answer.json()["error"] == "invalid_grant"


async def test_a_code_without_a_challenge_cannot_be_injected_where_pkce_is_used(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    code = await browser.code(client, code_challenge=None, code_challenge_method=None)
    assert (await house.redeem(client, code)).json()["error"] == "invalid_grant"


async def test_a_stolen_refresh_token_ends_the_family_whoever_comes_second(
    house: House, client: RegisteredClient
) -> None:
    first = await house.tokens(client, await house.person(), scope="openid offline_access")
    thiefs = (await house.refresh(client, first["refresh_token"])).json()
    newest = (await house.refresh(client, thiefs["refresh_token"])).json()
    replay = await house.refresh(client, first["refresh_token"])
    assert replay.json()["error"] == "invalid_grant"
    assert (await house.refresh(client, newest["refresh_token"])).status_code == 400
    for each in (first, thiefs, newest):
        assert (await house.userinfo(each["access_token"])).status_code == 401


async def test_a_guessed_refresh_token_ends_nothing(house: House, client: RegisteredClient) -> None:
    tokens = await house.tokens(client, await house.person())
    refresh = tokens["refresh_token"]
    for guess in (refresh[:-1], refresh + "x", "x" * 65, "", "x" * 22 + refresh[22:]):
        assert (await house.refresh(client, guess or "x")).json()["error"] == "invalid_grant"
    assert (await house.refresh(client, refresh)).status_code == 200


async def test_a_code_is_no_refresh_token_and_the_other_way_round(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    tokens = await house.tokens(client, await house.person())
    code = await browser.code(client)
    assert (await house.refresh(client, code)).json()["error"] == "invalid_grant"
    assert (await house.redeem(client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await house.userinfo(tokens["refresh_token"])).status_code == 401


async def test_the_database_keeps_no_secret_that_opens_anything(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    code = await browser.code(client)
    tokens = (await house.redeem(client, code)).json()
    kept = ""
    for table in ("authorizations", "authorization_codes", "client_secrets", "signing_keys"):
        rows = await house.owner.fetch(f"SELECT t::text FROM {table} t")  # noqa: S608 - constants
        kept += "".join(text for (text,) in rows)
    refresh = tokens["refresh_token"]
    for secret in (code, refresh, refresh[:22], refresh[22:], client.secret, '"d"'):
        assert secret is not None
        assert secret not in kept
        assert secret.encode().hex() not in kept


async def test_a_public_client_cannot_pass_for_a_confidential_one(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    answer = await house.post(
        "/token",
        grant_type="authorization_code",
        client_id=client.id,
        code=await browser.code(client),
        redirect_uri=REDIRECT,
        code_verifier=VERIFIER,
    )
    assert answer.json()["error"] == "invalid_client"


async def test_a_client_proves_itself_in_one_way_only(
    house: House, client: RegisteredClient
) -> None:
    answer = await house.post(
        "/token",
        client,
        grant_type="client_credentials",
        client_id=client.id,
        client_secret=client.secret or "",
    )
    assert answer.json()["error"] == "invalid_request"


async def test_an_error_page_never_leads_to_an_address_of_the_attacker(
    house: House, client: RegisteredClient
) -> None:
    browser = house.browser()
    for address in ("https://evil.example/", "javascript:alert(1)", "//evil.example", "/\\evil"):
        answer = await browser.authorize(client, redirect_uri=address, prompt="none")
        assert answer.status_code == 400
        for start in ("https:", "javascript:", "//", "/\\"):
            assert f'href="{start}' not in answer.text


async def test_an_answer_names_us_against_mix_up(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    assert query(await browser.authorize(client))["iss"] == ISSUER
    refused = await browser.authorize(client, response_type="token")
    assert query(refused)["iss"] == ISSUER


async def test_a_suspended_client_obtains_nothing_within_seconds(
    house: House, client: RegisteredClient, browser: Browser
) -> None:
    tokens = await house.tokens(client, await house.person())
    await house.owner.execute("UPDATE clients SET state = 'SUSPENDED'")
    await house.owner.execute("UPDATE client_secrets SET created_at = now()")
    await house.revoke("client", client.id)
    assert (await house.userinfo(tokens["access_token"])).status_code == 401
    late = (await house.post("/token", client, grant_type="client_credentials")).json()
    told = await house.post("/introspect", client, token=late.get("access_token", "none"))
    assert told.json() == {"active": False}
