"""What the gateway adds to requests and answers, and what it takes away."""

import json
import re
import time
from pathlib import Path

import pytest

from gateway.domain.usage import Request
from tests.service.gateway.door import OPERATIONS, Door, open_door

PUBLIC = "/catalog/v1/textbooks"
GUARDED = "/identity/v1/organisations"
OPEN = "/catalog/v1/about"  # asks for no token at all
WRITE = "/catalog/v1/uploads"
VOCABULARY = "/catalog/v1/vocabulary-imports"
MIB = 1 << 20


def test_headers_that_only_the_gateway_may_set_are_taken_away(door: Door) -> None:
    forged = ("x-subject", "x-client-id", "x-original-url", "x-rewrite-url", "x-forwarded-host")
    with door.client() as client:
        client.get(PUBLIC, headers=dict.fromkeys(forged, "/admin"))
        client.get(
            PUBLIC, headers={"x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-original-path": "/x"}
        )
    for seen in door.upstream.headers:
        assert not seen.keys() & {
            *forged,
            "x-envoy-upstream-rq-timeout-ms",
            "x-envoy-original-path",
        }


@pytest.mark.parametrize(
    "trace",
    [
        "garbage",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        None,
    ],
)
def test_what_is_no_trace_is_not_passed_on_nor_its_state(door: Door, trace: str | None) -> None:
    told = {"tracestate": "vendor=1"} | ({"traceparent": trace} if trace else {})
    with door.client() as client:
        assert client.get(PUBLIC, headers=told).status_code == 200
    (seen,) = door.upstream.headers
    assert not seen.keys() & {"traceparent", "tracestate"}


def test_a_request_for_another_protocol_is_answered_in_this_one(door: Door) -> None:
    websocket = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    with door.client() as client:
        assert client.get(PUBLIC, headers=websocket).status_code == 200
    (seen,) = door.upstream.headers
    assert "upgrade" not in seen


def test_a_request_is_named_once_and_its_trace_goes_on(door: Door) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with door.client() as client:
        answer = client.get(PUBLIC, headers={"x-request-id": "mine", "traceparent": trace})
    (seen,) = door.upstream.headers
    assert re.fullmatch(r"[0-9a-f-]{36}", seen["x-request-id"])
    assert answer.headers["x-request-id"] == seen["x-request-id"]
    assert seen["traceparent"] == trace


def test_every_answer_carries_the_security_headers(door: Door) -> None:
    with door.client() as client:
        for path in (PUBLIC, GUARDED, "/nothing"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert not [name for name in headers if name.startswith("x-envoy-")]
            assert headers["server"] == "shuyuan"


def test_any_origin_may_call_an_operation_but_no_page(door: Door) -> None:
    preflight = {"origin": "https://space.example", "access-control-request-method": "POST"}
    with door.client() as client:
        allowed = client.options(WRITE, headers=preflight)
        answer = client.get(PUBLIC, headers={"origin": "https://space.example"})
        page = client.get("/identity/login", headers={"origin": "https://space.example"})
    assert allowed.status_code == 200
    for header in ("idempotency-key", "traceparent", "tracestate", "x-api-key"):
        assert header in allowed.headers["access-control-allow-headers"].split(", ")
    assert "access-control-allow-credentials" not in allowed.headers
    assert answer.headers["access-control-allow-origin"] == "https://space.example"
    assert "etag" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-origin" not in page.headers
    assert not [seen for seen in door.upstream.seen if seen.startswith("OPTIONS")]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/identity/login", 405),
        ("/docs/applications", 405),
        ("/health", 405),
        ("/openapi.json", 405),
        ("/identity/scim/v2/nothing", 405),
        (f"{WRITE}/1/nothing", 404),
        ("/nothing", 404),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_foreign_origin_is_let_through_to_what_is_no_operation(
    door: Door, path: str, status: int, method: str
) -> None:
    preflight = {"origin": "https://space.example", "access-control-request-method": method}
    with door.client() as client:
        answer = client.options(path, headers=preflight)
    assert answer.status_code == status
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert not door.upstream.seen


def test_every_documented_path_lets_any_origin_ask_first(door: Door) -> None:
    preflight = {"origin": "https://space.example", "access-control-request-method": "POST"}
    with door.client() as client:
        for path in {re.sub(r"\{[^/{}]+\}", "x", each.path) for each in OPERATIONS}:
            answer = client.options(path, headers=preflight)
            assert answer.status_code == 200, path
            assert answer.headers["access-control-allow-origin"] == "https://space.example", path
    assert not door.upstream.seen


def test_a_long_answer_is_compressed_unless_it_has_an_etag_or_is_a_page(door: Door) -> None:
    with door.client(headers={"accept-encoding": "gzip"}) as client:
        long = client.get(f"{PUBLIC}?big")
        assert long.headers["content-encoding"] == "gzip"
        assert {each.strip() for each in long.headers["vary"].split(",")} == {
            "Accept-Encoding",
            "Origin",
        }
        tagged = client.get(f"{PUBLIC}?big&etag")
        assert tagged.headers["etag"] == '"7"'
        assert "content-encoding" not in tagged.headers
        assert "content-encoding" not in client.get("/identity/login?big").headers
        assert "content-encoding" not in client.get(PUBLIC).headers


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        (WRITE, MIB, 200),
        (WRITE, MIB + 1, 413),
        (VOCABULARY, 5 * MIB, 200),
        (VOCABULARY, 5 * MIB + 1, 413),
    ],
)
def test_a_body_is_bounded_by_its_operation(door: Door, path: str, size: int, status: int) -> None:
    with door.client() as client:
        answer = client.post(path, content=b"x" * size, headers=door.bearer("catalog.write"))
    assert answer.status_code == status
    assert len(door.upstream.seen) == (status == 200)
    if status == 200:
        assert answer.json()["bytes"] == size


