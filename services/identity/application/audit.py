"""What auditors read of the audit trail; nobody writes or removes anything here."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.organisations import existing
from services.identity.application.organisations_ports import OrganisationTree
from services.identity.domain.organisations import is_beside_provinces, is_province
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.principal import Principal

READ = Rule("identity.audit", frozenset({Role.AUDITOR}))
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the trail. ``actor``, ``on_behalf_of`` and ``target`` are ids; digests are
    SHA-256; ``organisation`` is the path that it had at the time."""

    id: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    client: str | None
    action: str
    target: str
    organisation: str | None
    before_digest: bytes | None
    after_digest: bytes | None
    request_id: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are meant: those of a person (id or code, of who did it, or to whom or to whose
    it was done), those at or below an organisation (id or code), of one action, from ``since``
    until before ``until``."""

    person: str | None = None
    organisation: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Which organisations' entries are readable: those at or below ``paths``, and ``rootless``
    ones, which belong to none or to one that stands beside the provinces."""

    paths: Sequence[str]
    rootless: bool


Position = tuple[datetime, int]
"""Time and id of an entry, by which the trail is ordered."""


class AuditEntries(Protocol):
    async def person(self, code: str) -> UUID | None:
        """Whose short code it is."""
        ...

    async def newest(
        self, query: AuditQuery, reach: Reach, limit: int, before: Position | None
    ) -> Sequence[Entry]:
        """The newest first."""
        ...

    async def oldest(
        self, query: AuditQuery, reach: Reach, limit: int, after: Position | None
    ) -> Sequence[Entry]:
        """The oldest first."""
        ...


class FormerPlaces(OrganisationTree, Protocol):
    async def paths_ever(self, path: str) -> Sequence[str]:
        """The path of the organisation now at `path`, and those that it had before."""
        ...


class Audit:
    """An entry stays where its organisation was at the time; one of a person that names none is
    written where the person belonged, or else held a role. An auditor reads those at and below the
    organisation of the role, wherever that stood; at a province also those without an organisation,
    and those of institutions that stand beside it."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        entries: Callable[[AsyncConnection], AuditEntries],
        organisations: Callable[[AsyncConnection], FormerPlaces],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._entries = entries
        self._organisations = organisations
        self._clock = clock

    async def page(
        self, caller: Principal, query: AuditQuery, limit: int, before: Position | None
    ) -> Sequence[Entry]:
        """At most `limit` entries older than `before`, the newest first.

        Raises `Forbidden`, `NotFound`.
        """
        async with self._new_uow() as uow:
            reach = await self._reach(uow, caller, query)
            entries = self._entries(uow.connection)
            return await entries.newest(await _named(entries, query), reach, limit, before)

    async def export(self, caller: Principal, query: AuditQuery) -> AsyncIterator[Sequence[Entry]]:
        """All entries up to now, the oldest first, in batches; the export itself is audited.

        Raises `Forbidden`, `NotFound`, before the first batch.
        """
        now = self._clock()
        query = replace(query, until=min(query.until or now, now))
        async with self._new_uow() as uow:
            reach = await self._reach(uow, caller, query)
            query = await _named(self._entries(uow.connection), query)
            place = reach.paths[0]
            uow.audit.record("audit.exported", "audit", organisation=place, query=asdict(query))
            await uow.commit()
        return self._batches(query, reach)

    async def _batches(self, query: AuditQuery, reach: Reach) -> AsyncIterator[Sequence[Entry]]:
        after: Position | None = None
        while True:
            async with self._new_uow() as uow:
                entries = self._entries(uow.connection)
                batch = await entries.oldest(query, reach, BATCH, after)
            if not batch:
                return
            yield batch
            after = batch[-1].at, batch[-1].id

    async def _reach(self, uow: UnitOfWork, caller: Principal, query: AuditQuery) -> Reach:
        organisations = self._organisations(uow.connection)
        own = READ.admitted_paths(caller)
        rootless = any(map(is_province, own))
        paths: Sequence[str] = own
        if query.organisation is not None:
            path = existing(await organisations.find(query.organisation)).path
            if not (rootless and is_beside_provinces(path)):
                READ.admit(caller, path)
            paths, rootless = [path], False
        if not paths:
            raise Forbidden("You are no auditor anywhere.", zh="您不是审计员。")
        ever = [await organisations.paths_ever(path) for path in paths]
        return Reach([path for each in ever for path in each], rootless)


async def _named(entries: AuditEntries, query: AuditQuery) -> AuditQuery:
    """The query with the person's id in place of the code. Raises `NotFound`."""
    if query.person is None or is_id(query.person):
        return query
    found = await entries.person(query.person)
    if found is None:
        raise NotFound("There is no person with that code.", zh="没有该编码的人员。")
    return replace(query, person=str(found))


def is_id(text: str) -> bool:
    """Whether it is an id rather than a code."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
