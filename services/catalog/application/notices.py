"""Taking resources down and giving them back, and what is told of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.changes import ChangeLog
from services.catalog.application.publication import PublicationStore
from services.catalog.application.resources import (
    ResourceStore,
    known,
    situation_for,
    situation_of,
)
from services.catalog.application.resources_files import WRITE
from services.catalog.application.reviews_access import people_of
from services.catalog.domain.changes import Change, Kind
from services.catalog.domain.lifecycle import Action, Actor, State, Transition, step
from services.catalog.domain.notices import (
    TAKEN_DOWN,
    Ground,
    Notice,
    RemovalReason,
    RestorationReason,
    Standing,
    Tombstone,
)
from services.catalog.domain.publication import Publication
from services.catalog.domain.publication_events import (
    ResourceRestored,
    ResourceRetired,
    ResourceSuspended,
)
from services.catalog.domain.resources import Resource, Viewer, sees_draft
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

MODERATE = Rule("catalog.write", frozenset({Role.ADMINISTRATOR}))
RETIRE = Rule("catalog.write", frozenset({Role.ADMINISTRATOR}), own=True)
SYSTEM = frozenset({Actor.SYSTEM})

Event = ResourceSuspended | ResourceRetired | ResourceRestored
_TOLD: Mapping[Action, tuple[Kind, type[Event]]] = {
    Action.SUSPEND: (Kind.SUSPENDED, ResourceSuspended),
    Action.RETIRE: (Kind.RETIRED, ResourceRetired),
    Action.RESTORE: (Kind.RESTORED, ResourceRestored),
}

EndCase = Callable[[UnitOfWork, Resource], Awaitable[None]]
"""Ends the open review ``case_id`` of a resource that is taken down, in the transaction that holds
the resource locked."""


class NoticeStore(Protocol):
    async def add(self, notice: Notice) -> None: ...

    async def latest(self, resource_id: UUID) -> Notice:
        """That by which a resource stands where it is; one that is taken down has one."""
        ...

    async def since_restored(self, resource_id: UUID) -> Sequence[Notice]:
        """All by which one that is taken down is, the latest last."""
        ...

    async def in_force(
        self, state: State | None, reason: RemovalReason | None, limit: int, before: UUID | None
    ) -> Sequence[Standing]:
        """The notices by which resources are taken down now, of that state and reason unless None,
        the newest first, from the one before the notice with that id on."""
        ...

    async def publications(self, resource_id: UUID) -> Sequence[Publication]:
        """Of every version that ever was published, in their order."""
        ...


class Notices:
    """Every step is audited, told to the neighbours, and stands in the feed of changes."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        publications: Callable[[AsyncConnection], PublicationStore],
        notices: Callable[[AsyncConnection], NoticeStore],
        changes: Callable[[AsyncConnection], ChangeLog],
        end_case: EndCase,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._publications = publications
        self._notices = notices
        self._changes = changes
        self._end_case = end_case
        self._clock = clock

    async def take(
        self,
        action: Action,
        caller: Principal,
        resource_id: UUID,
        version: int,
        reason: RemovalReason | RestorationReason,
        words: str,
    ) -> tuple[Resource, Notice]:
        """Suspend, retire or restore the resource as the caller read it.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`.
        """
        async with self._new_uow() as uow:
            store = self._notices(uow.connection)
            resources = self._resources(uow.connection)
            paths, writes = MODERATE.admitted_paths(caller), WRITE.admitted_paths(caller)
            viewer = Viewer(caller.subject, paths, writes, people_of(caller))
            before = known(await resources.locked(resource_id), viewer)
            transition = step(action, await situation_for(resources, viewer, before))
            if before.version != version:
                raise StaleVersion
            number = before.live_version
            if number is None:
                number = (await store.latest(resource_id)).version
            notice = Notice(
                id=uuid7(),
                resource_id=resource_id,
                action=action,
                reason=reason,
                notice=words,
                version=number,
                at=self._clock(),
                actor=caller.subject,
                authority=_authority(paths, before),
            )
            after = await self._taken(uow, before, transition, notice)
            return await uow.commit((after, notice))

    async def suspend_for(self, uow: UnitOfWork, ground: Ground, resource_id: UUID) -> None:
        """Take from its readers what they may not be shown any more. What is suspended already is
        so for that ground too from now on, and given back only once none is left; what was never
        published, or is retired, stays as it is. To do it again changes nothing. The caller
        commits."""
        before = await self._resources(uow.connection).locked(resource_id)
        if before is None:
            return
        if before.live_version is not None:
            transition = step(Action.SUSPEND, situation_of(before, SYSTEM))
            notice = self._notice_for(Action.SUSPEND, ground, before.id, before.live_version)
            await self._taken(uow, before, transition, notice)
        elif before.state is State.SUSPENDED:
            standing = await self._notices(uow.connection).since_restored(resource_id)
            if ground.id not in {each.actor for each in standing}:
                number = standing[-1].version
                notice = self._notice_for(Action.SUSPEND, ground, before.id, number)
                await self._still_suspended(uow, before, [notice])

    async def restore_for(self, uow: UnitOfWork, ground: Ground, resource_id: UUID) -> None:
        """Give back what is suspended for that ground and no other; where another remains, its
        notice is the one that stands again. Anything else stays as it is. The caller commits."""
        before = await self._resources(uow.connection).locked(resource_id)
        if before is None or before.state is not State.SUSPENDED:
            return
        standing = await self._notices(uow.connection).since_restored(resource_id)
        others = [each for each in standing if each.actor != ground.id]
        if len(others) == len(standing):
            return
        notice = self._notice_for(Action.RESTORE, ground, before.id, standing[-1].version)
        if others:
            # What stands against a resource is what was noted since it was last given back.
            again = [replace(each, id=uuid7()) for each in others]
            await self._still_suspended(uow, before, [notice, *again])
        else:
            now = situation_of(before, SYSTEM, has_authority=True)
            await self._taken(uow, before, step(Action.RESTORE, now), notice)

    def _notice_for(self, action: Action, ground: Ground, resource_id: UUID, number: int) -> Notice:
        return Notice(
            id=uuid7(),
            resource_id=resource_id,
            action=action,
            reason=ground.reason,
            notice=ground.words,
            version=number,
            at=self._clock(),
            actor=ground.id,
            authority=None,
        )

    async def _taken(
        self, uow: UnitOfWork, before: Resource, transition: Transition, notice: Notice
    ) -> Resource:
        after = replace(
            before,
            state=transition.target or before.state,
            live_version=notice.version if notice.action is Action.RESTORE else None,
            version=before.version + 1,
            updated_at=notice.at,
            case_id=None,
        )
        if before.case_id is not None and transition.case is State.WITHDRAWN:
            await self._end_case(uow, before)
        await self._publications(uow.connection).stand(after)
        await self._notices(uow.connection).add(notice)
        await self._tell(uow, before, after, notice)
        return after

    async def _still_suspended(
        self, uow: UnitOfWork, before: Resource, notices: Sequence[Notice]
    ) -> None:
        """Readers see no difference but the notice. Whoever read the resource before reads it again
        to restore it: there is another reason now."""
        at = self._clock()
        after = replace(before, version=before.version + 1, updated_at=at)
        await self._publications(uow.connection).stand(after)
        for each in notices:
            await self._notices(uow.connection).add(each)
        uow.audit.record(
            "resource.still_suspended",
            str(after.id),
            organisation=after.organisation_path,
            code=after.code,
            step=notices[0].action,
            reason=notices[0].reason.value,
            notice=str(notices[0].id),
        )

    async def _tell(
        self, uow: UnitOfWork, before: Resource, after: Resource, notice: Notice
    ) -> None:
        kind, event = _TOLD[notice.action]
        change = Change(kind, after.id, after.code, after.live_version, notice.at)
        await self._changes(uow.connection).append(change)
        uow.outbox.append(
            event(
                resource_id=after.id,
                version=notice.version,
                code=after.code,
                owner=after.owner,
                organisation_path=after.organisation_path,
                reason_code=notice.reason.value,
                notice=notice.notice,
            )
        )
        uow.audit.record(
            f"resource.{kind}",
            str(after.id),
            organisation=after.organisation_path,
            before={"state": before.state, "live_version": before.live_version},
            after={"state": after.state, "live_version": after.live_version},
            code=after.code,
            number=notice.version,
            reason=notice.reason.value,
            notice=str(notice.id),
        )

    async def in_force(
        self, state: State | None, reason: RemovalReason | None, limit: int, before: UUID | None
    ) -> Sequence[Standing]:
        """See `NoticeStore.in_force`; for everybody."""
        async with self._new_uow() as uow:
            return await self._notices(uow.connection).in_force(state, reason, limit, before)

    async def tombstone(self, resource_id: UUID) -> Tombstone:
        """What is left of a resource that is taken down, for everybody. Raises `NotFound`."""
        async with self._new_uow() as uow:
            resource = await self._resources(uow.connection).get(resource_id)
            store = self._notices(uow.connection)
            if resource is None or resource.state not in TAKEN_DOWN:
                raise NotFound("It is not taken down.", zh="该资源没有下架或出库。")
            notice = await store.latest(resource_id)
            publications = await store.publications(resource_id)
        return Tombstone(resource.code, resource.state, notice, publications)


def _authority(paths: Sequence[str], resource: Resource) -> str | None:
    """The highest of the organisations at `paths` that the resource is below."""
    owner, path = resource.owner, resource.organisation_path
    covering = [each for each in paths if sees_draft(Viewer(None, (each,)), owner, path)]
    return min(covering, key=len, default=None)
