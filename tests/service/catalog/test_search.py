"""Searching over HTTP: nothing but what is live at that moment, in whatever way it is typed."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.application.search_following import Follower
from services.catalog.parts import publication, search
from services.catalog.problems.resources import PROBLEMS
from services.catalog.settings import Settings
from shared.ids import uuid7
from shared.service import Part, Runtime, application
from tests.service.catalog.search import SCHOOL, SEARCH, Shelf
from tests.service.house import Token


async def _no_case(*_: object) -> None:
    """No resource here is under review."""


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    def build(settings: Settings) -> FastAPI:
        runtime = Runtime("catalog", settings, {})
        tombstone = publication.build(runtime, settings, end_case=_no_case).notices.tombstone
        objects = object_store(settings)
        part: Part = search.build(runtime, settings, objects=objects, tombstone=tombstone)
        app = application(runtime, title="", description="", parts=[part], table=PROBLEMS)
        app.state.part = part
        return app

    return build


@pytest.fixture
def follower(app: FastAPI) -> Follower:
    found: Follower = app.state.part.follower
    return found


@pytest.fixture
def shelf(settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection) -> Shelf:
    return Shelf(client, owner, object_store(settings))


@pytest.fixture
async def math(owner: asyncpg.Connection) -> str:
    code: str = await owner.fetchval(
        "SELECT code FROM terms WHERE dictionary = 'subject' AND until IS NULL AND name_zh = '数学'"
    )
    return code


async def test_before_there_is_an_index_search_asks_for_patience(shelf: Shelf) -> None:
    for url in (SEARCH, f"{SEARCH}/suggestions?q=a"):
        answer = await shelf.client.get(url)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


@pytest.mark.parametrize(
    "query",
    [
        "二次函数",
        "二次函数 课件",
        "ercihanshu",
        "er ci han shu",
        "erci hanshu kejian",
        "ErCi函数",
        "èrcì hánshù",
        "echs",
        "二次函树课件",
        "二词函数",
        "ercihamshu",
        "九年级数学ppt",
        "初三数学",
        "quadratic",
        "quadretic",
        "人教九年级",
        "顶点坐标",
        "抛物线",
    ],
)
async def test_a_resource_is_found_however_it_is_typed(
    shelf: Shelf, follower: Follower, math: str, query: str
) -> None:
    await shelf.put(
        "二次函数的图象与性质",
        stage="junior",
        subject=math,
        edition="renjiao",
        grades=["G9"],
        description="从 quadratic functions 的抛物线讲起。",
        text="抛物线的顶点坐标怎样求",
    )
    await shelf.put("分数的初步认识", subject=math, grades=["G3"], resource_types=["exercises"])
    await shelf.settle(follower)
    assert (await shelf.titles(query))[:1] == ["二次函数的图象与性质"]


@pytest.mark.parametrize(
    "query",
    [
        *(
            "麒麟",
            "qilin",
            "qi lin",
            "麒林",
            "qilim",
            "qilin huaban",
            "fsb",
            "放射病",
            "fangshebing",
        ),
        *("fenshu qilin", "分数 麒林", "photosynthesis", "photosinthesis", "花办"),
    ],
)
async def test_what_a_document_says_is_found_however_it_is_typed(
    shelf: Shelf, follower: Follower, query: str
) -> None:
    await shelf.put("分数的意义", text="麒麟的花瓣怎样开放，photosynthesis 与放射病")
    await shelf.put("分数的初步认识")
    await shelf.settle(follower)
    assert (await shelf.titles(query))[:1] == ["分数的意义"]


async def test_what_was_meant_is_told_and_found(
    shelf: Shelf, follower: Follower, math: str
) -> None:
    await shelf.put("三年级数学上册教学设计", subject=math)
    await shelf.settle(follower)
    for typed in ("三年纪数学", "sannianjishuxeu", "三年级书学"):
        page = await shelf.ask(typed)
        assert page["did_you_mean"] == "三年级数学"
        assert len(page["items"]) == 1
    assert (await shelf.ask("三年级数学"))["did_you_mean"] is None
    assert (await shelf.ask("？！"))["items"] == []


async def test_nothing_that_is_not_live_at_this_moment_is_shown(
    shelf: Shelf, follower: Follower
) -> None:
    await shelf.put("未发布的课件", live=False)
    taken = await shelf.put("已下架的课件")
    await shelf.put("在架的课件")
    await shelf.settle(follower)
    assert set(await shelf.titles("课件")) == {"已下架的课件", "在架的课件"}
    await shelf.live(taken, None)  # and the event is still in flight
    assert await shelf.titles("课件") == ["在架的课件"]
    assert await shelf.titles() == ["在架的课件"]
    told = await shelf.client.get(f"{SEARCH}/suggestions?q=课件")
    assert [each["text"] for each in told.json()["items"] if each["kind"] == "title"] == [
        "在架的课件"
    ]
    await shelf.tell(taken, "suspended")
    await shelf.settle(follower)
    assert (await shelf.ask("课件"))["estimated_total"] == 1
    await shelf.live(taken, 1)
    await shelf.tell(taken, "restored")
    await shelf.settle(follower)
    assert (await shelf.ask("课件"))["estimated_total"] == 2


async def test_what_is_taken_down_is_not_told_by_counts_or_words_while_the_index_is_behind(
    shelf: Shelf, follower: Follower
) -> None:
    taken = await shelf.put("鹌鹑与zebrafinch", grades=["G3"])
    await shelf.put("麻雀的观察", grades=["G4"])
    await shelf.settle(follower)

    async def told() -> list[Any]:
        pages = [
            await shelf.ask(q, facet="grade")
            for q in ("鹌鹑", "安纯", "anchum", "zebrafinhc", "", "安纯 zebrafinhc")
        ]
        return [
            (each["estimated_total"], _counts(each, "grade"), each["did_you_mean"])
            for each in pages
        ]

    before = await told()
    assert [each[0] for each in before] == [1, 1, 1, 1, 2, 1]
    assert [each[2] for each in before] == [
        *(None, "鹌鹑", "鹌鹑", "zebrafinch", None, "鹌鹑 zebrafinch")
    ]
    await shelf.live(taken, None)
    await shelf.tell(taken, "suspended")
    nothing: Any = (0, {}, None)
    after = [nothing, nothing, nothing, nothing, (1, {"G4": 1}, None), nothing]
    assert await told() == after
    await shelf.settle(follower)
    assert await told() == after, "the words that were learnt before are known still"
    await shelf.live(taken, 1)
    await shelf.tell(taken, "restored")
    await shelf.settle(follower)
    assert await told() == before


async def test_a_new_version_takes_the_place_of_the_old(shelf: Shelf, follower: Follower) -> None:
    made = await shelf.put("整数的课件", description="小数")
    await shelf.settle(follower)
    await shelf.version(made, 2, title="分数的课件", description="百分数")
    await shelf.live(made, 2)
    [hit] = (await shelf.ask("整数的课件"))["items"]
    assert hit["title"] == "分数的课件"
    assert hit["highlights"] == {"title": "分数的<mark>课件</mark>"}
    await shelf.tell(made, "published")
    await shelf.settle(follower)
    assert await shelf.titles("小数") == []
    [hit] = (await shelf.ask("百分数"))["items"]
    assert hit["live_version"] == 2


async def test_snippets_mark_what_answers_and_escape_the_rest(
    shelf: Shelf, follower: Follower
) -> None:
    await shelf.put(
        "<b>分数</b>&课件",
        description='<script>alert("分数")</script>',
        text="前言" * 60 + "\n这里讲<i>分数</i>的意义" + "后记" * 80,
    )
    await shelf.settle(follower)
    [hit] = (await shelf.ask("分数"))["items"]
    told = hit["highlights"]
    assert told["title"] == "&lt;b&gt;<mark>分数</mark>&lt;/b&gt;&amp;课件"
    assert "<script" not in told["description"]
    assert "<mark>分数</mark>" in told["text"]
    assert "<i>" not in told["text"]
    assert told["text"].startswith("…")
    assert len(told["text"]) < 200
    [hit] = (await shelf.ask("fs"))["items"]
    assert "<mark>分数" in hit["highlights"]["title"]


async def test_facets_count_and_filters_hold(shelf: Shelf, follower: Follower, math: str) -> None:
    await shelf.put("分数一", grades=["G3", "G4"], subject=math, licence="CC0-1.0")
    await shelf.put("分数二", grades=["G4"], stage="primary", resource_types=["exercises"])
    await shelf.put("分数三", grades=["G5"], path="P0.C2.S9")
    await shelf.settle(follower)
    facets = ["grade", "type", "region", "licence"]
    page = await shelf.ask("分数", facet=facets)
    assert {name: _counts(page, name) for name in facets} == {
        "grade": {"G3": 1, "G4": 2, "G5": 1},
        "type": {"coursewares": 2, "exercises": 1},
        "region": {"P0": 3, "P0.C1": 2, "P0.C1.X1": 2, "P0.C2": 1},
        "licence": {"CC0-1.0": 1},
    }
    assert set(await shelf.titles("分数", grade="G4")) == {"分数一", "分数二"}
    assert set(await shelf.titles("分数", grade=["G3", "G5"])) == {"分数一", "分数三"}
    assert await shelf.titles("分数", grade="G4", type="exercises") == ["分数二"]
    assert await shelf.titles("", region="P0.C2") == ["分数三"]
    assert await shelf.titles("", stage="primary", subject=math) == []
    assert _counts(await shelf.ask("分数", facet="type", grade="G5"), "type") == {"coursewares": 1}
    chosen = await shelf.ask("分数", facet=facets, grade="G5")
    assert _counts(chosen, "grade") == _counts(page, "grade"), "what else could be chosen"
    assert _counts(chosen, "type") == {"coursewares": 1}
    assert (await shelf.ask("分数"))["facets"] == {}


def _counts(page: dict[str, Any], name: str) -> dict[str, int]:
    return {each["value"]: each["count"] for each in page["facets"][name]}


async def test_the_callers_grade_and_region_come_first(
    shelf: Shelf, follower: Follower, token: Token
) -> None:
    far = await shelf.put("分数", grades=["G5"], path="P0.C2.S9")
    near = await shelf.put("分数", grades=["G3"], path=SCHOOL)
    await shelf.settle(follower)

    async def order(**parameters: Any) -> list[UUID]:
        return [UUID(each["id"]) for each in (await shelf.ask("分数", **parameters))["items"]]

    assert await order(prefer_grade="G5") == [far, near]
    assert await order(prefer_grade="G3") == [near, far]
    assert await order(prefer_region="P0.C2") == [far, near]
    teacher = token("a", "catalog.read", ("teacher@P0.C2.S9",))
    assert await order(headers=teacher) == [far, near]
    teacher = token("a", "catalog.read", (f"teacher@{SCHOOL}",))
    assert await order(headers=teacher) == [near, far]


async def test_the_grade_of_the_callers_class_comes_first(
    shelf: Shelf, follower: Follower, token: Token, owner: asyncpg.Connection
) -> None:
    by_grade = {each: await shelf.put("分数", grades=[each]) for each in ("G3", "G5", "G10")}
    await shelf.settle(follower)
    for label, name in (
        ("GA", "三年级"),
        ("GB", "5年级"),
        ("GC", "高中一年级"),
        ("GD", "启航部"),
    ):
        await owner.execute(
            "INSERT INTO organisations (label, path, name, kind, state)"
            " VALUES ($1, text2ltree($2), $3, 'grade', 'OPEN')",
            *(label, f"{SCHOOL}.{label}", name),
        )

    async def order(*grants: str, **parameters: Any) -> list[UUID]:
        headers = token("a", "catalog.read", grants)
        return [
            UUID(each["id"]) for each in (await shelf.ask("分数", headers, **parameters))["items"]
        ]

    anonymous = [UUID(each["id"]) for each in (await shelf.ask("分数"))["items"]]
    for label, grade in (("GA", "G3"), ("GB", "G5"), ("GC", "G10")):
        for role in ("student", "teacher"):
            found = await order(f"{role}@{SCHOOL}.{label}.K1")
            rest = [each for each in anonymous if each != by_grade[grade]]
            assert found == [by_grade[grade], *rest], (label, role)
    assert (await order(f"student@{SCHOOL}.GA.K1", prefer_grade="G5"))[0] == by_grade["G5"]
    for unknown in ("GD", "GE"):
        assert await order(f"student@{SCHOOL}.{unknown}.K1") == anonymous


async def test_pages_follow_one_another_and_belong_to_their_question(
    shelf: Shelf, follower: Follower
) -> None:
    made = [await shelf.put(f"分数 第{n}课") for n in range(7)]
    await shelf.settle(follower)
    for sort in ("relevance", "newest"):
        seen, cursor = list[UUID](), dict[str, Any]()
        while True:
            page = await shelf.ask("分数", limit=3, sort=sort, **cursor)
            seen += [UUID(each["id"]) for each in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert sorted(seen) == made
    wrong = await shelf.client.get(SEARCH, params={"q": "整数", **cursor})
    assert wrong.status_code == 400


async def test_a_row_that_was_shown_before_is_told_as_it_is_now(
    shelf: Shelf, follower: Follower, owner: asyncpg.Connection
) -> None:
    made = await shelf.put("分数")
    await shelf.settle(follower)
    assert [each["state"] for each in (await shelf.ask("分数"))["items"]] == ["PUBLISHED"]
    await owner.execute("UPDATE resources SET state = 'UPDATE_IN_REVIEW' WHERE id = $1", made)
    [told] = (await shelf.ask("分数"))["items"]
    assert told["state"] == "UPDATE_IN_REVIEW"
    await owner.execute("UPDATE resources SET live_version = NULL WHERE id = $1", made)
    assert (await shelf.ask("分数"))["items"] == []


async def test_a_page_is_one_statement_however_many_hits_and_one_for_rows_not_shown_lately(
    shelf: Shelf, follower: Follower, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        await shelf.put(f"分数 第{n}课")
    await shelf.settle(follower)
    reader, asked = app.state.runtime.reader, list[str]()
    fetch = reader.fetch

    async def counted(query: str, *parameters: Any) -> Any:
        asked.append(query)
        return await fetch(query, *parameters)

    monkeypatch.setattr(reader, "fetch", counted)
    for limit, statements in ((1, 2), (1, 1), (6, 2), (6, 1)):
        asked.clear()
        await shelf.ask("分数", limit=limit, facet=["grade", "type", "stage", "subject"])
        assert len(asked) == statements
    await shelf.tell(await shelf.put("分数", live=False), "suspended")
    for statements in (4, 2, 2):  # what was taken down is remembered
        asked.clear()
        await shelf.ask("分数")
        assert len(asked) == statements


async def test_suggestions_complete_what_is_typed(shelf: Shelf, follower: Follower) -> None:
    await shelf.put("二次函数的图象", edition="renjiao")
    await shelf.put("分数的初步认识", edition="renjiao")
    await shelf.settle(follower)

    async def suggested(q: str) -> list[str]:
        answer = await shelf.client.get(f"{SEARCH}/suggestions", params={"q": q})
        assert answer.status_code == 200, answer.text
        return [each["text"] for each in answer.json()["items"]]

    for typed in ("二次", "二次函", "erci", "erciha", "er ci h", "ech"):
        assert "二次函数的图象" in await suggested(typed), typed
    assert "人教版" in await suggested("renj")
    assert "分数 人教版" in await suggested("分数 ren")
    assert await suggested("zzzz") == []
    assert await suggested("二次函数 yuw") == []
    assert await suggested("二次d") == ["二次函数的图象"]


async def test_related_resources_are_of_the_same_subject_and_published(
    shelf: Shelf, follower: Follower, math: str
) -> None:
    one = await shelf.put("二次函数的图象", subject=math, keywords=["抛物线"])
    other = await shelf.put("二次函数的应用", subject=math)
    await shelf.put("二次函数与诗歌", subject="13")
    draft = await shelf.put("二次函数草稿", subject=math, live=False)
    await shelf.settle(follower)
    answer = await shelf.client.get(f"/catalog/v1/resources/{one}/related")
    assert [each["id"] for each in answer.json()["items"]] == [str(other)]
    await shelf.live(other, None)
    answer = await shelf.client.get(f"/catalog/v1/resources/{one}/related")
    assert answer.json()["items"] == []
    for unknown in (draft, uuid7()):
        answer = await shelf.client.get(f"/catalog/v1/resources/{unknown}/related")
        assert answer.status_code == 404
    await shelf.retire(one)
    answer = await shelf.client.get(f"/catalog/v1/resources/{one}/related")
    assert (answer.status_code, answer.json()["notice"]) == (410, "教材已换版。")


async def test_what_cannot_be_asked_is_refused(shelf: Shelf, follower: Follower) -> None:
    await shelf.settle(follower)
    for wrong in ("q=" + "数" * 201, "facet=colour", "sort=best", "grade=%00", "region=P0/C1"):
        assert (await shelf.client.get(f"{SEARCH}?{wrong}")).status_code == 422, wrong
    for strange in ("(", 'id:"a"', "a AND (b", "*", "\\", "[1 TO", "\x00", "' OR 1=1", "分数~2^9"):
        assert (await shelf.ask(strange))["items"] == []
