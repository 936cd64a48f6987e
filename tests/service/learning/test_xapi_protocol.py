"""What every resource asks of a request: version, credentials, syntax, attachments, CORS."""

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.learning.domain.applications import Scope
from tests.service.house import Token
from tests.service.learning.conftest import SCHOOL, Register
from tests.service.learning.statements import AGENT, statement

V1, V2 = "/learning/xapi/1.0.3", "/learning/xapi/2.0.0"
FORM = {"content-type": "application/x-www-form-urlencoded"}
VERSION = {"x-experience-api-version": "2.0.0"}


@pytest.mark.parametrize(("base", "version"), [(V1, "1.0.3"), (V2, "2.0.0")])
async def test_a_request_without_version_is_told_the_one_spoken(
    anonymous: httpx2.AsyncClient, register: Register, base: str, version: str
) -> None:
    credentials = await register("app")
    for given in ({}, {"x-experience-api-version": "0.95"}):
        answer = await anonymous.get(f"{base}/statements", headers={**credentials, **given})
        assert (answer.status_code, answer.headers["x-experience-api-version"]) == (400, version)
    about = await anonymous.get(f"{base}/about")
    assert about.json() == {"version": ["1.0.3", "2.0.0"]}


@pytest.mark.parametrize(
    "authorization", ["", "Basic", "Basic !", "Basic YTpi", "Bearer x", "Foo x"]
)
@pytest.mark.parametrize("path", ["statements", "activities/state", "agents", "agents/profile"])
async def test_who_is_not_known_is_refused(
    anonymous: httpx2.AsyncClient, authorization: str, path: str
) -> None:
    headers = {**VERSION, "authorization": authorization}
    answer = await anonymous.get(f"{V2}/{path}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_an_application_does_what_its_scopes_say(
    anonymous: httpx2.AsyncClient, register: Register
) -> None:
    writer = {**await register("writer", SCHOOL, Scope.WRITE), **VERSION}
    reader = {**await register("reader", SCHOOL, Scope.READ), **VERSION}
    mine = {**await register("mine", SCHOOL, Scope.READ_MINE, Scope.WRITE), **VERSION}
    sent = statement()
    answer = await anonymous.post(f"{V2}/statements", json=sent, headers=writer)
    assert answer.status_code == 200
    for headers, status in ((writer, 403), (reader, 200)):
        assert (await anonymous.get(f"{V2}/statements", headers=headers)).status_code == status
    answer = await anonymous.post(f"{V2}/statements", json=statement(), headers=reader)
    assert answer.status_code == 403
    assert (await anonymous.get(f"{V2}/statements", headers=mine)).json()["statements"] == []
    params = {"agent": json.dumps(AGENT), "profileId": "x"}
    answer = await anonymous.get(f"{V2}/agents/profile", params=params, headers=reader)
    assert answer.status_code == 403


async def test_a_person_s_token_reaches_that_person_s_records_only(
    anonymous: httpx2.AsyncClient, token: Token, settings: Any
) -> None:
    def agent(person: str) -> dict[str, Any]:
        return {"account": {"homePage": settings.issuer, "name": person}}

    ann = {**token("ann", "learning.read learning.write", (f"student@{SCHOOL}",)), **VERSION}
    ben = {**token("ben", "learning.read learning.write", (f"student@{SCHOOL}",)), **VERSION}
    sent = statement(actor=agent("ann"))
    assert (await anonymous.post(f"{V2}/statements", json=sent, headers=ann)).status_code == 200
    forged = statement(actor=agent("ann"))
    assert (await anonymous.post(f"{V2}/statements", json=forged, headers=ben)).status_code == 403
    listed = await anonymous.get(f"{V2}/statements", headers=ann)
    assert [each["id"] for each in listed.json()["statements"]] == [sent["id"]]
    assert (await anonymous.get(f"{V2}/statements", headers=ben)).json()["statements"] == []
    params = {"statementId": sent["id"]}
    answer = await anonymous.get(f"{V2}/statements", params=params, headers=ben)
    assert answer.status_code == 404
    params = {"agent": json.dumps(agent("ann"))}
    answer = await anonymous.get(f"{V2}/statements", params=params, headers=ben)
    assert answer.json()["statements"] == []
    state = {"activityId": "https://l.example", "agent": json.dumps(agent("ann")), "stateId": "s"}
    for headers, status in ((ann, 204), (ben, 403)):
        answer = await anonymous.put(
            f"{V2}/activities/state", params=state, json={}, headers=headers
        )
        assert answer.status_code == status
    weak = {**token("ann", "learning.read"), **VERSION}
    answer = await anonymous.post(f"{V2}/statements", json=sent, headers=weak)
    assert answer.status_code == 403


async def test_the_first_version_takes_requests_wrapped_in_a_form(
    anonymous: httpx2.AsyncClient, register: Register
) -> None:
    sent = statement()
    form = {
        "statementId": sent["id"],
        "content": json.dumps(sent),
        "Content-Type": "application/json",
        "X-Experience-API-Version": "1.0.3",
        "Authorization": (await register("app"))["authorization"],
    }

    async def wrapped(base: str, method: str, **change: str) -> int:
        content = urlencode({**form, **change})
        answer = await anonymous.post(
            f"{base}/statements?method={method}", content=content, headers=FORM
        )
        return answer.status_code

    assert await wrapped(V2, "PUT") == 400
    assert await wrapped(V1, "PUT") == 204
    assert await wrapped(V1, "PUT", Authorization="Basic YTpi") == 401
    assert await wrapped(V1, "PATCH") == 400
    assert await wrapped(V1, "PUT&limit=1") == 400
    reading = {name: form[name] for name in ("Authorization", "X-Experience-API-Version")}
    found = await anonymous.post(
        f"{V1}/statements?method=GET", content=urlencode({**reading, "limit": 1}), headers=FORM
    )
    assert found.json()["statements"][0]["id"] == sent["id"]


