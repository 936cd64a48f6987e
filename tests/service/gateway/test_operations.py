"""What is routed, and to whom it is open."""

import re
import time

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.compiler.operations import Operation
from shared.edge import language_of
from shared.errors import NotFound
from shared.problems import COMMON
from tests.service.gateway.door import OPERATIONS, Door

GUARDED = [each for each in OPERATIONS if each.token and each.scopes and not each.bare]
READ = "/identity/v1/organisations"


def filled(operation: Operation) -> str:
    """The path with a value for each parameter, Chinese among them."""
    return re.sub(r"\{[^}]+\}", "%E4%B9%A6", operation.path)


def ask(door: Door, operation: Operation, **headers: str) -> httpx2.Response:
    with door.client() as client:
        return client.request(operation.method, filled(operation), headers=headers)


def test_every_documented_operation_reaches_its_service(door: Door) -> None:
    asked = [each for each in OPERATIONS if each.path != "/identity/jwks.json"]  # Envoy reads it
    with door.client() as client:
        for operation in asked:
            headers = door.bearer(*operation.scopes) if operation.token else {}
            answer = client.request(operation.method, filled(operation), headers=headers)
            assert answer.status_code == 200, operation.name
    assert door.upstream.seen == [f"{each.method} {filled(each)}" for each in asked]


def test_no_guarded_operation_is_reached_without_a_token(door: Door) -> None:
    with door.client() as client:
        for operation in GUARDED:
            answer = client.request(operation.method, filled(operation))
            assert answer.status_code == 401, operation.name
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert door.upstream.seen == []


def test_no_guarded_operation_is_reached_with_every_scope_but_its_own(door: Door) -> None:
    every = {scope for each in OPERATIONS for scope in each.scopes}
    with door.client() as client:
        for operation in GUARDED:
            headers = door.bearer(*sorted(every - operation.scopes), "x" + min(operation.scopes))
            answer = client.request(operation.method, filled(operation), headers=headers)
            assert answer.status_code == 403, operation.name
            needed = " ".join(sorted(operation.scopes))
            asked = f'error="insufficient_scope", scope="{needed}"'  # RFC 6750 §3.1
            assert asked in answer.headers["www-authenticate"], operation.name
            assert answer.json()["detail"] == f"令牌缺少权限范围 {needed}。"
    assert door.upstream.seen == []


def test_a_token_for_somebody_else_lacks_no_scope(door: Door) -> None:
    with door.client() as client:
        answer = client.get(READ, headers=door.bearer("identity.read", aud="another"))
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers
    assert "detail" not in answer.json()


def test_another_credential_goes_to_the_service_that_takes_it(door: Door) -> None:
    with door.client() as client:
        answer = client.get(
            "/learning/xapi/2.0.0/statements", headers={"authorization": "Basic eA"}
        )
    assert answer.status_code == 200
    assert door.upstream.headers[0]["authorization"] == "Basic eA"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/healthz", "/metrics", "/identity/metrics", "/identity/v1", "/identity/v1/nothing"),
        *("/identity/v1/organisations/", "/identity/v1/organisations/a/b", "/IDENTITY/v1/about"),
        *("/catalog/healthz", "/nothing", "/identity/loginX", "/exchange/v1/about"),
    ],
)
def test_an_undocumented_path_does_not_exist(door: Door, path: str) -> None:
    with door.client() as client:
        answer = client.get(path, headers=door.bearer("identity.read"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == COMMON[NotFound].type
    assert door.upstream.seen == []


def test_an_undocumented_method_is_told_those_that_exist(door: Door) -> None:
    with door.client() as client:
        for method in ("PUT", "HEAD", "TRACE", "OPTIONS"):
            answer = client.request(method, READ)
            assert answer.status_code == 405, method
            assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}
    assert door.upstream.seen == []


def test_a_page_is_reached_without_a_token_and_is_closed_to_other_methods(door: Door) -> None:
    with door.client() as client:
        assert client.get("/identity/login/second-factor").status_code == 200
        assert client.delete("/identity/login").status_code == 405


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": int(time.time()) - 120}, 401),
        ({"nbf": int(time.time()) + 3600}, 401),
        ({"iss": "http://other.test/identity"}, 401),
        ({"exp": None}, 401),
        ({"aud": "another"}, 403),
        ({"scope": "identity.reader xidentity.read"}, 403),
        ({"scope": ""}, 403),
    ],
)
def test_a_token_that_does_not_hold_is_refused(
    door: Door, claims: dict[str, object], status: int
) -> None:
    with door.client() as client:
        answer = client.get(READ, headers=door.bearer("identity.read", **claims))
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert door.upstream.seen == []


