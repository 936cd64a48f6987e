"""One suite for both engines: tantivy in this process, and Meilisearch through its client.

Without a server named in SHUYUAN_TEST_MEILISEARCH_URL, the client speaks to a stand-in that refuses
whatever Meilisearch does not document.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.catalog.adapters.search_meilisearch import MeilisearchIndex
from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.application.search_ports import Indexed, SearchIndex
from services.catalog.domain.changes import Place
from services.catalog.domain.search import (
    Document,
    Facet,
    Found,
    Query,
    SearchUnavailable,
    Sort,
)
from services.catalog.search.analysis import analyse
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.queries import Reader
from services.catalog.search.segmentation import Segmenter
from shared.ids import uuid7
from tests.contract import meilisearch

URL = os.environ.get("SHUYUAN_TEST_MEILISEARCH_URL", "")
KEY = os.environ.get("SHUYUAN_TEST_MEILISEARCH_KEY", "")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SEGMENTER = Segmenter()
FIRST = Place(1, 0)


@dataclass
class Engine:
    """An index, and what is needed to fill it and to ask it."""

    index: SearchIndex
    count: int = 0

    def indexed(self, title: str, *, id: UUID | None = None, **others: Any) -> Indexed:
        self.count += 1
        told = {
            "names": (),
            "keywords": (),
            "description": "",
            "text": "",
            "facets": {},
            "published_at": EPOCH + timedelta(days=self.count),
        }
        document = Document(id or uuid7(), 1, title, **{**told, **others})
        return Indexed(document, analyse(document, SEGMENTER))

    async def begin(self, *documents: Indexed, place: Place = FIRST) -> None:
        builder = await self.index.build()
        await builder.add(documents)
        await builder.swap(place)
        await builder.abandon()
        assert await self.index.place() == place

    async def find(self, text: str, *, spared: int = 0, **others: Any) -> Found:
        reader = Reader(SEGMENTER, Lexicon(await self.index.words(1000)))
        units = reader.literal(text).units
        return await self.index.search(Query(units, max(1, len(units) - spared), **others))

    async def titles(self, text: str, **others: Any) -> list[str]:
        return [hit.title for hit in (await self.find(text, **others)).hits]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, str]]:
    """The address of a Meilisearch and a key to it."""
    if URL:
        yield URL, KEY
        return
    with meilisearch.serving("a key") as (url, _server):
        yield url, "a key"


@pytest.mark.skipif(
    not URL,
    reason="no Meilisearch server is installed here: its adapter spoke to a strict stand-in; name a"
    " server in SHUYUAN_TEST_MEILISEARCH_URL 未安装 Meilisearch，适配器仅对照严格替身测试",
)
def test_the_suite_ran_against_a_meilisearch_server() -> None:
    with httpx2.Client(trust_env=False) as client:
        answer = client.get(f"{URL}/version", headers={"authorization": f"Bearer {KEY}"})
    assert answer.json()["pkgVersion"].startswith("1.")


@pytest.fixture(params=["tantivy", "meilisearch"])
async def engine(
    request: pytest.FixtureRequest, tmp_path: Path, server: tuple[str, str]
) -> AsyncIterator[Engine]:
    with ExitStack() as leaving:
        index: SearchIndex
        if request.param == "tantivy":
            index = TantivyIndex(tmp_path / "index")
        else:
            index = MeilisearchIndex(*server, f"test-{secrets.token_hex(6)}")
        leaving.callback(index.close)
        yield Engine(index)


async def test_before_it_is_built_there_is_no_place_and_no_answer(engine: Engine) -> None:
    assert await engine.index.place() is None
    with pytest.raises(SearchUnavailable):
        await engine.index.search(Query())
    with pytest.raises(SearchUnavailable):
        await engine.index.apply((), (), Place(1, 1))


async def test_what_is_built_is_found_as_it_was_given(engine: Engine) -> None:
    made = engine.indexed("二次函数的图象", description="抛物线", text="顶点坐标")
    await engine.begin(made, engine.indexed("分数的初步认识"))
    found = await engine.find("二次函数")
    [hit] = found.hits
    assert found.total == 1
    assert (hit.id, hit.version, hit.title) == (str(made.document.id), 1, "二次函数的图象")
    assert (hit.description, hit.text) == ("抛物线", "顶点坐标")


@pytest.mark.parametrize(
    "typed",
    [
        "二次函数",
        "图象 二次函数",
        "ercihanshu",
        "er ci han shu",
        "echs",
        "抛物线",
        "顶点",
        "fun",
        "九年级",
    ],
)
async def test_every_field_is_searched(engine: Engine, typed: str) -> None:
    await engine.begin(
        engine.indexed(
            "二次函数的图象",
            names=("九年级", "Grade 9"),
            keywords=("fun",),
            description="抛物线",
            text="顶点坐标",
        ),
        engine.indexed("分数的初步认识", names=("三年级",)),
    )
    assert await engine.titles(typed) == ["二次函数的图象"]


async def test_all_words_are_required_unless_some_are_spared(engine: Engine) -> None:
    await engine.begin(engine.indexed("分数 课件"), engine.indexed("分数 习题"))
    assert await engine.titles("分数 课件") == ["分数 课件"]
    assert await engine.titles("分数 视频") == []
    assert len(await engine.titles("分数 视频", spared=1)) == 2


@pytest.mark.parametrize(("words", "spared"), [(2, 1), (3, 1), (5, 1), (6, 2), (8, 3)])
async def test_in_this_process_any_of_the_words_may_be_spared(
    tmp_path: Path, words: int, spared: int
) -> None:
    engine = Engine(TantivyIndex(tmp_path))
    asked = ["alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "theta"][:words]
    titles = [" ".join(asked[start:]) for start in range(words)]
    await engine.begin(*(engine.indexed(title) for title in titles))
    assert await engine.titles(" ".join(asked), spared=spared) == titles[: spared + 1]
    engine.index.close()


async def test_a_title_counts_for_more_than_a_text(engine: Engine) -> None:
    await engine.begin(
        engine.indexed("诗歌", text="分数 " * 3), engine.indexed("分数"), engine.indexed("散文")
    )
    assert await engine.titles("分数") == ["分数", "诗歌"]


async def test_a_change_replaces_and_a_removal_removes(engine: Engine) -> None:
    old, gone = engine.indexed("整数"), engine.indexed("小数")
    await engine.begin(old, gone, place=Place(3, 1))
    new = engine.indexed("分数", id=old.document.id)
    for _ in range(2):  # it may be repeated
        await engine.index.apply([new], [gone.document.id], Place(7, 9))
        assert await engine.index.place() == Place(7, 9)
        assert (await engine.index.search(Query())).total == 1
    assert await engine.titles("分数") == ["分数"]
    assert await engine.titles("整数") == []


async def test_an_index_built_beside_takes_the_place_of_the_other_whole(engine: Engine) -> None:
    await engine.begin(engine.indexed("整数"), place=Place(1, 0))
    builder = await engine.index.build()
    await builder.add([engine.indexed("分数")])
    assert await engine.titles("整数") == ["整数"]
    assert await engine.titles("分数") == []
    await builder.swap(Place(5, 0))
    await builder.abandon()
    assert await engine.index.place() == Place(5, 0)
    assert await engine.titles("整数") == []
    assert await engine.titles("分数") == ["分数"]


async def test_one_that_is_abandoned_leaves_the_other(engine: Engine) -> None:
    await engine.begin(engine.indexed("整数"))
    builder = await engine.index.build()
    await builder.add([engine.indexed("分数")])
    await builder.abandon()
    assert await engine.index.place() == Place(1, 0)
    assert await engine.titles("整数") == ["整数"]


async def test_filters_and_counts(engine: Engine) -> None:
    def lesson(title: str, grade: str, kind: str) -> Indexed:
        facets = {Facet.GRADE: (grade,), Facet.TYPE: (kind,), Facet.REGION: ("P0", "P0.C1")}
        return engine.indexed(title, facets=facets)

    await engine.begin(
        lesson("分数一", "G3", "a"), lesson("分数二", "G4", "a"), lesson("分数三", "G4", "b")
    )
    found = await engine.find("分数", facets=(Facet.GRADE, Facet.REGION))
    assert found.counts == {
        Facet.GRADE: {"G3": 1, "G4": 2},
        Facet.REGION: {"P0": 3, "P0.C1": 3},
    }
    both = {Facet.GRADE: ("G3", "G4"), Facet.TYPE: ("b",)}
    assert await engine.titles("分数", filters=both) == ["分数三"]
    counted = await engine.find("", filters={Facet.TYPE: ("a",)}, facets=(Facet.GRADE,))
    assert (counted.total, counted.counts) == (2, {Facet.GRADE: {"G3": 1, "G4": 1}})


async def test_what_is_excluded_is_neither_found_nor_counted(engine: Engine) -> None:
    facets = {Facet.GRADE: ("G3",)}
    kept, out = engine.indexed("分数", facets=facets), engine.indexed("分数", facets=facets)
    await engine.begin(kept, out, place=Place(4, 2))
    for text in ("分数", ""):
        found = await engine.find(
            text, facets=(Facet.GRADE,), excluded=frozenset([str(out.document.id)])
        )
        assert [hit.id for hit in found.hits] == [str(kept.document.id)]
        assert (found.total, found.counts) == (1, {Facet.GRADE: {"G3": 1}})
        assert found.place == Place(4, 2)
        counted = await engine.find(text, limit=0)
        assert (counted.total, list(counted.hits)) == (2, [])


async def test_what_is_preferred_comes_first_and_the_rest_stays(engine: Engine) -> None:
    near = engine.indexed("分数", facets={Facet.REGION: ("P0", "P0.C2")})
    far = engine.indexed("分数", facets={Facet.REGION: ("P0", "P0.C1")})
    await engine.begin(far, near)
    for region, first in (("P0.C2", near), ("P0.C1", far)):
        found = await engine.find("分数", preferred={Facet.REGION: (region,)})
        assert [found.hits[0].id, len(found.hits)] == [str(first.document.id), 2]


async def test_the_newest_first_and_page_by_page(engine: Engine) -> None:
    await engine.begin(*(engine.indexed(f"分数 {n}") for n in range(5)))
    pages = [
        await engine.titles("分数", sort=Sort.NEWEST, offset=offset, limit=2)
        for offset in (0, 2, 4, 6)
    ]
    assert pages == [["分数 4", "分数 3"], ["分数 2", "分数 1"], ["分数 0"], []]


async def test_words_are_told_with_the_number_of_documents(engine: Engine) -> None:
    await engine.begin(engine.indexed("分数 课件"), engine.indexed("分数 习题", text="小数"))
    words = await engine.index.words(100)
    assert (words["分数"], words["课件"]) == (2, 1)
    assert list(await engine.index.words(1)) == ["分数"]
    assert await engine.index.words(100, texts=True) == {"小数": 1}


@pytest.mark.parametrize("typed", ['"', "id:a", "a OR b", "-分数", "*", 'x" IN [', "'"])
async def test_no_sign_in_a_query_means_anything(engine: Engine, typed: str) -> None:
    await engine.begin(engine.indexed("分数"))
    await engine.find(typed)
    assert await engine.titles(f"分数 {typed}", spared=9) == ["分数"]


async def test_an_engine_out_of_reach_is_told_as_such() -> None:
    index = MeilisearchIndex("http://127.0.0.1:9", "key", "resources")
    with pytest.raises(SearchUnavailable):
        await index.search(Query())
    with pytest.raises(SearchUnavailable):
        await index.place()
