import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bus
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.relay import CHANNEL, POLL_SECONDS, Relay, replay
from shared.settings import ServiceSettings
from shared.tasks import keep_running
from tests.faults.counters import SOURCE, increment
from tests.service.shared.house import NatsServer, NewUow, count, eventually, execute, running

STREAM = bus.stream_of(SOURCE)


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    made = await nats.connect(nats_server.url, allow_reconnect=False)
    yield made
    await made.close()


@pytest.fixture
def relay(bus_settings: ServiceSettings) -> Relay:
    return Relay(bus_settings, SOURCE)


@pytest.fixture
def new_uow(engine: AsyncEngine, relay: Relay) -> NewUow:
    return lambda: UnitOfWork(engine, f"/{SOURCE}", wake_relay=relay.wake)


async def write(new_uow: NewUow, *names: str) -> None:
    """Increment each of `names`, a unit of work each."""
    for name in names:
        async with new_uow() as uow:
            await uow.commit(await increment(uow, name))


async def published(url: str) -> list[Envelope]:
    """Everything in the stream, in its order; nothing when there is no stream."""
    client = await nats.connect(url, allow_reconnect=False)
    try:
        js = client.jetstream()
        last = (await js.stream_info(STREAM)).state.last_seq
        found = [await js.get_msg(STREAM, seq=number + 1) for number in range(last)]
        return [Envelope.from_json(message.data or b"") for message in found]
    except NotFoundError:
        return []
    finally:
        await client.close()


async def all_published(engine: AsyncEngine) -> bool:
    return await count(engine, "outbox WHERE published_at IS NULL") == 0


async def connected(*relays: Relay) -> bool:
    return any(relay.connected for relay in relays)


async def test_events_are_published_once_and_in_their_order(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, nats_server: NatsServer
) -> None:
    for _ in range(2):
        async with new_uow() as uow:
            for name in ("a", "b") * 65:
                await increment(uow, name)
            await uow.commit()
    async with running(relay.run()):
        await eventually(lambda: all_published(engine))
    found = await published(nats_server.url)
    for name in "ab":
        values = [each.data["value"] for each in found if each.aggregate == name]
        assert values == list(range(1, 131))
    assert len({each.id for each in found}) == len(found) == 260


async def test_the_subject_is_the_type_and_the_message_id_the_event_s(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, client: Client
) -> None:
    await write(new_uow, "a")
    async with running(relay.run()):
        await eventually(lambda: all_published(engine))
    message = await client.jetstream().get_msg(STREAM, seq=1)
    envelope = Envelope.from_json(message.data or b"")
    assert message.subject == envelope.type
    assert (message.headers or {})["Nats-Msg-Id"] == str(envelope.id)


