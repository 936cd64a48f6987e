"""The tree of organisations in memory, and random changes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from uuid import UUID

from hypothesis import strategies as st

from services.identity.application.organisations import Organisations
from services.identity.application.organisations_ports import Change, Listed, Query, Remembered
from services.identity.domain.organisations import (
    PARENTS,
    Kind,
    OfficialCodes,
    Organisation,
    State,
    is_at_or_below,
)
from services.identity.domain.rosters import written
from shared.audit import AuditTrail
from shared.database import UnitOfWork
from shared.events import DomainEvent
from shared.ids import uuid7
from shared.outbox import Outbox
from shared.principal import Principal
from shared.testing.clock import FrozenClock

T = TypeVar("T")

NOW = datetime(2026, 9, 1, tzinfo=UTC)
GOOD_SCHOOL_CODE = "3161000001"
GOOD_CREDIT_CODE = "91350100M000100Y43"


class Tree:
    """An `OrganisationStore` in memory."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Organisation] = {}
        self.remembered: list[Remembered] = []
        self.members: dict[UUID, int] = {}
        self._ids = count(1)

    async def path_of(self, organisation_id: UUID) -> str | None:
        return self.rows[organisation_id].path if organisation_id in self.rows else None

    async def by_id(self, organisation_id: UUID) -> Organisation | None:
        return self.rows.get(organisation_id)

    async def by_code(self, code: str) -> Organisation | None:
        return next((each for each in self.rows.values() if each.code == code), None)

    async def by_label(self, label: str) -> Organisation | None:
        return next((each for each in self.rows.values() if each.label == label), None)

    async def find(self, reference: str) -> Organisation | None:
        return await self.by_code(reference) or self.rows.get(UUID(reference))

    async def locked(self, reference: str) -> Organisation | None:
        return await self.find(reference)

    async def ids_below(self, path: str) -> list[UUID]:
        return [each.id for each in self.rows.values() if is_at_or_below(each.path, path)]

    async def hold(self, ids: Collection[UUID]) -> list[Organisation]:
        return [each for each in self.rows.values() if each.id in ids]

    async def lock_tree(self) -> None:
        pass

    async def province(self, division_code: str) -> Organisation | None:
        provinces = (each for each in self.rows.values() if each.kind is Kind.PROVINCE)
        return next((p for p in provinces if p.codes.division_code == division_code), None)

    async def division(self, division_code: str) -> Organisation | None:
        found = (each for each in self.rows.values() if each.state is State.OPEN)
        return next((each for each in found if each.codes.division_code == division_code), None)

    async def namesake(self, organisation: Organisation) -> Organisation | None:
        siblings = (
            each
            for each in self.rows.values()
            if each.parent_id == organisation.parent_id
            and (each.kind, each.state) == (organisation.kind, State.OPEN)
            and each.id != organisation.id
        )
        name = written(organisation.name)
        return next((each for each in siblings if written(each.name) == name), None)

    async def add(self, organisation: Organisation) -> None:
        self.rows[organisation.id] = organisation

    async def save(self, organisation: Organisation) -> None:
        self.rows[organisation.id] = organisation

    async def move(self, organisation: Organisation, old_path: str) -> None:
        for id_ in await self.ids_below(old_path):
            path = organisation.path + self.rows[id_].path.removeprefix(old_path)
            self.rows[id_] = replace(self.rows[id_], path=path)
        self.rows[organisation.id] = organisation

    async def use(self, path: str, today: date) -> tuple[int, int]:
        below = [self.rows[id_] for id_ in await self.ids_below(path)]
        open_below = [each for each in below if each.path != path and each.state is State.OPEN]
        return len(open_below), sum(self.members.get(each.id, 0) for each in below)

    async def close(self, organisation: Organisation, actor: str) -> int:
        self.rows[organisation.id] = organisation
        below = [self.rows[id_] for id_ in await self.ids_below(organisation.path)]
        closing = [each for each in below if each.state is State.OPEN]
        for each in closing:
            self.rows[each.id] = each.closed(NOW)
        return len(closing)

    async def remember(
        self,
        organisation: Organisation,
        at: datetime,
        actor: str,
        change: Change,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
    ) -> None:
        id_, version = next(self._ids), organisation.version
        self.remembered.append(Remembered(id_, version, at, actor, change, before, after))

    async def page(
        self, query: Query, limit: int, after: tuple[str, UUID] | None
    ) -> Sequence[Listed]:
        return []

    async def ancestors(self, path: str) -> Sequence[Listed]:
        return []

    async def history(
        self, organisation_id: UUID, limit: int, before: int | None
    ) -> Sequence[Remembered]:
        return self.remembered[:limit]


