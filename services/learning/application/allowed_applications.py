"""Which applications an organisation allows in its spaces and in those below."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.spaces import Spaces
from services.learning.domain.allowed_applications import (
    Action,
    AllowedApplication,
    Category,
    Level,
    State,
    held_above,
)
from services.learning.domain.spaces import Space
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

ALLOW = Rule("learning.write", frozenset({Role.ADMINISTRATOR}))


class SeenApplication(NamedTuple):
    """``managed`` in the space from which it is seen, by its reader."""

    application: AllowedApplication
    managed: bool


class AllowedApplicationStore(Protocol):
    async def add(self, application: AllowedApplication) -> None:
        """Raises `AlreadyAllowed`."""
        ...

    async def get(self, path: str, id_: UUID) -> AllowedApplication | None:
        """The one that the organisation at `path`, or one above it, allowed."""
        ...

    async def locked(self, path: str, id_: UUID) -> AllowedApplication | None:
        """The organisation's own; it is kept from any change until the transaction ends."""
        ...

    async def save(self, application: AllowedApplication) -> None: ...

    async def over(
        self,
        path: str,
        level: Level | None,
        category: Category | None,
        limit: int,
        before: UUID | None,
    ) -> Sequence[AllowedApplication]:
        """Those of the organisation at `path` and of all above it, the newest first, behind
        `before`."""
        ...


class AllowedApplications:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        spaces: Spaces,
        store: Callable[[AsyncConnection], AllowedApplicationStore],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._spaces = spaces
        self._store = store
        self._clock = clock

    async def allow(
        self, caller: Principal, space_id: UUID, told: Mapping[str, Any]
    ) -> AllowedApplication:
        """Raises `NotFound`, `Forbidden`, `AlreadyAllowed`, `HeldAbove`."""
        async with self._new_uow() as uow:
            path = await self._administered(uow, caller, space_id)
            now = self._clock()
            made = AllowedApplication(
                id=uuid7(),
                organisation_path=path,
                **told,
                state=State.ALLOWED,
                version=1,
                created_at=now,
                updated_at=now,
            )
            store = self._store(uow.connection)
            await store.add(made)
            if _found(await store.get(path, made.id)).held:
                raise held_above()
            _note(uow, "allowed", made)
            return await uow.commit(made)

    async def page(
        self,
        caller: Principal,
        space_id: UUID,
        level: Level | None,
        category: Category | None,
        limit: int,
        before: UUID | None,
    ) -> Sequence[SeenApplication]:
        """Those of an institution, its own and the inherited ones. Raises `NotFound`,
        `Forbidden`."""
        async with self._new_uow() as uow:
            path = _institution(await self._spaces.found(uow, caller, space_id))
            store = self._store(uow.connection)
            found = await store.over(path, level, category, limit, before)
        return [_seen(caller, path, each) for each in found]

    async def get(self, caller: Principal, space_id: UUID, id_: UUID) -> SeenApplication:
        """Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            path = _institution(await self._spaces.found(uow, caller, space_id))
            return _seen(caller, path, _found(await self._store(uow.connection).get(path, id_)))

    async def change(
        self,
        caller: Principal,
        space_id: UUID,
        id_: UUID,
        version: int,
        fields: Mapping[str, Any],
    ) -> AllowedApplication:
        """Raises `NotFound`, `Forbidden`, `StaleVersion`."""
        async with self._new_uow() as uow:
            before = await self._owned(uow, caller, space_id, id_, version)
            if all(getattr(before, name) == value for name, value in fields.items()):
                return before
            after = before.changed(self._clock(), **fields)
            await self._store(uow.connection).save(after)
            _note(uow, "changed", after, before)
            return await uow.commit(after)

    async def act(
        self, caller: Principal, space_id: UUID, id_: UUID, version: int, action: Action
    ) -> AllowedApplication:
        """Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`, `HeldAbove`."""
        async with self._new_uow() as uow:
            before = await self._owned(uow, caller, space_id, id_, version)
            after = before.after(action, self._clock())
            await self._store(uow.connection).save(after)
            _note(uow, action, after, before)
            return await uow.commit(after)

    async def _administered(self, uow: UnitOfWork, caller: Principal, space_id: UUID) -> str:
        path = _institution(await self._spaces.found(uow, caller, space_id))
        ALLOW.admit(caller, path)
        return path

    async def _owned(
        self, uow: UnitOfWork, caller: Principal, space_id: UUID, id_: UUID, version: int
    ) -> AllowedApplication:
        path = await self._administered(uow, caller, space_id)
        found = _found(await self._store(uow.connection).locked(path, id_))
        if found.version != version:
            raise StaleVersion
        return found


def _institution(space: Space) -> str:
    if space.path is None:
        raise Forbidden("Institutions allow applications.", zh="应用由机构准入。")
    return space.path


def _seen(caller: Principal, path: str, application: AllowedApplication) -> SeenApplication:
    own = application.organisation_path == path
    return SeenApplication(application, own and ALLOW.holds(caller, path))


def _found(application: AllowedApplication | None) -> AllowedApplication:
    if application is None:
        raise NotFound("There is no such application.", zh="没有该应用。")
    return application


def _note(
    uow: UnitOfWork,
    what: str,
    after: AllowedApplication,
    before: AllowedApplication | None = None,
) -> None:
    uow.audit.record(
        f"allowed_application.{what}",
        str(after.id),
        organisation=after.organisation_path,
        before=before and before.record,
        after=after.record,
    )
