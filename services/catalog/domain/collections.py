"""A collection (资源合集): references to resources in an order, with a note on each.

A reference follows a resource (what is live of it, or for those who see it the draft), or is pinned
to one of its versions. A collection may be copied; the copy remembers of what, and of which state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from services.catalog.domain.resources import Viewer, sees_draft
from shared.errors import DomainError

CODE_PREFIX = "Z"
MOST_ITEMS = 500


class State(StrEnum):
    DRAFT = "DRAFT"


class Action(StrEnum):
    CHANGE = "change"
    DELETE = "delete"


class ItemsRefused(DomainError):
    """Some references cannot be kept; ``errors`` lists each with its reason."""


@dataclass(frozen=True, slots=True)
class Item:
    """``number`` is the version it is pinned to; None follows the resource."""

    resource_id: UUID
    number: int | None = None
    note: str | None = None


class Origin(NamedTuple):
    """Of which collection a copy was made, and which version of that."""

    collection_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Collection:
    """``version`` counts changes of it and of its items, for ETags and for lineage."""

    id: UUID
    code: str
    owner: str
    organisation_path: str | None
    state: State
    title: str
    description: str
    items: int
    origin: Origin | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def drafted(
        cls,
        id_: UUID,
        code: str,
        owner: str,
        organisation_path: str | None,
        title: str,
        description: str,
        now: datetime,
    ) -> Self:
        return cls(
            id=id_,
            code=code,
            owner=owner,
            organisation_path=organisation_path,
            state=State.DRAFT,
            title=title,
            description=description,
            items=0,
            origin=None,
            version=1,
            created_at=now,
            updated_at=now,
        )

    @property
    def record(self) -> dict[str, Any]:
        """What it says of itself, for the audit."""
        return {"title": self.title, "description": self.description, "version": self.version}

    def changed(self, now: datetime, **fields: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at=now, **fields)

    def recoded(self, code: str) -> Self:
        return replace(self, code=code)

    def derived_from(self, origin: "Collection") -> Self:
        """As a copy of `origin`."""
        return replace(self, origin=Origin(origin.id, origin.version), items=origin.items)


@dataclass(frozen=True, slots=True)
class Changed:
    """One reference that differs in its pin or its note."""

    before: Item
    after: Item


@dataclass(frozen=True, slots=True)
class ItemDifferences:
    """What makes one list of items of another. ``reordered``: those that both have stand in
    another order."""

    added: Sequence[Item]
    removed: Sequence[Item]
    changed: Sequence[Changed]
    reordered: bool


def item_differences(before: Sequence[Item], after: Sequence[Item]) -> ItemDifferences:
    """What makes `after` of `before`; a resource occurs once in each."""
    old, new = _by_resource(before), _by_resource(after)
    stayed = [each for each in old if each in new]
    return ItemDifferences(
        added=[each for id_, each in new.items() if id_ not in old],
        removed=[each for id_, each in old.items() if id_ not in new],
        changed=[Changed(old[id_], new[id_]) for id_ in stayed if old[id_] != new[id_]],
        reordered=stayed != [each for each in new if each in old],
    )


def _by_resource(items: Iterable[Item]) -> Mapping[UUID, Item]:
    return {each.resource_id: each for each in items}


def readable(viewer: Viewer, owner: str, organisation_path: str | None) -> bool:
    """Whether `viewer` may know that the collection exists: whoever sees drafts, while no
    collection is published."""
    return sees_draft(viewer, owner, organisation_path)
