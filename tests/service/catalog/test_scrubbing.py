"""Stored files are read again; what is missing or altered is told."""

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from services.catalog.domain.files import key_of
from services.catalog.settings import Settings
from shared.storage import ObjectStoreUnavailable
from tests.service.catalog.uploads import Person, Room, sha256, teacher
from tests.service.house import Token

PATH = "/catalog/v1/scrub-findings"


@pytest.fixture
def room(settings: Settings) -> Room:
    return Room(settings)


@pytest.fixture
def build(room: Room) -> object:
    return lambda _settings: room.app


@pytest.fixture
async def stored(client: httpx2.AsyncClient, token: Token, room: Room) -> list[str]:
    """Keys of three stored files."""
    async with httpx2.AsyncClient(transport=room.objects.http()) as store:
        ada = Person(client, store, teacher(token, "ada"))
        for content in (b"one", b"two", b"three"):
            await room.inspected(await ada.upload(content))
    return await room.keys()


@pytest.fixture
def administrator(token: Token) -> dict[str, str]:
    return token("admin", "catalog.read", ("administrator@P0",))


async def round_(room: Room) -> None:
    while await room.scrubbing.scrubber.step():
        pass


async def test_findings_are_for_administrators_of_the_province(
    client: httpx2.AsyncClient, token: Token
) -> None:
    assert (await client.get(PATH)).status_code == 401
    for caller in (
        teacher(token),
        token("school", "catalog.read", ("administrator@P0.C1.S1",)),
        token("other", "identity.read", ("administrator@P0",)),
    ):
        assert (await client.get(PATH, headers=caller)).status_code == 403


async def test_a_round_reads_every_file_once_a_day(
    room: Room, stored: list[str], owner: asyncpg.Connection
) -> None:
    await round_(room)
    await round_(room)
    [row] = await owner.fetch("SELECT number, files, bytes, finished_at FROM scrub_rounds")
    assert (row["number"], row["files"], row["bytes"]) == (1, 3, 11)
    assert row["finished_at"] is not None
    await owner.execute("UPDATE scrub_rounds SET started_at = now() - interval '25 hours'")
    await round_(room)
    assert await owner.fetchval("SELECT count(*) FROM scrub_rounds") == 2


async def test_a_round_goes_on_where_it_was_interrupted(
    room: Room, stored: list[str], owner: asyncpg.Connection
) -> None:
    assert await room.scrubbing.scrubber.step()
    held = "UPDATE scrub_rounds SET held_until = now() + interval '1 minute'"
    await owner.execute(held)
    assert not await room.scrubbing.scrubber.step()
    await owner.execute("UPDATE scrub_rounds SET held_until = now()")
    await round_(room)
    assert await owner.fetchval("SELECT files FROM scrub_rounds") == 3


async def test_altered_and_missing_files_are_found_and_resolved_when_repaired(
    room: Room, stored: list[str], client: httpx2.AsyncClient, administrator: dict[str, str]
) -> None:
    whole = await room.objects.get(stored[0])
    await room.objects.put(stored[0], b"rotten", "application/pdf")
    await room.objects.delete(stored[1])
    await round_(room)

    found = (await client.get(PATH, headers=administrator)).json()["items"]
    told = {each["object_key"]: (each["kind"], each["found_sha256"]) for each in found}
    assert told == {
        stored[0]: ("MISMATCH", sha256(b"rotten")),
        stored[1]: ("MISSING", None),
    }

    await room.objects.put(stored[0], whole, "application/pdf")
    read, left = await room.scrubbing.scrubber.recheck()
    assert (read, [each.object_key for each in left]) == (2, [stored[1]])
    everything = (await client.get(f"{PATH}?all=true", headers=administrator)).json()["items"]
    assert {each["object_key"]: bool(each["resolved_at"]) for each in everything} == {
        stored[0]: True,
        stored[1]: False,
    }


def answers_no_longer(room: Room, monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    """The store has these objects, and answers 500 when they are read."""
    stream = room.objects.stream

    async def rotten(key: str) -> AsyncIterator[bytes]:
        if key in keys:
            raise ObjectStoreUnavailable("The object store is out of reach.")
        async for piece in stream(key):
            yield piece

    monkeypatch.setattr(room.objects, "stream", rotten)


async def test_a_file_that_the_store_cannot_read_is_told_and_the_round_goes_on(
    room: Room, stored: list[str], owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        answers_no_longer(room, broken, stored[1])
        await round_(room)
    found = await owner.fetch("SELECT object_key, kind, found_sha256 FROM scrub_findings")
    assert [tuple(each) for each in found] == [(stored[1], "UNREADABLE", None)]
    assert await owner.fetchval("SELECT files FROM scrub_rounds WHERE finished_at IS NOT NULL") == 3
    assert await room.scrubbing.scrubber.recheck() == (1, [])


async def test_a_store_that_is_away_is_no_finding(
    room: Room, stored: list[str], owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise ObjectStoreUnavailable("The object store is out of reach.")

    answers_no_longer(room, monkeypatch, *stored)
    monkeypatch.setattr(room.objects, "ready", away)
    with pytest.raises(ObjectStoreUnavailable):
        await room.scrubbing.scrubber.step()
    assert await owner.fetchval("SELECT count(*) FROM scrub_findings") == 0


async def test_every_file_is_read_on_demand(room: Room, stored: list[str]) -> None:
    assert await room.scrubbing.scrubber.check_all() == (3, [])
    await room.objects.delete(stored[2])
    for _ in range(2):
        read, found = await room.scrubbing.scrubber.check_all()
        assert (read, [each.object_key for each in found]) == (3, [stored[2]])


async def test_a_damaged_file_is_not_taken_as_known(
    client: httpx2.AsyncClient, token: Token, room: Room, stored: list[str]
) -> None:
    async with httpx2.AsyncClient(transport=room.objects.http()) as store:
        ada = Person(client, store, teacher(token, "ada"))
        assert (await ada.begin(b"one"))["method"] == "none"
        await room.objects.put(key_of(bytes.fromhex(sha256(b"one"))), b"rot", "application/pdf")
        await round_(room)
        begun = await ada.begin(b"one")
        assert (begun["method"], begun["state"]) == ("single", "OPEN")
        assert (await ada.begin(b"two"))["method"] == "none"


async def test_findings_come_in_pages(
    room: Room, stored: list[str], client: httpx2.AsyncClient, administrator: dict[str, str]
) -> None:
    for key in stored:
        await room.objects.delete(key)
    await round_(room)
    first = (await client.get(f"{PATH}?limit=2", headers=administrator)).json()
    rest = await client.get(f"{PATH}?limit=2&cursor={first['next']}", headers=administrator)
    assert (len(first["items"]), len(rest.json()["items"]), rest.json()["next"]) == (2, 1, None)