def test_headers_are_bounded_in_number_and_size(door: Door) -> None:
    with door.client() as client:
        many = client.get(PUBLIC, headers={f"x-header-{number}": "1" for number in range(80)})
        large = client.get(PUBLIC, headers={"x-large": "1" * 40_000})
    assert many.status_code == large.status_code == 431
    assert door.upstream.seen == []


def test_a_flood_of_one_address_is_refused_before_its_tokens_are_looked_at(
    tmp_path: Path,
) -> None:
    per_second = 10
    with open_door(tmp_path, rate_factor=per_second / 1000) as door, door.client() as client:
        bad = {"authorization": "Bearer nonsense"}
        began = time.monotonic()
        answers = [client.get(GUARDED, headers=bad) for _ in range(60)]
        seconds = time.monotonic() - began
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) <= per_second * (seconds + 1) + 1
    refused = answers[statuses.index(429)]
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["status"] == 429


def test_the_access_log_names_operations_and_applications_and_nobody(tmp_path: Path) -> None:
    with open_door(tmp_path) as door:
        with door.client(headers=door.bearer("identity.read", sub="pupil-0815")) as client:
            client.get("/identity/v1/people/pupil-0816?name=zhang", headers={"user-agent": "gecko"})
        line = _first_line(tmp_path / "access.log")
    told = json.loads(line)
    assert told["operation"] == "GET /identity/v1/people/{person_id}"
    assert told["status"] == 200
    assert told["client"] == "some-application"
    for personal in ("0815", "0816", "zhang", "gecko", "127.0.0.1"):
        assert personal not in line


def test_the_access_log_names_who_showed_a_key_whatever_was_answered(tmp_path: Path) -> None:
    with open_door(tmp_path) as door, door.client() as client:
        door.upstream.key_token = door.token("identity.read", client_id="keyholder")
        asked = [(PUBLIC, "good"), (OPEN, "good"), (GUARDED, "busy"), (OPEN, "busy")]
        for path, key in asked:
            answer = client.get(path, headers={"x-api-key": key})
            assert "keyholder" not in str(answer.headers)
        client.get(PUBLIC, headers={"x-client-id": "forged"})
        assert not [each for each in door.upstream.headers if "x-client-id" in each]
        told = [json.loads(line) for line in _lines(tmp_path / "access.log", 5)]
    counted = [Request.of({**each, "at": "2026-11-22T04:00:00Z"}) for each in told]
    assert [each.key.client if each else None for each in counted] == ["keyholder"] * 4 + [None]
    assert [each["status"] for each in told] == [200, 200, 429, 429, 200]


def _first_line(path: Path) -> str:
    return _lines(path, 1)[0]


def _lines(path: Path, count: int) -> list[str]:
    """Envoy writes its log every ten seconds."""
    deadline = time.monotonic() + 15
    while len(lines := path.read_text().splitlines()) < count:
        assert time.monotonic() < deadline, "nothing was logged"
        time.sleep(0.25)
    return lines
