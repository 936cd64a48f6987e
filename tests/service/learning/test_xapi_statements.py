"""Storing statements: once, whole, unchanged, and without a name in the clear."""

import asyncio
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from services.learning.adapters.recount import recount
from shared.ids import uuid7
from tests.service.learning.conftest import OTHER_SCHOOL, Register
from tests.service.learning.statements import AGENT, LESSON, foreign, statement, voiding

AGGREGATES = "SELECT * FROM {} ORDER BY 1, 2"


async def told(client: httpx2.AsyncClient, statement_id: str, **more: str) -> httpx2.Response:
    return await client.get("/statements", params={"statementId": statement_id, **more})


async def count(owner: asyncpg.Connection) -> int:
    found: int = await owner.fetchval("SELECT count(*) FROM statements")
    return found


@pytest.mark.parametrize("made", [statement, foreign])
async def test_a_statement_comes_back_as_it_was_sent(client: httpx2.AsyncClient, made: Any) -> None:
    sent = made(
        timestamp="2026-11-22T08:00:00.000Z",
        context={"instructor": {"account": {"homePage": "https://a.example", "name": "张"}}},
    )
    answer = await client.post("/statements", json=sent)
    assert (answer.status_code, answer.json()) == (200, [sent["id"]])
    found = (await told(client, sent["id"])).json()
    assert {name: found[name] for name in sent} == sent
    assert found["version"] == "2.0.0"
    assert found["authority"]["account"]["name"] == "app"
    assert found["stored"].endswith("Z")


@pytest.mark.parametrize("made", [statement, foreign])
async def test_a_repeat_is_accepted_and_stored_once(
    client: httpx2.AsyncClient, owner: asyncpg.Connection, made: Any
) -> None:
    sent = made()
    for _ in range(3):
        assert (await client.post("/statements", json=sent)).status_code == 200
    assert (await client.put(f"/statements?statementId={sent['id']}", json=sent)).status_code == 204
    assert await count(owner) == 1
    assert await owner.fetchval("SELECT statements FROM progress") == 1


@pytest.mark.parametrize("made", [statement, foreign])
async def test_another_body_under_a_taken_id_is_a_conflict_and_changes_nothing(
    client: httpx2.AsyncClient, owner: asyncpg.Connection, made: Any
) -> None:
    sent = made()
    await client.post("/statements", json=sent)
    before = (await told(client, sent["id"])).json()
    other = {**sent, "object": {"id": "https://lessons.example/other"}}
    answer = await client.post("/statements", json=[statement(), other])
    assert answer.status_code == 409
    assert (await told(client, sent["id"])).json() == before
    assert await count(owner) == 1


