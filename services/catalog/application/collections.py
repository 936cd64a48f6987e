"""What people do to their collections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.application.resources import (
    WRITE,
    CodeTaken,
    viewer_of,
    viewer_of_writer,
)
from services.catalog.domain.collections import (
    CODE_PREFIX,
    Collection,
    Item,
    ItemsRefused,
    readable,
)
from services.catalog.domain.resources import Viewer
from shared.access import Role, Rule
from shared.clock import Clock
from shared.codes import new_code
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion, Unavailable
from shared.ids import uuid7
from shared.principal import Principal

READ = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}), own=True)
LIST = Rule("catalog.read", own=True)

_DRAWS = 5

Known = Mapping[tuple[UUID, int | None], bool]
"""By resource and pinned version: True where the viewer may read that very thing, False where the
resource alone; a resource that is missing is none of the viewer's business."""


class CollectionStore(Protocol):
    async def add(self, collection: Collection) -> None:
        """Raises `CodeTaken`, after which the transaction goes on."""
        ...

    async def get(self, collection_id: UUID) -> Collection | None: ...

    async def by_code(self, code: str) -> Collection | None: ...

    async def locked(self, collection_id: UUID) -> Collection | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, collection: Collection) -> None: ...

    async def delete(self, collection_id: UUID) -> None: ...

    async def items(self, collection_id: UUID) -> Sequence[Item]:
        """All, in order."""
        ...

    async def put_items(self, collection_id: UUID, items: Sequence[Item]) -> None:
        """In place of those it has."""
        ...

    async def copy_items(self, source: UUID, target: UUID) -> None: ...

    async def known(self, items: Sequence[Item], viewer: Viewer) -> Known:
        """Which of `items` the viewer may read, in one statement."""
        ...


class Collections:
    """Every change is audited. Whom a collection is no business of learns nothing of it."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], CollectionStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations
        self._clock = clock

    async def create(
        self, caller: Principal, organisation: str | None, title: str, description: str
    ) -> Collection:
        """An empty one, at the organisation with that label or code unless None.

        Raises `Forbidden`.
        """
        async with self._new_uow() as uow:
            path = await self._place(uow, caller, organisation)
            made = self._drafted(caller, path, title, description)
            return await uow.commit(await self._added(uow, made))

    async def get(self, caller: Principal, collection_id: UUID) -> Collection:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            collection = await self._store(uow.connection).get(collection_id)
        return found(collection, viewer_of(caller))

    async def resolve(self, caller: Principal | None, code: str) -> Collection:
        """The collection with that short code, in canonical form. Raises `NotFound`."""
        async with self._new_uow() as uow:
            collection = await self._store(uow.connection).by_code(code)
        return found(collection, viewer_of(caller))

    async def change(
        self, caller: Principal, collection_id: UUID, version: int, fields: Mapping[str, str]
    ) -> Collection:
        """With another ``title`` or ``description``. Raises `NotFound`, `Forbidden`,
        `StaleVersion`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await _owned(store, caller, collection_id, version)
            if all(getattr(before, name) == value for name, value in fields.items()):
                return before
            after = before.changed(self._clock(), **fields)
            await store.save(after)
            _note(uow, "changed", after, before)
            return await uow.commit(after)

    async def put_items(
        self, caller: Principal, collection_id: UUID, version: int, items: Sequence[Item]
    ) -> Collection:
        """Make `items` the whole of it, in this order. References that it has already may stay,
        whatever became of their resources.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `ItemsRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await _owned(store, caller, collection_id, version)
            held = await store.items(collection_id)
            if list(held) == list(items):
                return before
            references = {(each.resource_id, each.number) for each in held}
            asked = [each for each in items if (each.resource_id, each.number) not in references]
            known = await store.known(asked, viewer_of_writer(caller)) if asked else {}
            _check(items, references, known)
            after = before.changed(self._clock(), items=len(items))
            await store.put_items(collection_id, items)
            await store.save(after)
            _note(uow, "arranged", after, before, items=len(items))
            return await uow.commit(after)

    async def delete(self, caller: Principal, collection_id: UUID, version: int) -> None:
        """Raises `NotFound`, `Forbidden`, `StaleVersion`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            collection = await _owned(store, caller, collection_id, version)
            await store.delete(collection_id)
            _note(uow, "deleted", collection)
            await uow.commit()

    async def copy(
        self, caller: Principal, collection_id: UUID, organisation: str | None, title: str | None
    ) -> Collection:
        """The caller's own copy of what the caller may read, references and notes as they are.

        Raises `NotFound`, `Forbidden`.
        """
        async with self._new_uow() as uow:
            path = await self._place(uow, caller, organisation)
            store = self._store(uow.connection)
            origin = found(await store.locked(collection_id), viewer_of_writer(caller))
            copy = self._drafted(caller, path, title or origin.title, origin.description)
            made = await self._added(uow, copy.derived_from(origin))
            await store.copy_items(origin.id, made.id)
            return await uow.commit(made)

    async def _place(
        self, uow: UnitOfWork, caller: Principal, organisation: str | None
    ) -> str | None:
        WRITE.admit(caller, None)
        if organisation is None:
            return None
        path = await path_named(self._organisations(uow.connection), caller, organisation)
        WRITE.admit(caller, path)
        return path

    def _drafted(
        self, caller: Principal, path: str | None, title: str, description: str
    ) -> Collection:
        code, now = new_code(CODE_PREFIX), self._clock()
        return Collection.drafted(uuid7(), code, caller.subject, path, title, description, now)

    async def _added(self, uow: UnitOfWork, collection: Collection) -> Collection:
        for _ in range(_DRAWS):
            try:
                await self._store(uow.connection).add(collection)
            except CodeTaken:
                collection = collection.recoded(new_code(CODE_PREFIX))
                continue
            _note(uow, "created", collection, origin=collection.origin)
            return collection
        raise Unavailable("No free code was found. Repeat the request.", zh="请重试。")


