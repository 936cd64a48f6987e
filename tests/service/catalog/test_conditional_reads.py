"""Single reads carry an ETag, and whoever has it already is not sent the same again."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.objects import object_store
from services.catalog.parts import collections, intake, uploads, vocabularies
from services.catalog.settings import Settings
from shared.service import Part, Runtime
from tests.service.catalog.conftest import only
from tests.service.catalog.uploads import Person, some, teacher
from tests.service.house import Token

BASE = "/catalog/v1"


def _uploads(runtime: Runtime, settings: Settings) -> Part:
    return uploads.build(runtime, settings, objects=object_store(settings), queue=InspectionQueue())


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(_uploads, collections.build, intake.build, vocabularies.build)


@pytest.fixture
async def ada(client: httpx2.AsyncClient, token: Token) -> AsyncIterator[Person]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as store:
        yield Person(client, store, teacher(token, "ada"))


async def again(
    client: httpx2.AsyncClient, path: str, headers: dict[str, str] | None = None
) -> tuple[httpx2.Response, httpx2.Response]:
    """The answer, and that to somebody who has it already."""
    first = await client.get(BASE + path, headers=headers)
    assert first.status_code == 200, first.text
    known = {**(headers or {}), "if-none-match": first.headers["etag"]}
    return first, await client.get(BASE + path, headers=known)


async def added_textbook(client: httpx2.AsyncClient, token: Token) -> str:
    clerk = token("clerk", "catalog.read catalog.write", ("administrator@P0",))
    body = {"title": "数学 三年级 上册", "stage": "小学", "subject": "数学"}
    made = await client.post(f"{BASE}/textbooks", json=body, headers=clerk)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_public_reads_are_kept_by_any_cache_and_asked_for_again(
    client: httpx2.AsyncClient, token: Token
) -> None:
    book = await added_textbook(client, token)
    for path in (
        "/dictionaries/stage",
        "/dictionaries/stage/terms/primary",
        f"/textbooks/{book}",
        f"/textbooks/{book}/chapters",
        "/knowledge/14",
    ):
        first, second = await again(client, path)
        assert (second.status_code, second.content) == (304, b""), path
        assert second.headers["etag"] == first.headers["etag"]
        assert second.headers["cache-control"] == "public, no-cache"
    other = {"if-none-match": '"v999"'}
    assert (await client.get(f"{BASE}/textbooks/{book}", headers=other)).status_code == 200


async def test_a_term_is_read_by_itself(client: httpx2.AsyncClient) -> None:
    told = (await client.get(f"{BASE}/dictionaries/stage/terms/primary")).json()
    assert (told["code"], told["name_zh"]) == ("primary", "小学")
    assert (await client.get(f"{BASE}/dictionaries/stage/terms/nowhere")).status_code == 404
    assert (await client.get(f"{BASE}/dictionaries/nothing/terms/primary")).status_code == 404


async def test_a_knowledge_point_is_read_with_its_prerequisites(
    client: httpx2.AsyncClient, token: Token
) -> None:
    clerk = token("clerk", "catalog.read catalog.write", ("administrator@P0",))
    for code, before in (("count", []), ("add", ["count"])):
        graph = await client.get(f"{BASE}/knowledge/14")
        put = await client.put(
            f"{BASE}/knowledge/14/points/{code}",
            json={"name_zh": code, "prerequisites": before},
            headers={**clerk, "if-match": graph.headers["etag"]},
        )
        assert put.status_code == 201, put.text
    first, second = await again(client, "/knowledge/14/points/add")
    assert first.json()["prerequisites"] == ["count"]
    assert second.status_code == 304
    assert (await client.get(f"{BASE}/knowledge/14/points/none")).status_code == 404


async def test_a_collection_is_kept_by_its_readers_own_cache(
    client: httpx2.AsyncClient, token: Token
) -> None:
    headers = teacher(token)
    made = await client.post(f"{BASE}/collections", json={"title": "单元"}, headers=headers)
    first, second = await again(client, f"/collections/{made.json()['id']}", headers)
    assert second.status_code == 304
    assert first.headers["etag"] == made.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"


async def test_an_upload_under_way_is_told_anew_when_a_part_arrives(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    content = some(1000)
    begun = await ada.begin(content)
    path = f"/uploads/{begun['id']}"
    before = await client.get(BASE + path, headers=ada.headers)
    await ada.send(content, begun["parts"])
    known = {**ada.headers, "if-none-match": before.headers["etag"]}
    assert (await client.get(BASE + path, headers=known)).json()["received"] == [1]


async def test_an_upload_that_is_over_stays_as_it_is(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    begun = await ada.begin(some(1000))
    await ada.abort(begun["id"])
    first, second = await again(client, f"/uploads/{begun['id']}", ada.headers)
    assert (first.headers["etag"], second.status_code) == ('"v2"', 304)


async def test_an_import_is_told_anew_as_rows_are_dealt_with(
    client: httpx2.AsyncClient, ada: Person, owner: asyncpg.Connection
) -> None:
    table = await ada.upload("题名\n第一课\n".encode(), filename="表.csv", media_type="text/csv")
    body = {"table_upload_id": table}
    begun = await client.post(f"{BASE}/imports", json=body, headers=ada.headers)
    assert begun.status_code == 202, begun.text
    path = f"/imports/{begun.json()['id']}"
    first, second = await again(client, path, ada.headers)
    assert second.status_code == 304
    await owner.execute(
        "INSERT INTO intake_rows (intake_id, position, line, metadata, files, outcome, defects)"
        " SELECT id, 1, 2, '{}', '[]', 'created', '[]' FROM intakes"
    )
    known = {**ada.headers, "if-none-match": first.headers["etag"]}
    assert (await client.get(BASE + path, headers=known)).status_code == 200
    cancelled = await client.post(f"{BASE}{path}/cancel", headers=ada.headers)
    over = await client.get(BASE + path, headers=ada.headers)
    assert over.headers["etag"] == cancelled.headers["etag"]
