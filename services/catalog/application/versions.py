"""How drafts are frozen into versions, and what is done with those."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.checks import Checks, told
from services.catalog.application.resources import (
    Foresee,
    ResourceStore,
    Shown,
    admitted,
    draft_of,
    note,
    owned,
    shown,
    viewer_of,
    viewer_of_writer,
)
from services.catalog.application.resources_files import refreshed
from services.catalog.domain.checks_texts import Level
from services.catalog.domain.lifecycle import Action
from services.catalog.domain.resources import Content, Resource, sees_draft
from services.catalog.domain.versions import (
    DefectsRemain,
    Differences,
    NothingChanged,
    Version,
    differences,
    digest_of,
)
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Listed:
    """A version in a list."""

    number: int
    title: str
    digest: bytes
    created_at: datetime
    created_by: str
    note: str


class VersionStore(Protocol):
    async def add(self, version: Version) -> None: ...

    async def get(self, resource_id: UUID, number: int) -> Version | None: ...

    async def page(self, resource_id: UUID, limit: int, before: int | None) -> Sequence[Listed]:
        """The newest first."""
        ...


async def without_errors(
    checks: Checks, caller: Principal, resource_id: UUID, version: int
) -> None:
    """Raises `DefectsRemain` where the check of that very draft finds errors."""
    report = await checks.check(caller, resource_id, version)
    errors = [each for each in report.defects if each.level is Level.ERROR]
    if errors:
        raise DefectsRemain(
            "Correct the defects first.",
            zh="请先改正所列错误。",
            defects=[told(each) for each in errors],
        )


async def frozen_of(
    uow: UnitOfWork,
    store: ResourceStore,
    versions: VersionStore,
    before: Resource,
    person: str,
    remark: str,
    now: datetime,
) -> tuple[Resource, Version]:
    """The resource with its draft as a version, and that version: the latest one where the draft is
    that, a new one otherwise."""
    draft = Content(before.draft.metadata, await refreshed(store, before.draft.files))
    digest = digest_of(draft)
    latest = await store.version(before.id, before.latest_version)
    if latest is not None and latest.digest == digest:
        return before, latest
    after = before.frozen(draft, now)
    frozen = Version(
        resource_id=before.id,
        number=after.latest_version,
        content=after.draft,
        digest=digest,
        created_at=now,
        created_by=person,
        note=remark,
    )
    await store.save(after)
    await versions.add(frozen)
    note(uow, "frozen", after, before, number=frozen.number, digest=digest.hex())
    return after, frozen


class Versions:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        versions: Callable[[AsyncConnection], VersionStore],
        checks: Checks,
        foresee: Foresee,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._versions = versions
        self._checks = checks
        self._foresee = foresee
        self._clock = clock

    async def freeze(
        self, caller: Principal, resource_id: UUID, version: int, remark: str
    ) -> Version:
        """The next version, of the draft as the caller read it.

        The check reads texts from the object store, so it goes before the transaction; the draft
        that it read and the one that is frozen have the same version.

        Raises `NotFound`, `StaleVersion`, `DefectsRemain`, `NothingChanged`.
        """
        async with self._new_uow() as uow:
            await owned(
                self._resources(uow.connection), caller, resource_id, version, Action.FREEZE
            )
        await without_errors(self._checks, caller, resource_id, version)
        async with self._new_uow() as uow:
            store = self._resources(uow.connection)
            before = await owned(store, caller, resource_id, version, Action.FREEZE)
            versions = self._versions(uow.connection)
            after, frozen = await frozen_of(
                uow, store, versions, before, caller.subject, remark, self._clock()
            )
            if after is before:
                raise NothingChanged(
                    f"The draft is version {frozen.number}: change it first.",
                    zh=f"草稿与第 {frozen.number} 版相同。",
                )
            return await uow.commit(frozen)

    async def restore(
        self, caller: Principal, resource_id: UUID, version: int, number: int
    ) -> Shown:
        """Make the draft what version `number` was; no version is made or lost by it.

        Raises `NotFound`, `StaleVersion`.
        """
        async with self._new_uow() as uow:
            store = self._resources(uow.connection)
            before = await owned(store, caller, resource_id, version, Action.RESTORE_VERSION)
            wanted = await store.version(resource_id, number)
            if wanted is None:
                raise _no_version()
            after = before.changed(wanted.content, self._clock())
            await store.save(after)
            note(uow, "draft-restored", after, before, number=number)
            viewer = viewer_of_writer(caller)
            drafted = draft_of(after, viewer)
            return await uow.commit(await self._foresee(uow.connection, drafted, viewer))

    async def get(self, caller: Principal | None, resource_id: UUID, number: int) -> Version:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._resources(uow.connection)
            await shown(store, viewer_of(caller), resource_id, number)
            version = await store.version(resource_id, number)
        if version is None:
            raise _no_version()
        return version

    async def page(
        self, caller: Principal | None, resource_id: UUID, limit: int, before: int | None
    ) -> Sequence[Listed]:
        """At most `limit` versions before number `before`, the newest first; of a resource whose
        draft the caller may not read, the live one alone. Raises `NotFound`."""
        viewer = viewer_of(caller)
        async with self._new_uow() as uow:
            resources = self._resources(uow.connection)
            resource = await admitted(resources, await resources.get(resource_id), viewer)
            store = self._versions(uow.connection)
            if sees_draft(viewer, resource.owner, resource.organisation_path):
                return await store.page(resource_id, limit, before)
            live = resource.live_version or 0
            if before is not None and before <= live:
                return []
            return await store.page(resource_id, 1, live + 1)

    async def differences(
        self, caller: Principal | None, resource_id: UUID, number: int, before: int | None
    ) -> Differences:
        """What makes version `number` of version `before`, or (None) of the draft.

        Raises `NotFound`.
        """
        viewer = viewer_of(caller)
        async with self._new_uow() as uow:
            store = self._resources(uow.connection)
            after = await shown(store, viewer, resource_id, number)
            resource = after.resource
            if before is None:
                if not sees_draft(viewer, resource.owner, resource.organisation_path):
                    raise _no_version()
                old: Content = resource.draft
            else:
                old = (await shown(store, viewer, resource_id, before)).content
        return differences(old, after.content)


def _no_version() -> NotFound:
    return NotFound("There is no such version of it.", zh="该资源没有这个版本。")