def found(collection: Collection | None, viewer: Viewer) -> Collection:
    """Raises `NotFound` for what is not, or what `viewer` may not know."""
    if collection is None or not readable(viewer, collection.owner, collection.organisation_path):
        raise NotFound("There is no such collection.", zh="没有该合集。")
    return collection


async def _owned(
    store: CollectionStore, caller: Principal, collection_id: UUID, version: int
) -> Collection:
    """The caller's own, locked, which the caller has read as it is."""
    collection = found(await store.locked(collection_id), viewer_of_writer(caller))
    if collection.owner != caller.subject:
        raise Forbidden("Only its owner changes it.", zh="只有合集的所有者可以修改。")
    if collection.version != version:
        raise StaleVersion
    return collection


def _check(items: Sequence[Item], held: set[tuple[UUID, int | None]], known: Known) -> None:
    """Raises `ItemsRefused` with every defect."""
    errors: list[dict[str, str]] = []
    seen: set[UUID] = set()
    for index, each in enumerate(items):
        place, reason = "resource_id", None
        reference = (each.resource_id, each.number)
        if each.resource_id in seen:
            reason = worded("The resource is there twice.", "该资源被重复引用。")
        elif reference not in held and reference not in known:
            reason = worded("There is no such resource.", "没有该资源。")
        elif reference not in held and not known[reference]:
            place = "version"
            reason = worded("There is no such version of it.", "该资源没有这个版本。")
        seen.add(each.resource_id)
        if reason is not None:
            errors.append({"pointer": f"#/items/{index}/{place}", "detail": reason})
    if errors:
        raise ItemsRefused(
            "Correct the references named in errors.",
            zh="请改正 errors 所列的引用。",
            errors=errors,
        )


def _note(
    uow: UnitOfWork, what: str, after: Collection, before: Collection | None = None, **facts: Any
) -> None:
    uow.audit.record(
        f"collection.{what}",
        str(after.id),
        organisation=after.organisation_path,
        before=before and before.record,
        after=after.record,
        code=after.code,
        **facts,
    )
