"""Reports by readers: who may look at them, who never learns who made them, how many there are."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.domain.reports import MOST
from services.catalog.parts import reports
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import SUSPENDED, UPHELD, WRONG, Office, build_publication
from tests.service.catalog.resources import (
    CITY,
    OTHER_SCHOOL,
    SCHOOL,
    SCOPES,
    URL,
    build_resources,
)
from tests.service.house import Token

CASES = "/catalog/v1/report-cases"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources, build_publication, reports.build)


class Counter(Office):
    """Where readers say what is wrong."""

    def reader(self, name: str = "") -> dict[str, str]:
        return self.token(name or str(uuid7()), SCOPES, (f"student@{OTHER_SCHOOL}",))

    async def report(
        self, made: dict[str, Any], headers: dict[str, str], **others: Any
    ) -> httpx2.Response:
        url = f"{URL}/{made['id']}/reports"
        return await self.client.post(url, headers=headers, json={**WRONG, **others})

    async def case(self, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The newest case."""
        headers = headers or self.administrator()
        [first, *_] = (await self.client.get(CASES, headers=headers)).json()["items"]
        answer = await self.client.get(f"{CASES}/{first['id']}", headers=headers)
        told: dict[str, Any] = answer.json()
        return told

    async def close(
        self, case: dict[str, Any], headers: dict[str, str], **others: Any
    ) -> httpx2.Response:
        tag = {"if-match": f'"v{case["version"]}"'}
        url = f"{CASES}/{case['id']}/close"
        return await self.client.post(url, headers={**headers, **tag}, json={**UPHELD, **others})


@pytest.fixture
def counter(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Counter:
    return Counter(client, owner, token, object_store(settings), app=app)


async def test_nobody_reports_anonymously_or_what_they_cannot_read(counter: Counter) -> None:
    made, draft = await counter.published(), await counter.finished()
    assert (await counter.report(made, {})).status_code == 401
    assert (await counter.report(draft, counter.reader())).status_code == 404
    assert (await counter.report(draft, counter.teacher)).status_code == 404
    await counter.taken("suspend", made, SUSPENDED)
    assert (await counter.report(made, counter.reader())).status_code == 410


async def test_cases_are_for_the_administrators_above_alone(counter: Counter) -> None:
    made = await counter.published()
    assert (await counter.report(made, counter.reader())).status_code == 201
    case = await counter.case()
    strangers = (
        counter.administrator(OTHER_SCHOOL),
        counter.administrator(f"{SCHOOL}.K1"),
        counter.colleague(),
        counter.teacher,
        counter.reader(),
    )
    for headers in strangers:
        found = await counter.client.get(CASES, headers=headers)
        assert found.status_code == 403 or found.json()["items"] == []
        one = await counter.client.get(f"{CASES}/{case['id']}", headers=headers)
        assert one.status_code == 404
        assert (await counter.close(case, headers)).status_code == 404
    assert (await counter.client.get(CASES)).status_code == 401
    above = counter.administrator(CITY)
    narrowed = await counter.client.get(f"{CASES}?organisation={CITY}", headers=above)
    assert [each["id"] for each in narrowed.json()["items"]] == [case["id"]]
    elsewhere = await counter.client.get(f"{CASES}?organisation=P9", headers=above)
    assert elsewhere.status_code == 403


async def test_a_report_hides_nothing(counter: Counter) -> None:
    made = await counter.published()
    for _ in range(3):
        assert (await counter.report(made, counter.reader())).status_code == 201
    assert (await counter.client.get(f"{URL}/{made['id']}")).json()["state"] == "PUBLISHED"
    assert [kind for kind, _ in await counter.events(made)] == ["catalog.resource.published.v1"]


async def test_all_who_report_a_resource_share_one_case_and_count_once_each(
    counter: Counter,
) -> None:
    made = await counter.published()
    readers = [counter.reader(f"reader-{number}") for number in range(3)]
    answers = await asyncio.gather(*(counter.report(made, each) for each in readers * 2))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["case_id"] for each in answers}) == 1
    assert (await counter.report(made, readers[0], words="换个说法。")).status_code == 201
    case = await counter.case()
    assert (case["reports"], case["state"], case["organisation"]) == (3, "OPEN", SCHOOL)
    assert case["latest"][0] == {
        "reason_code": "factual_error",
        "words": "换个说法。",
        "version": 1,
        "at": case["latest"][0]["at"],
    }


async def test_nobody_can_tell_who_reported(counter: Counter, owner: asyncpg.Connection) -> None:
    made = await counter.published()
    name = str(uuid7())
    assert (await counter.report(made, counter.reader(name))).status_code == 201
    headers = counter.administrator()
    for url in (CASES, f"{CASES}/{(await counter.case())['id']}"):
        assert name not in (await counter.client.get(url, headers=headers)).text
    tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        kept = await owner.fetch(f"SELECT t::text FROM {table} t")  # noqa: S608 - a table's name
        assert not [row for row in kept if name in row[0]], f"{table} names the reader"