async def test_pages_from_anywhere_may_ask(anonymous: httpx2.AsyncClient) -> None:
    answer = await anonymous.options(f"{V2}/statements")
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "If-Match" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("body", [b"", b"{", b"5", b'"a"', b'{"a": NaN}', b"\xff"])
async def test_what_is_no_statement_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/statements", content=body, headers=headers)
    assert answer.status_code == 400


def mixed(sent: Any, *parts: tuple[dict[str, str], bytes]) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a multipart request."""
    pieces = [b"--b0\r\nContent-Type: application/json\r\n\r\n" + json.dumps(sent).encode()]
    for headers, content in parts:
        head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
        pieces.append(b"--b0\r\n" + head.encode() + b"\r\n" + content)
    return b"\r\n".join(pieces) + b"\r\n--b0--\r\n", {
        "content-type": 'multipart/mixed; boundary="b0"'
    }


def attached(content: bytes, kind: str, usage: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What a statement says of an attachment, and the headers of its part."""
    sha2 = hashlib.sha256(content).hexdigest()
    told = {
        "usageType": usage,
        "display": {"zh": "附件"},
        "contentType": kind,
        "length": len(content),
        "sha2": sha2,
    }
    headers = {
        "Content-Type": kind,
        "Content-Transfer-Encoding": "binary",
        "X-Experience-API-Hash": sha2,
    }
    return told, headers


async def test_an_attachment_comes_back_when_asked_for(client: httpx2.AsyncClient) -> None:
    content = b"\x89PNG\r\n\r\n--b1\0"
    told, headers = attached(content, "image/png", "https://usage.example/1")
    sent = statement(attachments=[told])
    body, head = mixed(sent, (headers, content))
    assert (await client.post("/statements", content=body, headers=head)).status_code == 200
    plain = await client.get("/statements", params={"statementId": sent["id"]})
    assert plain.headers["content-type"] == "application/json"
    asked = {"statementId": sent["id"], "attachments": "true"}
    found = await client.get("/statements", params=asked)
    assert found.headers["content-type"].startswith("multipart/mixed; boundary=")
    assert content in found.content
    assert told["sha2"] in found.text


@pytest.mark.parametrize(
    "spoil",
    [
        {"X-Experience-API-Hash": "ab" * 32},
        {"X-Experience-API-Hash": None},
        {"Content-Transfer-Encoding": "base64"},
    ],
)
async def test_a_spoilt_part_is_refused(
    client: httpx2.AsyncClient, spoil: dict[str, str | None]
) -> None:
    told, headers = attached(b"abc", "text/plain", "https://usage.example/1")
    kept = {name: text for name, text in {**headers, **spoil}.items() if text is not None}
    body, head = mixed(statement(attachments=[told]), (kept, b"abc"))
    assert (await client.post("/statements", content=body, headers=head)).status_code == 400


async def test_a_photograph_of_several_megabytes_is_kept(client: httpx2.AsyncClient) -> None:
    content = secrets.token_bytes(6 << 20)
    told, headers = attached(content, "image/jpeg", "https://usage.example/1")
    sent = statement(attachments=[told])
    body, head = mixed(sent, (headers, content))
    assert (await client.post("/statements", content=body, headers=head)).status_code == 200
    asked = {"statementId": sent["id"], "attachments": "true"}
    assert content in (await client.get("/statements", params=asked)).content


async def test_attachments_without_bytes_and_bytes_without_attachment_are_refused(
    client: httpx2.AsyncClient,
) -> None:
    told, headers = attached(b"abc", "text/plain", "https://usage.example/1")
    answer = await client.post("/statements", json=statement(attachments=[told]))
    assert answer.status_code == 400
    elsewhere = statement(attachments=[{**told, "fileUrl": "https://files.example/1"}])
    assert (await client.post("/statements", json=elsewhere)).status_code == 200
    body, head = mixed(statement(), (headers, b"abc"))
    assert (await client.post("/statements", content=body, headers=head)).status_code == 400


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(KEY, SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def signed(payload: Any, algorithm: str = "RS256") -> bytes:
    def encoded(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    header = encoded(json.dumps({"alg": algorithm, "x5c": [certificate()]}).encode())
    covered = header + b"." + encoded(json.dumps(payload).encode())
    return covered + b"." + encoded(KEY.sign(covered, padding.PKCS1v15(), SHA256()))


async def send_signed(client: httpx2.AsyncClient, sent: Any, jws: bytes) -> int:
    usage = "http://adlnet.gov/expapi/attachments/signature"
    told, headers = attached(jws, "application/octet-stream", usage)
    body, head = mixed({**sent, "attachments": [told]}, (headers, jws))
    return (await client.post("/statements", content=body, headers=head)).status_code


async def test_a_signature_must_be_that_of_the_statement(client: httpx2.AsyncClient) -> None:
    sent = statement()
    jws = signed(sent)
    flipped = jws[:-9] + (b"A" if jws[-9:-8] != b"A" else b"B") + jws[-8:]
    assert await send_signed(client, sent, flipped) == 400
    assert (
        await send_signed(client, sent, signed({**sent, "actor": {"mbox": "mailto:x@y.z"}})) == 400
    )
    assert await send_signed(client, sent, signed(sent, "HS256")) == 400
    assert await send_signed(client, sent, signed("no statement")) == 400
    assert await send_signed(client, sent, b"no.jws") == 400
    assert await send_signed(client, sent, jws) == 200
