import base64
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import FastAPI
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from shared import problems
from shared.context import current
from shared.edge import Edge
from shared.errors import Unauthenticated, Unavailable
from shared.principal import LEEWAY, LONGEST_TOKEN, Caller, MaybeCaller, TokenVerifier

ISSUER = "https://edu.example/identity"
NOW = 1_788_220_800

KEY = ECKey.generate_key("P-256", {"kid": "2026-09", "use": "sig", "alg": "ES256"})
NEXT_KEY = ECKey.generate_key("P-256", {"kid": "2026-10", "use": "sig", "alg": "ES256"})
STRANGER = ECKey.generate_key("P-256", {"kid": "2026-09"})
RSA = RSAKey.generate_key(2048, {"kid": "2026-09"})
ED = OKPKey.generate_key("Ed25519", {"kid": "2026-09"})
JWKS = {"keys": [KEY.as_dict(private=False)]}

HEADER = {"alg": "ES256", "kid": "2026-09", "typ": "at+jwt"}
CLAIMS = {
    "iss": ISSUER,
    "aud": "shuyuan",
    "sub": "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e",
    "client_id": "school-app",
    "iat": NOW - 60,
    "exp": NOW + 540,
    "jti": "t1",
    "scope": "catalog:read catalog:write",
}


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def token(
    header: Mapping[str, Any] | None = None, key: Any = KEY, alg: str = "ES256", **claims: Any
) -> str:
    """A token signed with `key`; a claim or header parameter given as None is left out."""
    whole = {k: v for k, v in {**HEADER, "alg": alg, **(header or {})}.items() if v is not None}
    body = {k: v for k, v in {**CLAIMS, **claims}.items() if v is not None}
    return jwt.encode(whole, body, key, algorithms=[alg], default_type=None)


def signed(payload: str) -> str:
    """A token whose payload is `payload` to the letter."""
    return jws.serialize_compact(HEADER, payload, KEY)


