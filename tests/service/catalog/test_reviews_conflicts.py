"""Conflicts of interest: who declares and lifts them, where they count, and that none is lost."""

from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, OTHER_SCHOOL, SCHOOL, SCOPES
from tests.service.catalog.reviews import Panel, build_reviews
from tests.service.catalog.vocabularies import starter_set
from tests.service.house import Token

__all__ = ["starter_set"]

V1 = "/catalog/v1"
WORDS = "两人系夫妻。"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


class Bench(Panel):
    async def declare(
        self,
        headers: dict[str, str],
        reviewer: str = "a-reviewer",
        maker: str = "a-maker",
        organisation: str = SCHOOL,
        **others: Any,
    ) -> httpx2.Response:
        told = {"organisation": organisation, "reviewer": reviewer, "maker": maker}
        body = {**told, "words": WORDS, **others}
        return await self.client.post(f"{V1}/review-conflicts", headers=headers, json=body)

    async def declared(self, *args: Any, **others: Any) -> dict[str, Any]:
        answer = await self.declare(*args, **others)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def lift(self, made: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
        url = f"{V1}/review-conflicts/{made['id']}/lift"
        return await self.client.post(url, headers=headers, json={"words": "已核实无关。"})

    async def listed(self, path: str = SCHOOL, query: str = "") -> list[dict[str, Any]]:
        url = f"{V1}/review-conflicts?organisation={path}{query}"
        answer = await self.client.get(url, headers=self.administrator(path))
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def put_own(self, person: str, makers: list[str]) -> None:
        url, headers = f"{V1}/reviewers/me/conflicts", self.reviewer(person=person)
        answer = await self.client.put(url, headers=headers, json={"items": makers})
        assert answer.status_code == 200, answer.text

    async def may_claim(self, review_id: str, person: str) -> bool:
        answer = await self.act("claim", review_id, self.reviewer(person=person))
        if answer.status_code == 200:
            return True
        assert (answer.status_code, answer.json()["guard"]) == (409, "no_conflict")
        return False


@pytest.fixture
def bench(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
) -> Bench:
    return Bench(client, owner, token, object_store(settings), app=app)


async def test_only_administrators_of_the_place_declare_lift_and_read_those_of_others(
    bench: Bench,
) -> None:
    made = await bench.declared(bench.administrator(SCHOOL))
    url = f"{V1}/review-conflicts?organisation={SCHOOL}"
    elsewhere = bench.administrator(OTHER_SCHOOL)
    for headers in (bench.colleague(), bench.reviewer(), elsewhere):
        assert (await bench.declare(headers)).status_code == 403
        assert (await bench.client.get(url, headers=headers)).status_code == 403
        assert (await bench.lift(made, headers)).status_code == 404
    for answer in (
        await bench.declare({}),
        await bench.client.get(url),
        await bench.lift(made, {}),
    ):
        assert answer.status_code == 401
    assert (await bench.lift(made, bench.administrator(CITY))).status_code == 200


async def test_what_an_administrator_declares_keeps_the_reviewer_away_until_it_is_lifted(
    bench: Bench,
) -> None:
    reviewer, administrator = str(uuid7()), bench.administrator(SCHOOL)
    made = await bench.declared(administrator, reviewer, bench.subject)
    review_id = await bench.submitted(await bench.finished())
    assert not await bench.may_claim(review_id, reviewer)
    lifted = await bench.lift(made, administrator)
    assert lifted.json()["lifted_words"] == "已核实无关。"
    assert (await bench.lift(made, administrator)).status_code == 404
    assert await bench.may_claim(review_id, reviewer)


async def test_it_counts_at_the_place_and_below_and_chooses_no_judges_for_others(
    bench: Bench,
) -> None:
    here, there, above = (str(uuid7()) for _ in range(3))
    await bench.declared(bench.administrator(CITY), here, bench.subject, CITY)
    await bench.declared(bench.administrator(OTHER_SCHOOL), there, bench.subject, OTHER_SCHOOL)
    await bench.declared(bench.administrator(f"{SCHOOL}.K1"), above, bench.subject, f"{SCHOOL}.K1")
    review_id = await bench.submitted(await bench.finished())
    assert not await bench.may_claim(review_id, here)
    assert await bench.may_claim(review_id, there)
    await bench.done("release", review_id, bench.reviewer(person=there))
    assert await bench.may_claim(review_id, above)


async def test_reviewers_replace_their_own_and_cannot_lift_what_an_administrator_declared(
    bench: Bench,
) -> None:
    reviewer = str(uuid7())
    await bench.declared(bench.administrator(SCHOOL), reviewer, bench.subject)
    await bench.put_own(reviewer, [bench.subject, "somebody"])
    await bench.put_own(reviewer, [])
    review_id = await bench.submitted(await bench.finished())
    assert not await bench.may_claim(review_id, reviewer)
    url = f"{V1}/reviewers/me/conflicts"
    own = await bench.client.get(url, headers=bench.reviewer(person=reviewer))
    assert own.json() == {"items": []}


async def test_nobody_chooses_who_judges_them_or_whom_they_judge(bench: Bench) -> None:
    person = str(uuid7())
    herself = bench.token(person, SCOPES, (f"administrator@{SCHOOL}",))
    assert (await bench.declare(herself, maker=person)).status_code == 403
    assert (await bench.declare(herself, reviewer=person)).status_code == 403
    made = await bench.declared(bench.administrator(SCHOOL), maker=person)
    assert (await bench.lift(made, herself)).status_code == 403


async def test_an_administrator_lifts_what_a_reviewer_there_declared(bench: Bench) -> None:
    reviewer = str(uuid7())
    await bench.put_own(reviewer, [bench.subject])
    assert await bench.listed() == []
    await bench.enrol(reviewer)
    [found] = await bench.listed()
    assert (found["reviewer"], found["organisation"]) == (reviewer, None)
    assert (await bench.lift(found, bench.administrator(OTHER_SCHOOL))).status_code == 404
    assert (await bench.lift(found, bench.administrator(SCHOOL))).status_code == 200
    review_id = await bench.submitted(await bench.finished())
    assert await bench.may_claim(review_id, reviewer)


async def test_none_is_forgotten_and_each_has_its_words(bench: Bench) -> None:
    administrator = bench.administrator(SCHOOL)
    first, second = [await bench.declared(administrator, f"reviewer-{n}") for n in range(2)]
    again = await bench.declared(administrator, "reviewer-0", words="系师徒。")
    assert again["id"] == first["id"]
    assert (await bench.lift(second, administrator)).status_code == 200
    told = [(each["id"], each["words"]) for each in await bench.listed(CITY)]
    assert told == [(first["id"], "系师徒。")]
    [lifted] = await bench.listed(query="&lifted=true")
    assert (lifted["id"], lifted["words"]) == (second["id"], WORDS)
    wordless = await bench.declare(administrator, words=" ")
    assert wordless.status_code == 422
    audited = await bench.owner.fetch(
        "SELECT action FROM audit WHERE action LIKE 'review_conflict.%' ORDER BY id"
    )
    assert [each["action"].split(".")[1] for each in audited] == [*["declared"] * 3, "lifted"]


async def test_the_list_comes_page_by_page(bench: Bench) -> None:
    administrator = bench.administrator(SCHOOL)
    made = [await bench.declared(administrator, f"reviewer-{n}") for n in range(3)]
    url = f"{V1}/review-conflicts?organisation={SCHOOL}&limit=2"
    page = (await bench.client.get(url, headers=administrator)).json()
    rest = await bench.client.get(f"{url}&cursor={page['next']}", headers=administrator)
    told = [each["id"] for each in (*page["items"], *rest.json()["items"])]
    assert told == [each["id"] for each in reversed(made)]
