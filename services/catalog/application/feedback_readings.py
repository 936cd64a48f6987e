"""Counting views and downloads without remembering readers.

Whoever reads counts once a day. To know that, a hash of the reader is kept until the day is over,
made with a salt of the day and a key of the service; then hashes and salt are deleted, and what is
left is a number. The last second of a process that is killed is not counted.
"""

import asyncio
import hmac
from collections.abc import Callable, Collection
from datetime import date
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.feedback import Kind
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork

FLUSH_SECONDS = 1.0
MOST_HELD = 50_000
"""More in one second are not counted."""

_HASH_BYTES = 16


class Reading(NamedTuple):
    resource_id: UUID
    kind: Kind
    reader: bytes


class ReadingStore(Protocol):
    async def salt(self, day: date) -> bytes:
        """That of the day, the same for all; made by whoever asks first."""
        ...

    async def count(self, day: date, readings: Collection[Reading]) -> None:
        """Add to the numbers those that were not there on that day."""
        ...

    async def forget(self, before: date) -> None:
        """Delete the hashes and salts of earlier days."""
        ...


class Readings:
    """What was read since the last flush, of whoever serves the reader."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ReadingStore],
        key: bytes,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._key = key
        self._clock = clock
        self._held: set[tuple[date, UUID, Kind, str]] = set()
        self._forgot: date | None = None

    def note(self, resource_id: UUID, kind: Kind, reader: str) -> None:
        """`reader` names a person, or the place of somebody unknown."""
        if len(self._held) < MOST_HELD:
            self._held.add((self._today(), resource_id, kind, reader))

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await self.flush()
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Count what was noted; forget who it was once the day is over.

        Raises `Unavailable`, after which it is noted still.
        """
        held = frozenset(self._held)
        today = self._today()
        if not held and self._forgot == today:
            return
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            for day in sorted({each[0] for each in held}):
                key = self._key + await store.salt(day)
                await store.count(
                    day,
                    {
                        Reading(resource_id, kind, _hash(key, reader))
                        for of, resource_id, kind, reader in held
                        if of == day
                    },
                )
            await store.forget(today)
            await uow.commit()
        self._held -= held
        self._forgot = today

    def _today(self) -> date:
        return civil_date(self._clock())


def _hash(key: bytes, reader: str) -> bytes:
    return hmac.digest(key, reader.encode(), "sha256")[:_HASH_BYTES]
