"""Uploads, from the announcement to the inspection, with bytes in the real object store."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.uploads import (
    MIB,
    SCHOOL,
    Person,
    announced,
    build_uploads,
    sha256,
    some,
    teacher,
)
from tests.service.house import Token


@pytest.fixture
def build() -> object:
    return only(build_uploads)


@pytest.fixture
async def store() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def ada(client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, store, teacher(token, "ada"))


@pytest.fixture
def ben(client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, store, teacher(token, "ben"))


async def test_nobody_uploads_anonymously(client: httpx2.AsyncClient) -> None:
    one = f"/catalog/v1/uploads/{uuid7()}"
    for answer in (
        await client.post("/catalog/v1/uploads", json=announced(b"content")),
        await client.get("/catalog/v1/uploads"),
        await client.get(one),
        await client.get(f"{one}/parts"),
        await client.get(f"{one}/content"),
        await client.post(f"{one}/complete"),
        await client.delete(one),
    ):
        assert answer.status_code == 401


async def test_a_student_does_not_upload(
    client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token
) -> None:
    student = token("student", "catalog.read catalog.write", (f"student@{SCHOOL}",))
    assert (await Person(client, store, student).announce(b"content")).status_code == 403
    without_scope = token("teacher", "catalog.read", (f"teacher@{SCHOOL}",))
    assert (await Person(client, store, without_scope).announce(b"content")).status_code == 403


async def test_an_upload_is_its_owners_alone(ada: Person, ben: Person) -> None:
    upload_id = await ada.upload(b"mine")
    for answer in (
        await ben.get(upload_id),
        await ben.get(upload_id, "/parts"),
        await ben.get(upload_id, "/content"),
        await ben.complete(upload_id),
        await ben.abort(upload_id),
    ):
        assert answer.status_code == 404
    assert await ben.list() == []


async def test_nobody_uploads_for_an_organisation_where_they_have_no_role(ada: Person) -> None:
    assert (await ada.announce(b"content", organisation="P0.C1.S2")).status_code == 403
    assert (await ada.announce(b"content", organisation="P0")).status_code == 403
    assert (await ada.announce(b"content", organisation=SCHOOL)).status_code == 201


async def test_a_small_file_comes_in_one_piece(ada: Person, owner: asyncpg.Connection) -> None:
    content = some(100_000)
    begun = await ada.begin(content)
    assert (begun["state"], begun["method"], begun["part_count"]) == ("OPEN", "single", 1)
    assert begun["actions"] == ["complete", "abort"]

    await ada.send(content, begun["parts"])
    seen = await ada.get(begun["id"])
    assert (seen.json()["received"], seen.json()["parts"]) == ([1], [])
    assert seen.headers["etag"]

    completed = await ada.complete(begun["id"])
    assert completed.status_code == 200
    assert completed.json()["state"] == "COMPLETED"
    back = await ada.get(begun["id"], "/content")
    assert back.status_code == 302
    assert (await ada.store.get(back.headers["location"])).content == content
    assert await owner.fetchval("SELECT count(*) FROM inspections") == 1
    events = await owner.fetch("SELECT type FROM outbox WHERE type LIKE 'catalog.upload%'")
    assert [row["type"] for row in events] == ["catalog.upload.completed.v1"]
    actions = await owner.fetch("SELECT action FROM audit ORDER BY id")
    assert [row["action"] for row in actions] == ["upload.announced", "upload.completed"]


async def test_a_large_file_comes_in_parts_in_any_order(ada: Person) -> None:
    content = some(17 * MIB + 5)
    begun = await ada.begin(content)
    assert (begun["method"], begun["part_size"], begun["part_count"]) == ("multipart", 8 * MIB, 3)
    assert [part["length"] for part in begun["parts"]] == [8 * MIB, 8 * MIB, MIB + 5]

    await ada.send(content, begun["parts"][::-1])
    assert (await ada.get(begun["id"])).json()["received"] == [1, 2, 3]
    assert (await ada.complete(begun["id"])).status_code == 200
    back = await ada.get(begun["id"], "/content")
    assert sha256((await ada.store.get(back.headers["location"])).content) == sha256(content)


async def test_an_upload_goes_on_after_a_break_with_what_is_missing(ada: Person) -> None:
    content = some(17 * MIB)
    begun = await ada.begin(content)
    await ada.send(content, begun["parts"][1:2])

    early = await ada.complete(begun["id"])
    assert early.status_code == 409
    assert early.json()["type"].endswith("catalog/upload-incomplete")
    assert (early.json()["missing"], early.json()["missing_count"]) == ([1, 3], 2)

    seen = (await ada.get(begun["id"])).json()
    assert seen["received"] == [2]
    assert [part["number"] for part in seen["parts"]] == [1, 3]
    await ada.send(content, seen["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200


async def test_a_part_is_sent_twice_without_harm(ada: Person) -> None:
    content = some(9 * MIB)
    begun = await ada.begin(content)
    await ada.send(content, begun["parts"])
    await ada.send(content, begun["parts"][:1])
    assert (await ada.complete(begun["id"])).status_code == 200
    back = await ada.get(begun["id"], "/content")
    assert (await ada.store.get(back.headers["location"])).content == content


async def test_a_connection_that_broke_leaves_nothing_that_counts(ada: Person) -> None:
    content = some(9 * MIB)
    begun = await ada.begin(content)
    await ada.send(content, begun["parts"])
    url = httpx2.URL(begun["parts"][0]["url"])
    _, broken = await asyncio.open_connection(url.host, url.port)
    head = f"PUT {url.raw_path.decode()} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n"
    broken.write(f"{head}Content-Length: {8 * MIB}\r\n\r\n".encode())
    await broken.drain()
    broken.close()
    await asyncio.sleep(0.5)

    assert (await ada.get(begun["id"])).json()["received"] == [1, 2]
    assert (await ada.complete(begun["id"])).status_code == 200
    back = await ada.get(begun["id"], "/content")
    assert (await ada.store.get(back.headers["location"])).content == content


async def test_the_store_takes_no_other_length_and_no_other_bytes(ada: Person) -> None:
    small, large = some(1000), some(9 * MIB)
    single = (await ada.begin(small))["parts"][0]["url"]
    assert (await ada.store.put(single, content=some(1000))).status_code == 400
    assert (await ada.store.put(single, content=small + b"more")).status_code == 403
    begun = await ada.begin(large)
    part = begun["parts"][1]
    longer = large[part["offset"] :] + b"more"
    assert (await ada.store.put(part["url"], content=longer)).status_code == 403
    assert (await ada.store.put(part["url"], content=b"less")).status_code == 403
    assert (await ada.get(begun["id"])).json()["received"] == []


async def test_addresses_are_renewed_as_long_as_it_is_open(ada: Person) -> None:
    begun = await ada.begin(b"content")
    fresh = (await ada.get(begun["id"], "/parts")).json()
    assert (fresh["next"], len(fresh["parts"])) == (None, 1)
    await ada.send(b"content", fresh["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200
    late = await ada.get(begun["id"], "/parts")
    assert (late.status_code, late.json()["state"]) == (409, "COMPLETED")


async def test_addresses_of_many_parts_come_in_ranges(ada: Person) -> None:
    begun = await ada.begin(b"", size=4 << 30)
    assert (begun["part_size"], begun["part_count"]) == (16 * MIB, 256)
    assert (len(begun["parts"]), begun["missing_count"]) == (100, 256)
    middle = (await ada.get(begun["id"], "/parts?from=101&count=500")).json()
    assert [part["number"] for part in middle["parts"]] == list(range(101, 201))
    assert middle["next"] == 201
    behind = (await ada.get(begun["id"], "/parts?from=300")).json()
    assert (behind["parts"], behind["next"]) == ([], None)
    assert (await ada.abort(begun["id"])).status_code == 204


async def test_a_malformed_digest_hides_no_other_defect(ada: Person) -> None:
    answer = await ada.announce(b"a", filename="a.exe", size=-1, sha256="zz")
    assert answer.status_code == 422
    told = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert told.keys() == {"#/sha256", "#/size", "#/filename"}
    assert told["#/size"] == "文件大小不得为负数。"


async def test_every_defect_of_an_announcement_is_told_at_once(ada: Person) -> None:
    answer = await ada.announce(b"", filename="a/b.exe")
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("catalog/upload-defective")
    pointers = [each["pointer"] for each in answer.json()["errors"]]
    assert pointers == ["#/size", "#/filename", "#/filename"]
    for body, pointer in (
        ({"size": (4 << 30) + 1}, "#/size"),
        ({"media_type": "image/png"}, "#/media_type"),
        ({"filename": "no extension"}, "#/filename"),
        ({"filename": "reversed\u202efdp.pdf"}, "#/filename"),
    ):
        answer = await ada.announce(b"content", **body)
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("size", [True, "7"], ids=["a flag", "a text"])
async def test_a_size_is_a_number_as_the_contract_has_it(ada: Person, size: object) -> None:
    answer = await ada.announce(b"content", size=size)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/size"]


async def test_to_complete_again_changes_nothing(ada: Person, owner: asyncpg.Connection) -> None:
    upload_id = await ada.upload(b"content")
    first, second = await ada.complete(upload_id), await ada.complete(upload_id)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert await owner.fetchval("SELECT count(*) FROM inspections") == 1


async def test_two_completions_at_once_have_one_effect(
    ada: Person, owner: asyncpg.Connection
) -> None:
    content = some(9 * MIB)
    begun = await ada.begin(content)
    await ada.send(content, begun["parts"])
    answers = await asyncio.gather(*(ada.complete(begun["id"]) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert await owner.fetchval("SELECT count(*) FROM inspections") == 1
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action LIKE '%completed'") == 1


async def test_a_completion_goes_on_where_a_kill_left_it(
    ada: Person, owner: asyncpg.Connection
) -> None:
    content = some(9 * MIB)
    begun = await ada.begin(content)
    await ada.send(content, begun["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200
    await owner.execute("DELETE FROM inspections")
    await owner.execute("UPDATE uploads SET state = 'OPEN', completed_at = NULL, version = 1")

    seen = (await ada.get(begun["id"])).json()
    assert (seen["state"], seen["received"], seen["missing_count"]) == ("OPEN", [1, 2], 0)
    assert (await ada.complete(begun["id"])).status_code == 200
    assert await owner.fetchval("SELECT count(*) FROM inspections") == 1


async def test_the_same_key_makes_one_upload(
    ada: Person, client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    headers = {**ada.headers, "idempotency-key": "once"}
    body = announced(some(9 * MIB))
    first = await client.post("/catalog/v1/uploads", json=body, headers=headers)
    again = await client.post("/catalog/v1/uploads", json=body, headers=headers)
    other = await client.post("/catalog/v1/uploads", json=announced(b"x"), headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert await owner.fetchval("SELECT count(*) FROM uploads") == 1


async def test_an_upload_that_was_given_up_is_over(ada: Person) -> None:
    begun = await ada.begin(some(9 * MIB))
    assert (await ada.abort(begun["id"])).status_code == 204
    assert (await ada.abort(begun["id"])).status_code == 204
    closed = await ada.complete(begun["id"])
    assert (closed.status_code, closed.json()["state"]) == (409, "ABORTED")
    gone = await ada.store.put(begun["parts"][0]["url"], content=bytes(8 * MIB))
    assert gone.status_code == 404
    assert (await ada.abort(await ada.upload(b"content"))).status_code == 409  # being inspected


async def test_ones_own_uploads_are_listed_in_pages(
    ada: Person, client: httpx2.AsyncClient
) -> None:
    ids = [(await ada.begin(f"{number}".encode()))["id"] for number in range(5)]
    listed: list[str] = []
    url = "/catalog/v1/uploads?limit=2"
    while True:
        page = (await client.get(url, headers=ada.headers)).json()
        listed += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        url = f"/catalog/v1/uploads?limit=2&cursor={page['next']}"
    assert listed == ids[::-1]
    state = "/catalog/v1/uploads?state=COMPLETED"
    assert (await client.get(state, headers=ada.headers)).json()["items"] == []
