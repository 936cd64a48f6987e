"""Bytes that are not those announced, or come too late: told clearly, and a clean way on."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from services.catalog.settings import Settings
from tests.service.catalog.uploads import MIB, Person, Room, sha256, some, teacher
from tests.service.house import Token

PART = 8 * MIB


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


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def altered(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


async def test_a_received_part_can_be_compared_before_it_is_completed(ada: Person) -> None:
    content = some(9 * MIB)
    begun = await ada.begin(content)
    await ada.send(altered(content), begun["parts"])
    told = (await ada.get(begun["id"])).json()["received_parts"]
    wrong = [
        each["number"]
        for each, sent in zip(told, (content[:PART], content[PART:]), strict=True)
        if each["etag"] != md5(sent)
    ]
    assert wrong == [1]
    fresh = (await ada.get(begun["id"], "/parts?from=1&count=1")).json()
    await ada.send(content, fresh["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200


async def test_a_digest_that_differs_is_told_and_costs_no_quota(ada: Person, room: Room) -> None:
    content = some(9 * MIB)
    begun = await ada.begin(content)
    await ada.send(altered(content), begun["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200
    await room.inspected(begun["id"], refusal="digest-mismatch")
    for told in (await ada.get(begun["id"]), await ada.complete(begun["id"])):
        assert (told.status_code, told.json()["state"]) == (200, "REFUSED")
        assert [each["code"] for each in told.json()["refusal"]] == ["digest-mismatch"]
        assert told.json()["actions"] == []
    late = await ada.get(begun["id"], "/parts")
    assert (late.status_code, late.json()["state"]) == (409, "REFUSED")
    assert (await ada.used())[None] == 0

    again = await ada.begin(content)
    assert (again["state"], again["method"]) == ("OPEN", "multipart")
    await ada.send(content, again["parts"])
    assert (await ada.complete(again["id"])).status_code == 200
    await room.inspected(again["id"])
    assert (await ada.used())[None] == len(content)


async def test_a_known_digest_with_another_size_is_told_at_once(ada: Person, room: Room) -> None:
    content = some(1000)
    begun = await ada.begin(content)
    await ada.send(content, begun["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200
    await room.inspected(begun["id"])
    answer = await ada.announce(content, size=1001)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/size"]
    assert "1000" in answer.json()["errors"][0]["detail"]


async def test_parts_bound_to_their_digests_take_no_other_bytes(ada: Person) -> None:
    content = some(17 * MIB)
    begun = await ada.begin(content)
    pieces = [content[each["offset"] :][: each["length"]] for each in begun["parts"]]
    digests = [sha256(each) for each in pieces]
    path = f"/parts?from=2&sha256={digests[1]}&sha256={digests[2]}"
    bound = (await ada.get(begun["id"], path)).json()
    assert ([each["number"] for each in bound["parts"]], bound["next"]) == ([2, 3], None)
    for each, piece in zip(bound["parts"], pieces[1:], strict=True):
        assert (await ada.store.put(each["url"], content=altered(piece))).status_code == 400
        assert (await ada.store.put(each["url"], content=piece)).status_code == 200
    assert (await ada.get(begun["id"])).json()["received"] == [2, 3]
    behind = await ada.get(begun["id"], f"/parts?from=3&sha256={digests[2]}&sha256={digests[0]}")
    assert [each["number"] for each in behind.json()["parts"]] == [3]
    assert (await ada.get(begun["id"], "/parts?sha256=0123")).status_code == 422


async def test_an_address_that_expired_is_renewed(ada: Person, room: Room) -> None:
    content = some(1000)
    begun = await ada.begin(content)
    room.clock.advance(timedelta(minutes=61))
    late = await ada.store.put(begun["parts"][0]["url"], content=content)
    assert late.status_code == 403
    seen = (await ada.get(begun["id"])).json()
    assert (seen["state"], seen["received"]) == ("OPEN", [])
    await ada.send(content, seen["parts"])
    assert (await ada.complete(begun["id"])).status_code == 200
