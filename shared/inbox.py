"""JetStream to inbox: each event applied exactly once, in the order of its stream.

The position reached in a stream and the ids of applied events are rows of the service's own
database, committed with the effects, so nothing depends on what NATS remembers of a consumer:
after a kill, a wipe or a replay the inbox goes on from its own rows. The position row is locked
while a batch is applied, so two replicas apply nothing twice and nothing out of order.

An event that cannot be applied is parked with its reason, and so is every later one of the same
aggregate; the others flow on. `retry_parked` applies them once the cause is mended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import bus
from shared.context import RequestContext, acting
from shared.database import UnitOfWork, is_outage
from shared.errors import Unavailable
from shared.events import Envelope, MalformedEvent
from shared.metrics import INBOX_APPLIED, INBOX_PARKED
from shared.settings import ServiceSettings

Handler = Callable[[UnitOfWork, Envelope], Awaitable[None]]
Handlers = Mapping[str, Handler]
"""What each event type causes."""

ATTEMPTS = 5

_POSITION = text(
    "SELECT created_at, sequence FROM inbox_position WHERE stream = :stream FOR UPDATE"
)
_START = text(
    "INSERT INTO inbox_position (stream, created_at, sequence) VALUES (:stream, :created_at, 0)"
    " ON CONFLICT (stream) DO NOTHING"
)
_MOVE = text(
    "UPDATE inbox_position SET created_at = :created_at, sequence = :sequence"
    " WHERE stream = :stream"
)
_ONCE = text(
    "INSERT INTO inbox (event_id) SELECT unnest(CAST(:events AS uuid[])) ON CONFLICT DO NOTHING"
    " RETURNING event_id"
)
_BEHIND_PARKED = text(
    "SELECT DISTINCT aggregate FROM inbox_parked WHERE aggregate = ANY(CAST(:aggregates AS text[]))"
)
_PARK = text(
    "INSERT INTO inbox_parked (event_id, aggregate, envelope, reason)"
    " VALUES (:event_id, :aggregate, :envelope, :reason) ON CONFLICT (event_id) DO NOTHING"
)
_PARKED = text("SELECT event_id, envelope FROM inbox_parked ORDER BY id")
_UNPARK = text("DELETE FROM inbox_parked WHERE event_id = :event_id RETURNING event_id")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as the stream delivered it."""

    sequence: int
    raw: bytes


