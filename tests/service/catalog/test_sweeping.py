"""Rows of uploads and objects of the store are brought back to agreement."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import httpx2
import pytest

from services.catalog.adapters.sweeping import sweeping_alone
from services.catalog.application.sweeping import NOTHING, Swept
from services.catalog.settings import Settings
from tests.service.catalog.uploads import MIB, SCHOOL, Person, Room, sha256, some, teacher
from tests.service.house import Token

LATER = timedelta(hours=25)


@pytest.fixture
def room(settings: Settings) -> Room:
    return Room(settings)


@pytest.fixture
def build(room: Room) -> object:
    return lambda _settings: room.app


@pytest.fixture
async def ada(client: httpx2.AsyncClient, token: Token, room: Room) -> AsyncIterator[Person]:
    async with httpx2.AsyncClient(transport=room.objects.http()) as store:
        yield Person(client, store, teacher(token, "ada"))


async def test_an_abandoned_upload_expires_and_leaves_nothing(ada: Person, room: Room) -> None:
    small, large = some(1000), some(9 * MIB)
    abandoned = [await ada.begin(small), await ada.begin(large)]
    await ada.send(small, abandoned[0]["parts"])
    await ada.send(large, abandoned[1]["parts"][:1])
    assert await room.part.sweeper.sweep() == NOTHING

    room.clock.advance(timedelta(days=7))
    assert await room.part.sweeper.sweep() == Swept(uploads=2, incoming=0, multiparts=0, files=0)

    room.clock.advance(-timedelta(days=7))  # tokens live by another clock
    assert {each["state"] for each in await ada.list()} == {"EXPIRED"}
    assert await ada.used() == {None: 0, SCHOOL: 0}
    assert await room.keys() == []
    assert await room.objects.list_multiparts("") == []
    late = await ada.complete(abandoned[0]["id"])
    assert (late.status_code, late.json()["state"]) == (409, "EXPIRED")


async def test_what_is_under_way_or_stored_stays(ada: Person, room: Room) -> None:
    await room.inspected(await ada.upload(b"stored"))
    await ada.upload(b"being inspected")
    await ada.begin(some(9 * MIB))
    before = await room.keys()
    room.clock.advance(LATER)
    assert await room.part.sweeper.sweep() == NOTHING
    assert await room.keys() == before


async def test_objects_and_parts_without_a_row_go_after_their_grace(
    ada: Person, room: Room, owner: asyncpg.Connection
) -> None:
    await room.inspected(await ada.upload(b"stored"))
    await ada.upload(b"forgotten")
    await ada.begin(some(9 * MIB))
    await owner.execute("DELETE FROM uploads; DELETE FROM files")
    assert await room.part.sweeper.sweep() == NOTHING
    room.clock.advance(LATER)
    assert await room.part.sweeper.sweep() == Swept(uploads=0, incoming=1, multiparts=1, files=1)
    assert await room.keys() == []


async def test_what_an_inspection_left_behind_goes(ada: Person, room: Room) -> None:
    upload_id = await ada.upload(b"content")
    await room.inspected(upload_id)
    await room.objects.put(f"incoming/{upload_id}", b"content", "application/pdf")
    room.clock.advance(LATER)
    assert (await room.part.sweeper.sweep()).incoming == 1
    assert len(await room.keys()) == 1


async def test_what_was_made_from_a_file_goes_with_it_and_not_before(
    ada: Person, room: Room, owner: asyncpg.Connection
) -> None:
    await room.inspected(await ada.upload(b"lesson"))
    digest = sha256(b"lesson")
    await room.objects.put(f"derived/{digest[:2]}/{digest}/page-1", b"picture", "image/jpeg")
    room.clock.advance(LATER)
    assert await room.part.sweeper.sweep() == NOTHING
    await owner.execute("DELETE FROM uploads; DELETE FROM files")
    assert (await room.part.sweeper.sweep()).files == 2
    assert await room.keys() == []


async def test_a_kill_before_the_object_went_is_made_good(ada: Person, room: Room) -> None:
    begun = await ada.begin(b"content")
    await ada.send(b"content", begun["parts"])
    room.objects.available = False
    assert (await ada.abort(begun["id"])).status_code == 204
    room.objects.available = True
    assert len(await room.keys()) == 1
    room.clock.advance(LATER)
    assert (await room.part.sweeper.sweep()).incoming == 1
    assert await room.keys() == []


async def test_one_replica_sweeps_at_a_time(room: Room) -> None:
    alone = sweeping_alone(room.runtime.engine)
    async with alone() as first, alone() as second:
        assert (first, second) == (True, False)
    async with alone() as third:
        assert third
    await room.runtime.close()
