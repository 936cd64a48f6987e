"""What is shown of registrations: to anyone what is public, to a party what it may do next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.consequences import DeadlineKind, Periods
from services.copyright.application.disputes import DECIDING, OPENING, was_rejected
from services.copyright.application.intake import Stores
from services.copyright.application.offers import Offered, offers_of
from services.copyright.domain.registrations import Record, WorkFile
from services.copyright.verify.events import Registration, fold
from services.copyright.verify.leaf import DESCRIBES_WORK, Leaf, event_hash
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

BY_CATALOGUE = frozenset({"revise"})
"""What follows from publishing a version there, and from no request here."""

log = structlog.get_logger(__name__)


class State(StrEnum):
    """How far an event is: accepted, in the signed log, seen by a quorum, stamped from outside."""

    QUEUED = "queued"
    LOGGED = "logged"
    WITNESSED = "witnessed"
    TIMESTAMPED = "timestamped"


@dataclass(frozen=True)
class Place:
    """Where an entry stands: at `index` of a log, whose first entry is the entry `base` of all.
    `origin` is the log's name, None: of the present one."""

    origin: str | None
    base: int
    index: int

    @property
    def overall(self) -> int:
        """Counted through the frozen logs before it."""
        return self.base + self.index


@dataclass(frozen=True)
class Reached:
    """Up to which entry, counted through all logs, they are signed, witnessed and time-stamped."""

    logged: int
    witnessed: int
    stamped: int

    def state(self, index: int | None) -> State:
        """That of an entry by its number among all, None where it is not sequenced."""
        if index is None or index >= self.logged:
            return State.QUEUED
        if index < self.stamped:
            return State.TIMESTAMPED
        return State.WITNESSED if index < self.witnessed else State.LOGGED


@dataclass(frozen=True)
class ShownEvent:
    """One event of a registration, and how far it is."""

    leaf: Leaf
    hash: str
    place: Place | None
    state: State


@dataclass(frozen=True)
class Shown:
    """A registration with its events. `offers`: those that may be agreed to now, with how many
    people did; `allowed`: what the asker may do next."""

    record: Record
    folded: Registration
    events: Sequence[ShownEvent]
    files: Sequence[WorkFile]
    offers: Mapping[str, int]
    allowed: Sequence[str]
    due: Mapping[DeadlineKind, datetime]

    @property
    def state(self) -> State:
        """How far its first event is."""
        return self.events[0].state


class LogReads(Protocol):
    """What views ask of the log's tables."""

    async def places(self, registration_id: UUID) -> Mapping[int, Place]:
        """Where the logs have a registration's events, by their numbers in it."""

    async def reached(self, origin: str) -> Reached: ...


class Lists(Protocol):
    """Which registrations there are, by plain reads."""

    async def find(
        self, asked: Mapping[str, Any], limit: int, behind: tuple[str, UUID] | None
    ) -> Sequence[Mapping[str, Any]]:
        """At most `limit`, those behind an origin and id, the newest first; of those asked for,
        what the catalogue published before what was registered by hand."""


class Views:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Stores,
        log: Callable[[AsyncConnection], LogReads],
        origin: str,
        periods: Periods,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._log = log
        self._origin = origin
        self._periods = periods
        self._clock = clock

    async def get(self, registration_id: UUID, caller: Principal | None = None) -> Shown:
        """One registration. Raises `NotFound`."""
        async with self._new_uow() as uow:
            record = await self._store(uow.connection).get(registration_id)
            return await self._shown(uow, record, caller)

    async def by_code(self, code: str) -> Shown:
        """The one with a canonical short code. Raises `NotFound`."""
        async with self._new_uow() as uow:
            record = await self._store(uow.connection).by_code(code)
            return await self._shown(uow, record, None)

    async def reached(self) -> Reached:
        """How far the log is signed, witnessed and time-stamped."""
        async with self._new_uow() as uow:
            return await self._log(uow.connection).reached(self._origin)

    async def _shown(
        self, uow: UnitOfWork, record: Record | None, caller: Principal | None
    ) -> Shown:
        if record is None:
            raise NotFound("There is no such registration.", zh="没有这项登记。")
        store, reads = self._store(uow.connection), self._log(uow.connection)
        entries = await store.events(record.id)
        places, reached = await reads.places(record.id), await reads.reached(self._origin)
        events = [_shown(entry, places.get(n), reached) for n, entry in enumerate(entries)]
        described = [n for n, e in enumerate(events) if e.leaf.type in DESCRIBES_WORK]
        folded = fold(entries)
        files = await store.files(record.id, described[-1]) if described else ()
        if described and not record.vouched(files, events[described[-1]].leaf):
            # Altered, or lost and brought back from the log, which has a work's one file alone.
            log.error("what is stored of a work is not what was logged", registration=record.id)
            digests = events[described[-1]].leaf.digests
            record = replace(record, details={"title": ""})
            files = [WorkFile(path=digests["sha256"], **digests)] if digests else ()
        offers = await offers_of(store, entries, self._clock()) if folded.offers else []
        offers = [each for each in offers if each.open]
        return Shown(
            record,
            folded,
            events,
            files,
            {each.event: each.agreed for each in sorted(offers, key=lambda each: each.event)},
            await self._allowed(uow, record, entries, offers, caller),
            self._periods.due(folded.standing, events[-1].leaf),
        )

    async def _allowed(
        self,
        uow: UnitOfWork,
        record: Record,
        entries: Sequence[bytes],
        offers: Sequence[Offered],
        caller: Principal | None,
    ) -> Sequence[str]:
        if caller is None:
            return ()
        parties = await self._store(uow.connection).parties(record.id)
        # Who is no party yet acts under a commitment that nobody has.
        subject = next((p.commitment for p in parties if p.person == caller.subject), "")
        barred = set(DECIDING | BY_CATALOGUE)
        if was_rejected(map(Leaf.parse, entries), subject):
            barred |= OPENING
        if not any(each.refuses(caller, self._clock()) is None for each in offers):
            barred.add("licence.agree")
        return [kind for kind in fold(entries).allowed(subject) if kind not in barred]


def _shown(entry: bytes, place: Place | None, reached: Reached) -> ShownEvent:
    state = reached.state(place.overall if place else None)
    return ShownEvent(Leaf.parse(entry), event_hash(entry), place, state)