async def test_a_batch_with_one_bad_statement_is_refused_whole(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    answer = await client.post("/statements", json=[statement(), statement(verb={"id": "no"})])
    assert answer.status_code == 400
    [defect] = answer.json()["errors"]
    assert defect["pointer"] == "#/1/verb/id"
    assert await count(owner) == 0


async def test_the_same_id_twice_in_a_batch_is_refused(client: httpx2.AsyncClient) -> None:
    sent = statement()
    assert (await client.post("/statements", json=[sent, sent])).status_code == 400


async def test_the_same_statement_from_many_at_once_is_stored_once(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    shared = [statement() if n % 2 else foreign() for n in range(10)]
    answers = await asyncio.gather(
        *(client.post("/statements", json=[*shared, statement()]) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await count(owner) == 18
    assert await owner.fetchval("SELECT sum(statements) FROM progress") == 18


async def test_of_two_bodies_at_once_exactly_one_is_stored(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    for _ in range(5):
        one = foreign()
        other = {**one, "object": {"id": "https://lessons.example/other"}}
        answers = await asyncio.gather(
            *(client.post("/statements", json=each) for each in (one, other))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await count(owner) == 5


@pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(days=-3), timedelta(days=3)])
async def test_an_id_from_another_day_is_stored_once(
    client: httpx2.AsyncClient, owner: asyncpg.Connection, ahead: timedelta
) -> None:
    milliseconds = int((datetime.now(UTC) + ahead).timestamp() * 1000)
    old = UUID(int=milliseconds << 80 | uuid7().int & ((1 << 80) - 1))
    sent = statement(id=str(old))
    for _ in range(2):
        assert (await client.post("/statements", json=sent)).status_code == 200
    assert await count(owner) == 1
    assert (await told(client, str(old))).status_code == 200
    in_ledger = await owner.fetchval("SELECT count(*) FROM ledger")
    assert in_ledger == (0 if ahead == timedelta(days=-3) else 1)


async def test_no_identifier_and_no_name_stands_in_the_clear(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    sent = statement(
        context={"team": {"objectType": "Group", "member": [{"openid": "https://id.example/秘"}]}}
    )
    await client.post("/statements", json=sent)
    secret = ("yutong", "李雨桐", "id.example")
    raw = zlib.decompress(await owner.fetchval("SELECT content FROM blobs")).decode()
    assert not [word for word in secret if word in raw]
    for table in ("statements", "actors", "personas", "progress"):
        for row in await owner.fetch(f"SELECT t::text FROM {table} t"):  # noqa: S608 - a table's name
            shown = bytes.fromhex(row[0][2:]) if row[0].startswith("\\x") else row[0].encode()
            assert not [word for word in secret if word.encode() in shown]


async def test_when_a_persona_is_erased_its_statements_name_nobody(
    client: httpx2.AsyncClient, app: Any, owner: asyncpg.Connection
) -> None:
    sent = statement()
    await client.post("/statements", json=sent)
    await owner.execute("DELETE FROM personas")
    assert (await told(client, sent["id"])).json()["actor"]["account"]["name"] == "erased"


async def aggregates(owner: asyncpg.Connection) -> list[list[tuple[Any, ...]]]:
    return [
        [tuple(row) for row in await owner.fetch(AGGREGATES.format(table))]
        for table in ("progress", "activity_days")
    ]


async def test_a_recount_from_the_raw_statements_gives_the_same(
    client: httpx2.AsyncClient, app: Any, owner: asyncpg.Connection
) -> None:
    sent = [
        statement(
            actor={"mbox": f"mailto:p{n % 3}@s.example"},
            object={"id": f"https://lessons.example/{n % 4}"},
            result={
                "score": {"scaled": n / 40},
                "success": n % 2 == 0,
                "completion": n % 5 == 0,
                "duration": f"PT{n}.5S",
            },
            timestamp=f"2026-11-2{n % 3}T1{n % 10}:30:00Z",
        )
        for n in range(40)
    ]
    await client.post("/statements", json=[*sent, *(foreign() for _ in range(5))])
    await client.post("/statements", json=[voiding(each["id"]) for each in sent[:7]])
    before = await aggregates(owner)
    assert sum(row[4] for row in before[0]) == 38
    await owner.execute("UPDATE progress SET statements = 99; DELETE FROM activity_days")
    assert await recount(app.state.records.pool) == 38
    assert await aggregates(owner) == before


async def test_voided_statements_are_found_as_such_only(client: httpx2.AsyncClient) -> None:
    sent = foreign()
    await client.post("/statements", json=sent)
    void = voiding(sent["id"])
    await client.post("/statements", json=void)
    assert (await told(client, sent["id"])).status_code == 404
    found = await client.get("/statements", params={"voidedStatementId": sent["id"]})
    assert found.json()["id"] == sent["id"]
    listed = (await client.get("/statements")).json()["statements"]
    assert [each["id"] for each in listed] == [void["id"]]


async def test_what_is_voided_before_it_comes_is_voided_when_it_comes(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    sent = statement()
    await client.post("/statements", json=voiding(sent["id"]))
    await client.post("/statements", json=sent)
    assert (await told(client, sent["id"])).status_code == 404
    assert await owner.fetchval("SELECT count(*) FROM progress") == 0


async def test_a_voiding_statement_is_not_voided(client: httpx2.AsyncClient) -> None:
    sent = statement()
    void = voiding(sent["id"])
    for each in (sent, void, voiding(void["id"])):
        await client.post("/statements", json=each)
    assert (await told(client, void["id"])).status_code == 200


async def test_another_school_neither_reads_nor_voids(
    client: httpx2.AsyncClient, register: Register
) -> None:
    sent = statement()
    await client.post("/statements", json=sent)
    stranger = await register("stranger", OTHER_SCHOOL)
    above = await register("province", "PTEST")
    found = await client.get("/statements", params={"statementId": sent["id"]}, headers=stranger)
    assert found.status_code == 404
    assert (await client.get("/statements", headers=stranger)).json()["statements"] == []
    await client.post("/statements", json=voiding(sent["id"]), headers=stranger)
    assert (await told(client, sent["id"])).status_code == 200
    found = await client.get("/statements", params={"statementId": sent["id"]}, headers=above)
    assert found.status_code == 200


async def test_a_retired_day_is_not_searched_and_told_by_its_ids(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    day = datetime.now(UTC) - timedelta(days=20)
    old = UUID(int=int(day.timestamp() * 1000) << 80 | uuid7().int & ((1 << 80) - 1))
    sent = statement(id=str(old))
    await client.post("/statements", json=sent)
    assert await owner.fetchval("SELECT retire_day($1)", day.date())
    try:
        assert (await client.get("/statements")).json()["statements"] == []
        found = await told(client, str(old))
        assert (found.status_code, found.json()["actor"]) == (200, sent["actor"])
        assert (await client.post("/statements", json=sent)).status_code == 200
        assert (await told(client, str(uuid7()))).status_code == 404
    finally:
        await owner.execute(f"DROP TABLE statements_{day:%Y%m%d}")


async def test_put_asks_for_the_id_it_names(client: httpx2.AsyncClient) -> None:
    other = str(uuid.uuid4())
    assert (await client.put("/statements", json=statement())).status_code == 400
    answer = await client.put(f"/statements?statementId={other}", json=statement())
    assert answer.status_code == 400
    answer = await client.put(f"/statements?statementId={other}", json=statement(id=None))
    assert answer.status_code == 204
    assert (await told(client, other)).json()["object"]["id"] == LESSON
    assert (await told(client, other)).json()["actor"] == AGENT
