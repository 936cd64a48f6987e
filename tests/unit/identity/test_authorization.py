import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.authorization import (
    SCOPE_CLAIMS,
    Authorization,
    AuthorizationRequest,
    OAuthError,
    RequestedClaims,
    check_verifier,
    narrowed,
    s256,
    scopes_of,
)
from services.identity.domain.client_addresses import ApplicationType
from services.identity.domain.clients import (
    SCOPES,
    AuthMethod,
    Client,
    ClientState,
    GrantType,
    Terms,
)

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SOMEBODY = UUID("0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e")
CHALLENGE = s256("x" * 43)
VERIFIERS = st.text(
    st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"),
    min_size=43,
    max_size=128,
)
SCOPE_SETS = st.frozensets(st.sampled_from(sorted(SCOPES)), min_size=1)


@dataclass(frozen=True)
class SignedIn:
    authenticated_at: datetime


def client_with(
    scopes: frozenset[str] = frozenset({"openid", "profile"}),
    auth_method: AuthMethod = AuthMethod.BASIC,
    *,
    pkce_required: bool = False,
) -> Client:
    return Client(
        id=SOMEBODY,
        organisation_id=SOMEBODY,
        path="P",
        name="听书",
        purpose="朗读课文",
        application_type=ApplicationType.WEB,
        auth_method=auth_method,
        redirect_uris=("https://app.example/cb",),
        post_logout_redirect_uris=(),
        jwks=None,
        terms=Terms(scopes, frozenset(GrantType), pkce_required=pkce_required),
        state=ClientState.APPROVED,
        requested_by="somebody",
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


def read(
    client: Client | None = None, asked_at: datetime | None = None, **given_: str
) -> AuthorizationRequest:
    parameters = {"response_type": "code", "scope": "openid", **given_}
    address = "https://app.example/cb"
    return AuthorizationRequest.read(parameters, client or client_with(), address, asked_at)


def authorization(**changes: Any) -> Authorization:
    known: dict[str, Any] = {
        "id": SOMEBODY,
        "client_id": SOMEBODY,
        "person_id": SOMEBODY,
        "session_id": SOMEBODY,
        "scopes": frozenset({"openid"}),
        "auth_time": NOW,
        "acr": "urn:shuyuan:acr:1",
        "amr": ("pwd",),
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=15),
        "ends_at": NOW + timedelta(days=180),
        "session_ends_at": NOW + timedelta(hours=1),
        **changes,
    }
    return Authorization(**known)


def test_the_challenge_of_rfc_7636_appendix_b_fits_its_verifier() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    check_verifier("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", verifier)


@given(VERIFIERS, VERIFIERS)
def test_only_its_own_verifier_fits_a_challenge(one: str, other: str) -> None:
    check_verifier(s256(one), one)
    if one != other:
        with pytest.raises(OAuthError, match="invalid_grant"):
            check_verifier(s256(one), other)


@given(VERIFIERS)
def test_a_verifier_and_a_challenge_come_together_or_not_at_all(verifier: str) -> None:
    check_verifier(None, None)
    for challenge, given_ in ((None, verifier), (s256(verifier), None)):
        with pytest.raises(OAuthError, match="invalid_grant"):
            check_verifier(challenge, given_)


@given(SCOPE_SETS, SCOPE_SETS)
def test_a_client_gets_the_scopes_that_it_asks_for_and_is_registered_for(
    registered: frozenset[str], asked: frozenset[str]
) -> None:
    client = client_with(registered)
    if registered & asked:
        assert read(client, scope=" ".join(asked)).scopes == registered & asked
    else:
        with pytest.raises(OAuthError, match="invalid_scope"):
            read(client, scope=" ".join(asked))


@given(SCOPE_SETS, SCOPE_SETS)
def test_a_refresh_never_widens(allowed: frozenset[str], asked: frozenset[str]) -> None:
    assert narrowed(None, allowed) == allowed
    if asked <= allowed:
        assert narrowed(" ".join(asked), allowed) == asked
    else:
        with pytest.raises(OAuthError, match="invalid_scope"):
            narrowed(" ".join(asked), allowed)


@pytest.mark.parametrize("text", ["", " ", "openid ", " openid", "openid  profile", 'a"b', "é"])
def test_a_malformed_scope_is_refused(text: str) -> None:
    with pytest.raises(OAuthError, match="invalid_scope"):
        narrowed(text, frozenset({"openid", "profile"}))


