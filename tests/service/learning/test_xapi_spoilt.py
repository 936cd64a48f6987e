"""What cannot be kept is refused at the door, alone; whoever came beside it is stored."""

import asyncio
import base64
import hashlib
import json
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.service.learning.conftest import Register
from tests.service.learning.statements import AGENT, LESSON, statement
from tests.service.learning.test_xapi_documents import PLACES, V1, V1_HEADERS
from tests.service.learning.test_xapi_protocol import attached, mixed

EXTENSION = "https://e.example"
POINT = "http://learning.test/catalog/v1/knowledge/MATH/points/F-1"
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'It cannot be kept.'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON activities FOR EACH ROW
    WHEN (NEW.iri LIKE '%spoilt%') EXECUTE FUNCTION refuse();
"""
BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"object": {"id": LESSON, "definition": {"name": {"en": "a\0b"}}}},
        "/object/definition/name/en",
    ),
    ({"object": {"id": f"{LESSON}\0"}}, "/object/id"),
    ({"actor": {**AGENT, "name": "\0"}}, "/actor/name"),
    ({"result": {"extensions": {EXTENSION: [{"a\0": 1}]}}}, "/result/extensions"),
    ({"result": {"duration": "P99999999999Y"}}, "/result/duration"),
    ({"timestamp": "9999-12-31T23:00:00Z"}, "/timestamp"),
    ({"timestamp": "0001-01-01T00:00:00+14:00"}, "/timestamp"),
]


@pytest.mark.parametrize(("changes", "pointer"), BAD)
async def test_what_cannot_be_kept_is_refused_with_its_place(
    client: httpx2.AsyncClient, changes: dict[str, Any], pointer: str
) -> None:
    answer = await client.post("/statements", json=[statement(), statement(**changes)])
    assert answer.status_code == 400, answer.text
    [defect] = answer.json()["errors"]
    assert defect["pointer"].startswith(f"#/1{pointer}")


async def test_a_bad_statement_fails_none_of_those_that_come_with_it(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    good = [client.post("/statements", json=statement()) for _ in range(24)]
    bad = [client.post("/statements", json=statement(**changes)) for changes, _ in BAD]
    answers = await asyncio.gather(*good, *bad)
    assert [each.status_code for each in answers] == [200] * 24 + [400] * len(BAD)
    assert await owner.fetchval("SELECT count(*) FROM statements") == 24


async def test_what_the_database_refuses_all_the_same_fails_alone(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    await owner.execute(REFUSE)
    try:
        sent = [
            statement(object={"id": f"https://l.example/{'spoilt' if n == 7 else n}"})
            for n in range(20)
        ]
        answers = await asyncio.gather(*(client.post("/statements", json=each) for each in sent))
    finally:
        await owner.execute("DROP FUNCTION refuse() CASCADE")
    statuses = [answer.status_code for answer in answers]
    assert statuses[7] == 500
    assert statuses[:7] + statuses[8:] == [200] * 19


@pytest.mark.parametrize(
    "score",
    [
        {"raw": 1e308, "min": -1e308, "max": 1.7e308},
        {"raw": 5e-324, "min": 0, "max": 5e-324},
        {"raw": 10**308, "min": -1.5, "max": 10**308 + 1},
    ],
)
async def test_scores_of_any_size_are_counted(
    client: httpx2.AsyncClient, owner: asyncpg.Connection, score: dict[str, float]
) -> None:
    context = {"contextActivities": {"category": [{"id": POINT}]}}
    sent = statement(result={"score": score}, context=context)
    answer = await client.post("/statements", json=sent)
    assert answer.status_code == 200, answer.text
    assert 0 <= await owner.fetchval("SELECT best_scaled FROM progress") <= 1


async def test_an_event_beyond_the_calendar_is_refused_with_its_place(
    anonymous: httpx2.AsyncClient, register: Register
) -> None:
    headers = await register("app")
    for at in ("9999-12-31T23:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        made = {"id": statement()["id"], "at": at, "verb": "answered", "object": LESSON}
        sent = {"events": [{**made, "actor": "ann"}]}
        answer = await anonymous.post("/learning/v1/events", json=sent, headers=headers)
        assert answer.status_code == 422, answer.text
        assert [each["pointer"] for each in answer.json()["errors"]] == ["#/events/0/at"]


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "a\\udfff"], ids=["nul", "high", "low"])
@pytest.mark.parametrize("name", ["actor", "object", "verb", "parent"])
async def test_an_event_that_cannot_be_kept_is_refused(
    anonymous: httpx2.AsyncClient, register: Register, name: str, text: str
) -> None:
    made = {"id": statement()["id"], "at": "2026-11-22T08:00:00Z", "verb": "answered"}
    event = {**made, "object": LESSON, "actor": "ann", name: "https://l.example/TEXT"}
    body = json.dumps({"events": [event]}).replace("TEXT", text)
    headers = {**await register("app"), "content-type": "application/json"}
    answer = await anonymous.post("/learning/v1/events", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    "kind", ["text/plain; a=\0", "plain", "text/\u00e9"], ids=["nul", "half", "accent"]
)
async def test_a_part_says_what_it_is(client: httpx2.AsyncClient, kind: str) -> None:
    entry, headers = attached(b"seen", "text/plain", "https://usage.example/1")
    body, head = mixed(statement(attachments=[entry]), ({**headers, "content-type": kind}, b"seen"))
    assert (await client.post("/statements", content=body, headers=head)).status_code == 400


async def test_a_part_is_what_its_attachment_says(client: httpx2.AsyncClient) -> None:
    for kind, status in (("application/pdf", 400), ("Text/Plain; charset=utf-8", 200)):
        entry, headers = attached(kind.encode(), "text/plain", "https://usage.example/1")
        part = ({**headers, "content-type": kind}, kind.encode())
        body, head = mixed(statement(attachments=[entry]), part)
        answer = await client.post("/statements", content=body, headers=head)
        assert answer.status_code == status, answer.text
    assert hashlib.sha256(kind.encode()).hexdigest() == entry["sha2"]


@pytest.mark.parametrize("name", ["a\0b", "文" * 700], ids=["nul", "long"])
async def test_a_document_s_name_that_cannot_be_kept_is_refused(
    client: httpx2.AsyncClient, name: str
) -> None:
    for path, place in PLACES.items():
        named = {
            key: name if key.endswith("Id") and key != "activityId" else value
            for key, value in place.items()
        }
        put = await client.put(path, params=named, json={}, headers={"if-none-match": "*"})
        assert put.status_code == 400, put.text
        assert (await client.get(path, params=named)).status_code == 400


async def test_the_longest_names_are_kept(client: httpx2.AsyncClient) -> None:
    for digit in "0123456789abcdef":
        name = "".join(hashlib.sha256(f"{digit}{n}".encode()).hexdigest() for n in range(31))
        params = {**PLACES["/activities/state"], "stateId": name}
        answer = await client.put(
            "/activities/state", params=params, json={}, headers={"if-none-match": "*"}
        )
        assert answer.status_code == 204, answer.text


@pytest.mark.parametrize(
    "body",
    [b"[" * 50_000, b"[" * 1000 + b"1" * 20 + b"]" * 1000, b"NaN"],
    ids=["open", "deep", "NaN"],
)
async def test_a_document_that_is_no_json_is_refused(
    client: httpx2.AsyncClient, body: bytes
) -> None:
    headers = {"content-type": "application/json", "if-none-match": "*"}
    for path, place in PLACES.items():
        answer = await client.put(path, params=place, content=body, headers=headers)
        assert answer.status_code == 400, answer.text
    answer = await client.post("/statements", content=body, headers=headers)
    assert answer.status_code == 400


async def test_a_form_without_nul_is_a_form_that_can_be_kept(client: httpx2.AsyncClient) -> None:
    form = {**PLACES["/activities/state"], "content": "x", "Content-Type": "text/\0plain"}
    url = f"{V1}/activities/state?method=PUT"
    answer = await client.post(url, data={**form, **V1_HEADERS}, headers=V1_HEADERS)
    assert answer.status_code == 400
    answer = await client.post(
        url, data={**form, "content": "\0", "Content-Type": "text/plain"}, headers=V1_HEADERS
    )
    assert answer.status_code == 204, answer.text


async def test_credentials_with_nul_are_nobody_s(anonymous: httpx2.AsyncClient) -> None:
    pair = base64.b64encode(b"a\0b:c").decode()
    answer = await anonymous.get(
        f"{V1}/statements", headers={**V1_HEADERS, "authorization": f"Basic {pair}"}
    )
    assert answer.status_code == 401
