import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import retention
from shared.retention import Sweeper
from shared.settings import ServiceSettings
from tests.faults.counters import increment
from tests.service.shared.house import NewUow, count, execute, rows


async def age(engine: AsyncEngine, table: str, column: str, days: int) -> None:
    """Make everything in `table` that much older."""
    await execute(
        engine,
        f"UPDATE {table} SET {column} = {column} - interval '{days} days'",  # noqa: S608 - names
    )


async def record(new_uow: NewUow, *names: str) -> None:
    for name in names:
        async with new_uow() as uow:
            await uow.commit(await increment(uow, name))


async def test_published_events_go_after_thirty_days(
    engine: AsyncEngine, new_uow: NewUow, settings: ServiceSettings
) -> None:
    await record(new_uow, "old")
    await execute(engine, "UPDATE outbox SET published_at = now()")
    await age(engine, "outbox", "recorded_at", 31)
    await record(new_uow, "young")
    await execute(engine, "UPDATE outbox SET published_at = now()")
    assert await Sweeper(engine, settings).sweep() == 1
    assert await rows(engine, "SELECT aggregate FROM outbox") == [("young",)]


async def test_an_event_that_was_never_published_stays(
    engine: AsyncEngine, new_uow: NewUow, settings: ServiceSettings
) -> None:
    await record(new_uow, "a")
    await age(engine, "outbox", "recorded_at", 400)
    assert await Sweeper(engine, settings).sweep() == 0
    assert await count(engine, "outbox") == 1


async def test_being_published_again_does_not_prolong_an_event_s_stay(
    engine: AsyncEngine, new_uow: NewUow, settings: ServiceSettings
) -> None:
    """Else it could outlive the ids by which consumers know it."""
    await record(new_uow, "a")
    await age(engine, "outbox", "recorded_at", 31)
    await execute(engine, "UPDATE outbox SET published_at = now()")
    assert await Sweeper(engine, settings).sweep() == 1


async def test_inbox_ids_stay_twice_as_long_as_events(
    engine: AsyncEngine, settings: ServiceSettings
) -> None:
    await execute(engine, "INSERT INTO inbox (event_id) VALUES (gen_random_uuid())")
    await age(engine, "inbox", "applied_at", 59)
    assert await Sweeper(engine, settings).sweep() == 0
    await age(engine, "inbox", "applied_at", 2)
    assert await Sweeper(engine, settings).sweep() == 1


async def test_first_answers_stay_for_two_days(
    engine: AsyncEngine, settings: ServiceSettings
) -> None:
    await execute(
        engine,
        "INSERT INTO idempotency (scope, key, fingerprint, status, headers, body)"
        " VALUES ('s', 'k', '', 201, '{}', '')",
    )
    await age(engine, "idempotency", "stored_at", 1)
    assert await Sweeper(engine, settings).sweep() == 0
    await age(engine, "idempotency", "stored_at", 1)
    assert await Sweeper(engine, settings).sweep() == 1


async def test_the_audit_trail_and_parked_events_are_never_swept(
    engine: AsyncEngine, new_uow: NewUow, settings: ServiceSettings
) -> None:
    await record(new_uow, "a")
    await age(engine, "audit", "at", 4000)
    await execute(
        engine,
        "INSERT INTO inbox_parked (event_id, aggregate, envelope, reason, parked_at)"
        " VALUES (gen_random_uuid(), 'a', '', 'r', now() - interval '4000 days')",
    )
    await Sweeper(engine, settings).sweep()
    assert await count(engine, "audit") == await count(engine, "inbox_parked") == 1


async def test_a_sweep_takes_small_steps_to_the_end(
    engine: AsyncEngine, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    await execute(
        engine,
        "INSERT INTO inbox (event_id, applied_at)"
        " SELECT gen_random_uuid(), now() - interval '100 days' FROM generate_series(1, 10)",
    )
    assert await Sweeper(engine, settings).sweep() == 10
    assert await count(engine, "inbox") == 0