async def test_whoever_reported_is_told_what_came_of_it(counter: Counter) -> None:
    made, reader = await counter.published(), counter.reader("reader")
    assert (await counter.report(made, reader)).status_code == 201
    closed = await counter.close(await counter.case(), counter.administrator())
    assert (closed.status_code, closed.json()["state"]) == (200, "UPHELD")
    [receipt] = (await counter.client.get("/catalog/v1/reports", headers=reader)).json()["items"]
    assert (receipt["state"], receipt["remark"]) == ("UPHELD", UPHELD["remark"])
    others = await counter.client.get("/catalog/v1/reports", headers=counter.reader())
    assert others.json()["items"] == []


async def test_nobody_judges_reports_about_their_own_resource(counter: Counter) -> None:
    made = await counter.published()
    await counter.report(made, counter.reader())
    both = counter.token(counter.subject, SCOPES, (f"administrator@{CITY}",))
    refused = await counter.close(await counter.case(), both)
    assert refused.status_code == 403


async def test_a_case_is_closed_once_by_whoever_read_all_of_it(counter: Counter) -> None:
    made = await counter.published()
    await counter.report(made, counter.reader())
    read = await counter.case()
    await counter.report(made, counter.reader())
    headers = counter.administrator()
    assert (await counter.close(read, headers)).status_code == 412, "one more report came"
    case = await counter.case()
    answers = await asyncio.gather(*(counter.close(case, headers) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    await counter.report(made, counter.reader())
    again = await counter.case()
    assert (again["reports"], again["id"] != case["id"]) == (1, True), "a case of its own"


async def test_a_person_reports_so_often_a_day_and_then_waits(
    counter: Counter, owner: asyncpg.Connection
) -> None:
    made, reader = await counter.published(), counter.reader("reader")
    assert (await counter.report(made, reader)).status_code == 201
    await owner.execute(
        "WITH old AS (INSERT INTO report_cases (id, resource_id, state, reports, remark, version,"
        " opened_at) SELECT gen_random_uuid(), resource_id, 'DISMISSED', 1, '', 2, opened_at"
        " FROM report_cases, generate_series(2, $1) RETURNING id)"
        " INSERT INTO reports (case_id, reporter, reason_code, words, number, at)"
        " SELECT old.id, reporter, reason_code, words, number, at FROM old, reports",
        MOST,
    )
    refused = await counter.report(made, reader)
    assert refused.status_code == 429
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    assert (await counter.report(made, counter.reader())).status_code == 201
    await owner.execute("UPDATE reports SET at = at - $1::interval", timedelta(days=1))
    assert (await counter.report(made, reader)).status_code == 201


async def test_what_is_reported_has_a_reason_and_words(counter: Counter) -> None:
    made = await counter.published()
    for others in ({"reason_code": "dislike"}, {"words": " "}, {"words": "长" * 2001}):
        refused = await counter.report(made, counter.reader(), **others)
        assert refused.status_code == 422, refused.text


async def test_opening_and_closing_are_audited_without_the_reader(
    counter: Counter, owner: asyncpg.Connection
) -> None:
    made = await counter.published()
    await counter.report(made, counter.reader())
    await counter.report(made, counter.reader())
    await counter.close(await counter.case(), counter.administrator())
    rows = await owner.fetch(
        "SELECT action, actor FROM audit WHERE action LIKE 'report-case.%' ORDER BY id"
    )
    assert [each["action"] for each in rows] == ["report-case.opened", "report-case.closed"]
    assert rows[0]["actor"] == "a reader"


async def test_a_case_is_called_what_readers_read_and_no_maker_closes_it(counter: Counter) -> None:
    made = await counter.published()
    assert (await counter.report(made, counter.reader())).status_code == 201
    assert (await counter.patch(made, {"metadata": {"title": "没人读过的题名"}})).status_code == 200
    assert (await counter.case())["title"] == made["metadata"]["title"]
    helped = {"act": {"sub": counter.subject}}
    grants = (f"administrator@{CITY}",)
    for maker in (
        counter.token(counter.subject, SCOPES, grants),
        counter.token(str(uuid7()), SCOPES, grants, **helped),
    ):
        assert (await counter.close(await counter.case(), maker)).status_code == 403
    await counter.taken("suspend", await counter.read(made), SUSPENDED)
    assert (await counter.case())["title"] == made["metadata"]["title"]
    assert (await counter.close(await counter.case(), counter.administrator())).status_code == 200


async def test_whom_an_author_names_still_closes_what_is_reported(counter: Counter) -> None:
    named = str(uuid7())
    mine = {"name": "张敏", "role": "author"}
    editor = {"name": "李静", "role": "editor", "person_id": named}
    made = await counter.published(contributors=[mine, editor])
    assert (await counter.report(made, counter.reader())).status_code == 201
    headers = counter.token(named, SCOPES, (f"administrator@{CITY}",))
    assert (await counter.close(await counter.case(), headers)).status_code == 200
