"""What is kept counts once, what is under way in full, and no race wins a place."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from services.catalog.settings import Settings
from tests.service.catalog.uploads import SCHOOL, Person, Room, some, teacher
from tests.service.house import Token

KIB = 1 << 10


@pytest.fixture
def settings(settings: Settings) -> Settings:
    small = {"person_quota_bytes": 10 * KIB, "organisation_quota_bytes": 15 * KIB}
    return settings.model_copy(update=small)


@pytest.fixture
def room(settings: Settings) -> Room:
    return Room(settings)


@pytest.fixture
def build(room: Room) -> object:
    return lambda _settings: room.app


@pytest.fixture
async def store(room: Room) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=room.objects.http()) as client:
        yield client


@pytest.fixture
def ada(client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, store, teacher(token, "ada"))


@pytest.fixture
def ben(client: httpx2.AsyncClient, store: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, store, teacher(token, "ben"))


async def test_limits_are_public_and_quotas_are_the_callers(
    client: httpx2.AsyncClient, ada: Person
) -> None:
    told = (await client.get("/catalog/v1/upload-limits")).json()
    assert (told["single_below"], told["largest"], told["quotas"]) == (8 << 20, 4 << 30, [])
    assert told["page_images"] == 50
    assert {"pdf", "docx", "mp4"} <= {each["name"] for each in told["formats"]}
    assert (await ada.limits())["quotas"] == [
        {"organisation": None, "limit": 10 * KIB, "used": 0},
        {"organisation": SCHOOL, "limit": 15 * KIB, "used": 0},
    ]


async def test_what_exceeds_a_quota_is_refused_with_figures(
    ada: Person, owner: asyncpg.Connection
) -> None:
    await ada.begin(some(6 * KIB))
    answer = await ada.announce(some(5 * KIB))
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("catalog/quota-exceeded")
    assert answer.json()["quotas"] == [
        {"holder": "person", "limit": 10 * KIB, "used": 6 * KIB, "wanted": 5 * KIB}
    ]
    assert await owner.fetchval("SELECT count(*) FROM uploads") == 1


async def test_an_organisation_has_a_quota_beside_its_peoples(ada: Person, ben: Person) -> None:
    await ada.begin(some(8 * KIB), organisation=SCHOOL)
    answer = await ben.announce(some(8 * KIB), organisation=SCHOOL)
    assert [each["holder"] for each in answer.json()["quotas"]] == ["organisation"]
    assert await ben.used() == {None: 0, SCHOOL: 8 * KIB}
    await ben.begin(some(8 * KIB))


async def test_announcements_at_once_do_not_exceed_a_quota(ada: Person) -> None:
    answers = await asyncio.gather(
        *(ada.announce(some(3 * KIB), organisation=SCHOOL) for _ in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert await ada.used() == {None: 9 * KIB, SCHOOL: 9 * KIB}


async def test_what_came_to_nothing_no_longer_counts(ada: Person, room: Room) -> None:
    aborted = await ada.begin(some(3 * KIB))
    refused = await ada.upload(some(2 * KIB), organisation=SCHOOL)
    assert await ada.used() == {None: 5 * KIB, SCHOOL: 2 * KIB}
    await ada.abort(aborted["id"])
    await room.inspected(refused, refusal="macro")
    assert await ada.used() == {None: 0, SCHOOL: 0}
    seen = (await ada.get(refused)).json()
    assert (seen["state"], seen["refusal"][0]["code"]) == ("REFUSED", "macro")
    assert (await ada.get(refused, "/content")).status_code == 409


async def test_the_same_file_again_is_recognised_and_counts_once(ada: Person, room: Room) -> None:
    content = some(6 * KIB)
    await room.inspected(await ada.upload(content))
    again = await ada.begin(content, filename="又一份.pdf")
    assert (again["method"], again["state"], again["parts"]) == ("none", "AVAILABLE", [])
    assert await ada.used() == {None: 6 * KIB, SCHOOL: 0}
    back = await ada.get(again["id"], "/content")
    assert (await ada.store.get(back.headers["location"])).content == content


async def test_an_available_upload_that_is_given_up_frees_its_quota(
    ada: Person, room: Room
) -> None:
    content = some(6 * KIB)
    upload_id = await ada.upload(content, organisation=SCHOOL)
    await room.inspected(upload_id)
    again = await ada.begin(content, organisation=SCHOOL)
    assert (await ada.abort(upload_id)).status_code == 204
    assert await ada.used() == {None: 6 * KIB, SCHOOL: 6 * KIB}  # there is another of it
    assert (await ada.abort(again["id"])).status_code == 204
    assert (await ada.abort(again["id"])).status_code == 204
    assert await ada.used() == {None: 0, SCHOOL: 0}
    assert (await ada.get(upload_id, "/content")).status_code == 409
    assert (await ada.begin(content))["method"] == "single"


async def test_of_two_that_are_given_up_at_once_the_last_frees_the_quota(
    ada: Person, room: Room
) -> None:
    content = some(6 * KIB)
    first = await ada.upload(content)
    await room.inspected(first)
    ids = [first, *[(await ada.begin(content))["id"] for _ in range(3)]]
    answers = await asyncio.gather(*map(ada.abort, ids))
    assert {each.status_code for each in answers} == {204}
    assert await ada.used() == {None: 0, SCHOOL: 0}


async def test_two_uploads_of_the_same_file_under_way_count_once_in_the_end(
    ada: Person, room: Room
) -> None:
    content = some(4 * KIB)
    one, two = await ada.upload(content), await ada.upload(content)
    assert await ada.used() == {None: 8 * KIB, SCHOOL: 0}
    await room.inspected(one)
    await room.inspected(two)
    assert await ada.used() == {None: 4 * KIB, SCHOOL: 0}


async def test_what_another_person_uploaded_is_not_recognised(
    ada: Person, ben: Person, room: Room
) -> None:
    content = some(KIB)
    await room.inspected(await ada.upload(content))
    assert (await ben.begin(content))["method"] == "single"
    assert (await ben.begin(content, organisation=SCHOOL))["method"] == "single"


async def test_what_a_colleague_uploaded_for_the_organisation_is_recognised(
    ada: Person, ben: Person, room: Room
) -> None:
    content = some(KIB)
    await room.inspected(await ada.upload(content, organisation=SCHOOL))
    assert (await ben.begin(content))["method"] == "single"
    assert (await ben.begin(content, organisation=SCHOOL))["method"] == "none"
    assert await ben.used() == {None: 2 * KIB, SCHOOL: KIB}


async def test_a_known_file_under_a_lying_name_is_inspected_again(ada: Person, room: Room) -> None:
    content = some(KIB)
    await room.inspected(await ada.upload(content))
    lying = await ada.begin(content, filename="picture.png", media_type="image/png")
    assert lying["method"] == "single"


async def test_without_the_object_store_uploads_wait_and_lists_do_not(
    ada: Person, room: Room
) -> None:
    begun = await ada.begin(some(KIB))
    room.objects.available = False
    for answer in (
        await ada.announce(b"", size=9 << 20),
        await ada.get(begun["id"]),
        await ada.complete(begun["id"]),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    assert [each["id"] for each in await ada.list()] == [begun["id"]]