class Inbox:
    """Applies the events of one stream to one service until cancelled.

    ``handlers`` maps event types to what they cause; other types are passed over. A handler writes
    through the unit of work it is given and does not commit it.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        service: str,
        source: str,
        new_uow: Callable[[], UnitOfWork],
        handlers: Handlers,
    ) -> None:
        self._settings = settings
        self._name = f"{service}-hears-{source}"
        self._source = source
        self._stream = bus.stream_of(source)
        self._new_uow = new_uow
        self._handlers = handlers
        self.connected = False

    async def run(self) -> None:
        """Follow the stream; a lost connection ends the call with its error."""
        async with AsyncExitStack() as stack:
            nats = await bus.connect(self._settings, self._name)
            stack.push_async_callback(nats.close)
            self.connected = True
            stack.callback(setattr, self, "connected", False)
            while True:
                await self._follow(nats)

    async def _follow(self, nats: Client) -> None:
        """Read on from the position reached, until the consumer skips a message or goes away."""
        created = (await nats.jetstream().stream_info(self._stream)).created or datetime.now(UTC)
        reached = await self._reached(created)
        async with bus.follow(nats, self._stream, sorted(self._handlers), reached + 1) as follower:
            expected = 1
            while True:
                arrivals, whole = _in_sequence(await follower.next(), expected)
                await self._apply(created, arrivals)
                if not whole:
                    return
                expected += len(arrivals)

    async def _reached(self, created: datetime) -> int:
        async with self._new_uow() as uow:
            sequence = await self._lock_position(uow.connection, created)
            await uow.commit()
            return sequence

    async def _lock_position(self, connection: AsyncConnection, created: datetime) -> int:
        """The last sequence applied from the stream made at `created`: 0 for one made anew."""
        stream = {"stream": self._stream, "created_at": created}
        row = (await connection.execute(_POSITION, stream)).one_or_none()
        if row is None:
            await connection.execute(_START, stream)
            row = (await connection.execute(_POSITION, stream)).one()
        return int(row.sequence) if row.created_at == created else 0

    async def _apply(self, created: datetime, arrivals: Sequence[Arrival]) -> None:
        """Apply a batch in one transaction, or one by one when one of them fails."""
        if not arrivals:
            return
        try:
            await self._apply_together(created, arrivals)
        except Exception as error:
            if _passes(error):
                raise
            for arrival in arrivals:
                await self._apply_alone(created, arrival)

    async def _apply_alone(self, created: datetime, arrival: Arrival) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._apply_together(created, [arrival])
            except Exception as error:
                if _passes(error):
                    raise
                failure = error
                await asyncio.sleep(0.05 * 2**attempt)
        await self._apply_together(created, [arrival], park=repr(failure))
        return None

    async def _apply_together(
        self, created: datetime, arrivals: Sequence[Arrival], park: str | None = None
    ) -> None:
        async with self._new_uow() as uow:
            reached = await self._lock_position(uow.connection, created)
            fresh = [arrival for arrival in arrivals if arrival.sequence > reached]
            await self._apply_once(uow, fresh, park)
            if fresh:
                position = {"created_at": created, "sequence": fresh[-1].sequence}
                await uow.connection.execute(_MOVE, {"stream": self._stream, **position})
            await uow.commit()
        INBOX_APPLIED.labels(self._name).inc(len(fresh))

    async def _apply_once(
        self, uow: UnitOfWork, arrivals: Sequence[Arrival], park: str | None
    ) -> None:
        """Two statements, whatever the number of arrivals, beside those of the handlers."""
        arrived = self._read(arrivals)
        if not arrived:
            return
        events = {"events": list(arrived)}
        new = set(await uow.connection.scalars(_ONCE, events))
        aggregates = {"aggregates": [envelope.aggregate for envelope, _ in arrived.values()]}
        parked = set(await uow.connection.scalars(_BEHIND_PARKED, aggregates))
        for event_id, (envelope, raw) in arrived.items():
            if event_id not in new:
                continue
            reason = park
            if reason is None and envelope.aggregate in parked:
                reason = "an earlier event of the same aggregate is parked"
            if reason is None:
                try:
                    envelope.check()
                except MalformedEvent as error:
                    reason = str(error)
            if reason is None:
                await apply_handler(self._handlers, uow, envelope)
                continue
            parked.add(envelope.aggregate)
            await self._park(uow.connection, envelope, raw, reason)

    def _read(self, arrivals: Sequence[Arrival]) -> dict[UUID, tuple[Envelope, bytes]]:
        """By id, the first of each."""
        arrived: dict[UUID, tuple[Envelope, bytes]] = {}
        for arrival in arrivals:
            try:
                envelope = Envelope.from_json(arrival.raw)
            except MalformedEvent:
                log.exception("dropped what is no event", stream=self._stream)
                continue
            arrived.setdefault(envelope.id, (envelope, arrival.raw))
        return arrived

    async def _park(
        self, connection: AsyncConnection, envelope: Envelope, raw: bytes, reason: str
    ) -> None:
        row = {
            "event_id": envelope.id,
            "aggregate": envelope.aggregate,
            "envelope": raw,
            "reason": reason,
        }
        await connection.execute(_PARK, row)
        INBOX_PARKED.labels(self._name).inc()
        log.error("event parked", event_id=str(envelope.id), type=envelope.type, reason=reason)


async def apply_handler(handlers: Handlers, uow: UnitOfWork, envelope: Envelope) -> None:
    """Run the handler of `envelope` with the event as the request in hand."""
    actor = f"service:{envelope.source}"
    with acting(RequestContext(str(envelope.id), envelope.traceparent, actor=actor)):
        await handlers[envelope.type](uow, envelope)


async def retry_parked(new_uow: Callable[[], UnitOfWork], handlers: Handlers) -> int:
    """Apply the parked events in order, each in its transaction; returns how many went through.

    Raises the error of the first that still fails; it and those behind it stay parked.
    """
    async with new_uow() as uow:
        parked = (await uow.connection.execute(_PARKED)).all()
    done = 0
    for row in parked:
        async with new_uow() as uow:
            event = {"event_id": row.event_id}
            if (await uow.connection.execute(_UNPARK, event)).one_or_none() is None:
                continue  # another retry was faster
            envelope = Envelope.from_json(row.envelope)
            try:
                envelope.check()
                await apply_handler(handlers, uow, envelope)
            except Exception as error:
                error.add_note(f"{done} of {len(parked)} parked events were applied before it")
                raise
            await uow.commit()
            done += 1
    return done


def _passes(error: Exception) -> bool:
    """Whether waiting cures it: then nothing is parked and the batch is read again."""
    return isinstance(error, Unavailable) or is_outage(error)


def _in_sequence(messages: Sequence[Msg], expected: int) -> tuple[list[Arrival], bool]:
    """The messages up to the first that the consumer skipped, and whether that was all of them."""
    arrivals: list[Arrival] = []
    for message in messages:
        sequence = message.metadata.sequence
        if sequence.consumer != expected + len(arrivals):
            return arrivals, False
        arrivals.append(Arrival(sequence.stream, message.data))
    return arrivals, True