@given(
    SCOPE_SETS, st.frozensets(st.sampled_from(sorted(frozenset().union(*SCOPE_CLAIMS.values()))))
)
def test_a_claim_by_name_needs_a_registered_scope_that_opens_it(
    registered: frozenset[str], names: frozenset[str]
) -> None:
    text = json.dumps({"userinfo": dict.fromkeys(names), "id_token": {}})
    claims = RequestedClaims.parse(text, registered)
    assert claims.userinfo <= names
    assert scopes_of(claims.userinfo) <= registered
    assert not scopes_of(names - claims.userinfo) & registered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        '{"userinfo": 1}',
        '{"id_token": {"acr": {"essential": true, "values": 1}}}',
        "[" * 100_000,
    ],
)
def test_a_claims_parameter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(OAuthError, match="invalid_request"):
        RequestedClaims.parse(text, frozenset({"openid"}))


def test_an_essential_acr_is_noted_a_voluntary_one_is_not() -> None:
    essential = '{"id_token": {"acr": {"essential": true, "values": ["a", "b"]}}}'
    voluntary = '{"id_token": {"acr": {"values": ["a"]}}}'
    scopes = frozenset({"openid"})
    assert RequestedClaims.parse(essential, scopes).acr == {"a", "b"}
    assert RequestedClaims.parse(voluntary, scopes).acr == frozenset()


@pytest.mark.parametrize(
    ("auth_method", "required", "needed"),
    [
        (AuthMethod.NONE, False, True),
        (AuthMethod.NONE, True, True),
        (AuthMethod.BASIC, True, True),
        (AuthMethod.BASIC, False, False),
        (AuthMethod.PRIVATE_KEY_JWT, True, True),
    ],
)
def test_pkce_is_waived_for_a_confidential_client_only(
    auth_method: AuthMethod, required: bool, needed: bool
) -> None:
    client = client_with(auth_method=auth_method, pkce_required=required)
    if needed:
        with pytest.raises(OAuthError, match="code_challenge is missing"):
            read(client)
    else:
        assert read(client).code_challenge is None
    whole = read(client, code_challenge=CHALLENGE, code_challenge_method="S256")
    assert whole.code_challenge == CHALLENGE


@pytest.mark.parametrize("method", ["plain", "s256", ""])
def test_only_s256_is_taken(method: str) -> None:
    with pytest.raises(OAuthError, match="must be S256"):
        read(code_challenge=CHALLENGE, code_challenge_method=method)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_max_age_decides_by_the_age_of_the_sign_in(age: int, most: int) -> None:
    session = SignedIn(NOW - timedelta(seconds=age))
    assert read(max_age=str(most)).met_by(session, NOW) == (age <= most)


@given(st.integers(-1000, 1000))
def test_a_sign_in_that_the_request_asked_for_meets_it_an_older_one_does_not(
    seconds: int,
) -> None:
    request = read(asked_at=NOW, prompt="login", max_age="0")
    session = SignedIn(NOW + timedelta(seconds=seconds))
    assert request.met_by(session, NOW + timedelta(hours=1)) == (seconds >= 0)


def test_what_the_person_agrees_to_includes_claims_by_name() -> None:
    request = read(claims='{"userinfo": {"name": null}}')
    assert request.scopes == {"openid"}
    assert request.wanted == {"openid", "profile"}


def test_an_authorization_ends_with_its_session_unless_it_is_offline_or_a_devices() -> None:
    later = NOW + timedelta(hours=2)
    long = {"expires_at": NOW + timedelta(days=30)}
    assert authorization(**long).live(NOW)
    assert not authorization(**long).live(later)
    assert not authorization(**long, session_ends_at=None).live(NOW)
    offline = frozenset({"openid", "offline_access"})
    assert authorization(**long, scopes=offline, session_ends_at=None).live(later)
    assert authorization(**long, session_id=None, session_ends_at=None).live(later)


def test_a_revoked_or_expired_authorization_is_not_live() -> None:
    assert authorization().live(NOW)
    assert not authorization(revoked_at=NOW).live(NOW)
    assert not authorization().live(NOW + timedelta(minutes=15))


@given(st.integers(0, 400))
def test_refreshing_never_goes_on_past_the_end(days: int) -> None:
    given_ = authorization()
    until = given_.refreshed_until(NOW + timedelta(days=days))
    assert until <= given_.ends_at


def test_only_a_session_bound_token_names_the_session() -> None:
    assert authorization().token_claims()["sid"] == str(SOMEBODY)
    offline = authorization(scopes=frozenset({"offline_access"}))
    assert "sid" not in offline.token_claims()
