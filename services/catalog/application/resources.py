"""What people do to the drafts of their resources, and which resources they see."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application import metadata as shape
from services.catalog.application.organisations import OrganisationPaths, path_named
from services.catalog.domain.files import Refusal
from services.catalog.domain.metadata import merged
from services.catalog.domain.resources import (
    CODE_PREFIX,
    Attachment,
    AttachmentsRefused,
    Content,
    FileReference,
    Metadata,
    Resource,
    Viewer,
    readable,
    sees_draft,
)
from services.catalog.domain.uploads import HELD
from services.catalog.domain.uploads import State as UploadState
from services.catalog.domain.versions import Version
from shared.access import Role, Rule
from shared.clock import Clock
from shared.codes import new_code
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion, Unavailable
from shared.ids import uuid7
from shared.principal import Principal

WRITE = Rule("catalog.write", frozenset({Role.TEACHER, Role.ADMINISTRATOR}))
OWN = Rule("catalog.write", own=True)
CHECK = Rule("catalog.read", own=True)
READ_DRAFTS = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))

_DRAWS = 5


@dataclass(frozen=True, slots=True)
class Attachable:
    """An upload that somebody may want to attach. ``media_type`` is found by content once the
    upload is available, claimed before."""

    id: UUID
    owner: str
    organisation_path: str | None
    state: UploadState
    filename: str
    media_type: str
    size: int
    sha256: bytes
    refusal: Sequence[Refusal]


@dataclass(frozen=True, slots=True)
class Shown:
    """A resource as a viewer sees it: its draft, or (``number``) a version of it."""

    resource: Resource
    content: Content
    number: int | None
    is_owner: bool


class CodeTaken(Exception):
    """Another resource has that short code: draw again."""


class ResourceStore(Protocol):
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

    async def attachable(self, upload_ids: Collection[UUID]) -> Mapping[UUID, Attachable]:
        """Those of the uploads that there are."""
        ...

    async def version(self, resource_id: UUID, number: int) -> Version | None: ...


class Resources:
    """Every change is audited. Whom a resource is no business of learns nothing of it."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ResourceStore],
        organisations: Callable[[AsyncConnection], OrganisationPaths],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._organisations = organisations
        self._clock = clock

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
            return await uow.commit(_draft_of(resource, is_owner=True))

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

        Raises `NotFound`, `StaleVersion`, `DraftMalformed`, `AttachmentsRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await owned(store, caller, resource_id, version)
            metadata, attached = before.draft.metadata, before.draft.files
            if patch is not None:
                metadata = shape.parse(merged(metadata, patch))
            if files is not None:
                attached = await attach(store, caller, files, attached)
            after = before.changed(Content(metadata, attached), self._clock())
            if after.draft == before.draft:
                return _draft_of(before, is_owner=True)
            await store.save(after)
            note(uow, "changed", after, before)
            return await uow.commit(_draft_of(after, is_owner=True))

    async def delete(self, caller: Principal, resource_id: UUID, version: int) -> None:
        """Remove a draft of which no version was ever made.

        Raises `NotFound`, `StaleVersion`, `VersionsStand`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            resource = await owned(store, caller, resource_id, version)
            resource.check_deletable()
            await store.delete(resource_id)
            note(uow, "deleted", resource)
            await uow.commit()

    async def get(
        self, caller: Principal | None, resource_id: UUID, number: int | None = None
    ) -> Shown:
        """The draft, for whom it is; the live version for everybody else; or, with `number`, that
        very version. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            return await shown(store, viewer_of(caller), resource_id, number)

    async def resolve(self, caller: Principal | None, code: str) -> Resource:
        """The resource with that short code, in canonical form. Raises `NotFound`."""
        async with self._new_uow() as uow:
            resource = await self._store(uow.connection).by_code(code)
        return known(resource, viewer_of(caller))

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
    return Viewer(caller.subject, READ_DRAFTS.admitted_paths(caller))


def known(resource: Resource | None, viewer: Viewer) -> Resource:
    """Raises `NotFound` for what is not, or what `viewer` may not know."""
    if resource is None or not readable(
        viewer, resource.owner, resource.organisation_path, resource.live_version
    ):
        raise NotFound("There is no such resource.", zh="没有该资源。")
    return resource


async def shown(
    store: ResourceStore, viewer: Viewer, resource_id: UUID, number: int | None
) -> Shown:
    """See `Resources.get`; a version that is not live is shown to those who see the draft."""
    resource = known(await store.get(resource_id), viewer)
    is_owner = viewer.subject == resource.owner
    insider = sees_draft(viewer, resource.owner, resource.organisation_path)
    if number is None and insider:
        return _draft_of(resource, is_owner=is_owner)
    wanted = number or resource.live_version
    version = None
    if wanted is not None and (insider or wanted == resource.live_version):
        version = await store.version(resource_id, wanted)
    if version is None:
        raise NotFound("There is no such version of it.", zh="该资源没有这个版本。")
    return Shown(resource, version.content, version.number, is_owner)


async def owned(
    store: ResourceStore, caller: Principal, resource_id: UUID, version: int
) -> Resource:
    """The caller's own resource, locked, which the caller has read as it is.

    Raises `NotFound`, `Forbidden`, `StaleVersion`.
    """
    resource = known(await store.locked(resource_id), viewer_of_writer(caller))
    if resource.owner != caller.subject:
        raise Forbidden("Only its owner changes it.", zh="只有资源的所有者可以修改。")
    if resource.version != version:
        raise StaleVersion
    return resource


def viewer_of_writer(caller: Principal) -> Viewer:
    """A token that may write need not also bear the scope to read."""
    return Viewer(caller.subject, viewer_of(caller).paths)


async def attach(
    store: ResourceStore,
    caller: Principal,
    files: Sequence[FileReference],
    held: Sequence[Attachment],
) -> tuple[Attachment, ...]:
    """`files` with what is known of their uploads; those already `held` are not asked again.

    An upload is attached by whoever uploaded it, or by whoever may write at the organisation it was
    uploaded for, once all its bytes have arrived. Raises `AttachmentsRefused` with every defect.
    """
    holding = {each.reference.upload_id: each for each in held}
    asked = {each.upload_id for each in files} - holding.keys()
    uploads = await store.attachable(asked) if asked else {}
    attached, errors = list[Attachment](), list[dict[str, str]]()
    seen: set[UUID] = set()
    for index, each in enumerate(files):
        old, upload = holding.get(each.upload_id), uploads.get(each.upload_id)
        reason = _twice() if each.upload_id in seen else None
        seen.add(each.upload_id)
        if reason is None and old is None:
            reason = _refusal(caller, upload)
        if reason is not None:
            errors.append({"pointer": f"#/files/{index}/upload_id", "detail": reason})
        elif known_file := old or upload:
            attached.append(
                Attachment(
                    each,
                    known_file.sha256,
                    known_file.filename,
                    known_file.media_type,
                    known_file.size,
                )
            )
    if errors:
        raise AttachmentsRefused(
            "Correct the files named in errors.", zh="请改正 errors 所列的文件。", errors=errors
        )
    return tuple(attached)


async def refreshed(store: ResourceStore, files: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """`files` with the media types that inspection found since they were attached."""
    uploads = await store.attachable([each.reference.upload_id for each in files])
    return tuple(
        replace(each, media_type=uploads[each.reference.upload_id].media_type)
        if each.reference.upload_id in uploads
        else each
        for each in files
    )


def _twice() -> str:
    return worded("The upload is attached twice.", "该上传被重复引用。")


def _refusal(caller: Principal, upload: Attachable | None) -> str | None:
    """Why `upload` cannot be attached by `caller`, or None."""
    if upload is None or not (
        upload.owner == caller.subject
        or (upload.organisation_path and WRITE.holds(caller, upload.organisation_path))
    ):
        return worded("You have no upload with that id.", "您没有这个上传。")
    if upload.state is UploadState.REFUSED:
        told = [worded(each["detail"], each.get("detail_zh", "")) for each in upload.refusal]
        return worded("Inspection refused it:", "文件未通过检查：") + " ".join(told)
    if upload.state not in HELD:
        return worded("Complete the upload first.", "请先完成上传。")
    return None


def _draft_of(resource: Resource, *, is_owner: bool) -> Shown:
    return Shown(resource, resource.draft, None, is_owner)


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
