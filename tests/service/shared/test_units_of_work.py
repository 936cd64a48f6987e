import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.context import RequestContext, enter
from shared.database import UnitOfWork, create_engine
from shared.errors import NotFound, Unavailable
from shared.settings import ServiceSettings
from shared.testing.clock import FrozenClock
from tests.conftest import Stack
from tests.faults.counters import EVENT, Incremented, increment
from tests.service.shared.house import NewUow, count, execute, rows

TABLES = ("counter", "outbox", "audit")


async def test_row_event_and_audit_entry_are_written_together(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    async with new_uow() as uow:
        assert await uow.commit(await increment(uow, "a")) == 1
    assert [await count(engine, table) for table in TABLES] == [1, 1, 1]
    assert await rows(engine, "SELECT type, aggregate FROM outbox") == [(EVENT, "a")]
    assert await rows(engine, "SELECT action, target, actor FROM audit") == [
        ("counter.increment", "a", "system")
    ]


async def test_leaving_without_commit_writes_nothing(engine: AsyncEngine, new_uow: NewUow) -> None:
    async with new_uow() as uow:
        await increment(uow, "a")

    async def refused() -> None:
        async with new_uow() as uow:
            await increment(uow, "a")
            raise NotFound

    with pytest.raises(NotFound):
        await refused()
    assert [await count(engine, table) for table in TABLES] == [0, 0, 0]


@pytest.mark.parametrize("table", ["outbox", "audit", "audit_unchained"])
async def test_when_one_part_cannot_be_written_none_is(
    engine: AsyncEngine, new_uow: NewUow, table: str
) -> None:
    await execute(engine, f"ALTER TABLE {table} ADD CONSTRAINT never CHECK (false)")
    try:
        with pytest.raises(DBAPIError):
            async with new_uow() as uow:
                await uow.commit(await increment(uow, "a"))
    finally:
        await execute(engine, f"ALTER TABLE {table} DROP CONSTRAINT never")
    assert [await count(engine, each) for each in TABLES] == [0, 0, 0]


async def test_an_audit_entry_names_who_acted_for_whom_in_which_request(
    engine: AsyncEngine,
) -> None:
    clock = FrozenClock(datetime(2026, 9, 1, 8, tzinfo=UTC))
    enter(RequestContext("request-1", actor="parent", on_behalf_of="child", client="school-app"))
    try:
        async with UnitOfWork(engine, "/catalog", clock) as uow:
            uow.audit.record("consent.give", "c1", organisation="o1", after={"a": 1}, purpose="p")
            await uow.commit()
    finally:
        enter(RequestContext())
    assert await rows(
        engine,
        "SELECT at, actor, on_behalf_of, client, action, target, organisation, request_id, facts,"
        " before_digest IS NULL, length(after_digest) FROM audit",
    ) == [
        (
            *(clock(), "parent", "child", "school-app", "consent.give", "c1", "o1"),
            *("request-1", {"purpose": "p"}, True, 32),
        )
    ]


async def test_concurrent_writers_of_one_aggregate_publish_in_the_order_of_their_commits(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    """The value is given by the row lock; an event id is drawn later, when it could overtake."""

    async def write() -> None:
        for _ in range(15):
            async with new_uow() as uow:
                value = await increment(uow, "a")
                await asyncio.sleep(0)
                await uow.commit(value)

    await asyncio.gather(*(write() for _ in range(6)))
    found = await rows(
        engine,
        "SELECT (convert_from(envelope, 'utf8')::jsonb -> 'data' ->> 'value')::int"
        " FROM outbox ORDER BY id",
    )
    assert [value for (value,) in found] == list(range(1, 91))


async def test_an_event_without_a_common_row_still_waits_for_the_one_before_it(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    """Ids rise in commit order within an aggregate even where nothing else serialises writers."""
    first, second = new_uow(), new_uow()
    async with first, second:
        first.outbox.append(Incremented("a", 1))
        second.outbox.append(Incremented("a", 2))
        await first.outbox.write(first.connection)
        waiting: asyncio.Task[None] = asyncio.create_task(second.commit(None))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await first.connection.commit()
        await waiting
    assert await count(engine, "outbox") == 2


async def test_writers_of_different_aggregates_do_not_wait_for_each_other(
    new_uow: NewUow,
) -> None:
    first, second = new_uow(), new_uow()
    async with first, second:
        await increment(first, "a")
        await first.outbox.write(first.connection)
        await asyncio.wait_for(second.commit(await increment(second, "b")), 2)


async def test_times_are_utc_whatever_the_server_says(
    stack: Stack, settings: ServiceSettings, engine: AsyncEngine
) -> None:
    role = settings.database_url.rpartition("/")[2]
    superuser = await stack.superuser()
    await superuser.execute(f"ALTER ROLE {role} SET timezone = 'Asia/Shanghai'")
    await superuser.close()
    fresh = create_engine(settings, "trial")
    try:
        async with fresh.connect() as connection:
            await connection.rollback()
            zone = await connection.execute(text("SHOW timezone"))
            assert zone.scalar_one() == "UTC"
    finally:
        await fresh.dispose()


async def test_a_failed_statement_does_not_repeat_its_values(engine: AsyncEngine) -> None:
    query = text("SELECT 1 / (CAST(:phone AS bigint) - 13800000000)")
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="parameters hidden"):
            await connection.execute(query, {"phone": 13800000000})


async def test_without_postgresql_a_use_case_is_unavailable() -> None:
    engine = create_engine(ServiceSettings(database_url="postgresql://a@127.0.0.1:9/a"), "trial")
    with pytest.raises(Unavailable):
        async with UnitOfWork(engine, "/catalog"):
            pass
    await engine.dispose()


async def test_a_connection_lost_under_a_use_case_is_unavailable(
    stack: Stack, engine: AsyncEngine, new_uow: NewUow
) -> None:
    superuser = await stack.superuser()

    async def interrupted() -> None:
        async with new_uow() as uow:
            pid = (await uow.connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await superuser.execute("SELECT pg_terminate_backend($1)", pid)
            await uow.commit(await increment(uow, "a"))

    with pytest.raises(Unavailable):
        await interrupted()
    await superuser.close()
    assert await count(engine, "counter") == 0


async def test_connections_that_died_in_the_pool_are_replaced_unnoticed(
    stack: Stack, settings: ServiceSettings, engine: AsyncEngine, new_uow: NewUow
) -> None:
    async def write(name: str) -> None:
        async with new_uow() as uow:
            await uow.commit(await increment(uow, name))

    await asyncio.gather(*(write(f"before-{n}") for n in range(4)))
    superuser = await stack.superuser()
    await superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
        settings.database_url.rpartition("/")[2],
    )
    await superuser.close()
    await asyncio.sleep(0.1)
    await asyncio.gather(*(write(f"after-{n}") for n in range(4)))
    assert await count(engine, "counter") == 8


async def test_a_lock_that_is_not_given_is_unavailable(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    async def impatient() -> None:
        async with new_uow() as uow:
            await uow.connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            await increment(uow, "a")

    async with new_uow() as holder:
        await increment(holder, "a")
        with pytest.raises(Unavailable):
            await impatient()


async def test_a_pool_without_a_free_connection_is_unavailable(
    settings: ServiceSettings, engine: AsyncEngine
) -> None:
    small = create_engine(settings.model_copy(update={"database_pool": 1}), "trial")
    small.pool._timeout = 0.1  # type: ignore[attr-defined]
    try:
        async with small.connect():
            with pytest.raises(Unavailable):
                async with UnitOfWork(small, "/catalog"):
                    pass
    finally:
        await small.dispose()


async def test_what_another_dependency_lacks_is_told_as_it_was_said(new_uow: NewUow) -> None:
    async def use_case() -> None:
        async with new_uow():
            lost = ConnectionRefusedError()
            raise Unavailable("The object store is out of reach.", retry_after=9) from lost

    with pytest.raises(Unavailable, match="object store") as told:
        await use_case()
    assert told.value.retry_after == 9


async def test_the_relay_is_woken_by_a_commit_that_recorded_an_event(engine: AsyncEngine) -> None:
    woken: list[bool] = []
    for with_event in (False, True):
        async with UnitOfWork(engine, "/catalog", wake_relay=lambda: woken.append(True)) as uow:
            if with_event:
                await increment(uow, "a")
            await uow.commit()
        assert woken == [True] * with_event


async def test_a_service_gives_up_on_locks_and_abandoned_transactions(
    engine: AsyncEngine,
) -> None:
    async with engine.connect() as connection:
        limits = [
            (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        ]
    assert limits == ["5s", "30s", "30s"]
