"""CSV files in and out: dry runs, reports, and that what goes out comes in unchanged."""

import asyncio
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

import services.catalog
from tests.service.catalog.vocabularies import PROVINCE, admin, build, starter_set
from tests.service.house import Token

__all__ = ["admin", "build", "starter_set"]

URL = "/catalog/v1/vocabulary-imports"
EXPORTS = "/catalog/v1/vocabulary-exports"
KINDS = ["terms", "textbooks", "chapters", "knowledge"]


async def sent(
    client: httpx2.AsyncClient,
    headers: dict[str, str],
    content: str | bytes,
    kind: str = "terms",
    charset: str = "",
    **asked: Any,
) -> httpx2.Response:
    """The answer to an import, which is applied unless it is asked to be a dry run."""
    return await client.post(
        URL,
        params={"kind": kind, "dry_run": False, **asked},
        headers={**headers, "content-type": f"text/csv{charset and f'; charset={charset}'}"},
        content=content,
    )


def counts(answer: httpx2.Response) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.text
    report = answer.json()
    return report["added"], report["changed"], report["unchanged"]


async def exported(client: httpx2.AsyncClient, kind: str) -> list[dict[str, str]]:
    answer = await client.get(EXPORTS, params={"kind": kind})
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


TERMS = "dictionary,code,name_zh,aliases\nedition,suke,苏科版,江苏科技版|苏科\n"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_anonymous_import_nothing(client: httpx2.AsyncClient, kind: str) -> None:
    assert (await sent(client, {}, TERMS, kind)).status_code == 401


@pytest.mark.parametrize("grant", [f"administrator@{PROVINCE}.C2", f"auditor@{PROVINCE}"])
async def test_only_administrators_of_the_province_import(
    client: httpx2.AsyncClient, token: Token, grant: str
) -> None:
    other = token("other", "catalog.write", (grant,))
    assert (await sent(client, other, TERMS)).status_code == 403


