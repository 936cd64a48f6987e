"""Textbooks and chapters over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tests.service.catalog.test_vocabularies_imports import sent
from tests.service.catalog.vocabularies import PROVINCE, admin, build, starter_set
from tests.service.house import Token

__all__ = ["admin", "build", "starter_set"]

URL = "/catalog/v1/textbooks"
BOOK = {
    "title": "语文六年级上册",
    "stage": "小学",
    "subject": "13",
    "edition": "部编版",
    "grade": "六年级",
    "volume": "上册",
    "publisher": "人民教育出版社",
    "size": 1,
}
CHAPTERS = {
    "chapters": [
        {"code": "1", "title": "第一单元"},
        {"code": "1.1", "parent": "1", "title": "草原"},
        {"code": "2", "title": "第二单元"},
        {"code": "1.2", "parent": "1", "title": "丁香结"},
    ]
}
WRITES: list[tuple[str, str, Any]] = [
    ("POST", URL, BOOK),
    ("PATCH", f"{URL}/{{id}}", {"title": "语文"}),
    ("PUT", f"{URL}/{{id}}/chapters", CHAPTERS),
]


@pytest.fixture
async def book(client: httpx2.AsyncClient, admin: dict[str, str]) -> dict[str, Any]:
    answer = await client.post(URL, json=BOOK, headers=admin)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_only_administrators_of_the_province_change_textbooks(
    client: httpx2.AsyncClient,
    token: Token,
    book: dict[str, Any],
    method: str,
    path: str,
    body: Any,
) -> None:
    path, condition = path.format(id=book["id"]), {"if-match": '"v1"'}
    anonymous = await client.request(method, path, json=body, headers=condition)
    assert anonymous.status_code == 401
    other = token("other", "catalog.write", (f"administrator@{PROVINCE}.C2",))
    answer = await client.request(method, path, json=body, headers={**other, **condition})
    assert answer.status_code == 403
    assert len((await client.get(URL)).json()["items"]) == 1


async def test_what_is_said_is_kept_word_for_word_beside_the_codes(
    client: httpx2.AsyncClient, book: dict[str, Any]
) -> None:
    answer = await client.get(f"{URL}/{book['id']}")
    assert answer.headers["etag"] == '"v1"'
    read = answer.json()
    assert read["texts"]["edition"] == "部编版"
    assert read["codes"] == {
        "stage": "primary",
        "subject": "13",
        "edition": "tongbian",
        "grade": "G6",
        "volume": "upper",
    }
    assert book["oddities"] == []
    assert book == {**read, "oddities": []}


async def test_an_unknown_text_is_kept_and_told_and_gets_no_code(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    body = {**BOOK, "edition": "某某版", "subject": "信息技术"}
    answer = await client.post(URL, json=body, headers=admin)
    made = answer.json()
    assert made["texts"]["edition"] == "某某版"
    assert not {"edition", "subject"} & set(made["codes"])
    assert {(each["column"], each["code"]) for each in made["oddities"]} == {
        ("edition", "unknown"),
        ("subject", "ambiguous"),
    }


async def test_books_of_which_the_same_is_said_are_two_books(
    client: httpx2.AsyncClient, admin: dict[str, str], book: dict[str, Any]
) -> None:
    other = (await client.post(URL, json=BOOK, headers=admin)).json()
    assert other["id"] != book["id"]
    chosen = {"stage": "primary", "subject": "13", "edition": "tongbian", "grade": "G6"}
    items = (await client.get(URL, params=chosen)).json()["items"]
    assert {each["id"] for each in items} == {book["id"], other["id"]}


async def test_a_repeated_addition_adds_one_book(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    headers = {**admin, "idempotency-key": "one-book"}
    answers = [await client.post(URL, json=BOOK, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len((await client.get(URL)).json()["items"]) == 1


async def test_every_defect_of_a_textbook_is_told(
    client: httpx2.AsyncClient, admin: dict[str, str]
) -> None:
    body = {"title": "  ", "stage": "小\n学", "publisher": "甲\t乙"}
    answer = await client.post(URL, json=body, headers=admin)
    assert answer.status_code == 422
    pointers = {each["pointer"] for each in answer.json()["errors"]}
    assert pointers == {"#/title", "#/stage", "#/publisher"}


async def test_a_change_tells_the_version_read_and_leaves_the_rest(
    client: httpx2.AsyncClient, admin: dict[str, str], book: dict[str, Any]
) -> None:
    path, body = f"{URL}/{book['id']}", {"state": "RETIRED"}
    assert (await client.patch(path, json=body, headers=admin)).status_code == 428
    answer = await client.patch(path, json=body, headers={**admin, "if-match": '"v1"'})
    assert answer.json() == {**book, "state": "RETIRED", "version": 2}
    stale = await client.patch(path, json=body, headers={**admin, "if-match": '"v1"'})
    assert stale.status_code == 412
    assert (await client.get(URL)).json()["items"] == []
    retired = (await client.get(URL, params={"state": "RETIRED"})).json()["items"]
    assert [each["id"] for each in retired] == [book["id"]]


async def test_no_textbook_is_404(client: httpx2.AsyncClient, admin: dict[str, str]) -> None:
    path = f"{URL}/{uuid4()}"
    headers = {**admin, "if-match": '"v1"'}
    answers = [
        await client.get(path),
        await client.get(f"{path}/chapters"),
        await client.patch(path, json={}, headers=headers),
        await client.put(f"{path}/chapters", json=CHAPTERS, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (
            "stage",
            ["数学一年级上册", "数学一年级下册", "数学二年级上册", "语文七年级上册", "地理必修"],
        ),
        (
            "title",
            ["地理必修", "数学一年级上册", "数学一年级下册", "数学二年级上册", "语文七年级上册"],
        ),
    ],
)
async def test_pages_follow_the_dictionaries_or_the_pinyin_in_one_statement(
    client: httpx2.AsyncClient,
    admin: dict[str, str],
    statements: list[str],
    sort: str,
    expected: list[str],
) -> None:
    rows = (
        "title,stage,subject,grade,volume\n"
        "地理必修,高中,地理,,必修\n"
        "数学二年级上册,小学,数学,二年级,上册\n"
        "数学一年级下册,小学,数学,一年级,下册\n"
        "数学一年级上册,小学,数学,一年级,上册\n"
        "语文七年级上册,初中,语文,七年级,上册\n"
    )
    await sent(client, admin, rows, "textbooks")
    titles: list[str] = []
    cursor = ""
    while cursor is not None:
        statements.clear()
        asked: dict[str, Any] = {"sort": sort, "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(URL, params=asked)).json()
        assert len(statements) == 1
        titles += [each["title"] for each in page["items"]]
        cursor = page["next"]
    assert titles == expected
    other = await client.get(URL, params={"sort": sort, "cursor": "x"})
    assert other.status_code == 400


async def test_the_walk_shows_what_there_is_below_each_choice(
    client: httpx2.AsyncClient, admin: dict[str, str], book: dict[str, Any]
) -> None:
    await client.post(URL, json={**BOOK, "edition": "某某版"}, headers=admin)
    chosen: dict[str, str] = {}
    walk = []
    while (below := (await client.get(f"{URL}/choices", params=chosen)).json())["facet"]:
        walk.append([(each["code"], each["textbooks"]) for each in below["choices"]])
        chosen[below["facet"]] = below["choices"][0]["code"]
    assert walk == [
        [("primary", 2)],
        [("13", 2)],
        [("tongbian", 1), (None, 1)],
        [("G6", 1)],
        [("upper", 1)],
    ]
    items = (await client.get(URL, params=chosen)).json()["items"]
    assert [each["id"] for each in items] == [book["id"]]


async def test_the_walk_goes_on_below_what_no_dictionary_knows(
    client: httpx2.AsyncClient, admin: dict[str, str], book: dict[str, Any]
) -> None:
    unknown = {**BOOK, "edition": "某某版", "volume": "三册"}
    made = (await client.post(URL, json=unknown, headers=admin)).json()
    chosen: dict[str, str | list[str]] = {"without": []}
    walk = []
    while (below := (await client.get(f"{URL}/choices", params=chosen)).json())["facet"]:
        last = below["choices"][-1]
        walk.append((below["facet"], last["code"], last["textbooks"]))
        if last["code"] is None:
            chosen["without"] = [*chosen["without"], below["facet"]]
        else:
            chosen[below["facet"]] = last["code"]
    assert walk == [
        ("stage", "primary", 2),
        ("subject", "13", 2),
        ("edition", None, 1),
        ("grade", "G6", 1),
        ("volume", None, 1),
    ]
    items = (await client.get(URL, params=chosen)).json()["items"]
    assert [each["id"] for each in items] == [made["id"]]
    refused = await client.get(f"{URL}/choices", params={"without": "colour"})
    assert refused.status_code == 422


async def test_chapters_are_read_in_order_in_one_statement(
    client: httpx2.AsyncClient,
    admin: dict[str, str],
    book: dict[str, Any],
    statements: list[str],
) -> None:
    path = f"{URL}/{book['id']}/chapters"
    put = await client.put(path, json=CHAPTERS, headers={**admin, "if-match": '"v1"'})
    assert put.status_code == 200, put.text
    assert put.headers["etag"] == '"v2"'
    statements.clear()
    read = await client.get(path)
    assert len(statements) == 1
    assert read.json() == put.json()
    assert [(each["code"], each["depth"]) for each in read.json()["chapters"]] == [
        ("1", 0),
        ("1.1", 1),
        ("1.2", 1),
        ("2", 0),
    ]
    kept = await client.get(path, headers={"if-none-match": '"v2"'})
    assert kept.status_code == 304


async def test_chapters_left_out_are_retired_and_come_back_when_they_are_named_again(
    client: httpx2.AsyncClient,
    admin: dict[str, str],
    book: dict[str, Any],
    owner: asyncpg.Connection,
) -> None:
    path = f"{URL}/{book['id']}/chapters"
    await client.put(path, json=CHAPTERS, headers={**admin, "if-match": '"v1"'})
    fewer = {"chapters": CHAPTERS["chapters"][:1]}
    await client.put(path, json=fewer, headers={**admin, "if-match": '"v2"'})
    states = await owner.fetch("SELECT code, state FROM chapters ORDER BY code")
    assert [tuple(each) for each in states] == [
        ("1", "ACTIVE"),
        ("1.1", "RETIRED"),
        ("1.2", "RETIRED"),
        ("2", "RETIRED"),
    ]
    again = await client.put(path, json=CHAPTERS, headers={**admin, "if-match": '"v3"'})
    assert len(again.json()["chapters"]) == 4


async def test_every_defect_of_chapters_is_told_with_its_pointer(
    client: httpx2.AsyncClient, admin: dict[str, str], book: dict[str, Any]
) -> None:
    body = {
        "chapters": [
            {"code": "1", "title": "甲", "parent": "2"},
            {"code": "2", "title": "乙", "parent": "1"},
            {"code": "3", "title": "丙"},
            {"code": "3", "title": "丁", "parent": "9"},
        ]
    }
    answer = await client.put(
        f"{URL}/{book['id']}/chapters", json=body, headers={**admin, "if-match": '"v1"'}
    )
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "#/chapters/2/code",
        "#/chapters/0/parent",
        "#/chapters/1/parent",
        "#/chapters/3/parent",
    ]


async def test_of_two_changes_at_once_one_comes_late(
    client: httpx2.AsyncClient, admin: dict[str, str], book: dict[str, Any]
) -> None:
    headers = {**admin, "if-match": '"v1"'}
    answers = await asyncio.gather(
        client.patch(f"{URL}/{book['id']}", json={"publisher": "甲"}, headers=headers),
        client.put(f"{URL}/{book['id']}/chapters", json=CHAPTERS, headers=headers),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
