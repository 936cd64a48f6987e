"""API keys and applications' tokens at the door: what is asked of the control plane, and what
happens when it does not answer."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.gateway.door import Door, open_door

PUBLIC = "/catalog/v1/textbooks"
GUARDED = "/identity/v1/organisations"
WRITE = "/catalog/v1/uploads"
LOGIN = "/identity/login"
UNASKED = ("/catalog/v1/about", "/identity/scim/v2/Users")
"""Of the first no token is asked, that of the second the service looks at by itself."""
KEY = {"x-api-key": "good"}


@pytest.fixture
def asked(door: Door) -> list[str]:
    """The questions to the control plane, which knows the key `good`."""
    door.upstream.checked.clear()
    door.upstream.key_token = door.token("identity.read", "catalog.write", quota="trial")
    return door.upstream.checked


def test_a_key_becomes_a_token_and_never_reaches_a_service(door: Door, asked: list[str]) -> None:
    with door.client() as client:
        answer = client.get(GUARDED, headers=KEY)
    assert answer.status_code == 200
    assert asked == [f"/check/key{GUARDED}"]
    (seen,) = door.upstream.headers
    assert seen["authorization"] == f"Bearer {door.upstream.key_token}"
    assert not seen.keys() & {"x-api-key", "x-subject", "x-client-id", "x-client-address"}
    assert answer.headers["ratelimit"] == '"second";r=1;t=1'


def test_the_control_plane_is_told_the_address_that_the_connection_came_from(
    door: Door, asked: list[str]
) -> None:
    """Of one from loopback too, for which X-Forwarded-For tells another address."""
    forged = {"x-client-address": "10.0.0.1", "x-forwarded-for": "10.0.0.2"}
    door.upstream.told.clear()
    with door.client() as client:
        client.get(GUARDED, headers={**KEY, **forged})
    (told,) = door.upstream.told
    assert told["x-client-address"] == "127.0.0.1"
    assert "x-forwarded-for" not in told


def test_the_token_of_a_key_opens_its_scopes_and_no_more(door: Door, asked: list[str]) -> None:
    with door.client() as client:
        assert client.post(WRITE, headers=KEY, json={}).status_code == 200
        door.upstream.key_token = door.token("identity.read")
        assert client.post(WRITE, headers=KEY, json={}).status_code == 403


@pytest.mark.parametrize(("key", "status"), [("bad", 401), ("busy", 429), ("", 401)])
def test_a_refusal_is_told_in_the_control_planes_words(
    door: Door, asked: list[str], key: str, status: int
) -> None:
    with door.client() as client:
        for path in (GUARDED, PUBLIC):
            answer = client.get(path, headers={"x-api-key": key})
            assert answer.status_code == status
            assert answer.json()["type"] == "urn:test"
            assert answer.headers["content-type"] == "application/problem+json"
    assert door.upstream.seen == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/catalog/v1/nothing", 404), ("TRACE", GUARDED, 405)]
)
def test_what_is_refused_whoever_asks_is_counted_as_nobodys(
    door: Door, asked: list[str], method: str, path: str, status: int
) -> None:
    with door.client() as client:
        for headers in (KEY, door.bearer("identity.read", quota="standard")):
            assert client.request(method, path, headers=headers).status_code == status
    assert asked == []


def test_two_keys_at_once_are_no_key(door: Door, asked: list[str]) -> None:
    with door.client() as client:
        answer = client.get(GUARDED, headers=[("x-api-key", "good"), ("x-api-key", "good")])
    assert answer.status_code == 401


def test_nobody_is_asked_about_a_persons_token_or_about_none(door: Door, asked: list[str]) -> None:
    with door.client() as client:
        assert client.get(GUARDED, headers=door.bearer("identity.read")).status_code == 200
        assert client.get(PUBLIC).status_code == 200
        assert client.get(LOGIN, headers=KEY).status_code == 200
    assert asked == []


def test_an_applications_own_token_is_counted(door: Door, asked: list[str]) -> None:
    token = door.bearer("identity.read", quota="standard")
    with door.client() as client:
        answer = client.get(GUARDED, headers=token)
    assert asked == [f"/check/token{GUARDED}"]
    assert answer.headers["ratelimit"] == '"second";r=1;t=1'
    (seen,) = door.upstream.headers
    assert seen["authorization"] == token["authorization"]


@pytest.mark.parametrize("path", UNASKED)
def test_an_applications_own_token_is_counted_where_none_is_asked_for(
    door: Door, asked: list[str], path: str
) -> None:
    with door.client() as client:
        answer = client.get(path, headers=door.bearer("identity.read", quota="standard"))
        assert client.get(path, headers=door.bearer("identity.read")).status_code == 200
    assert asked == [f"/check/token{path}"]
    assert answer.headers["ratelimit"] == '"second";r=1;t=1'


@pytest.mark.parametrize("path", UNASKED)
def test_a_token_that_nobody_asks_for_need_not_verify(
    door: Door, asked: list[str], path: str
) -> None:
    bad = [door.bearer("identity.read", quota="standard", exp=1), {"authorization": "Bearer x.y.z"}]
    with door.client() as client:
        assert [client.get(path, headers=each).status_code for each in bad] == [200, 200]
    assert asked == []
    assert [seen["authorization"] for seen in door.upstream.headers] == [
        each["authorization"] for each in bad
    ]


def test_a_token_that_does_not_verify_is_not_counted(door: Door, asked: list[str]) -> None:
    with door.client() as client:
        expired = door.bearer("identity.read", quota="standard", exp=1)
        assert client.get(GUARDED, headers=expired).status_code == 401
    assert asked == []


def test_nobody_can_ask_the_control_plane_through_the_door(door: Door, asked: list[str]) -> None:
    with door.client() as client:
        for path in (f"/check/key{GUARDED}", "/check/token/x", "/check"):
            assert client.get(path, headers=KEY).status_code == 404
    assert not {f"/check/key{GUARDED}", "/check/token/x", "/check"} & {*asked}
    assert door.upstream.seen == []


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Door]:
    """A gateway of its own, whose control plane takes questions and does not answer."""
    with open_door(tmp_path) as door:
        door.upstream.key_token = door.token("identity.read", "catalog.write", quota="trial")
        door.upstream.away = True
        yield door


def test_without_the_control_plane_writes_are_refused_and_public_reads_and_tokens_pass(
    hung: Door,
) -> None:
    door = hung
    with door.client() as client:
        written = client.post(WRITE, headers=KEY, json={})
        guarded = client.get(GUARDED, headers=KEY)
        signed_in = client.post("/identity/token", headers=KEY, data={})
        read = client.get(PUBLIC, headers=KEY)
        own = client.get(GUARDED, headers=door.bearer("identity.read", quota="standard"))
        person = client.get(GUARDED, headers=door.bearer("identity.read"))
    assert [written.status_code, guarded.status_code, signed_in.status_code] == [503, 503, 503]
    assert written.headers["retry-after"] == "1"
    assert [read.status_code, own.status_code, person.status_code] == [200, 200, 200]


def test_a_control_plane_that_hangs_is_soon_asked_no_more_until_it_answers(hung: Door) -> None:
    began = time.monotonic()
    with hung.client(headers=KEY) as client:
        read = [client.get(PUBLIC).status_code for _ in range(40)]
        assert client.post(WRITE).status_code == 503
        assert time.monotonic() - began < 10  # each question takes half a second
        assert set(read) == {200}
        hung.upstream.away = False
        deadline = time.monotonic() + 10
        while client.post(WRITE).status_code != 200:
            assert time.monotonic() < deadline, "it is not asked again"
            time.sleep(0.1)
