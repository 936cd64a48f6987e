"""The transactional outbox: an event is recorded with the change it tells of, or not at all."""

from dataclasses import fields
from functools import cache
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.context import current
from shared.events import DomainEvent, Envelope
from shared.ids import uuid7

# Ids are drawn while the aggregate is locked, so within an aggregate they rise in commit order;
# without the lock, a later transaction could commit, and be published, first.
_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('outbox:' || aggregate, 0))"
    " FROM unnest(CAST(:aggregates AS text[])) AS aggregate"
)
_INSERT = text(
    "INSERT INTO outbox (event_id, type, aggregate, envelope)"
    " SELECT event_id, type, aggregate, envelope FROM unnest(CAST(:event_ids AS uuid[]),"
    " CAST(:types AS text[]), CAST(:aggregates AS text[]), CAST(:envelopes AS bytea[]))"
    " WITH ORDINALITY AS event (event_id, type, aggregate, envelope, position)"
    " ORDER BY position"
)


class Outbox:
    """The events of one unit of work, written last, just before it commits."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._envelopes: list[Envelope] = []
        self._contended: set[str] = set()

    def append(self, event: DomainEvent, *, first_seen_here: bool = False) -> UUID:
        """Record `event`; returns its id, which a consumer applies once.

        An aggregate that is `first_seen_here`, made in this transaction, needs no lock: nobody
        can tell of it before the commit. Thousands of new ones would fill the table of locks.
        """
        if not first_seen_here:
            self._contended.add(event.aggregate)
        envelope = Envelope(
            id=uuid7(),
            source=self._source,
            type=event.type,
            aggregate=event.aggregate,
            time=self._clock(),
            data={name: getattr(event, name) for name in _names(type(event))},
            traceparent=current().traceparent,
        )
        self._envelopes.append(envelope)
        return envelope.id

    async def write(self, connection: AsyncConnection) -> bool:
        """Insert what was appended; whether there was anything."""
        if not self._envelopes:
            return False
        if self._contended:
            await connection.execute(_LOCK, {"aggregates": sorted(self._contended)})
        columns = {
            "event_ids": [each.id for each in self._envelopes],
            "types": [each.type for each in self._envelopes],
            "aggregates": [each.aggregate for each in self._envelopes],
            "envelopes": [each.to_json() for each in self._envelopes],
        }
        await connection.execute(_INSERT, columns)
        self._envelopes.clear()
        self._contended.clear()
        return True


@cache
def _names(kind: type[DomainEvent]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
