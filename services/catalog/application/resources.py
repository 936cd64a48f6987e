"""What people do to the drafts of their resources, and which resources they see."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application import metadata as shape
from services.catalog.application import resources_files
from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.application.resources_files import UploadReads, attach
from services.catalog.application.reviews_access import people_of
from services.catalog.domain.lifecycle import Action, Actor, Situation, State, step
from services.catalog.domain.metadata import merged
from services.catalog.domain.notices import TAKEN_DOWN, Notice, taken_down
from services.catalog.domain.resources import (
    CODE_PREFIX,
    Content,
    FileReference,
    Metadata,
    Resource,
    Viewer,
    readable,
    sees_draft,
)
from services.catalog.domain.versions import Version
from shared.access import Role, Rule
from shared.clock import Clock
from shared.codes import new_code
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion, Unavailable
from shared.ids import uuid7
from shared.principal import Principal

WRITE = resources_files.WRITE
OWN = Rule("catalog.write", own=True)
CHECK = Rule("catalog.read", own=True)
READ_DRAFTS = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))

_DRAWS = 5
OWNER = frozenset({Actor.OWNER})


@dataclass(frozen=True, slots=True)
class Shown:
    """A resource as a viewer sees it: its draft, or (``number``) a version of it; ``situation`` is
    what the table asks of it and of the viewer."""

    resource: Resource
    content: Content
    number: int | None
    situation: Situation


Foresee = Callable[[AsyncConnection, Shown, Viewer], Awaitable[Shown]]
"""See `Prospects.foresee`."""


class CodeTaken(Exception):
    """Another resource has that short code: draw again."""


class ResourceStore(UploadReads, Protocol):
    async def add(self, resource: Resource) -> None:
        """Raises `CodeTaken`, after which the transaction goes on."""
        ...

    async def get(self, resource_id: UUID) -> Resource | None: ...

    async def by_code(self, code: str) -> Resource | None: ...

    async def locked(self, resource_id: UUID) -> Resource | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, resource: Resource) -> None: ...

    async def delete(self, resource_id: UUID) -> None: ...

    async def version(self, resource_id: UUID, number: int) -> Version | None: ...

    async def was_published(self, resource_id: UUID, number: int) -> bool:
        """Whether everybody could ever read that version."""
        ...

    async def notice(self, resource_id: UUID) -> Notice:
        """By which a resource that is taken down was."""
        ...

    async def makers(self, resource_id: UUID) -> frozenset[str]:
        """Who owns it, wrote, imported or submitted anything of it, or sent a file of any version,
        also on behalf of somebody else. Not whom its author says to have: nobody chooses who does
        not judge."""
        ...


class Resources:
    """Every change is audited. Whom a resource is no business of learns nothing of it. Without
    ``foresee`` nobody is told beforehand what the check would stop."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ResourceStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
        foresee: Foresee | None = None,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations
        self._clock = clock
        self._foresee = foresee

    async def create(
        self,
        caller: Principal,
        organisation: str | None,
        metadata: Metadata,
        files: Sequence[FileReference],
    ) -> Shown:
        """A new draft, at the organisation with that label or code unless None.

        Raises `Forbidden`, `AttachmentsRefused`.
        """
        async with self._new_uow() as uow:
            resource = await self.draft(uow, caller, organisation, metadata, files)
            return await uow.commit(await self._foreseen(uow, caller, resource))

    async def draft(
        self,
        uow: UnitOfWork,
        caller: Principal,
        organisation: str | None,
        metadata: Metadata,
        files: Sequence[FileReference],
    ) -> Resource:
        """See `create`; done in the transaction of `uow`, which the caller commits."""
        WRITE.admit(caller, None)
        path = None
        if organisation is not None:
            path = await path_named(self._organisations(uow.connection), caller, organisation)
            WRITE.admit(caller, path)
        store = self._store(uow.connection)
        attached = await attach(store, caller, files, ())
        resource = await self._added(store, caller, path, Content(metadata, attached))
        note(uow, "created", resource)
        return resource

    async def change(
        self,
        caller: Principal,
        resource_id: UUID,
        version: int,
        patch: Mapping[str, Any] | None,
        files: Sequence[FileReference] | None,
    ) -> Shown:
        """The draft with `patch` merged into its metadata (RFC 7396), and with `files` for those it
        had, unless None. Files that it has already stay attached whatever became of them.

        Raises `NotFound`, `StaleVersion`, `ActionRefused`, `DraftMalformed`, `AttachmentsRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await owned(store, caller, resource_id, version, Action.CHANGE)
            metadata, attached = before.draft.metadata, before.draft.files
            if patch is not None:
                metadata = shape.parse(merged(metadata, patch))
            if files is not None:
                attached = await attach(store, caller, files, attached)
            after = before.changed(Content(metadata, attached), self._clock())
            if after.draft == before.draft:
                return await self._foreseen(uow, caller, before)
            await store.save(after)
            note(uow, "changed", after, before)
            return await uow.commit(await self._foreseen(uow, caller, after))

    async def delete(self, caller: Principal, resource_id: UUID, version: int) -> None:
        """Remove a draft of which no version was ever made.

        Raises `NotFound`, `StaleVersion`, `ActionRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            resource = await owned(store, caller, resource_id, version, Action.DELETE)
            await store.delete(resource_id)
            note(uow, "deleted", resource)
            await uow.commit()

    async def get(
        self, caller: Principal | None, resource_id: UUID, number: int | None = None
    ) -> Shown:
        """The draft, for whom it is; the live version for everybody else; or, with `number`, that
        very version. Raises `NotFound`, `TakenDown`."""
        async with self._new_uow() as uow:
            store, viewer = self._store(uow.connection), viewer_of(caller)
            found = await shown(store, viewer, resource_id, number)
            if self._foresee is None:
                return found
            return await self._foresee(uow.connection, found, viewer)

    async def resolve(self, caller: Principal | None, code: str) -> Resource:
        """The resource with that short code, in canonical form. Raises `NotFound`, `TakenDown`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            return await admitted(store, await store.by_code(code), viewer_of(caller))

    async def _foreseen(self, uow: UnitOfWork, caller: Principal, resource: Resource) -> Shown:
        viewer = viewer_of_writer(caller)
        drafted = draft_of(resource, viewer)
        return await self._foresee(uow.connection, drafted, viewer) if self._foresee else drafted

    async def _added(
        self, store: ResourceStore, caller: Principal, path: str | None, draft: Content
    ) -> Resource:
        for _ in range(_DRAWS):
            resource = Resource.drafted(
                uuid7(), new_code(CODE_PREFIX), caller.subject, path, draft, self._clock()
            )
            try:
                await store.add(resource)
            except CodeTaken:
                continue
            return resource
        raise Unavailable("No free code was found. Repeat the request.", zh="请重试。")


def viewer_of(caller: Principal | None) -> Viewer:
    """What the caller's token lets them read; without the scope they are anybody."""
    if caller is None or READ_DRAFTS.scope not in caller.scopes:
        return Viewer()
    paths, writes = READ_DRAFTS.admitted_paths(caller), WRITE.admitted_paths(caller)
    return Viewer(caller.subject, paths, writes, people_of(caller))


def known(resource: Resource | None, viewer: Viewer) -> Resource:
    """Raises `NotFound` for what is not, or what `viewer` may not know."""
    if resource is None or not readable(
        viewer, resource.owner, resource.organisation_path, resource.live_version
    ):
        raise NotFound("There is no such resource.", zh="没有该资源。")
    return resource


async def admitted(store: ResourceStore, resource: Resource | None, viewer: Viewer) -> Resource:
    """`known`, except that whom what was taken down is closed to is told why.

    Raises `NotFound`, `TakenDown`.
    """
    if (
        resource is not None
        and resource.state in TAKEN_DOWN
        and not sees_draft(viewer, resource.owner, resource.organisation_path)
    ):
        raise taken_down(resource.code, resource.state, await store.notice(resource.id))
    return known(resource, viewer)


async def shown(
    store: ResourceStore, viewer: Viewer, resource_id: UUID, number: int | None
) -> Shown:
    """See `Resources.get`; a version that was never live is shown to those who see the draft."""
    resource = await admitted(store, await store.get(resource_id), viewer)
    now = await situation_for(store, viewer, resource)
    insider = sees_draft(viewer, resource.owner, resource.organisation_path)
    if number is None and insider:
        return Shown(resource, resource.draft, None, now)
    wanted = number or resource.live_version
    version = None
    if wanted is not None and (
        insider or wanted == resource.live_version or await store.was_published(resource_id, wanted)
    ):
        version = await store.version(resource_id, wanted)
    if version is None:
        raise NotFound("There is no such version of it.", zh="该资源没有这个版本。")
    return Shown(resource, version.content, version.number, now)


async def situation_for(store: ResourceStore, viewer: Viewer, resource: Resource) -> Situation:
    """What guards ask of the resource and the viewer; of a suspension whose authority was not
    noted, the top organisation decides."""
    now = situation_of(
        resource, actors_of(viewer, resource), is_affiliated=writes_at(viewer, resource)
    )
    if not now.actors or resource.state is not State.SUSPENDED:
        return now
    notice, path = await store.notice(resource.id), resource.organisation_path or ""
    authority = notice.authority or path.partition(".")[0]
    return replace(
        now,
        is_maker=now.is_maker or not viewer.people.isdisjoint(await store.makers(resource.id)),
        has_authority=sees_draft(Viewer(None, viewer.paths), "", authority),
    )


def actors_of(viewer: Viewer, resource: Resource) -> frozenset[Actor]:
    """What the viewer is to the resource, reviews apart."""
    owner, path = resource.owner, resource.organisation_path
    found = {Actor.OWNER} if viewer.subject == owner else set()
    if sees_draft(Viewer(None, viewer.paths), owner, path):
        found.add(Actor.ADMINISTRATOR)
    return frozenset(found)


def writes_at(viewer: Viewer, resource: Resource) -> bool:
    """Whether the viewer may write at the organisation of the resource, if it has one."""
    path = resource.organisation_path
    return path is None or sees_draft(Viewer(None, viewer.writes), "", path)


def situation_of(
    resource: Resource,
    actors: frozenset[Actor],
    *,
    is_affiliated: bool = True,
    has_authority: bool = False,
) -> Situation:
    """What guards ask of a resource. Of the open review of one that is published, its state tells
    no more than that it is judged or that changes were asked for."""
    case: State | None = None
    if resource.case_id is not None:
        published = resource.state is State.PUBLISHED
        case = State.CHANGES_REQUESTED if published else resource.state
        case = State.SUBMITTED if case is State.UPDATE_IN_REVIEW else case
    return Situation(
        state=resource.state,
        actors=actors,
        has_organisation=resource.organisation_path is not None,
        is_affiliated=is_affiliated,
        latest_version=resource.latest_version,
        case_state=case,
        is_maker=Actor.OWNER in actors,
        has_authority=has_authority or resource.state is not State.SUSPENDED,
    )


async def owned(
    store: ResourceStore, caller: Principal, resource_id: UUID, version: int, action: Action
) -> Resource:
    """The caller's own resource, locked, which the caller has read as it is, and may do `action`
    to now.

    Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`.
    """
    resource = known(await store.locked(resource_id), viewer_of_writer(caller))
    if resource.owner != caller.subject:
        raise Forbidden("Only its owner changes it.", zh="只有资源的所有者可以修改。")
    if resource.version != version:
        raise StaleVersion
    step(action, situation_of(resource, OWNER))
    return resource


def viewer_of_writer(caller: Principal) -> Viewer:
    """A token that may write need not also bear the scope to read."""
    paths, writes = viewer_of(caller).paths, WRITE.admitted_paths(caller)
    return Viewer(caller.subject, paths, writes, people_of(caller))


def draft_of(resource: Resource, viewer: Viewer) -> Shown:
    """To its owner."""
    now = situation_of(resource, OWNER, is_affiliated=writes_at(viewer, resource))
    return Shown(resource, resource.draft, None, now)


def note(
    uow: UnitOfWork, what: str, after: Resource, before: Resource | None = None, **facts: Any
) -> None:
    """Audit what was done to a resource."""
    uow.audit.record(
        f"resource.{what}",
        str(after.id),
        organisation=after.organisation_path,
        before=before and before.draft.record,
        after=after.draft.record,
        code=after.code,
        **facts,
    )