async def test_an_event_leaves_at_once(
    engine: AsyncEngine, bus_settings: ServiceSettings, relay: Relay, client: Client
) -> None:
    arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def arrive(_message: Msg) -> None:
        arrivals.put_nowait(time.perf_counter())

    await bus.ensure_stream(client.jetstream(), SOURCE)
    await client.jetstream().subscribe(
        f"{SOURCE}.>", cb=arrive, config=ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
    )
    delays = []
    async with running(relay.run()):
        await eventually(lambda: connected(relay))
        for _ in range(10):
            async with UnitOfWork(engine, f"/{SOURCE}", wake_relay=relay.wake) as uow:
                await increment(uow, "a")
                await uow.commit()
            committed = time.perf_counter()
            delays.append(await asyncio.wait_for(arrivals.get(), 5) - committed)
    assert sorted(delays)[len(delays) // 2] < 0.3


async def test_a_wake_up_from_another_process_is_heard(engine: AsyncEngine, relay: Relay) -> None:
    async with running(relay.run()):
        await eventually(lambda: connected(relay))
        await asyncio.sleep(0.1)
        await write(lambda: UnitOfWork(engine, f"/{SOURCE}"), "a")
        await execute(engine, f"NOTIFY {CHANNEL}")
        await eventually(lambda: all_published(engine), POLL_SECONDS / 2)


async def test_one_relay_leads_and_another_takes_over(
    engine: AsyncEngine, bus_settings: ServiceSettings, relay: Relay
) -> None:
    second = Relay(bus_settings, SOURCE)
    async with running(second.run()):
        async with running(relay.run()):
            await eventually(lambda: connected(relay, second))
            await asyncio.sleep(0.3)
            assert relay.connected != second.connected
        await eventually(lambda: connected(second))
        await write(lambda: UnitOfWork(engine, f"/{SOURCE}", wake_relay=second.wake), "a")
        await eventually(lambda: all_published(engine))


async def test_a_relay_in_waiting_passes_one_wake_up_on_and_no_more(
    engine: AsyncEngine, bus_settings: ServiceSettings, relay: Relay
) -> None:
    heard: list[str] = []
    listening = await asyncpg.connect(
        bus_settings.database_url, password=bus_settings.database_password.get_secret_value()
    )
    await listening.add_listener(CHANNEL, lambda *_: heard.append("woken"))
    waiting = Relay(bus_settings, SOURCE)
    async with running(relay.run()):
        await eventually(lambda: connected(relay))
        async with running(waiting.run()):
            await asyncio.sleep(0.2)
            await write(lambda: UnitOfWork(engine, f"/{SOURCE}", wake_relay=waiting.wake), "a")
            await eventually(lambda: all_published(engine), POLL_SECONDS / 2)
            await asyncio.sleep(0.6)
    await listening.close()
    assert len(heard) == 1


async def test_one_connection_keeps_one_subscription_however_much_it_publishes(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[Client] = []
    connect = bus.connect

    async def remembering(
        settings: ServiceSettings, name: str, on_closed: Callable[[], None]
    ) -> Client:
        clients.append(await connect(settings, name, on_closed))
        return clients[-1]

    monkeypatch.setattr(bus, "connect", remembering)
    async with running(relay.run()):
        for _ in range(5):
            await write(new_uow, "a")
            await eventually(lambda: all_published(engine))
        (client,) = clients
        assert len(client._subs) <= 2


async def test_writes_are_acknowledged_while_the_bus_is_out_of_reach(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, nats_server: NatsServer
) -> None:
    nats_server.kill()
    async with running(keep_running("relay", relay.run)):
        await write(new_uow, *("a",) * 5)
        assert not relay.connected
        assert await count(engine, "outbox WHERE published_at IS NULL") == 5
        nats_server.start()
        await eventually(lambda: all_published(engine))
    assert [each.data["value"] for each in await published(nats_server.url)] == [1, 2, 3, 4, 5]


async def test_no_transaction_waits_for_a_bus_that_hangs(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, nats_server: NatsServer
) -> None:
    async with running(keep_running("relay", relay.run)):
        await eventually(lambda: connected(relay))
        nats_server.hang()
        await write(new_uow, "a")
        for _ in range(20):
            waiting = f"application_name = '{SOURCE}-relay' AND xact_start IS NOT NULL"
            assert await count(engine, f"pg_stat_activity WHERE {waiting}") == 0
            await asyncio.sleep(0.02)
        nats_server.kill()
        nats_server.start()
        await eventually(lambda: all_published(engine))


async def test_a_bus_that_is_killed_again_and_again_gets_every_event_in_order(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, nats_server: NatsServer
) -> None:
    async with running(keep_running("relay", relay.run)):
        for _ in range(3):
            await write(new_uow, *("a",) * 30)
            await asyncio.sleep(0.02)
            nats_server.kill()
            await write(new_uow, *("a",) * 5)
            nats_server.start()
        await eventually(lambda: all_published(engine))
    values = [each.data["value"] for each in await published(nats_server.url)]
    assert values == list(range(1, 106))


async def test_a_stream_that_was_wiped_gets_everything_again(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, nats_server: NatsServer
) -> None:
    async with running(keep_running("relay", relay.run)):
        await write(new_uow, *("a",) * 5)
        await eventually(lambda: all_published(engine))
        nats_server.kill()
        nats_server.wipe()
        nats_server.start()
        await write(new_uow, "a")

        async def everything_is_there() -> bool:
            return len(await published(nats_server.url)) == 6

        await eventually(everything_is_there)
    assert [each.data["value"] for each in await published(nats_server.url)] == [1, 2, 3, 4, 5, 6]


async def test_a_stream_that_is_deleted_under_the_relay_gets_everything_again(
    engine: AsyncEngine, new_uow: NewUow, relay: Relay, nats_server: NatsServer, client: Client
) -> None:
    async with running(keep_running("relay", relay.run)):
        await write(new_uow, *("a",) * 5)
        await eventually(lambda: all_published(engine))
        await client.jetstream().delete_stream(STREAM)
        await write(new_uow, "a")

        async def everything_is_there() -> bool:
            return len(await published(nats_server.url)) == 6

        await eventually(everything_is_there)


async def test_a_stream_put_back_from_an_older_copy_gets_what_it_lost(
    engine: AsyncEngine,
    new_uow: NewUow,
    relay: Relay,
    nats_server: NatsServer,
    tmp_path: Path,
) -> None:
    async with running(keep_running("relay", relay.run)):
        await write(new_uow, *("a",) * 3)
        await eventually(lambda: all_published(engine))
        nats_server.kill()
        nats_server.copy_to(tmp_path / "backup")
        nats_server.start()
        await write(new_uow, *("a",) * 3)
        await eventually(lambda: all_published(engine))
        nats_server.kill()
        nats_server.restore_from(tmp_path / "backup")
        nats_server.start()
        await write(new_uow, "a")

        async def everything_is_there() -> bool:
            found = {each.data["value"] for each in await published(nats_server.url)}
            return found == set(range(1, 8))

        await eventually(everything_is_there)


async def test_a_replay_publishes_again_what_was_recorded_since(
    engine: AsyncEngine, new_uow: NewUow, bus_settings: ServiceSettings, relay: Relay
) -> None:
    async with running(relay.run()):
        await write(new_uow, "a", "a")
        await eventually(lambda: all_published(engine))
        since = datetime.now(UTC)
        await write(new_uow, "a")
        await eventually(lambda: all_published(engine))
        assert await replay(bus_settings, since) == 1
        await eventually(lambda: all_published(engine))
        assert await replay(bus_settings, datetime(2026, 1, 1, tzinfo=UTC)) == 3
        await eventually(lambda: all_published(engine))


async def test_a_lost_database_ends_the_run_so_that_it_is_begun_again(
    engine: AsyncEngine, relay: Relay
) -> None:
    task = asyncio.create_task(relay.run())
    await eventually(lambda: connected(relay))
    await execute(
        engine,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE '%-relay' AND datname = current_database()",
    )
    ended, _ = await asyncio.wait({task}, timeout=10)
    assert ended
    assert task.exception() is not None
    assert not relay.connected


async def test_a_relay_that_is_cancelled_while_it_wakes_ends_all_the_same(relay: Relay) -> None:
    task = asyncio.create_task(relay.run())
    await eventually(lambda: connected(relay))
    await asyncio.sleep(0.1)
    relay.wake()
    await asyncio.sleep(0)
    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=5)
    assert ended
    assert task.cancelled()
