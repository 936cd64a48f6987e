import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import nats
import pytest
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bus
from shared.context import current
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.ids import uuid7
from shared.inbox import Handlers, Inbox, retry_parked
from shared.settings import ServiceSettings
from shared.tasks import keep_running
from tests.faults.counters import EVENT, HANDLERS, HEARER, SOURCE, hear
from tests.service.shared.house import NatsServer, NewUow, count, eventually, rows, running

STREAM = bus.stream_of(SOURCE)


def event(name: str, value: int) -> Envelope:
    data = {"name": name, "value": value}
    return Envelope(uuid7(), f"/{SOURCE}", EVENT, name, datetime.now(UTC), data)


@pytest.fixture
async def stream(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    """A stream that the test fills itself, as the relay of a neighbour does."""
    client = await nats.connect(nats_server.url, allow_reconnect=False)
    await bus.ensure_stream(client.jetstream(), SOURCE)
    yield client.jetstream()
    await client.close()


async def send(stream: JetStreamContext, *events: Envelope | bytes) -> None:
    """Publish, without the message ids by which the bus itself would drop a repetition."""
    for each in events:
        raw = each if isinstance(each, bytes) else each.to_json()
        await stream.publish(EVENT, raw)


def inbox(settings: ServiceSettings, new_uow: NewUow, handlers: Handlers = HANDLERS) -> Inbox:
    return Inbox(settings, HEARER, SOURCE, new_uow, handlers)


async def heard(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    return await rows(engine, "SELECT name, value FROM heard ORDER BY id")


async def parked(engine: AsyncEngine) -> list[UUID]:
    return [id_ for (id_,) in await rows(engine, "SELECT event_id FROM inbox_parked ORDER BY id")]


async def reached(engine: AsyncEngine, sequence: int) -> bool:
    return await rows(engine, "SELECT sequence FROM inbox_position") == [(sequence,)]


async def test_events_are_applied_in_the_order_of_the_stream(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    events = [event(name, value) for value in range(1, 71) for name in ("a", "b", "c")]
    await send(stream, *events)
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 210))
    assert await heard(engine) == [(each.aggregate, each.data["value"]) for each in events]


async def test_an_event_is_applied_at_once(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    delays = []
    reading = inbox(bus_settings, new_uow)
    async with running(reading.run()):
        await send(stream, event("warm", 1))
        await eventually(lambda: reached(engine, 1))
        for number in range(2, 9):
            await send(stream, event("a", number))
            sent = time.perf_counter()
            await eventually(lambda: reached(engine, number))  # noqa: B023 - awaited right here
            delays.append(time.perf_counter() - sent)
            await asyncio.sleep(0.05)
    assert sorted(delays)[len(delays) // 2] < 0.3


async def test_an_event_that_comes_again_is_applied_once(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    first, second = event("a", 1), event("a", 2)
    await send(stream, first, first, second, first, second)
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 5))
    assert await heard(engine) == [("a", 1), ("a", 2)]


async def test_an_inbox_goes_on_where_it_stopped(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    for number in range(1, 4):
        await send(stream, event("a", number))
        async with running(inbox(bus_settings, new_uow).run()):
            await eventually(lambda: reached(engine, number))  # noqa: B023 - awaited right here
    assert await heard(engine) == [("a", 1), ("a", 2), ("a", 3)]


async def test_two_replicas_apply_nothing_twice_and_nothing_out_of_order(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    async with running(
        keep_running("one", inbox(bus_settings, new_uow).run),
        keep_running("two", inbox(bus_settings, new_uow).run),
    ):
        for value in range(1, 61):
            await send(stream, event("a", value), event("b", value))
        await eventually(lambda: reached(engine, 120))
    found = await heard(engine)
    for name in "ab":
        assert [value for each, value in found if each == name] == list(range(1, 61))


async def test_a_stream_made_anew_is_read_from_its_beginning_and_applied_once(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    events = [event("a", value) for value in range(1, 5)]
    async with running(keep_running("inbox", inbox(bus_settings, new_uow).run)):
        await send(stream, *events[:3])
        await eventually(lambda: reached(engine, 3))
        await stream.delete_stream(STREAM)
        await bus.ensure_stream(stream, SOURCE)
        await send(stream, *events)
        await eventually(lambda: reached(engine, 4))
    assert await heard(engine) == [("a", value) for value in range(1, 5)]


async def test_a_bus_that_is_killed_loses_nothing(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    nats_server: NatsServer,
) -> None:
    async with running(keep_running("inbox", inbox(bus_settings, new_uow).run)):
        for value in range(1, 4):
            client = await nats.connect(nats_server.url, allow_reconnect=False)
            await bus.ensure_stream(client.jetstream(), SOURCE)
            await send(client.jetstream(), event("a", value))
            await client.close()
            nats_server.kill()
            nats_server.start()
        await eventually(lambda: reached(engine, 3))
    assert await heard(engine) == [("a", 1), ("a", 2), ("a", 3)]


async def refuse_the_first_of_a(uow: UnitOfWork, envelope: Envelope) -> None:
    await hear(uow, envelope)
    if envelope.data == {"name": "a", "value": 1}:
        raise LookupError("no such thing")


async def test_an_event_that_cannot_be_applied_is_parked_with_the_later_ones_of_its_aggregate(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    events = [event(name, value) for value in (1, 2) for name in "ab"]
    await send(stream, *events)
    async with running(inbox(bus_settings, new_uow, {EVENT: refuse_the_first_of_a}).run()):
        await eventually(lambda: reached(engine, 4))
        assert await heard(engine) == [("b", 1), ("b", 2)]
        assert await parked(engine) == [events[0].id, events[2].id]
        later = event("a", 3)
        await send(stream, later, event("b", 3))
        await eventually(lambda: reached(engine, 6))
    assert await heard(engine) == [("b", 1), ("b", 2), ("b", 3)]
    assert await parked(engine) == [events[0].id, events[2].id, later.id]
    reasons = [reason for (reason,) in await rows(engine, "SELECT reason FROM inbox_parked")]
    assert reasons[0] == "LookupError('no such thing')"
    assert "earlier event" in reasons[1]

    assert await retry_parked(new_uow, HANDLERS) == 3
    assert (await heard(engine))[3:] == [("a", 1), ("a", 2), ("a", 3)]
    assert await parked(engine) == []
    assert await retry_parked(new_uow, HANDLERS) == 0


async def test_what_is_still_refused_stays_parked_with_those_behind_it(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    handlers = {EVENT: refuse_the_first_of_a}
    await send(stream, event("a", 1), event("a", 2))
    async with running(inbox(bus_settings, new_uow, handlers).run()):
        await eventually(lambda: reached(engine, 2))
    with pytest.raises(LookupError) as refusal:
        await retry_parked(new_uow, handlers)
    assert refusal.value.__notes__ == ["0 of 2 parked events were applied before it"]
    assert await heard(engine) == []
    assert len(await parked(engine)) == 2


async def test_two_retries_at_once_apply_a_parked_event_once(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    await send(stream, event("a", 1), event("a", 2))
    async with running(inbox(bus_settings, new_uow, {EVENT: refuse_the_first_of_a}).run()):
        await eventually(lambda: reached(engine, 2))
    done = await asyncio.gather(*(retry_parked(new_uow, HANDLERS) for _ in range(4)))
    assert sum(done) == 2
    assert await heard(engine) == [("a", 1), ("a", 2)]


async def test_an_event_of_unknown_schema_is_parked(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    unknown = replace(event("a", 1), type=f"{SOURCE}.counter.imagined.v1")
    unfit = replace(event("b", 1), data={"name": "b"})
    await send(stream, unknown, unfit, event("c", 1))
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 3))
    assert await parked(engine) == [unknown.id, unfit.id]
    first, second = await rows(engine, "SELECT reason FROM inbox_parked ORDER BY id")
    assert first == (f"no schema is published for {unknown.type}",)
    assert second[0].startswith(f"{EVENT}: ")
    assert await heard(engine) == [("c", 1)]


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'"text"', b"\xff", b'{"specversion":"1.0","id":7,"partitionkey":"a"}']
)
async def test_what_is_no_event_is_passed_over(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
    raw: bytes,
) -> None:
    await send(stream, raw, event("a", 1))
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 2))
    assert await heard(engine) == [("a", 1)]
    assert await parked(engine) == []


async def test_an_outage_parks_nothing(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waiting cures is tried again until it is cured, with everything behind it."""
    failures = [ConnectionRefusedError(), TimeoutError(), ConnectionResetError()]
    monkeypatch.setattr("shared.inbox.ATTEMPTS", 1)

    async def out_of_reach(uow: UnitOfWork, envelope: Envelope) -> None:
        if failures:
            raise failures.pop()
        await hear(uow, envelope)

    await send(stream, event("a", 1), event("a", 2))
    async with running(
        keep_running("inbox", inbox(bus_settings, new_uow, {EVENT: out_of_reach}).run)
    ):
        await eventually(lambda: reached(engine, 2))
    assert await heard(engine) == [("a", 1), ("a", 2)]
    assert await parked(engine) == []


async def test_a_lock_held_by_another_parks_nothing(
    engine: AsyncEngine,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A replica that holds the position for long is no fault of the event that waits."""
    monkeypatch.setattr("shared.inbox.ATTEMPTS", 1)

    class Impatient(UnitOfWork):
        async def __aenter__(self) -> "Impatient":
            await super().__aenter__()
            await self.connection.execute(text("SET LOCAL lock_timeout = '400ms'"))
            return self

    def impatient() -> UnitOfWork:
        return Impatient(engine, f"/{HEARER}")

    async with running(keep_running("inbox", inbox(bus_settings, impatient).run)):
        await send(stream, event("a", 1))
        await eventually(lambda: reached(engine, 1))
        async with engine.connect() as holder:
            await holder.execute(text("SELECT FROM inbox_position FOR UPDATE"))
            await send(stream, event("a", 2))
            # One attempt has failed by then, and one more is waiting for the lock.
            await asyncio.sleep(0.7)
            await holder.rollback()
        await eventually(lambda: reached(engine, 2))
    assert await heard(engine) == [("a", 1), ("a", 2)]
    assert await parked(engine) == []


async def test_effect_position_and_id_are_written_together(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    """A crash between an effect and its record would apply it again: there is no between."""
    begun = asyncio.Event()

    async def crash(uow: UnitOfWork, envelope: Envelope) -> None:
        await hear(uow, envelope)
        begun.set()
        await asyncio.Event().wait()

    await send(stream, event("a", 1))
    async with running(inbox(bus_settings, new_uow, {EVENT: crash}).run()):
        await asyncio.wait_for(begun.wait(), 10)
    assert await count(engine, "heard") == await count(engine, "inbox") == 0
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 1))
    assert await heard(engine) == [("a", 1)]


async def test_a_handler_acts_in_the_name_of_the_service_it_heard_and_only_then(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    async def note(uow: UnitOfWork, envelope: Envelope) -> None:
        uow.audit.record("note", envelope.aggregate)

    sent = event("a", 1)
    await send(stream, sent)
    async with running(inbox(bus_settings, new_uow, {EVENT: note}).run()):
        await eventually(lambda: reached(engine, 1))
    assert await rows(engine, "SELECT actor, request_id FROM audit") == [
        (f"service:/{SOURCE}", str(sent.id))
    ]
    assert current().actor == "system"


async def test_other_types_are_passed_over(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
) -> None:
    await stream.publish(f"{SOURCE}.counter.reset.v1", b"{}")
    await send(stream, event("a", 1))
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 2))
    assert await heard(engine) == [("a", 1)]


async def test_messages_that_the_consumer_skipped_are_read_again(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    following = bus.Follower.next
    lost: list[Msg] = []

    async def losing_one(self: bus.Follower) -> list[Msg]:
        messages = await following(self)
        if messages and not lost:
            lost.append(messages.pop(0))
        return messages

    monkeypatch.setattr(bus.Follower, "next", losing_one)
    await send(stream, *(event("a", value) for value in (1, 2, 3)))
    async with running(inbox(bus_settings, new_uow).run()):
        await eventually(lambda: reached(engine, 3))
    assert await heard(engine) == [("a", 1), ("a", 2), ("a", 3)]


async def test_whether_the_bus_is_connected_is_known(
    engine: AsyncEngine,
    new_uow: NewUow,
    bus_settings: ServiceSettings,
    stream: JetStreamContext,
    nats_server: NatsServer,
) -> None:
    reading = inbox(bus_settings, new_uow)

    async def connected() -> bool:
        return reading.connected

    async def lost() -> bool:
        return not reading.connected

    assert not reading.connected
    async with running(keep_running("inbox", reading.run)):
        await eventually(connected)
        nats_server.kill()
        await eventually(lost)
        nats_server.start()
        await eventually(connected)
