"""Conflicts of interest (回避): whose work somebody does not judge.

A reviewer declares their own, which count everywhere. An administrator declares those of others,
which count at the levels of the organisation and of those below: nobody chooses the judges of other
places. None is forgotten; each is in force until it is lifted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.application.policies import MANAGE, SELF, admit_themselves
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.ids import uuid7
from shared.principal import Principal

OVERSEE = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))


@dataclass(frozen=True, slots=True)
class Lifting:
    by: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """``reviewer`` does not judge what ``maker`` had a part in, at ``path`` and below, None:
    anywhere, as the reviewer declared."""

    id: UUID
    reviewer: str
    maker: str
    path: str | None
    words: str
    declared_by: str
    declared_at: datetime
    lifted: Lifting | None = None


class ConflictStore(Protocol):
    async def own(self, reviewer: str) -> Sequence[str]:
        """Makers, of those in force that the reviewer declared."""
        ...

    async def put_own(self, reviewer: str, makers: Sequence[str], now: datetime) -> None:
        """In place of those there were, which are lifted."""
        ...

    async def declare(self, conflict: Conflict) -> Conflict:
        """With new words where it is in force already."""
        ...

    async def in_force(self, conflict_id: UUID) -> Conflict | None:
        """Locked until the transaction ends."""
        ...

    async def lift(self, conflict_id: UUID, lifting: Lifting) -> None: ...

    async def places(self, reviewer: str) -> Sequence[str]:
        """Where the reviewer may judge, as identity told."""
        ...

    async def page(
        self, path: str, lifted: bool, limit: int, before: UUID | None
    ) -> Sequence[Conflict]:
        """Declared at `path` and below, or by those who may judge there; the newest first."""
        ...


class Conflicts:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ConflictStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations
        self._clock = clock

    async def own(self, caller: Principal) -> Sequence[str]:
        """Raises `Forbidden`."""
        SELF.admit(caller, None)
        async with self._new_uow() as uow:
            return await self._store(uow.connection).own(caller.subject)

    async def put_own(self, caller: Principal, makers: Sequence[str]) -> Sequence[str]:
        """Whose work the caller will not judge, in place of those there were; what administrators
        declared stays. Raises `Forbidden`."""
        admit_themselves(caller)
        async with self._new_uow() as uow:
            person = caller.subject
            await self._store(uow.connection).put_own(person, makers, self._clock())
            uow.audit.record("reviewer.conflicted", person, count=len(makers))
            return await uow.commit(makers)

    async def page(
        self,
        caller: Principal,
        organisation: str,
        limit: int,
        before: UUID | None,
        *,
        lifted: bool,
    ) -> Sequence[Conflict]:
        """At most `limit` of the organisation, before the one with that id. Raises `Forbidden`."""
        async with self._new_uow() as uow:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            OVERSEE.admit(caller, path)
            return await self._store(uow.connection).page(path, lifted, limit, before)

    async def declare(
        self, caller: Principal, organisation: str, reviewer: str, maker: str, words: str
    ) -> Conflict:
        """One of somebody else's, at the organisation. Raises `Forbidden`."""
        async with self._new_uow() as uow:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            MANAGE.admit(caller, path)
            _check_others(caller, reviewer, maker)
            now, by = self._clock(), caller.subject
            made = Conflict(uuid7(), reviewer, maker, path, words, by, now)
            conflict = await self._store(uow.connection).declare(made)
            _note(uow, "declared", conflict)
            return await uow.commit(conflict)

    async def lift(self, caller: Principal, conflict_id: UUID, words: str) -> Conflict:
        """One that was declared at an organisation in the caller's care, or by a reviewer who may
        judge at one. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            found = await store.in_force(conflict_id)
            places = list[str]()
            if found is not None:
                places = [found.path] if found.path else [*await store.places(found.reviewer)]
            if found is None or not any(MANAGE.holds(caller, each) for each in places):
                raise NotFound("There is no such conflict in force.", zh="没有这项生效的回避。")
            _check_others(caller, found.reviewer, found.maker)
            lifting = Lifting(caller.subject, self._clock(), words)
            await store.lift(conflict_id, lifting)
            lifted = replace(found, lifted=lifting)
            _note(uow, "lifted", lifted)
            return await uow.commit(lifted)


def _check_others(caller: Principal, reviewer: str, maker: str) -> None:
    """Raises `Forbidden`: nobody chooses who judges them, nor whom they judge."""
    if caller.subject in (reviewer, maker):
        raise Forbidden(
            "It is about yourself: another administrator does that, and your own you declare"
            " under reviewers/me/conflicts.",
            zh="事关本人，请由其他管理员办理；本人的回避请在“我的回避”中申报。",
        )


def _note(uow: UnitOfWork, what: str, conflict: Conflict) -> None:
    uow.audit.record(
        f"review_conflict.{what}",
        str(conflict.id),
        organisation=conflict.path,
        reviewer=conflict.reviewer,
        maker=conflict.maker,
    )
