"""Favourites, ratings and counts: one a person, revisable, and nothing that tells who read what."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.app import HEARS
from services.catalog.application.checks import Thresholds
from services.catalog.application.feedback_readings import Readings
from services.catalog.domain.feedback import Kind
from services.catalog.parts import feedback, resources, vocabularies
from services.catalog.settings import Settings
from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Part, Runtime
from shared.testing.clock import FrozenClock
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import SUSPENDED, Office, build_publication
from tests.service.catalog.resources import OTHER_SCHOOL, SCOPES, URL
from tests.service.house import Token

FAVOURITES = "/catalog/v1/favourites"
TABLES = ("readings", "reading_days", "resource_counts", "ratings", "outbox", "audit")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(utc_now())


@pytest.fixture
def counted() -> list[Readings]:
    """What counts the readers of the application."""
    return []


@pytest.fixture
def build(clock: FrozenClock, counted: list[Readings]) -> Callable[[Settings], FastAPI]:
    def build_read(runtime: Runtime, settings: Settings) -> Part:
        runtime.clock = clock
        readers = feedback.build(runtime, settings)
        counted.append(readers.readings)
        shelves = resources.build(
            runtime,
            settings,
            lexicons=vocabularies.build(runtime, settings).vocabulary,
            objects=object_store(settings),
            thresholds=Thresholds(),
            audience=readers.audience,
        )
        return Part(routers=[*readers.routers, *shelves.routers], table=shelves.table)

    return only(build_read, build_publication)


@dataclass
class Hall(Office):
    """Where readers read, and say what they think."""

    readings: Readings | None = None

    def reader(self, name: str = "") -> dict[str, str]:
        return self.token(name or str(uuid7()), SCOPES, (f"student@{OTHER_SCHOOL}",))

    async def ask(
        self, method: str, made: dict[str, Any], rest: str, headers: dict[str, str], **asked: Any
    ) -> httpx2.Response:
        url = f"{URL}/{made['id']}/{rest}"
        return await self.client.request(method, url, headers=headers, **asked)

    async def told(
        self, made: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """What all, and the caller, think of it."""
        assert self.readings is not None
        await self.readings.flush()
        answer = await self.ask("GET", made, "feedback", headers or {})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def hall(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    counted: list[Readings],
) -> Hall:
    objects = object_store(settings)
    return Hall(client, owner, token, objects, app=app, readings=counted[-1])


async def test_nobody_in_particular_says_nothing_and_of_drafts_nobody_does(hall: Hall) -> None:
    made, draft = await hall.published(), await hall.finished()
    for method, rest in (
        ("PUT", "favourite"),
        ("DELETE", "favourite"),
        ("PUT", "rating"),
        ("DELETE", "rating"),
    ):
        body = {"stars": 5} if (method, rest) == ("PUT", "rating") else None
        assert (await hall.ask(method, made, rest, {}, json=body)).status_code == 401
        if (method, rest) != ("DELETE", "favourite"):
            found = await hall.ask(method, draft, rest, hall.reader(), json=body)
            assert found.status_code == 404
    assert (await hall.client.get(FAVOURITES)).status_code == 401
    assert (await hall.ask("GET", draft, "feedback", {})).status_code == 404
    await hall.taken("suspend", made, SUSPENDED)
    assert (await hall.ask("PUT", made, "favourite", hall.reader())).status_code == 410


async def test_a_favourite_is_on_ones_own_list_once(hall: Hall) -> None:
    made, reader = await hall.published(), hall.reader("reader")
    answers = await asyncio.gather(
        *(hall.ask("PUT", made, "favourite", reader) for _ in range(4)),
        hall.ask("PUT", made, "favourite", hall.reader()),
    )
    assert {each.status_code for each in answers} == {204}
    told = await hall.told(made, reader)
    assert (told["favourites"], told["is_favourite"]) == (2, True)
    assert (await hall.told(made))["is_favourite"] is None
    [item] = (await hall.client.get(FAVOURITES, headers=reader)).json()["items"]
    assert (item["code"], item["title"], item["available"]) == (
        made["code"],
        made["metadata"]["title"],
        True,
    )
    for _ in range(2):
        assert (await hall.ask("DELETE", made, "favourite", reader)).status_code == 204
    assert (await hall.told(made, reader))["favourites"] == 1
    assert (await hall.client.get(FAVOURITES, headers=reader)).json()["items"] == []


async def test_the_list_goes_on_from_page_to_page_and_shows_what_is_gone(
    hall: Hall, clock: FrozenClock
) -> None:
    made = [await hall.published() for _ in range(3)]
    for each in made:
        assert (await hall.ask("PUT", each, "favourite", hall.reader("reader"))).status_code == 204
    await hall.taken("suspend", made[1], SUSPENDED)
    codes, cursor = [], ""
    while True:
        url = f"{FAVOURITES}?limit=2{cursor}"
        page = (await hall.client.get(url, headers=hall.reader("reader"))).json()
        codes += [(each["code"], each["available"]) for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(codes) == sorted((each["code"], each != made[1]) for each in made)


async def test_a_person_rates_once_and_may_think_better_of_it(hall: Hall) -> None:
    made, reader = await hall.published(), hall.reader("reader")
    answers = await asyncio.gather(
        *(hall.ask("PUT", made, "rating", reader, json={"stars": each}) for each in (1, 2, 3))
    )
    assert {each.status_code for each in answers} == {200}
    await hall.ask("PUT", made, "rating", reader, json={"stars": 4})
    other = await hall.ask("PUT", made, "rating", hall.reader(), json={"stars": 5})
    assert other.json() == {"ratings": 2, "average": 4.5}
    assert (await hall.told(made, reader))["stars"] == 4
    taken_back = await hall.ask("DELETE", made, "rating", reader)
    assert taken_back.json() == {"ratings": 1, "average": 5.0}
    assert (await hall.told(made, reader))["stars"] is None
    row = await hall.owner.fetchrow("SELECT count(*), sum(stars) FROM ratings")
    assert tuple(row) == (1, 5)


async def test_nobody_rates_their_own_or_beyond_the_stars(hall: Hall) -> None:
    made = await hall.published()
    own = await hall.ask("PUT", made, "rating", hall.teacher, json={"stars": 5})
    assert own.status_code == 403
    for stars in (0, 6, 4.5, "5", None):
        refused = await hall.ask("PUT", made, "rating", hall.reader(), json={"stars": stars})
        assert refused.status_code == 422


async def test_a_reader_counts_once_a_day(hall: Hall, clock: FrozenClock) -> None:
    made, reader = await hall.published(), hall.reader("reader")
    for _ in range(3):
        for headers in (reader, hall.reader("another"), {}, {"user-agent": "another browser"}):
            url = f"{URL}/{made['id']}"
            assert (await hall.client.get(url, headers=headers)).status_code == 200
        assert (await hall.ask("GET", made, "content", reader)).status_code == 302
        told = await hall.told(made)
    assert (told["views"], told["downloads"]) == (3, 1), "another browser is nobody else"
    clock.advance(timedelta(days=1))
    await hall.client.get(f"{URL}/{made['id']}", headers=reader)
    assert (await hall.told(made))["views"] == 4


async def test_what_nobody_may_read_is_not_counted(hall: Hall) -> None:
    draft = await hall.finished()
    assert (await hall.ask("GET", draft, "content", hall.teacher)).status_code == 302
    assert (await hall.client.get(f"{URL}/{draft['id']}")).status_code == 404
    assert hall.readings is not None
    await hall.readings.flush()
    assert await hall.owner.fetchval("SELECT count(*) FROM resource_counts") == 0


async def test_nothing_is_left_of_who_read_what_once_the_day_is_over(
    hall: Hall, clock: FrozenClock, owner: asyncpg.Connection
) -> None:
    made, name = await hall.published(), str(uuid7())
    await hall.client.get(f"{URL}/{made['id']}", headers=hall.reader(name))
    await hall.ask("PUT", made, "rating", hall.reader(name), json={"stars": 5})
    await hall.told(made)
    kept = [row for table in TABLES for row in await owner.fetch(f"SELECT t::text FROM {table} t")]  # noqa: S608 - constant names
    assert not [row for row in kept if name in row[0]], "a reader is named"
    assert await owner.fetchval("SELECT count(*) FROM readings") == 1
    clock.advance(timedelta(days=1))
    await hall.told(made)
    for table in ("readings", "reading_days"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - constant names
    assert (await hall.told(made))["views"] == 1


async def test_two_resources_that_a_person_rated_cannot_be_told_to_be_the_same_persons(
    hall: Hall, owner: asyncpg.Connection
) -> None:
    for made in [await hall.published() for _ in range(2)]:
        await hall.ask("PUT", made, "rating", hall.reader("reader"), json={"stars": 5})
    assert await owner.fetchval("SELECT count(DISTINCT rater) FROM ratings") == 2


async def test_processes_that_count_at_once_count_everybody_once(
    hall: Hall, app: FastAPI, settings: Settings, owner: asyncpg.Connection
) -> None:
    made = [await hall.published() for _ in range(3)]
    processes = [feedback.build(app.state.runtime, settings).readings for _ in range(4)]
    for reader in range(40):
        for number, each in enumerate(processes):
            each.note(UUID(made[(reader + number) % 3]["id"]), Kind.VIEW, f"reader-{reader}")
    await asyncio.gather(*(each.flush() for each in processes))
    assert await owner.fetchval("SELECT sum(views) FROM resource_counts") == 3 * 40


async def test_favourites_go_with_the_person_who_is_erased(hall: Hall, app: FastAPI) -> None:
    made, person = await hall.published(), str(uuid7())
    for name in (person, str(uuid7())):
        await hall.ask("PUT", made, "favourite", hall.reader(name))
    erased = Envelope(
        id=uuid7(),
        source="/identity",
        type="identity.person.erased.v1",
        aggregate=f"people/{person}",
        time=utc_now(),
        data={"person_id": person, "code": "-", "version": 2},
    )
    async with app.state.runtime.new_uow() as uow:
        await HEARS["identity"][erased.type](uow, erased)
        await uow.commit()
    assert (await hall.told(made))["favourites"] == 1
    assert (
        await hall.owner.fetchval("SELECT count(*) FROM favourites WHERE owner = $1", person) == 0
    )
