"""How organisations have things reviewed: policies, expert groups, absences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.domain.policies import Policy, PolicyRefused, Step, prevailing
from services.catalog.domain.reviews import Importance
from shared.access import Role, Rule
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

JUDGES = frozenset({Role.REVIEWER, Role.SUBJECT_EXPERT})
READ = Rule("catalog.read", JUDGES | {Role.ADMINISTRATOR})
MANAGE = Rule("catalog.write", frozenset({Role.ADMINISTRATOR}))
SELF = Rule("catalog.review", JUDGES)


@dataclass(frozen=True, slots=True)
class Experts:
    """For these ``stages`` and ``subjects``; empty: all. ``members`` are ids of persons."""

    name: str
    stages: Sequence[str]
    subjects: Sequence[str]
    members: Sequence[str]


@dataclass(frozen=True, slots=True)
class Group:
    """Experts of the organisation at ``path``."""

    id: UUID
    path: str
    experts: Experts
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Absence:
    """Days on which nothing is assigned to a person, both inclusive."""

    from_date: date
    until_date: date


class Dictionaries(Protocol):
    async def unknown(self, dictionary: str, codes: Sequence[str]) -> Sequence[str]:
        """Those of `codes` that the dictionary has not."""
        ...


class PolicyStore(Dictionaries, Protocol):
    async def above(self, path: str) -> Sequence[Policy]:
        """Those of the organisation at `path` and of every one above."""
        ...

    async def put(self, policy: Policy) -> bool:
        """In place of the version before it; False where that is another one."""
        ...


class PanelStore(Dictionaries, Protocol):
    async def groups(self, path: str) -> Sequence[Group]:
        """Of the organisation and of those below."""
        ...

    async def group(self, group_id: UUID) -> Group | None:
        """Locked until the transaction ends."""
        ...

    async def put_group(self, group: Group) -> None: ...

    async def delete_group(self, group_id: UUID) -> None:
        """What went to it is anybody's of the level again."""
        ...

    async def absences(self, person: str) -> Sequence[Absence]: ...

    async def put_absences(self, person: str, absences: Sequence[Absence]) -> None: ...


class Roster(Protocol):
    """Who may judge where, as identity tells."""

    async def enrol(self, fact: Mapping[str, Any]) -> None:
        """Keep a grant: ``grant_id``, ``person_id``, ``path``, ``subject``, ``valid_from``,
        ``valid_until``."""
        ...

    async def strike(self, grant_id: UUID) -> str | None:
        """Keep it no longer; whose it was, None where it was not kept."""
        ...


class Policies:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], PolicyStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations
        self._clock = clock

    async def read(
        self,
        caller: Principal,
        organisation: str,
        resource_type: str | None,
        importance: Importance,
    ) -> Policy:
        """That by which such a resource of the organisation is judged. Raises `Forbidden`."""
        async with self._new_uow() as uow:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            READ.admit(caller, path)
            policies = await self._store(uow.connection).above(path)
        types = [resource_type] if resource_type else []
        return prevailing(policies, path, types, importance)

    async def put(
        self,
        caller: Principal,
        organisation: str,
        resource_type: str | None,
        importance: Importance,
        steps: Sequence[Step],
        *,
        mandatory: bool,
        version: int,
    ) -> Policy:
        """The organisation's own, in place of the `version` that the caller read; 0 where it has
        none. Cases that are open keep their chain.

        Raises `Forbidden`, `StaleVersion`, `PolicyRefused`.
        """
        async with self._new_uow() as uow:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            MANAGE.admit(caller, path)
            policy = Policy(
                path=path,
                resource_type=resource_type,
                importance=importance,
                steps=steps,
                mandatory=mandatory,
                version=version + 1,
                updated_at=self._clock(),
            ).checked()
            store = self._store(uow.connection)
            if resource_type:
                await _check_codes(store, {"resource_type": [resource_type]})
            if not await store.put(policy):
                raise StaleVersion
            uow.audit.record(
                "review_policy.put",
                f"{path.rpartition('.')[2]}/{resource_type or '*'}/{importance}",
                organisation=path,
                after=policy.record,
                version=policy.version,
            )
            return await uow.commit(policy)


