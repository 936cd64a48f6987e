"""A real directory of 1,907 school textbooks imports without loss: every row is kept word for word,
every odd value is told, none is guessed."""

import csv
import io
import os
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from tests.service.catalog.test_vocabularies_imports import counts, exported, sent
from tests.service.catalog.vocabularies import admin, build, starter_set

__all__ = ["admin", "build", "starter_set"]

DIRECTORY = Path(
    os.environ.get("SHUYUAN_TEST_TEXTBOOKS")
    or Path(__file__).parents[3].parent / "shared" / "data" / "textbooks.csv"
)
pytestmark = pytest.mark.skipif(
    not DIRECTORY.exists(),
    reason="the textbook directory is no part of the source: name it in SHUYUAN_TEST_TEXTBOOKS",
)


@pytest.fixture(scope="module")
def directory() -> bytes:
    return DIRECTORY.read_bytes()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def test_every_row_goes_in_and_comes_out_word_for_word(
    client: httpx2.AsyncClient, admin: dict[str, str], directory: bytes
) -> None:
    rows = rows_of(directory)
    assert len(rows) == 1907
    assert counts(await sent(client, admin, directory, "textbooks")) == (1907, 0, 0)
    columns = list(rows[0])
    out = [tuple(each[name] for name in columns) for each in await exported(client, "textbooks")]
    assert out == [tuple(row.values()) for row in rows]
    assert counts(await sent(client, admin, directory, "textbooks")) == (0, 0, 1907)


async def test_the_report_counts_every_odd_value(
    client: httpx2.AsyncClient, admin: dict[str, str], directory: bytes
) -> None:
    report = (await sent(client, admin, directory, "textbooks", dry_run=True)).json()
    tally = {(each["column"], each["code"]): each["count"] for each in report["tally"]}
    assert tally == {
        ("edition", "unknown"): 1216,
        ("grade", "inconsistent"): 225,  # as 英语（三年级起点）五年级上册 under 三年级
        ("grade", "missing"): 414,
        ("grade", "unknown"): 6,  # 水平一, 水平二, 水平三
        ("publisher", "missing"): 899,
        ("subject", "ambiguous"): 40,  # 信息技术 has two codes
        ("subject", "unknown"): 150,
        ("title", "malformed"): 6,  # · 数学一年级上册
        ("volume", "missing"): 8,
    }
    assert all(defect["odd"] for defect in report["defects"])
    assert len(report["defects"]) == sum(tally.values())
    rows = rows_of(directory)
    for defect in report["defects"]:
        assert rows[defect["line"] - 2][defect["column"]] == defect["value"]


async def test_a_text_without_exactly_one_term_gets_no_code(
    client: httpx2.AsyncClient, admin: dict[str, str], directory: bytes
) -> None:
    report = (await sent(client, admin, directory, "textbooks")).json()
    told = Counter(
        defect["column"]
        for defect in report["defects"]
        if defect["code"] in ("unknown", "ambiguous") or not defect["value"]
    )
    for facet in ("stage", "subject", "edition", "grade", "volume"):
        found, cursor = 0, ""
        while cursor is not None:
            asked = {"without": facet, "limit": 200, **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/catalog/v1/textbooks", params=asked)).json()
            found, cursor = found + len(page["items"]), page["next"]
        assert found == told[facet]


async def test_once_the_dictionary_knows_a_text_the_textbooks_get_their_codes(
    client: httpx2.AsyncClient, admin: dict[str, str], directory: bytes
) -> None:
    await sent(client, admin, directory, "textbooks")
    terms = "dictionary,code,name_zh\nsubject,L20,地理图册\n"
    assert counts(await sent(client, admin, terms, "terms")) == (1, 0, 0)
    asked: dict[str, str | int] = {"subject": "L20", "limit": 200}
    found = (await client.get("/catalog/v1/textbooks", params=asked)).json()["items"]
    assert len(found) == 56
    assert counts(await sent(client, admin, directory, "textbooks")) == (0, 0, 1907)
