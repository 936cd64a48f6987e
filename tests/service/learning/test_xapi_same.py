"""When two statements are one, and what is told of them to the last digit."""

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.service.learning.statements import LESSON, statement
from tests.service.learning.test_xapi_documents import PLACES
from tests.service.learning.test_xapi_statements import told

V1 = "http://learning.test/learning/xapi/1.0.3"
V1_HEADERS = {"x-experience-api-version": "1.0.3"}
LONG = 12345678901234567890123
NAMED = {"name": {"zh-CN": "第一课"}}


@pytest.mark.parametrize("timestamp", [None, "2026-11-22T08:00:00+08:00"])
async def test_what_was_read_can_be_put_again(
    client: httpx2.AsyncClient, timestamp: str | None
) -> None:
    sent = statement(timestamp=timestamp)
    assert (await client.post("/statements", json=sent)).status_code == 200
    read = (await told(client, sent["id"])).json()
    answer = await client.put(f"/statements?statementId={sent['id']}", json=read)
    assert answer.status_code == 204, answer.text


async def test_one_body_is_one_statement_in_both_versions(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    moment = "2026-11-22T08:00:00+08:00"
    inner = statement(id=None, objectType="SubStatement", timestamp=moment)
    for target in ({"id": LESSON}, inner):
        sent = statement(object=target, timestamp=moment, version="1.0.0")
        answer = await client.post(f"{V1}/statements", json=sent, headers=V1_HEADERS)
        assert answer.status_code == 200, answer.text
        later = {**sent, "timestamp": "2026-11-22T00:00:00Z"}
        if target is inner:
            later["object"] = {**inner, "timestamp": "2026-11-22T00:00:00.000Z"}
        for each in (sent, later):
            answer = await client.post("/statements", json=each)
            assert answer.status_code == 200, answer.text
    assert await owner.fetchval("SELECT count(*) FROM statements") == 2


async def test_another_time_in_a_sub_statement_makes_another_statement(
    client: httpx2.AsyncClient,
) -> None:
    inner = statement(id=None, objectType="SubStatement", timestamp="2026-11-22T08:00:00Z")
    sent = statement(object=inner)
    await client.post("/statements", json=sent)
    other = {**sent, "object": {**inner, "timestamp": "2026-11-22T08:00:01Z"}}
    assert (await client.post("/statements", json=other)).status_code == 409


@pytest.mark.parametrize(
    "timestamp", ["2026-11-22t15:30:00z", "2026-11-22 15:30:00Z", "2026-11-22T23:30:00+08:00"]
)
async def test_a_time_is_told_in_one_form(client: httpx2.AsyncClient, timestamp: str) -> None:
    sent = statement(timestamp=timestamp)
    assert (await client.post("/statements", json=sent)).status_code == 200
    found = (await told(client, sent["id"])).json()
    assert found["timestamp"] == "2026-11-22T15:30:00.000000Z"


async def test_an_unknown_offset_is_refused_however_it_is_written(
    client: httpx2.AsyncClient,
) -> None:
    for timestamp in ("2026-11-22T15:30:00-00:00", "2026-11-22 15:30:00-00:00"):
        answer = await client.post("/statements", json=statement(timestamp=timestamp))
        assert answer.json()["errors"] == [
            {"pointer": "#/timestamp", "detail": "时区偏移不能为 -00:00。"}
        ]


async def test_a_statement_of_another_time_is_another_statement(client: httpx2.AsyncClient) -> None:
    sent = statement(timestamp="2026-11-22T15:30:00.123Z")
    assert (await client.post("/statements", json=sent)).status_code == 200
    for timestamp, status in (
        ("2026-11-22T23:30:00.123+08:00", 200),
        ("2026-11-22T15:30:00.124Z", 409),
        (None, 409),
    ):
        repeated = statement(id=sent["id"], timestamp=timestamp)
        answer = await client.post("/statements", json=repeated)
        assert (timestamp, answer.status_code) == (timestamp, status)
    timeless = statement()
    for _ in range(2):
        assert (await client.post("/statements", json=timeless)).status_code == 200


async def test_whole_numbers_are_told_to_the_last_digit(client: httpx2.AsyncClient) -> None:
    extensions = {"https://e.example": {"n": LONG, "of": [LONG, 0.1]}}
    sent = statement(
        result={"extensions": extensions},
        context={"extensions": extensions},
        object={"id": LESSON, "definition": {"extensions": extensions}},
    )
    for _ in range(2):
        answer = await client.post("/statements", json=sent)
        assert answer.status_code == 200, answer.text
    for format_ in ("exact", "canonical", "ids"):
        found = (await told(client, sent["id"], format=format_)).json()
        assert found["result"]["extensions"] == extensions
        assert (format_, found["context"]["extensions"]) == (format_, extensions)
    page = (await client.get("/statements")).json()["statements"]
    assert page[0]["object"]["definition"]["extensions"] == extensions
    other = {**sent, "result": {"extensions": {"https://e.example": {"n": LONG + 1}}}}
    assert (await client.post("/statements", json=other)).status_code == 409


async def test_a_merge_keeps_numbers_to_the_last_digit(client: httpx2.AsyncClient) -> None:
    for path, place in PLACES.items():
        await client.put(path, params=place, json={"a": LONG}, headers={"if-none-match": "*"})
        answer = await client.post(path, params=place, json={"b": 1})
        assert answer.status_code == 204, answer.text
        assert (await client.get(path, params=place)).json() == {"a": LONG, "b": 1}


async def test_a_member_that_stands_twice_is_refused(client: httpx2.AsyncClient) -> None:
    body = '{"actor": {"mbox": "mailto:a@b.cn"}, "actor": {"mbox": "mailto:b@b.cn"},'
    body += '"verb": {"id": "https://v.example"}, "object": {"id": "https://l.example"}}'
    answer = await client.post(
        "/statements", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert "actor" in answer.json()["errors"][0]["detail"]


async def test_the_first_definition_is_kept_whoever_comes_beside_it(
    client: httpx2.AsyncClient,
) -> None:
    for _ in range(10):
        lesson = f"https://lessons.example/{uuid.uuid4()}"
        bodies: list[dict[str, Any]] = [
            statement(object={"id": lesson, **({"definition": NAMED} if n == 3 else {})})
            for n in range(12)
        ]
        await asyncio.gather(*(client.post("/statements", json=each) for each in bodies))
        found = (await client.get("/activities", params={"activityId": lesson})).json()
        assert found.get("definition") == NAMED