class Told(Outbox):
    """Keeps the events themselves."""

    def __init__(self, events: list[DomainEvent]) -> None:
        self._events = events

    def append(self, event: DomainEvent, *, first_seen_here: bool = False) -> UUID:
        self._events.append(event)
        return uuid7()


class Transaction(UnitOfWork):
    """Forgets everything but the events."""

    def __init__(self, events: list[DomainEvent]) -> None:
        self.outbox = Told(events)
        self.audit = AuditTrail(FrozenClock(NOW))
        self.connection = None  # type: ignore[assignment]  # the store in memory takes none

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    async def commit(self, result: T = None) -> T:  # type: ignore[assignment]  # as in the base
        return result


@dataclass
class House:
    """The use cases over a tree in memory."""

    tree: Tree = field(default_factory=Tree)
    events: list[DomainEvent] = field(default_factory=list)

    @property
    def organisations(self) -> Organisations:
        return Organisations(
            lambda: Transaction(self.events), lambda _: self.tree, FrozenClock(NOW)
        )


def caller(*grants: str) -> Principal:
    scopes = frozenset({"identity.read", "identity.manage"})
    return Principal("somebody", "tests", scopes, {"grants": list(grants)})


Operation = tuple[Literal["create", "move", "close"], int, int, bool]

operations: st.SearchStrategy[list[Operation]] = st.lists(
    st.tuples(
        st.sampled_from(("create", "create", "move", "close")),
        st.integers(0, 50),
        st.integers(0, 50),
        st.booleans(),
    ),
    max_size=40,
)


async def play(
    organisations: Organisations, admin: Principal, tree: list[Organisation], step: Operation
) -> None:
    """Attempt one change of the organisations in `tree`, chosen by the numbers in `step`."""
    verb, first, second, flag = step
    target, other = tree[first % len(tree)], tree[second % len(tree)]
    if verb == "create":
        kinds = [each for each in Kind if flag or target.kind in PARENTS[each]]
        kind = kinds[second % len(kinds)] if kinds else Kind.CLASS
        name = f"第{first}机构"
        await organisations.create(admin, target.code, kind, name, OfficialCodes())
    elif verb == "move":
        fitting = [each for each in tree if each.kind in PARENTS[target.kind]] or [other]
        parent = other if flag else fitting[second % len(fitting)]
        await organisations.move(admin, target.code, target.version, parent.code)
    else:
        await organisations.close(admin, target.code, target.version, below=flag)


def assert_is_a_tree(organisations: Collection[Organisation]) -> None:
    """Paths, kinds and states agree with the parents, of which every walk up comes to a root."""
    by_id = {each.id: each for each in organisations}
    for each in organisations:
        parent = by_id[each.parent_id] if each.parent_id else None
        assert each.path == (f"{parent.path}.{each.label}" if parent else each.label)
        assert each.kind is Kind.PROVINCE or (parent and parent.kind) in PARENTS[each.kind]
        if each.state is State.OPEN and parent:
            assert parent.state is State.OPEN
        walked = {each.id}
        while parent is not None:
            assert parent.id not in walked
            walked.add(parent.id)
            parent = by_id[parent.parent_id] if parent.parent_id else None
    assert len({each.path for each in organisations}) == len(organisations)