async def test_a_dry_run_reports_and_changes_nothing(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await sent(client, admin, TERMS, dry_run=True)
    assert counts(answer) == (1, 0, 0)
    assert answer.json()["applied"] is False
    assert (await client.get("/catalog/v1/dictionaries/edition")).json()["version"] == 1


async def test_rows_of_the_same_name_are_refused(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    rows = "dictionary,code,name_zh\nedition,a,甲版\nedition,b,甲版\nedition,c,人教版\n"
    answer = await sent(client, admin, rows)
    assert answer.status_code == 422
    told = [(each["line"], each["column"], each["code"]) for each in answer.json()["errors"]]
    assert told == [
        (2, "name_zh", "repeated"),
        (3, "name_zh", "repeated"),
        (4, "name_zh", "repeated"),
    ]


@pytest.mark.parametrize(
    ("content", "zh", "en"),
    [
        ("dictionary,code,bogus\n", "表头有误：列“bogus”无法识别。", "column 'bogus' is unknown"),
        (
            "dictionary,code,position\nedition,x,-1\n",
            "序号为 0 至 999999 的整数。",
            "A position is",
        ),
        ("dictionary,code\nnodict,x\n", "没有字典“nodict”", "There is no dictionary 'nodict'"),
    ],
)
async def test_what_is_wrong_is_told_in_one_language(
    client: httpx2.AsyncClient, admin: dict[str, str], content: str, zh: str, en: str
) -> None:
    chinese = await sent(client, admin, content)
    english = await sent(client, {**admin, "accept-language": "en"}, content)
    assert zh in chinese.text
    assert en not in chinese.text
    assert en in english.text
    assert zh not in english.text


async def test_renaming_a_term_throws_no_textbook_out_of_it(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    assert counts(await sent(client, admin, "title,edition\n甲,人教版\n", "textbooks")) == (1, 0, 0)
    renamed = await client.patch(
        "/catalog/v1/dictionaries/edition/terms/renjiao",
        json={"name_zh": "人民教育版"},
        headers={**admin, "if-match": '"v1"'},
    )
    assert renamed.status_code == 200
    out = await client.get(EXPORTS, params={"kind": "textbooks"})
    assert counts(await sent(client, admin, out.content, "textbooks")) == (0, 0, 1)
    [book] = (await client.get("/catalog/v1/textbooks?edition=renjiao")).json()["items"]
    answer = await client.patch(
        f"/catalog/v1/textbooks/{book['id']}",
        json={"publisher": "人民教育出版社"},
        headers={**admin, "if-match": '"v1"'},
    )
    assert answer.json()["codes"] == book["codes"]


async def test_a_term_is_still_found_by_its_former_name_which_no_other_gets(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    terms = "/catalog/v1/dictionaries/edition/terms"
    for version, name in enumerate(("人教社版", "人民教育版"), 1):
        renamed = await client.patch(
            f"{terms}/renjiao",
            json={"name_zh": name},
            headers={**admin, "if-match": f'"v{version}"'},
        )
        assert renamed.status_code == 200, renamed.text

    books = "title,edition\n甲,人教版\n乙,人教社版\n"
    assert counts(await sent(client, admin, books, "textbooks")) == (2, 0, 0)
    found = (await client.get("/catalog/v1/textbooks?edition=renjiao")).json()["items"]
    assert {each["title"] for each in found} == {"甲", "乙"}

    other = {"code": "renjiao2", "name_zh": "人教版"}
    headers = {**admin, "if-match": '"v3"'}
    refused = await client.post(terms, json=other, headers=headers)
    assert refused.status_code == 409
    assert "renjiao" in refused.json()["detail"]
    table = "dictionary,code,name_zh\nedition,renjiao2,人教版\n"
    assert "renjiao" in (await sent(client, admin, table)).text
    back = await client.patch(f"{terms}/renjiao", json={"name_zh": "人教版"}, headers=headers)
    assert back.status_code == 200


@pytest.mark.parametrize("by_import", [True, False])
async def test_a_new_term_reaches_the_textbooks_that_wait_for_it(
    client: httpx2.AsyncClient, admin: dict[str, str], owner: asyncpg.Connection, by_import: bool
) -> None:
    books = "title,edition\n甲,苏科版\n乙,某某版\n丙,人教版\n"
    assert counts(await sent(client, admin, books, "textbooks")) == (3, 0, 0)
    if by_import:
        await sent(client, admin, TERMS)
    else:
        answer = await client.post(
            "/catalog/v1/dictionaries/edition/terms",
            json={"code": "suke", "name_zh": "苏科版"},
            headers={**admin, "if-match": '"v1"'},
        )
        assert answer.status_code == 201, answer.text
    [book] = (await client.get("/catalog/v1/textbooks?edition=suke")).json()["items"]
    assert book["title"] == "甲"
    read = await client.get(f"/catalog/v1/textbooks/{book['id']}")
    assert read.headers["etag"] == '"v2"'
    assert counts(await sent(client, admin, books, "textbooks")) == (0, 0, 3)
    told = "SELECT count(*) FROM audit WHERE action = 'textbooks.resolved'"
    assert await owner.fetchval(told) == 1


async def test_the_same_file_a_second_time_changes_nothing(
    client: httpx2.AsyncClient, admin: dict[str, str], owner: asyncpg.Connection
) -> None:
    assert counts(await sent(client, admin, TERMS)) == (1, 0, 0)
    assert counts(await sent(client, admin, TERMS)) == (0, 0, 1)
    dictionary = (await client.get("/catalog/v1/dictionaries/edition")).json()
    assert dictionary["version"] == 2
    actions = await owner.fetch("SELECT action FROM audit ORDER BY id")
    assert [each["action"] for each in actions] == ["dictionary.changed", "vocabulary.imported"]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_export_imports_back_without_a_change(
    client: httpx2.AsyncClient, admin: dict[str, str], kind: str
) -> None:
    book = "title,stage\n=1+1 数学,小学\n'-书,初中\n"
    assert counts(await sent(client, admin, book, "textbooks")) == (2, 0, 0)
    id_ = (await exported(client, "textbooks"))[0]["id"]
    chapters = f"textbook,code,title,parent\n{id_},1,第一章,\n{id_},1.1,@数,1\n"
    assert counts(await sent(client, admin, chapters, "chapters")) == (2, 0, 0)
    points = "subject,code,name_zh,prerequisites\n14,a,加法,\n14,b,乘法,a\n"
    assert counts(await sent(client, admin, points, "knowledge")) == (2, 0, 0)
    first = await client.get(EXPORTS, params={"kind": kind})
    added, changed, unchanged = counts(await sent(client, admin, first.content, kind))
    assert (added, changed) == (0, 0)
    assert unchanged == len(await exported(client, kind))
    assert (await client.get(EXPORTS, params={"kind": kind})).content == first.content


async def test_a_new_province_has_the_starter_set_of_the_product(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    content = (Path(services.catalog.__file__).parent / "starter" / "terms.csv").read_bytes()
    added, changed, unchanged = counts(await sent(client, admin, content, dry_run=True))
    assert (added, changed) == (0, 0)
    assert unchanged == len(await exported(client, "terms"))


async def test_cells_that_look_like_formulas_are_written_as_text_and_read_back(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    await sent(client, admin, 'title\n"=HYPERLINK(""x"")"\n', "textbooks")
    (row,) = await exported(client, "textbooks")
    assert row["title"] == '\'=HYPERLINK("x")'
    (book,) = (await client.get("/catalog/v1/textbooks")).json()["items"]
    assert book["title"] == '=HYPERLINK("x")'


@pytest.mark.parametrize(
    ("charset", "codec", "told"),
    [
        ("", "utf-8", "utf-8"),
        ("", "utf-8-sig", "utf-8"),
        ("", "gb18030", "gb18030"),
        ("GBK", "gbk", "gb18030"),
        ("utf-8", "utf-8-sig", "utf-8"),
    ],
)
async def test_a_file_is_read_as_utf_8_or_gb18030_and_the_report_says_which(
    client: httpx2.AsyncClient, admin: dict[str, str], charset: str, codec: str, told: str
) -> None:
    answer = await sent(client, admin, TERMS.encode(codec), charset=charset)
    assert counts(answer) == (1, 0, 0)
    assert answer.json()["encoding"] == told
    terms = (await client.get("/catalog/v1/dictionaries/edition")).json()["terms"]
    assert next(t["aliases"] for t in terms if t["code"] == "suke") == ["江苏科技版", "苏科"]


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        (TERMS.encode("gb18030"), "utf-8"),
        (TERMS.encode("utf-16"), "utf-16"),
        (b"\xff\xff\xff", ""),
        (b"dictionary,code\nedition,a\0b\n", ""),
        (b'dictionary,code\nedition,"a"b\n', ""),
        (b"dictionary,code\nedition,a,b\n", ""),
        (b"dictionary,name_zh\nedition,a\n", ""),
        (b"dictionary,code,colour\nedition,a,red\n", ""),
        (b"", ""),
    ],
)
async def test_what_is_no_such_table_is_refused(
    client: httpx2.AsyncClient, admin: dict[str, str], content: bytes, charset: str
) -> None:
    answer = await sent(client, admin, content, charset=charset)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("catalog/unreadable-table")


async def test_another_media_type_is_415(client: httpx2.AsyncClient, admin: dict[str, str]) -> None:
    answer = await client.post(URL, params={"kind": "terms"}, headers=admin, json={})
    assert answer.status_code == 415


BAD = (
    "dictionary,code,parent,name_zh,position,state\n"
    "edition,good,,好版,1,\n"
    "colour,red,,红,1,\n"
    "edition,bad code,,坏版,x,GONE\n"
    "edition,twice,,甲,1,\n"
    "edition,twice,,乙,1,\n"
    "stage,a,b,甲,1,\n"
    "stage,b,a,乙,1,\n"
    "stage,c,a,丙,1,\n"
)


async def test_every_defect_is_told_with_its_line_and_nothing_is_applied(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await sent(client, admin, BAD)
    assert answer.status_code == 422
    found = [(each["line"], each["column"], each["code"]) for each in answer.json()["errors"]]
    assert found == [
        (3, "dictionary", "unknown"),
        (4, "code", "malformed"),
        (4, "position", "malformed"),
        (4, "state", "malformed"),
        (5, "code", "repeated"),
        (6, "code", "repeated"),
        (7, "parent", "cycle"),
        (8, "parent", "cycle"),
        (9, "parent", "unknown"),
    ]
    assert (await client.get("/catalog/v1/dictionaries/edition")).json()["version"] == 1


async def test_a_partial_import_applies_the_good_rows_and_tells_the_others(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await sent(client, admin, BAD, partial=True)
    assert counts(answer) == (1, 0, 0)
    assert Counter(each["code"] for each in answer.json()["defects"]) == {
        "unknown": 2,
        "malformed": 3,
        "repeated": 2,
        "cycle": 2,
    }
    codes = {
        t["code"] for t in (await client.get("/catalog/v1/dictionaries/edition")).json()["terms"]
    }
    assert "good" in codes
    assert "twice" not in codes


async def test_knowledge_rows_that_form_a_cycle_are_refused_and_named(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    rows = (
        "subject,code,name_zh,prerequisites\n数学,a,甲,c\n数学,b,乙,a\n数学,c,丙,b\n数学,d,丁,zz\n"
    )
    answer = await sent(client, admin, rows, "knowledge")
    assert [(each["line"], each["code"]) for each in answer.json()["errors"]] == [
        (2, "cycle"),
        (3, "cycle"),
        (4, "cycle"),
        (5, "unknown"),
    ]
    assert "a → c → b → a" in answer.json()["errors"][0]["detail"]


async def test_chapters_of_no_textbook_are_refused(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    rows = "textbook,code,title\nx,1,一\n0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e,1,一\n,2,二\n"
    answer = await sent(client, admin, rows, "chapters")
    found = [(each["line"], each["column"], each["code"]) for each in answer.json()["errors"]]
    assert found == [
        (2, "textbook", "malformed"),
        (3, "textbook", "unknown"),
        (4, "textbook", "missing"),
    ]


async def test_an_import_takes_a_constant_number_of_statements(
    client: httpx2.AsyncClient, admin: dict[str, str], statements: list[str]
) -> None:
    seen = []
    for size in (2, 200):
        rows = "".join(f"书{size}-{n},小学,语文\n" for n in range(size))
        statements.clear()
        await sent(client, admin, f"title,stage,subject\n{rows}", "textbooks")
        seen.append([re.sub(r"\s+", " ", each)[:40] for each in statements])
    assert len(seen[0]) - 1 == len(seen[1])  # the dictionaries are read once
    assert len(seen[1]) <= 6


async def test_the_same_file_twice_at_once_adds_its_rows_once(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    rows = "title,stage\n" + "".join(f"书{n},小学\n" for n in range(50))
    answers = await asyncio.gather(*(sent(client, admin, rows, "textbooks") for _ in range(2)))
    assert sorted(map(counts, answers)) == [(0, 0, 50), (50, 0, 0)]


async def test_a_repeated_request_gets_the_first_report(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    headers = {**admin, "idempotency-key": "one-import"}
    first = await sent(client, headers, TERMS)
    again = await sent(client, headers, TERMS)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
