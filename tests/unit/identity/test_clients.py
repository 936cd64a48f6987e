from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.client_addresses import ApplicationType, address_defect, same_loopback
from services.identity.domain.clients import (
    OWNERS_ACTIONS,
    SCOPES,
    TRANSITIONS,
    AuthMethod,
    Client,
    ClientAction,
    ClientActionUnavailable,
    ClientState,
    Description,
    GrantType,
    OwnClient,
    Proposal,
    Terms,
    UnfitClient,
)
from tests.unit.identity.test_authorization import client_with

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
WEB, NATIVE = ApplicationType.WEB, ApplicationType.NATIVE


def _defects(client: Client) -> set[str]:
    with pytest.raises(UnfitClient) as caught:
        client.check()
    return {each["pointer"] for each in caught.value.members["errors"]}


@given(st.lists(st.sampled_from(list(ClientAction)), max_size=8))
def test_any_sequence_of_actions_follows_the_table(actions: list[ClientAction]) -> None:
    proposal = Proposal(Description("听课", "朗读课文", (), (), None), "somebody")
    client = replace(client_with(), state=ClientState.REQUESTED, proposal=proposal)
    for action in actions:
        target = TRANSITIONS.get((client.state, action))
        if target is None:
            with pytest.raises(ClientActionUnavailable):
                client.after(action, "another")
        else:
            assert action in client.actions
            client = client.after(action, "another")
            assert client.state is target


@pytest.mark.parametrize("state", [ClientState.REJECTED, ClientState.RETIRED])
def test_nothing_more_happens_to_a_rejected_or_retired_application(state: ClientState) -> None:
    assert replace(client_with(), state=state).actions == ()


@pytest.mark.parametrize("action", sorted(set(ClientAction) - OWNERS_ACTIONS))
def test_who_asked_for_an_application_decides_nothing_about_it(action: ClientAction) -> None:
    for state, each in TRANSITIONS:
        if each is action:
            proposal = Proposal(Description("听课", "朗读课文", (), (), None), "another")
            client = replace(client_with(), state=state, proposal=proposal)
            with pytest.raises(OwnClient):
                client.after(action, "somebody")


def test_only_an_approved_application_is_live() -> None:
    live = [each for each in ClientState if replace(client_with(), state=each).live]
    assert live == [ClientState.APPROVED]


@pytest.mark.parametrize(
    ("address", "kind", "good"),
    [
        ("https://app.example/cb", WEB, True),
        ("https://app.example", WEB, True),
        ("https://app.example:8443/cb?x=1", WEB, True),
        ("http://app.example/cb", WEB, False),
        ("http://127.0.0.1/cb", WEB, False),
        ("http://127.0.0.1/cb", NATIVE, True),
        ("http://127.0.0.1:5000/cb", NATIVE, True),
        ("http://[::1]:5000/cb", NATIVE, True),
        ("http://localhost/cb", NATIVE, False),
        ("http://192.168.0.1/cb", NATIVE, False),
        ("http://127.0.0.1.evil.example/cb", NATIVE, False),
        ("com.example.app:/cb", NATIVE, False),
        ("https://app.example/cb#fragment", WEB, False),
        ("https://app.example/#", WEB, False),
        ("https://*.example/cb", WEB, False),
        ("https://app.example/*", WEB, False),
        ("https://user:secret@app.example/cb", WEB, False),
        ("https://app.example/../cb", WEB, False),
        ("https://app.example/a/%2e%2E/cb", WEB, False),
        ("https://app.example/a%2f../cb", WEB, False),
        ("http://127.0.0.1/./cb", NATIVE, False),
        ("https://app.example/.well-known/cb..", WEB, True),
        ("https://app.example\\@evil.example/", WEB, False),
        ("https://app.example:port/", WEB, False),
        ("https:///cb", WEB, False),
        ("//app.example/cb", WEB, False),
        ("/cb", WEB, False),
        ("javascript:alert(1)", WEB, False),
        ("https://应用.example/cb", WEB, False),
        ("https://app.example/a b", WEB, False),
        ("https://app.example/\n", WEB, False),
        ("https://[::1/cb", WEB, False),
        ("", WEB, False),
    ],
)
def test_an_address_is_https_or_a_native_applications_loopback(
    address: str, kind: ApplicationType, good: bool
) -> None:
    assert (address_defect(address, kind) is None) == good


@given(st.text(max_size=40))
def test_any_text_as_an_address_is_judged_without_failing(text: str) -> None:
    for kind in ApplicationType:
        address_defect(text, kind)
        same_loopback("http://127.0.0.1/cb", text)


@given(st.text(max_size=3), st.text(max_size=3))
def test_an_address_matches_to_the_letter(before: str, after: str) -> None:
    registered = "https://app.example/cb"
    presented = before + registered + after
    client = replace(client_with(), redirect_uris=(registered,))
    assert client.redirects_to(presented) == (presented == registered)


@given(st.integers(1, 65535))
def test_the_port_of_a_native_loopback_address_is_free(port: int) -> None:
    native = replace(
        client_with(), application_type=NATIVE, redirect_uris=("http://127.0.0.1:80/cb?a=1",)
    )
    assert native.redirects_to(f"http://127.0.0.1:{port}/cb?a=1")
    for other in ("/cb", "/cb?a=2", "/cb?a=1#x", "/CB?a=1", "/cb/?a=1"):
        assert not native.redirects_to(f"http://127.0.0.1:{port}{other}")
    assert not native.redirects_to(f"http://[::1]:{port}/cb?a=1")
    web = replace(native, application_type=WEB)
    assert web.redirects_to(f"http://127.0.0.1:{port}/cb?a=1") == (port == 80)


@pytest.mark.parametrize(
    "presented",
    [
        "HTTP://127.0.0.1/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:80:80/callback",
        "http://127.0.0.1:8080/callback?",
        "http://127.0.0.2/callback",
    ],
)
def test_nothing_but_the_port_of_a_loopback_address_is_free(presented: str) -> None:
    assert same_loopback("http://127.0.0.1/callback", "http://127.0.0.1:8080/callback")
    assert same_loopback("http://[::1]:1/callback", "http://[::1]/callback")
    assert not same_loopback("http://127.0.0.1/callback", presented)


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"redirect_uris": ()}, {"#/redirect_uris"}),
        ({"auth_method": AuthMethod.NONE}, {"#/grant_types", "#/pkce_required"}),
        ({"auth_method": AuthMethod.PRIVATE_KEY_JWT}, {"#/jwks"}),
        ({"jwks": {"keys": []}}, {"#/jwks"}),
        ({"redirect_uris": ("http://x.example/",)}, {"#/redirect_uris/0"}),
        (
            {"post_logout_redirect_uris": ("https://x.example/", "x")},
            {"#/post_logout_redirect_uris/1"},
        ),
        (
            {"terms": Terms(frozenset({"all"}), frozenset({GrantType.CLIENT_CREDENTIALS}))},
            {"#/scopes"},
        ),
        (
            {
                "terms": Terms(
                    frozenset({"offline_access"}), frozenset({GrantType.AUTHORIZATION_CODE})
                )
            },
            {"#/grant_types"},
        ),
    ],
)
def test_a_contradiction_in_a_registration_is_pointed_at(
    changes: dict[str, Any], pointers: set[str]
) -> None:
    assert _defects(replace(client_with(), **changes)) == pointers


def test_a_sound_registration_has_no_defect() -> None:
    client_with(frozenset(SCOPES)).check()