def test_a_token_of_another_key_or_algorithm_is_refused(door: Door) -> None:
    good = door.token("identity.read")
    other = ECKey.generate_key("P-256")
    claims = jwt.decode(good, door.key).claims
    forged = [
        jwt.encode({"alg": "ES256", "kid": "first"}, claims, other),
        "eyJhbGciOiJub25lIn0." + good.split(".")[1] + ".",
        good[:-4] + "AAAA",
        good.rsplit(".", 1)[0],
        "nonsense",
    ]
    with door.client() as client:
        for token in forged:
            answer = client.get(READ, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401
    assert door.upstream.seen == []


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR "])
def test_however_its_scheme_is_spelt_a_token_is_looked_at(door: Door, scheme: str) -> None:
    good, expired = door.token("identity.read"), door.token("identity.read", exp=1)
    with door.client() as client:
        assert client.get(READ, headers={"authorization": scheme + expired}).status_code == 401
        for path in (READ, "/catalog/v1/textbooks"):
            assert client.get(path, headers={"authorization": scheme + good}).status_code == 200
    assert {seen["authorization"] for seen in door.upstream.headers} == {f"Bearer {good}"}


@pytest.mark.parametrize("before", ["a.e30.b ", "Basic eDp5 ", "bearer\t", "x"])
def test_a_token_behind_something_else_is_nobodys(door: Door, before: str) -> None:
    hidden = {"authorization": f"{before}Bearer {door.token('identity.read', quota='high')}"}
    with door.client() as client:
        assert client.get(READ, headers=hidden).status_code == 401
        assert client.get("/catalog/v1/textbooks", headers=hidden).status_code == 200
    assert [seen.get("authorization") for seen in door.upstream.headers] == [None]


def test_a_token_in_the_query_is_none(door: Door) -> None:
    with door.client() as client:
        answer = client.get(READ, params={"access_token": door.token("identity.read")})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("en-GB", "Not found"),
        ("fr, en;q=0.5", "Not found"),
        ("EN, zh;q=0.1", "Not found"),
        ("zh;q=0.1, en;q=0.9", "Not found"),
        ("zh-CN;q=0.80,en-GB ; q=0.95", "Not found"),
        ("zh;q=0, en", "Not found"),
        ("en;q=0.1, zh;q=0.9", "未找到"),
        ("en;q=0.5, zh;q=0.5", "未找到"),
        ("en;q=0, fr", "未找到"),
        ("zh-CN, en;q=0.9", "未找到"),
        ("fr", "未找到"),
        ("enm", "未找到"),
        ("", "未找到"),
    ],
)
def test_a_refusal_is_told_in_the_language_asked_for(door: Door, asked: str, title: str) -> None:
    with door.client() as client:
        answer = client.get("/nothing", headers={"accept-language": asked})
    assert answer.json()["title"] == title
    assert language_of(asked) == ("en" if title == "Not found" else "zh")  # as services have it


def test_a_missing_scope_is_told_in_english_to_whom_asks_for_it(door: Door) -> None:
    headers = {**door.bearer("catalog.read"), "accept-language": "en"}
    with door.client() as client:
        answer = client.get(READ, headers=headers)
    assert answer.json()["detail"] == "The token lacks the scope identity.read."


def test_a_refusal_names_its_request(door: Door) -> None:
    with door.client() as client:
        answer = client.get("/nothing")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_what_is_refused_before_it_has_a_name_is_told_without_one(door: Door) -> None:
    with door.client() as client:
        answer = client.get("/catalog/v1/resources/a%2Fb")
    assert answer.status_code == 400
    assert answer.json().keys() == {"type", "title", "status"}
