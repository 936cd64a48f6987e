"""What readers report, and the cases that come of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.application.resources import ResourceStore, admitted
from services.catalog.application.reviews_access import people_of
from services.catalog.domain.reports import (
    MOST,
    WITHIN,
    CaseClosed,
    Receipt,
    Report,
    ReportCase,
    ReportReason,
    State,
    TooManyReports,
)
from services.catalog.domain.resources import Viewer
from shared.access import Role, Rule
from shared.clock import Clock
from shared.context import RequestContext, acting, current
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

REPORT = Rule("catalog.read")
READ = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))
CLOSE = Rule("catalog.write", frozenset({Role.ADMINISTRATOR}))

_PURPOSE = "reporter"
_NOBODY = "a reader"


class ReportStore(Protocol):
    async def recent(self, reporters: Sequence[bytes], since: datetime) -> Sequence[datetime]:
        """When a person, known by any of these hashes, reported since then, the last first; no
        other transaction of the same person's goes on meanwhile."""
        ...

    async def open(self, resource_id: UUID, new_id: UUID, at: datetime) -> UUID:
        """The open case about a resource, locked; one with the new id where there is none."""
        ...

    async def add(self, case_id: UUID, reporter: bytes, report: Report) -> None:
        """In the place of what the same person said in the same case before."""
        ...

    async def get(self, case_id: UUID) -> ReportCase | None: ...

    async def locked(self, case_id: UUID) -> ReportCase | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, case: ReportCase) -> None: ...

    async def reports(self, case_id: UUID, limit: int) -> Sequence[Report]:
        """The newest first."""
        ...

    async def page(
        self, paths: Sequence[str], state: State | None, limit: int, before: UUID | None
    ) -> Sequence[ReportCase]:
        """About resources at and below `paths`, the newest first."""
        ...

    async def receipts(self, reporters: Sequence[bytes], limit: int) -> Sequence[Receipt]:
        """What a person reported, the newest first."""
        ...


class Reports:
    """What is done to a case is audited; that it was opened, without saying by whom."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        store: Callable[[AsyncConnection], ReportStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._store = store
        self._organisations = organisations
        self._keys = keys
        self._clock = clock

    async def report(
        self, caller: Principal, resource_id: UUID, reason: ReportReason, words: str
    ) -> Receipt:
        """Say what is wrong with what everybody may read.

        Raises `NotFound`, `TakenDown`, `TooManyReports`.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            resources = self._resources(uow.connection)
            found = await resources.get(resource_id)
            resource = await admitted(resources, found, Viewer())
            if resource.live_version is None:
                raise NotFound("There is no such resource.", zh="没有该资源。")
            store = self._store(uow.connection)
            recent = await store.recent(self._hashes(caller), now - WITHIN)
            if len(recent) >= MOST:
                refused = TooManyReports(
                    "You reported a lot today. Wait, then go on.",
                    zh="您今天的举报次数已达上限，请稍后再试。",
                )
                refused.retry_after = ceil((recent[MOST - 1] + WITHIN - now).total_seconds())
                raise refused
            new_id = uuid7()
            case_id = await store.open(resource_id, new_id, now)
            report = Report(reason, words, resource.live_version, now)
            await store.add(case_id, self._keys.search_hash(_PURPOSE, caller.subject), report)
            if case_id == new_id:
                with acting(RequestContext(current().request_id, actor=_NOBODY)):
                    uow.audit.record(
                        "report-case.opened",
                        str(case_id),
                        organisation=resource.organisation_path,
                        resource=str(resource_id),
                        reason=reason.value,
                    )
            receipt = Receipt(case_id, resource_id, resource.code, report, State.OPEN, "")
            return await uow.commit(receipt)

    async def made(self, caller: Principal, limit: int) -> Sequence[Receipt]:
        """What the caller reported, the newest first, and what became of it."""
        async with self._new_uow() as uow:
            return await self._store(uow.connection).receipts(self._hashes(caller), limit)

    async def page(
        self,
        caller: Principal,
        organisation: str | None,
        state: State | None,
        limit: int,
        before: UUID | None,
    ) -> Sequence[ReportCase]:
        """Cases about resources at and below the organisation, or (None) in the caller's care.

        Raises `Forbidden`.
        """
        READ.admit(caller, None)
        async with self._new_uow() as uow:
            paths: Sequence[str] = READ.admitted_paths(caller)
            if organisation is not None:
                path = await path_named(self._organisations(uow.connection), caller, organisation)
                READ.admit(caller, path)
                paths = [path]
            return await self._store(uow.connection).page(paths, state, limit, before)

    async def get(
        self, caller: Principal, case_id: UUID, limit: int
    ) -> tuple[ReportCase, Sequence[Report]]:
        """A case with its newest reports. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            case = _reached(READ, caller, await store.get(case_id))
            return case, await store.reports(case_id, limit)

    async def close(
        self, caller: Principal, case_id: UUID, version: int, outcome: State, remark: str
    ) -> ReportCase:
        """Say what came of it, to those who reported. Nothing else happens by it: to suspend the
        resource is a step of its own.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `CaseClosed`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = _reached(CLOSE, caller, await store.locked(case_id))
            makers = await self._resources(uow.connection).makers(before.resource_id)
            if not makers.isdisjoint(people_of(caller)):
                raise Forbidden(
                    "Somebody else judges reports about what you made.",
                    zh="对本人参与制作的资源的举报须由他人处理。",
                )
            if before.state is not State.OPEN:
                raise CaseClosed("Read what came of it.", zh="该举报已处理，请查看结果。")
            if before.version != version:
                raise StaleVersion
            after = replace(
                before,
                state=outcome,
                remark=remark,
                version=before.version + 1,
                closed_at=self._clock(),
            )
            await store.save(after)
            uow.audit.record(
                "report-case.closed",
                str(case_id),
                organisation=before.organisation_path,
                before={"state": before.state},
                after={"state": after.state, "remark": remark},
                resource=str(before.resource_id),
                outcome=outcome.value,
            )
            return await uow.commit(after)

    def _hashes(self, caller: Principal) -> Sequence[bytes]:
        return self._keys.search_hashes(_PURPOSE, caller.subject)


def _reached(rule: Rule, caller: Principal, case: ReportCase | None) -> ReportCase:
    """Whom it is no business of learns nothing of it. Raises `NotFound`."""
    if case is not None:
        path = case.organisation_path
        if path is not None and rule.holds(caller, path):
            return case
    raise NotFound("There is no such case.", zh="没有该举报。")