class Panels:
    """Who judges for an organisation, and who does not. Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], PanelStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations
        self._clock = clock

    async def groups(self, caller: Principal, organisation: str) -> Sequence[Group]:
        """Raises `Forbidden`."""
        async with self._new_uow() as uow:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            READ.admit(caller, path)
            return await self._store(uow.connection).groups(path)

    async def found(self, caller: Principal, organisation: str, experts: Experts) -> Group:
        """A new group at the organisation. Raises `Forbidden`, `PolicyRefused`."""
        async with self._new_uow() as uow:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            MANAGE.admit(caller, path)
            store = self._store(uow.connection)
            await _check_codes(store, {"stage": experts.stages, "subject": experts.subjects})
            group = Group(uuid7(), path, experts, 1, self._clock())
            await store.put_group(group)
            _note(uow, "founded", group)
            return await uow.commit(group)

    async def change(
        self, caller: Principal, group_id: UUID, version: int, experts: Experts
    ) -> Group:
        """Of other experts. Raises `NotFound`, `StaleVersion`, `PolicyRefused`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await self._managed(store, caller, group_id, version)
            await _check_codes(store, {"stage": experts.stages, "subject": experts.subjects})
            now = self._clock()
            group = replace(before, experts=experts, version=version + 1, updated_at=now)
            await store.put_group(group)
            _note(uow, "changed", group)
            return await uow.commit(group)

    async def dissolve(self, caller: Principal, group_id: UUID, version: int) -> None:
        """Raises `NotFound`, `StaleVersion`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            group = await self._managed(store, caller, group_id, version)
            await store.delete_group(group_id)
            _note(uow, "dissolved", group)
            await uow.commit()

    async def absences(self, caller: Principal) -> Sequence[Absence]:
        SELF.admit(caller, None)
        async with self._new_uow() as uow:
            return await self._store(uow.connection).absences(caller.subject)

    async def put_absences(
        self, caller: Principal, absences: Sequence[Absence]
    ) -> Sequence[Absence]:
        """The caller's own, in place of those there were. Raises `Forbidden`."""
        admit_themselves(caller)
        async with self._new_uow() as uow:
            await self._store(uow.connection).put_absences(caller.subject, absences)
            uow.audit.record("reviewer.absent", caller.subject, spans=len(absences))
            return await uow.commit(absences)

    async def _managed(
        self, store: PanelStore, caller: Principal, group_id: UUID, version: int
    ) -> Group:
        group = await store.group(group_id)
        if group is None or not MANAGE.holds(caller, group.path):
            raise NotFound("There is no such group.", zh="没有该专家组。")
        if group.version != version:
            raise StaleVersion
        return group


async def _check_codes(store: Dictionaries, given: Mapping[str, Sequence[str]]) -> None:
    """Raises `PolicyRefused` with every code, by its dictionary, that this one has not."""
    errors = [
        {
            "dictionary": dictionary,
            "code": code,
            "detail": worded(f"{dictionary} has no {code}.", f"词典 {dictionary} 中没有 {code}。"),
        }
        for dictionary, codes in given.items()
        for code in await store.unknown(dictionary, codes)
    ]
    if errors:
        raise PolicyRefused("Use codes that there are: see errors.", zh="代码有误。", errors=errors)


def admit_themselves(caller: Principal) -> None:
    """Raises `Forbidden`: what keeps a reviewer from judging nobody else says in their name."""
    SELF.admit(caller, None)
    if "act" in caller.claims:
        raise Forbidden("Reviewers say so themselves.", zh="须由审核员本人申报。")


def _note(uow: UnitOfWork, what: str, group: Group) -> None:
    experts = group.experts
    after = {name: list(getattr(experts, name)) for name in ("stages", "subjects", "members")}
    uow.audit.record(
        f"review_group.{what}",
        str(group.id),
        organisation=group.path,
        after=after,
        version=group.version,
    )
