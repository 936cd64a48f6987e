"""The feed of changes: from the first to the last, once each, whatever overtakes what."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.catalog.adapters.changes import ChangeRepository
from services.catalog.domain.changes import Change, Kind
from services.catalog.parts import changes
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.conftest import Stack
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import FEED, Follower

WRITERS = 8
ROUNDS = 12


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(changes.build)


def change(number: int, resource_id: UUID | None = None) -> Change:
    return Change(Kind.PUBLISHED, resource_id or uuid7(), f"R-{number}", number, datetime.now(UTC))


async def record(app: FastAPI, *several: Change) -> None:
    async with app.state.runtime.new_uow() as uow:
        for each in several:
            await ChangeRepository(uow.connection).append(each)
        await uow.commit()


@pytest.fixture
def follower(client: httpx2.AsyncClient) -> Follower:
    return Follower(client)


@pytest.fixture
async def database(owner: asyncpg.Connection) -> str:
    name: str = await owner.fetchval("SELECT current_database()")
    return name


@asynccontextmanager
async def another(stack: Stack, database: str) -> AsyncIterator[asyncpg.Connection]:
    """One more connection to the test's database."""
    connection = await stack.superuser(database)
    try:
        yield connection
    finally:
        await connection.close()


async def test_anybody_follows_and_the_cursor_at_the_end_stays_good(
    app: FastAPI, follower: Follower
) -> None:
    assert await follower.poll() == 0
    first = follower.cursor
    assert await follower.poll() == 0
    assert follower.cursor == first, "the end moved though nothing happened"
    await record(app, change(1), change(2))
    await follower.catch_up(2)
    end = follower.cursor
    assert (await follower.poll(), follower.cursor) == (0, end)
    await record(app, change(3))
    await follower.catch_up(3)
    assert follower.told == ["R-1", "R-2", "R-3"]


async def test_a_change_tells_what_everybody_may_read_now(
    app: FastAPI, client: httpx2.AsyncClient, follower: Follower
) -> None:
    await record(app, told := change(7))
    await follower.catch_up(1)
    [item] = (await client.get(FEED)).json()["items"]
    at = datetime.fromisoformat(item.pop("at"))
    assert at == told.at
    assert item == {
        "kind": "published",
        "resource_id": str(told.resource_id),
        "code": "R-7",
        "version": 7,
    }


async def test_a_cursor_of_another_list_or_of_nobody_is_refused(client: httpx2.AsyncClient) -> None:
    for cursor in ("", "x", "A" * 60):
        answer = await client.get(FEED, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["title"]) == (400, answer.json()["title"])


async def test_a_change_is_told_after_those_that_began_before_it(
    app: FastAPI, stack: Stack, database: str, follower: Follower
) -> None:
    async with another(stack, database) as slow:
        under_way = slow.transaction()
        await under_way.start()
        await slow.execute(
            "INSERT INTO changes (at, kind, resource_id, code)"
            " VALUES (now(), 'retired', $1, 'slow')",
            uuid7(),
        )
        await record(app, change(1))
        for _ in range(3):
            assert await follower.poll() == 0, "what may still be overtaken is not told"
        await under_way.commit()
    await follower.catch_up(2)
    assert follower.told == ["slow", "R-1"]


async def test_changes_of_a_resource_keep_their_order_though_a_late_one_began_early(
    app: FastAPI, follower: Follower
) -> None:
    resource_id = uuid7()
    async with app.state.runtime.new_uow() as early:
        await early.connection.execute(text("SELECT pg_current_xact_id()"))
        await record(app, change(1, resource_id))
        await ChangeRepository(early.connection).append(change(2, resource_id))
        await early.commit()
    await follower.catch_up(2)
    assert follower.told == ["R-1", "R-2"]


async def test_transactions_are_told_by_their_number_however_many_digits_it_has(
    client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    numbers = (9, 10, 99, 100, 101)
    for number in reversed(numbers):
        await owner.execute(
            "INSERT INTO changes (transaction, at, kind, resource_id, code)"
            " VALUES ($1::text::xid8, now(), 'changed', $2, $3)",
            *(str(number), uuid7(), str(number)),
        )
    follower = Follower(client, 1)
    await follower.catch_up(len(numbers))
    assert await follower.poll() == 0
    assert follower.told == [str(each) for each in numbers]


async def test_a_slow_follower_of_many_writers_misses_nothing_and_is_told_nothing_twice(
    app: FastAPI, client: httpx2.AsyncClient, stack: Stack, database: str
) -> None:
    chance, committed = random.Random(20261122), list[str]()
    writing = 0

    async def write(name: int) -> None:
        async with another(stack, database) as connection:
            for number in range(ROUNDS):
                transaction = connection.transaction()
                await transaction.start()
                codes = [f"{name}-{number}-{each}" for each in range(chance.randint(1, 4))]
                for code in codes:
                    await connection.execute(
                        "INSERT INTO changes (at, kind, resource_id, code)"
                        " VALUES (now(), 'changed', $1, $2)",
                        *(uuid7(), code),
                    )
                    await asyncio.sleep(chance.uniform(0, 0.02))
                if chance.random() < 0.2:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    committed.extend(codes)

    async def follow(each: Follower, pause: float) -> None:
        while writing or await each.poll():
            await each.poll()
            await asyncio.sleep(pause)
        await each.catch_up(len(committed))

    followers = [Follower(client, 3), Follower(client, 100)]
    writing = WRITERS

    async def writer(name: int) -> None:
        nonlocal writing
        await write(name)
        writing -= 1

    pauses = (0.03, 0.002)
    following = [follow(*each) for each in zip(followers, pauses, strict=True)]
    await asyncio.gather(*map(writer, range(WRITERS)), *following)
    for each in followers:
        assert sorted(each.told) == sorted(committed)
    assert followers[0].told == followers[1].told, "everybody is told in the same order"
