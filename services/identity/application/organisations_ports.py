"""What the use cases of organisations read and keep: their ports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from services.identity.domain.organisations import (
    Action,
    Kind,
    Organisation,
    State,
)


class Change(StrEnum):
    """What a row of the history tells of."""

    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Listed:
    """An organisation in a list. ``sort_key`` is the pinyin of its name."""

    id: UUID
    code: str
    kind: Kind
    name: str
    parent_id: UUID | None
    path: str
    state: State
    sort_key: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which organisations a list holds. ``parent`` and ``within`` name one by id or code; with
    neither, all are meant. ``parent=ROOT`` asks for those without a parent. ``q`` is part of a
    name, the beginning of its pinyin, or a whole code."""

    parent: str | None = None
    within: str | None = None
    kind: Kind | None = None
    q: str | None = None
    state: State = State.OPEN


ROOT = "root"


@dataclass(frozen=True, slots=True)
class Remembered:
    """One row of an organisation's history. ``actor`` is the id of a person or of a client."""

    id: int
    version: int
    at: datetime
    actor: str
    change: Change
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Detail:
    """An organisation with those above it, the root first, and what the caller may do to it."""

    organisation: Organisation
    ancestors: Sequence[Listed]
    actions: Sequence[Action]


class OrganisationTree(Protocol):
    """What the other parts ask of the tree, within their own transaction."""

    async def path_of(self, organisation_id: UUID) -> str | None:
        """Where it stands, or None where there is none."""
        ...

    async def by_id(self, organisation_id: UUID) -> Organisation | None: ...

    async def by_code(self, code: str) -> Organisation | None:
        """By its short code in canonical form."""
        ...

    async def by_label(self, label: str) -> Organisation | None:
        """By its label, the last of a path."""
        ...

    async def find(self, reference: str) -> Organisation | None:
        """By id or short code, both in canonical form."""
        ...

    async def ids_below(self, path: str) -> list[UUID]:
        """Those of the organisation at `path` and of all below it, open or closed."""
        ...

    async def hold(self, ids: Collection[UUID]) -> list[Organisation]:
        """Those of `ids` that exist, kept from being moved or closed until the transaction ends.

        Hold an organisation, and see that it is open, before anybody is made to belong to it. Hold
        all that one transaction needs in one call.
        """
        ...


class OrganisationStore(OrganisationTree, Protocol):
    """What the use cases below need beside that."""

    async def lock_tree(self) -> None:
        """Keep the shape of the tree until the transaction ends; taken before any row."""
        ...

    async def locked(self, reference: str) -> Organisation | None:
        """Like `find`; it is kept from any change until the transaction ends."""
        ...

    async def province(self, division_code: str) -> Organisation | None: ...

    async def division(self, division_code: str) -> Organisation | None:
        """The open organisation with that division code."""
        ...

    async def namesake(self, organisation: Organisation) -> Organisation | None:
        """Another open organisation of its kind under its parent, of a name that rosters write
        alike."""
        ...

    async def add(self, organisation: Organisation) -> None:
        """Raises `CodeTaken`."""
        ...

    async def save(self, organisation: Organisation) -> None:
        """Keep its name and codes. Raises `CodeTaken`."""
        ...

    async def move(self, organisation: Organisation, old_path: str) -> None:
        """Keep its new place, with everything below it."""
        ...

    async def use(self, path: str, today: date) -> tuple[int, int]:
        """How many open organisations are below `path`, and how many memberships not over by
        `today` there are at or below it, none of which can begin until the transaction ends."""
        ...

    async def close(self, organisation: Organisation, actor: str) -> int:
        """Keep it closed, and close all below it, in the history too; how many those are."""
        ...

    async def remember(
        self,
        organisation: Organisation,
        at: datetime,
        actor: str,
        change: Change,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any],
    ) -> None:
        """Add to its history what was and what is; of a change, only what differs."""
        ...

    async def page(
        self, query: Query, limit: int, after: tuple[str, UUID] | None
    ) -> Sequence[Listed]:
        """In the order of pinyin, then id. Raises `NotFound` without the `parent` or `within`."""
        ...

    async def ancestors(self, path: str) -> Sequence[Listed]: ...

    async def history(
        self, organisation_id: UUID, limit: int, before: int | None
    ) -> Sequence[Remembered]:
        """The newest first."""
        ...
