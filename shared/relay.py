"""Outbox to JetStream: each recorded event at least once, in order within its aggregate.

One relay per service is active, held by an advisory lock; another replica waits. It wakes on
NOTIFY and polls beside. NATS keeps no record: when the stream is found wiped, made anew, or shorter
than what was acknowledged, every event still in the outbox is published again to a new stream, and
consumers' inboxes drop what they applied.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog
from nats.aio.client import Client
from nats.js.client import JetStreamContext

from shared import bus
from shared.metrics import OUTBOX_PUBLISHED
from shared.settings import ServiceSettings

CHANNEL = "outbox"
BATCH = 200
POLL_SECONDS = 5.0
ACK_SECONDS = 5.0

_NEXT = """
    SELECT id, event_id, type, envelope FROM outbox
    WHERE published_at IS NULL ORDER BY id LIMIT $1
"""
_MARK = """
    WITH marked AS (UPDATE outbox SET published_at = now() WHERE id = ANY($1))
    UPDATE outbox_stream SET last_sequence = greatest(last_sequence, $3) WHERE name = $2
"""
_LEAD = "SELECT pg_try_advisory_lock(hashtextextended('outbox-relay', 0))"
_KNOWN = "SELECT created_at, last_sequence FROM outbox_stream WHERE name = $1"
_REMEMBER = """
    INSERT INTO outbox_stream (name, created_at) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at, last_sequence = 0
"""
_AGAIN = (
    "UPDATE outbox SET published_at = NULL WHERE recorded_at >= $1 AND published_at IS NOT NULL"
)

log = structlog.get_logger(__name__)


class Relay:
    """Publishes the outbox of one service until cancelled."""

    def __init__(self, settings: ServiceSettings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._stream = bus.stream_of(service)
        self._woken = asyncio.Event()
        self.connected = False

    def wake(self) -> None:
        """Something was recorded: publish without waiting for the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Hold one connection to each side and publish; a lost one ends the call with its error."""
        async with AsyncExitStack() as stack:
            database = await connect_listening(self._settings, f"{self._service}-relay")
            stack.push_async_callback(_close, database)
            await self._lead(database)
            await database.add_listener(CHANNEL, lambda *_: self.wake())
            database.add_termination_listener(lambda *_: self.wake())
            nats = await bus.connect(self._settings, f"{self._service}-relay", self.wake)
            stack.push_async_callback(_close_bus, nats)
            await self._recognise_stream(database, nats)
            js = nats.jetstream(publish_async_max_pending=BATCH)
            self.connected = True
            stack.callback(setattr, self, "connected", False)
            while True:
                self._woken.clear()
                while await self._publish_batch(database, js) == BATCH:
                    pass
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._woken.wait()
                if nats.is_closed or database.is_closed():
                    raise ConnectionError("a connection of the relay was lost")

    async def _lead(self, database: asyncpg.Connection) -> None:
        """Wait for the lock that one relay holds; meanwhile pass wake-ups on to its holder."""
        while not await database.fetchval(_LEAD):
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
                self._woken.clear()
                await database.execute(f"NOTIFY {CHANNEL}")
                await asyncio.sleep(0.05)

    async def _recognise_stream(self, database: asyncpg.Connection, nats: Client) -> None:
        js = nats.jetstream()
        info = await bus.ensure_stream(js, self._service)
        known = await database.fetchrow(_KNOWN, self._stream)
        if known is not None and known["created_at"] == info.created:
            if info.state.last_seq >= known["last_sequence"]:
                return
            await js.delete_stream(self._stream)
            info = await bus.ensure_stream(js, self._service)
        async with database.transaction():
            await database.execute(_REMEMBER, self._stream, info.created)
            if known is not None:
                again = await database.execute(_AGAIN, datetime.min.replace(tzinfo=UTC))
                log.warning("the stream lost its events: publishing again", rows=again)

    async def _publish_batch(self, database: asyncpg.Connection, js: JetStreamContext) -> int:
        """No transaction waits for the bus: it would hold up whoever follows commits in their order
        (ADR 0013). The lock of `_lead` keeps others away from the rows."""
        rows = await database.fetch(_NEXT, BATCH)
        if rows:
            async with asyncio.timeout(ACK_SECONDS):
                last = await self._publish(js, rows)
            await database.execute(_MARK, [row["id"] for row in rows], self._stream, last)
            OUTBOX_PUBLISHED.labels(self._service).inc(len(rows))
        return len(rows)

    async def _publish(self, js: JetStreamContext, rows: list[Any]) -> int:
        """Publish, and return the highest sequence that was acknowledged."""
        acks = [
            await js.publish_async(
                row["type"],
                row["envelope"],
                stream=self._stream,
                headers={"Nats-Msg-Id": str(row["event_id"])},
            )
            for row in rows
        ]
        return max(ack.seq for ack in await asyncio.gather(*acks))


async def replay(settings: ServiceSettings, since: datetime) -> int:
    """Mark every event recorded since then as unpublished; the relay sends them again.

    Returns how many. Consumers that applied them already drop them.
    """
    database = await connect_listening(settings, "replay")
    try:
        done: str = await database.execute(_AGAIN, since)
        await database.execute(f"NOTIFY {CHANNEL}")
        return int(done.split()[-1])
    finally:
        await database.close()


async def connect_listening(settings: ServiceSettings, name: str) -> asyncpg.Connection:
    """A plain asyncpg connection of the service's role, outside the pool."""
    return await asyncpg.connect(
        settings.database_url,
        password=settings.database_password.get_secret_value() or None,
        timeout=5,
        command_timeout=30,
        server_settings={"application_name": name},
    )


async def _close(database: asyncpg.Connection) -> None:
    with suppress(Exception):
        await database.close(timeout=1)


async def _close_bus(nats: Client) -> None:
    with suppress(Exception):
        await nats.close()