def base64url(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(header: Mapping[str, Any], signature: str = "") -> str:
    """A token put together by hand, as an attacker does who has no key."""
    return f"{base64url(header)}.{base64url(CLAIMS)}.{signature}"


def spliced(payload: object) -> str:
    """A good token in which the payload was exchanged."""
    header, _payload, signature = token().split(".")
    return f"{header}.{base64url(payload)}.{signature}"


def by_hand(header: Mapping[str, Any] | bytes) -> str:
    """A token rightly signed with our key, under a header that no library would write."""
    signed_part = f"{base64url(header)}.{base64url(CLAIMS)}"
    private: Any = KEY.private_key
    r, s = decode_dss_signature(private.sign(signed_part.encode(), ECDSA(SHA256())))
    return f"{signed_part}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def mac(secret: bytes) -> str:
    """A token under a symmetric signature made with what everybody knows."""
    signed_part = unsigned({**HEADER, "alg": "HS256"}).removesuffix(".")
    return f"{signed_part}.{base64url(hmac.digest(secret, signed_part.encode(), 'sha256'))}"


PEM, DER = KEY.as_pem(private=False), KEY.as_der(private=False)

ATTACKS: dict[str, str] = {
    "no algorithm": unsigned({**HEADER, "alg": "none"}),
    "no algorithm, in capitals": unsigned({**HEADER, "alg": "NONE"}),
    "no algorithm, with a good signature": by_hand({**HEADER, "alg": "none"}),
    "algorithm missing": by_hand({"kid": "2026-09", "typ": "at+jwt"}),
    "algorithm null": unsigned({**HEADER, "alg": None}),
    "algorithm a list": unsigned({**HEADER, "alg": ["ES256", "none"]}),
    "algorithm empty": unsigned({**HEADER, "alg": ""}),
    "algorithm in small letters": by_hand({**HEADER, "alg": "es256"}),
    "public key PEM as HMAC secret": mac(PEM),
    "public key DER as HMAC secret": mac(DER),
    "public key JWK as HMAC secret": mac(json.dumps(JWKS).encode()),
    "empty HMAC secret": mac(b""),
    "signed with RSA": token(key=RSA, alg="RS256"),
    "signed with RSA-PSS": token(key=RSA, alg="PS256"),
    "signed with Ed25519": token(key=ED, alg="Ed25519"),
    "said to be RSA": by_hand({**HEADER, "alg": "RS256"}),
    "said to be ES384": by_hand({**HEADER, "alg": "ES384"}),
    "signed by a stranger under our key id": token(key=STRANGER),
    "signed by a stranger who brings his key": token(
        {"jwk": STRANGER.as_dict(private=False)}, key=STRANGER
    ),
    "signed by a stranger who names his key set": token(
        {"jku": "https://evil.example/jwks.json"}, key=STRANGER
    ),
    "signed by a stranger who names his certificate": token(
        {"x5u": "https://evil.example/cert.pem"}, key=STRANGER
    ),
    "signed by a stranger who brings his certificate": token({"x5c": ["AAAA"]}, key=STRANGER),
    "key id unknown": token({"kid": "2031-01"}),
    "key id empty": token({"kid": ""}),
    "key id a path": token({"kid": "../../../../dev/null"}),
    "key id SQL": token({"kid": "x' UNION SELECT 'secret' --"}),
    "key id a command": token({"kid": "2026-09|whoami"}),
    "key id with a null character": token({"kid": "2026-09\0"}),
    "key id a number": by_hand({**HEADER, "kid": 202609}),
    "key id a list": by_hand({**HEADER, "kid": ["2026-09"]}),
    "critical parameter unknown": by_hand({**HEADER, "crit": ["shuyuan"], "shuyuan": 1}),
    "critical parameter missing": by_hand({**HEADER, "crit": ["exp"]}),
    "payload not encoded": by_hand({**HEADER, "crit": ["b64"], "b64": False}),
    "expired": token(iat=NOW - 700, exp=NOW - LEEWAY - 1),
    "expired long ago": token(exp=0),
    "expiring never": token(exp=None),
    "expiring as text": token(exp=str(NOW + 540)),
    "expiring at infinity": signed(json.dumps(CLAIMS | {"exp": float("inf")})),
    "expiring at no number": signed(json.dumps(CLAIMS | {"exp": float("nan")})),
    "expiring true": token(exp=True),
    "not yet valid": token(nbf=NOW + 60),
    "issued in the future": token(iat=NOW + 60),
    "issued at no time": token(iat=None),
    "for another audience": token(aud="https://evil.example"),
    "for an audience that begins alike": token(aud="shuyuan-test"),
    "for several audiences without ours": token(aud=["a", "b"]),
    "for no audience": token(aud=None),
    "for an empty audience": token(aud=[]),
    "from another issuer": token(iss="https://evil.example/identity"),
    "from an issuer that begins alike": token(iss=ISSUER + ".evil.example"),
    "from our issuer with a slash": token(iss=ISSUER + "/"),
    "from several issuers": token(iss=[ISSUER]),
    "from no issuer": token(iss=None),
    "issuer and audience swapped": token(iss="shuyuan", aud=ISSUER),
    "without a subject": token(sub=None),
    "with an empty subject": token(sub=""),
    "with a numeric subject": token(sub=7),
    "without a client": token(client_id=None),
    "an ID token": token({"typ": "JWT"}, nonce="n", client_id="school-app"),
    "without a type": token({"typ": None}),
    "a logout token": token({"typ": "logout+jwt"}),
    "a DPoP proof": token({"typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}),
    "a claim given twice": signed(json.dumps(CLAIMS)[:-1] + ', "sub": "administrator"}'),
    "a nested claim given twice": signed(
        json.dumps(CLAIMS)[:-1] + ', "act": {"sub": "a", "sub": "b"}}'
    ),
    "payload exchanged": spliced(CLAIMS | {"sub": "administrator"}),
    "payload no object": signed(json.dumps(["sub"])),
    "payload no JSON": signed("sub=administrator"),
    "header no JSON": by_hand(b"alg=none"),
    "header no object": by_hand(b"[1]"),
    "header deeply nested": by_hand(b'{"a":' * 900),
    "signature missing": token().rsplit(".", 1)[0] + ".",
    "signature of zeros": token().rsplit(".", 1)[0] + "." + base64url(bytes(64)),
    "signature in DER": token().rsplit(".", 1)[0] + "." + base64url(b"\x30\x06\x02\x01\x01" * 14),
    "signature cut short": token()[:-4],
    "signature longer": token() + "AAAA",
    "signature padded": token() + "=",
    "cut after the header": token().split(".")[0],
    "cut after the payload": ".".join(token().split(".")[:2]),
    "four parts": token() + ".AAAA",
    "encrypted": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA",
    "in JSON": json.dumps({"payload": base64url(CLAIMS), "signatures": []}),
    "two tokens": f"{token()},{token()}",
    "with a line break": token() + "\n",
    "with a null character": token() + "\0",
    "not ASCII": "é" + token(),
    "empty": "",
    "dots": "..",
    "oversized": token(filler="x" * LONGEST_TOKEN),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(clock: Clock) -> TokenVerifier:
    made = TokenVerifier(ISSUER, "http://identity/jwks.json", clock=clock)
    made.load(JWKS)
    return made


def test_a_good_token_names_its_subject_client_and_scopes(verifier: TokenVerifier) -> None:
    principal = verifier.verify(token())
    assert principal.subject == CLAIMS["sub"]
    assert principal.client == "school-app"
    assert principal.scopes == {"catalog:read", "catalog:write"}
    assert principal.claims["jti"] == "t1"


def test_a_token_made_by_hand_is_as_good_as_any(verifier: TokenVerifier) -> None:
    assert verifier.verify(by_hand(HEADER)).subject == CLAIMS["sub"]


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
def test_both_spellings_of_the_type_are_taken(verifier: TokenVerifier, typ: str) -> None:
    assert verifier.verify(token({"typ": typ})).client == "school-app"


def test_one_of_several_audiences_may_be_ours(verifier: TokenVerifier) -> None:
    assert verifier.verify(token(aud=["https://other.example", "shuyuan"])).subject


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_token_that_is_not_ours_is_refused(verifier: TokenVerifier, attack: str) -> None:
    for _again in range(2):
        with pytest.raises(Unauthenticated):
            verifier.verify(ATTACKS[attack])


def test_every_changed_character_of_the_signature_is_refused(verifier: TokenVerifier) -> None:
    good = token()
    for place in range(good.rindex(".") + 1, len(good) - 1):
        other = "A" if good[place] != "A" else "B"
        with pytest.raises(Unauthenticated):
            verifier.verify(good[:place] + other + good[place + 1 :])


def test_before_any_key_is_known_the_caller_is_asked_to_wait() -> None:
    with pytest.raises(Unavailable):
        TokenVerifier(ISSUER, "http://identity/jwks.json").verify(token())


def test_a_verified_token_is_remembered(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = token()
    first = verifier.verify(good)
    monkeypatch.setattr(jwt, "decode", _not_called)
    assert verifier.verify(good) is first


def _not_called(*_arguments: object, **_options: object) -> None:
    raise AssertionError("the signature was verified again")


def test_a_remembered_token_expires_all_the_same(verifier: TokenVerifier, clock: Clock) -> None:
    good = token()
    verifier.verify(good)
    clock.now = NOW + 540 + LEEWAY - 1
    verifier.verify(good)
    clock.now += 1
    for _again in range(2):
        with pytest.raises(Unauthenticated, match="expired"):
            verifier.verify(good)


def test_a_remembered_token_is_refused_once_revoked(clock: Clock) -> None:
    revoked: set[str] = set()
    verifier = TokenVerifier(
        ISSUER, "http://identity/jwks.json", revoked=lambda c: c["jti"] in revoked, clock=clock
    )
    verifier.load(JWKS)
    verifier.verify(token())
    good = token()
    verifier.verify(good)
    revoked.add("t1")
    with pytest.raises(Unauthenticated, match="revoked"):
        verifier.verify(good)


def test_a_remembered_token_is_refused_once_its_key_is_withdrawn(verifier: TokenVerifier) -> None:
    good = token()
    verifier.verify(good)
    verifier.load({"keys": [NEXT_KEY.as_dict(private=False)]})
    with pytest.raises(Unauthenticated):
        verifier.verify(good)


def test_during_a_rotation_both_keys_hold(verifier: TokenVerifier) -> None:
    verifier.load({"keys": [KEY.as_dict(private=False), NEXT_KEY.as_dict(private=False)]})
    assert verifier.verify(token()).subject
    assert verifier.verify(token({"kid": "2026-10"}, key=NEXT_KEY)).subject


def test_reading_the_same_keys_again_forgets_nothing(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = token()
    verifier.verify(good)
    verifier.load(json.loads(json.dumps(JWKS)))
    monkeypatch.setattr(jwt, "decode", _not_called)
    verifier.verify(good)


def test_the_memory_for_tokens_is_bounded(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.principal.CACHE_SIZE", 3)
    for number in range(10):
        verifier.verify(token(jti=str(number)))
    assert len(verifier._cache) == 3


def application(verifier: TokenVerifier) -> FastAPI:
    app = FastAPI()
    app.state.verifier = verifier

    @app.get("/maybe")
    async def maybe(caller: MaybeCaller) -> dict[str, Any]:
        context = current()
        return {
            "subject": caller and caller.subject,
            "actor": context.actor,
            "client": context.client,
            "on_behalf_of": context.on_behalf_of,
        }

    @app.get("/required")
    async def required(caller: Caller) -> str:
        return caller.subject

    problems.install(app, {})
    app.add_middleware(Edge, service="test", max_body_bytes=4096)
    return app


@pytest.fixture
async def client(verifier: TokenVerifier) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(verifier), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


async def test_without_a_token_the_caller_is_anonymous(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/maybe")).json() == {
        "subject": None,
        "actor": "anonymous",
        "client": None,
        "on_behalf_of": None,
    }
    answer = await client.get("/required")
    assert (answer.status_code, answer.json()["type"]) == (
        401,
        "urn:shuyuan:problem:unauthenticated",
    )


async def test_a_token_names_the_actor_and_the_client(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/maybe", headers={"authorization": f"Bearer {token()}"})
    assert answer.json() == {
        "subject": CLAIMS["sub"],
        "actor": CLAIMS["sub"],
        "client": "school-app",
        "on_behalf_of": None,
    }


async def test_whoever_acts_for_another_is_the_actor(client: httpx2.AsyncClient) -> None:
    bearer = {"authorization": f"Bearer {token(act={'sub': 'parent'})}"}
    answer = (await client.get("/maybe", headers=bearer)).json()
    assert (answer["actor"], answer["on_behalf_of"]) == ("parent", CLAIMS["sub"])


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Basic YWxpY2U6c2VjcmV0", "Token x", token(), "", "DPoP x"],
)
@pytest.mark.parametrize("path", ["/maybe", "/required"])
async def test_credentials_that_do_not_hold_are_never_taken_for_none(
    client: httpx2.AsyncClient, path: str, authorization: str
) -> None:
    answer = await client.get(path, headers={"authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_in_the_address_is_not_looked_at(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/maybe", params={"access_token": token()})).json()["subject"] is None
