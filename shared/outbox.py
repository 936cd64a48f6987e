"""The transactional outbox: an event is recorded with the change it tells of, or not at all."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.context import current
from shared.events import DomainEvent, Envelope
from shared.ids import uuid7

# Ids are drawn while the aggregate is locked, so within an aggregate they rise in commit order;
# without the lock, a later transaction could commit, and be published, first.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('outbox:' || :aggregate, 0))")
_INSERT = text(
    "INSERT INTO outbox (event_id, type, aggregate, envelope)"
    " VALUES (:event_id, :type, :aggregate, :envelope)"
)


class Outbox:
    """The events of one unit of work, written last, just before it commits."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._envelopes: list[Envelope] = []

    def append(self, event: DomainEvent) -> UUID:
        """Record `event`; returns its id, which a consumer applies once."""
        envelope = Envelope(
            id=uuid7(),
            source=self._source,
            type=event.type,
            aggregate=event.aggregate,
            time=self._clock(),
            data=asdict(event),
            traceparent=current().traceparent,
        )
        self._envelopes.append(envelope)
        return envelope.id

    async def write(self, connection: AsyncConnection) -> bool:
        """Insert what was appended; whether there was anything."""
        if not self._envelopes:
            return False
        for aggregate in sorted({each.aggregate for each in self._envelopes}):
            await connection.execute(_LOCK, {"aggregate": aggregate})
        for each in self._envelopes:
            row = {"event_id": each.id, "type": each.type, "aggregate": each.aggregate}
            await connection.execute(_INSERT, {**row, "envelope": each.to_json()})
        self._envelopes.clear()
        return True
