import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.clients import PERSONAL_SCOPES, SCOPES
from services.identity.domain.tokens import (
    RefreshToken,
    RevocationKind,
    client_claims,
    fingerprint,
    half_hash,
    id_claims,
    life_until,
    new_secret,
    own_scopes,
    person_claims,
)
from shared.revocation import CLAIM_OF_KIND, RevokedTokens
from tests.unit.identity.test_authorization import authorization, client_with

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
LIFE = timedelta(minutes=10)
ISSUER = "https://shuyuan.example/identity"


def test_the_half_hash_is_that_of_core_appendix_a_3() -> None:
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_a_secret_has_256_bits_and_is_kept_as_its_hash() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_secret())
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(fingerprint("x")) == 32


@given(
    st.timedeltas(timedelta(0), timedelta(seconds=2)),
    st.timedeltas(timedelta(microseconds=1), timedelta(minutes=20)),
)
def test_an_access_token_expires_before_what_it_says_ends_and_no_second_early(
    after: timedelta, left: timedelta
) -> None:
    now = NOW + after
    expires = int(now.timestamp()) + int(life_until(now + left, now, LIFE).total_seconds())
    assert expires <= (now + left).timestamp()
    assert expires == min(int((now + left).timestamp()), int((now + LIFE).timestamp()))


def test_the_refresh_tokens_of_a_family_share_a_handle_and_nothing_else() -> None:
    first = RefreshToken.first()
    following = first.following()
    assert RefreshToken.parse(str(first)) == first
    assert following.handle == first.handle
    assert following.secret != first.secret


@given(st.text(max_size=80))
def test_what_is_no_refresh_token_is_not_read_as_one(text: str) -> None:
    parsed = RefreshToken.parse(text)
    assert parsed is None or str(parsed) == text


@given(st.frozensets(st.sampled_from(sorted(SCOPES))))
def test_a_client_that_acts_for_itself_never_speaks_of_people(registered: frozenset[str]) -> None:
    scopes = own_scopes(client_with(registered))
    assert scopes <= registered
    assert not scopes & PERSONAL_SCOPES


def test_an_access_token_has_the_claims_of_rfc_9068() -> None:
    given_ = authorization()
    claims = person_claims(ISSUER, given_, frozenset({"openid"}), ("teacher@P",), NOW, LIFE)
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= claims.keys()
    assert claims["exp"] - claims["iat"] == 600
    assert (claims["grants"], claims["fam"]) == (["teacher@P"], str(given_.id))


def test_a_clients_own_token_names_no_person_and_no_family() -> None:
    claims = client_claims(ISSUER, client_with(), frozenset({"integrate"}), (), NOW, LIFE)
    assert claims["sub"] == claims["client_id"]
    assert not {"fam", "sid", "auth_time", "acr"} & claims.keys()


@pytest.mark.parametrize("name", ["sub", "iss", "aud", "exp", "auth_time", "acr"])
def test_a_claim_asked_for_by_name_never_replaces_one_of_ours(name: str) -> None:
    claims = id_claims(
        ISSUER, authorization(), NOW, access_token="x", nonce="n", asked={name: "forged"}
    )
    assert claims[name] != "forged"


def test_two_tokens_never_share_an_id() -> None:
    given_ = authorization()
    ids = {person_claims(ISSUER, given_, frozenset(), (), NOW, LIFE)["jti"] for _ in range(100)}
    assert len(ids) == 100


# --- revocations in memory -----------------------------------------------------------------------


def test_every_kind_of_revocation_names_a_claim() -> None:
    assert CLAIM_OF_KIND.keys() == set(RevocationKind)


@pytest.mark.parametrize(("kind", "claim"), CLAIM_OF_KIND.items())
def test_a_revocation_voids_what_was_issued_before_and_names_its_value(
    kind: str, claim: str
) -> None:
    revoked = RevokedTokens(lambda: 1000.0)
    revoked.add(kind, "it", before=1000.5, expires_at=2000)
    assert revoked({claim: "it", "iat": 1000})
    assert not revoked({claim: "it", "iat": 1001})
    assert not revoked({claim: "other", "iat": 1000})
    assert not revoked({"iat": 1000})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CLAIM_OF_KIND)), st.sampled_from("ab"), st.integers(0, 100)
        )
    ),
    st.fixed_dictionaries(
        {claim: st.sampled_from("ab") for claim in CLAIM_OF_KIND.values()},
    ),
    st.integers(0, 100),
)
def test_the_order_in_which_revocations_come_does_not_matter(
    entries: list[tuple[str, str, int]], claims: dict[str, Any], issued_at: int
) -> None:
    token = {**claims, "iat": issued_at}
    expected = any(
        token[CLAIM_OF_KIND[kind]] == value and issued_at < before
        for kind, value, before in entries
    )
    for order in (entries, entries[::-1]):
        revoked = RevokedTokens(lambda: 0.0)
        for kind, value, before in order:
            revoked.add(kind, value, before, before + 600)
        assert revoked(token) == expected


def test_a_revocation_is_forgotten_once_no_such_token_lives() -> None:
    now = [1000.0]
    revoked = RevokedTokens(lambda: now[0])
    revoked.add("session", "old", before=1000, expires_at=1100)
    now[0] = 1200
    revoked.add("session", "new", before=1200, expires_at=1300)
    assert not revoked({"sid": "old", "iat": 999})
    assert revoked({"sid": "new", "iat": 999})


def test_an_unknown_kind_changes_nothing() -> None:
    revoked = RevokedTokens(lambda: 0.0)
    revoked.add("planet", "x", before=10, expires_at=20)
    assert not revoked({"sub": "x", "iat": 1})
