"""Favourites and ratings."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.resources import ResourceStore, admitted
from services.catalog.domain.feedback import Counts, Favourite, Own
from services.catalog.domain.resources import Resource, Viewer
from shared.access import Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.errors import Forbidden, NotFound
from shared.principal import Principal

SAY = Rule("catalog.read")

_PURPOSE = "rater"


class FeedbackStore(Protocol):
    async def hold(self, resource_id: UUID) -> None:
        """Keep the counts of a resource from any change until the transaction ends."""
        ...

    async def favour(self, owner: str, resource_id: UUID, at: datetime) -> None:
        """Once is enough."""
        ...

    async def forgo(self, owner: str, resource_id: UUID) -> None: ...

    async def rate(
        self, resource_id: UUID, raters: Sequence[bytes], stars: int | None, at: datetime
    ) -> None:
        """In the place of what the person, known by any of these hashes, said before; None takes it
        back."""
        ...

    async def counts(self, resource_id: UUID) -> Counts: ...

    async def own(self, resource_id: UUID, owner: str, raters: Sequence[bytes]) -> Own: ...

    async def page(
        self, owner: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Favourite]:
        """The newest first."""
        ...

    async def forget(self, owner: str) -> None:
        """Drop all favourites of a person."""
        ...


class Feedback:
    """A rating is kept under a hash that is another for each resource: nobody can tell what else
    the same person rated. A favourite is the person's own list."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        store: Callable[[AsyncConnection], FeedbackStore],
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._store = store
        self._keys = keys
        self._clock = clock

    async def favour(self, caller: Principal, resource_id: UUID) -> None:
        """Put it on the caller's list. Raises `NotFound`, `TakenDown`."""
        async with self._new_uow() as uow:
            await self._public(uow, resource_id)
            store = self._store(uow.connection)
            await store.hold(resource_id)
            await store.favour(caller.subject, resource_id, self._clock())
            await uow.commit()

    async def forgo(self, caller: Principal, resource_id: UUID) -> None:
        """Take it off the caller's list, on which it need not be."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            if (await store.own(resource_id, caller.subject, [])).is_favourite:
                await store.hold(resource_id)
                await store.forgo(caller.subject, resource_id)
            await uow.commit()

    async def favourites(
        self, caller: Principal, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Favourite]:
        """At most `limit` put there before that one, the newest first."""
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(caller.subject, limit, before)

    async def rate(self, caller: Principal, resource_id: UUID, stars: int | None) -> Counts:
        """One rating a person, which may be revised, or (None) taken back.

        Raises `NotFound`, `TakenDown`, `Forbidden`.
        """
        async with self._new_uow() as uow:
            resource = await self._public(uow, resource_id)
            if resource.owner == caller.subject:
                raise Forbidden("Others rate your resource.", zh="不能给自己的资源评分。")
            store = self._store(uow.connection)
            await store.hold(resource_id)
            raters = self._raters(caller, resource_id)
            await store.rate(resource_id, raters, stars, self._clock())
            return await uow.commit(await store.counts(resource_id))

    async def told(self, caller: Principal | None, resource_id: UUID) -> tuple[Counts, Own | None]:
        """What all think of it, and the caller. Raises `NotFound`, `TakenDown`."""
        async with self._new_uow() as uow:
            await self._public(uow, resource_id)
            store = self._store(uow.connection)
            counts = await store.counts(resource_id)
            if caller is None:
                return counts, None
            raters = self._raters(caller, resource_id)
            return counts, await store.own(resource_id, caller.subject, raters)

    async def _public(self, uow: UnitOfWork, resource_id: UUID) -> Resource:
        store = self._resources(uow.connection)
        resource = await admitted(store, await store.get(resource_id), Viewer())
        if resource.live_version is None:
            raise NotFound("There is no such resource.", zh="没有该资源。")
        return resource

    def _raters(self, caller: Principal, resource_id: UUID) -> Sequence[bytes]:
        return self._keys.search_hashes(_PURPOSE, f"{resource_id} {caller.subject}")
