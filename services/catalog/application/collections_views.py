"""How collections look to their readers. Nothing changes here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.collections import READ, CollectionStore, found
from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.application.resources import viewer_of
from services.catalog.domain.collections import (
    Collection,
    Item,
    ItemDifferences,
    Origin,
    item_differences,
    readable,
)
from services.catalog.domain.resources import Viewer
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Told:
    """What a reader is told of a resource. ``number`` is the version told of; None: the draft."""

    code: str
    title: str
    stage: str | None
    subject: str | None
    grades: Sequence[str]
    types: Sequence[str]
    number: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An item in its place, counted from 0. ``resource`` is None where the reader may not see it,
    or it is gone."""

    position: int
    item: Item
    resource: Told | None


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One step up the line of copies. ``collection`` is None where the reader may not see it, or it
    is gone."""

    origin: Origin
    collection: Collection | None


@dataclass(frozen=True, slots=True)
class Differences:
    """What makes a copy of its origin as that is now."""

    origin: Collection
    copy: Collection
    items: ItemDifferences


class CollectionReads(CollectionStore, Protocol):
    async def page(
        self, owner: str | None, path: str | None, limit: int, before: UUID | None
    ) -> Sequence[Collection]:
        """Those of `owner`, or at and below `path`, unless None; the newest first."""
        ...

    async def entries(
        self, collection_id: UUID, viewer: Viewer, limit: int, after: int
    ) -> Sequence[Entry]:
        """In order, as `viewer` sees them, in one statement."""
        ...

    async def lineage(self, collection_id: UUID) -> Sequence[Ancestor]:
        """The nearest first, whoever may see them; one statement."""
        ...


class CollectionViews:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], CollectionReads],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations

    async def page(
        self, caller: Principal, organisation: str | None, limit: int, before: UUID | None
    ) -> Sequence[Collection]:
        """At most `limit` made before the one with the id `before`, the newest first: the caller's
        own, or all at and below the organisation. Raises `Forbidden`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            if organisation is None:
                return await store.page(caller.subject, None, limit, before)
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            READ.admit(caller, path)
            return await store.page(None, path, limit, before)

    async def entries(
        self, caller: Principal, collection_id: UUID, limit: int, after: int
    ) -> Sequence[Entry]:
        """At most `limit` items behind the position `after`. Raises `NotFound`."""
        viewer = viewer_of(caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            found(await store.get(collection_id), viewer)
            return await store.entries(collection_id, viewer, limit, after)

    async def lineage(self, caller: Principal, collection_id: UUID) -> Sequence[Ancestor]:
        """Of what it is a copy, of what that is one, and so on. Raises `NotFound`."""
        viewer = viewer_of(caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            found(await store.get(collection_id), viewer)
            line = await store.lineage(collection_id)
        return [Ancestor(each.origin, _seen(each.collection, viewer)) for each in line]

    async def differences(self, caller: Principal, collection_id: UUID) -> Differences:
        """What makes it of its origin, as far as the caller may read both. Raises `NotFound`."""
        viewer = viewer_of(caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            copy = found(await store.get(collection_id), viewer)
            origin = None
            if copy.origin is not None:
                origin = _seen(await store.get(copy.origin.collection_id), viewer)
            if origin is None:
                raise NotFound(
                    "It is no copy of a collection that you may read.",
                    zh="该合集不是副本，或其来源您不可见。",
                )
            before, after = await store.items(origin.id), await store.items(copy.id)
        return Differences(origin, copy, item_differences(before, after))


def _seen(collection: Collection | None, viewer: Viewer) -> Collection | None:
    if collection is None or not readable(viewer, collection.owner, collection.organisation_path):
        return None
    return collection
