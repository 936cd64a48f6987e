"""Addresses of a resource's files and of what was made from them.

An object is handed out when its upload is available and its file clean; until then to whoever
uploaded it alone; a refused one to nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.resources import ResourceStore, Shown, shown, viewer_of
from services.catalog.domain import files, uploads
from services.catalog.domain.files import Refusal
from services.catalog.domain.inspection import Derivative
from services.catalog.domain.resources import (
    Attachment,
    Content,
    FileDamaged,
    FileNotReady,
    FileRefused,
    FileRole,
)
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal
from shared.storage import ObjectStore

ADDRESS_LIFE = timedelta(minutes=2)
"""No store takes back an address that it honours by its signature: so long may somebody begin to
read what was suspended since. What began in time is read to its end."""

_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a file's bytes are, and how far inspection is. ``file_state`` is None until the upload
    is available."""

    upload_owner: str
    upload_state: uploads.State
    upload_key: str
    file_state: files.State | None
    file_key: str | None
    media_type: str | None
    refusal: Sequence[Refusal]
    damaged: bool
    """The object store has lost or altered it since."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Something made from the file at ``position``, and where it can be had for a while."""

    position: int
    derivative: Derivative
    url: str


class ContentStore(Protocol):
    async def stored(self, upload_id: UUID) -> Stored | None: ...

    async def derivatives(self, upload_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Derivative]]:
        """Of the clean files among those of `upload_ids`."""
        ...


class Contents:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        store: Callable[[AsyncConnection], ContentStore],
        objects: ObjectStore,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._store = store
        self._objects = objects

    async def address(
        self, caller: Principal | None, resource_id: UUID, file: str, version: int | None
    ) -> str:
        """Where the file can be had for a while; `file` is its place from 0, or a role, of which
        the first file is meant. Of the draft, the live version, or that very `version`.

        Raises `NotFound`, `FileNotReady`, `FileRefused`, `FileDamaged`.
        """
        async with self._new_uow() as uow:
            seen = await self._seen(uow, caller, resource_id, version)
            return await self.address_in(uow.connection, caller, seen.content, file)

    async def address_in(
        self, connection: AsyncConnection, caller: Principal | None, content: Content, file: str
    ) -> str:
        """See `address`; of `content` that the caller may read. Raises the same."""
        attachment = _named(content.files, file)
        upload_id = attachment.reference.upload_id
        return await self.address_of(connection, caller, upload_id, attachment.filename)

    async def address_of(
        self, connection: AsyncConnection, caller: Principal | None, upload_id: UUID, filename: str
    ) -> str:
        """See `address`; of an upload that the caller may read. Raises the same."""
        stored = await self._store(connection).stored(upload_id)
        if stored is None:
            raise _no_file()
        key, media_type = _object_of(stored, caller)
        return self._objects.presign_get(
            key, expires=ADDRESS_LIFE, filename=filename, content_type=media_type
        )

    async def derivatives(
        self, caller: Principal | None, resource_id: UUID, version: int | None
    ) -> list[Derived]:
        """Thumbnails, posters, pages and text of the clean files, with addresses.

        Raises `NotFound`."""
        async with self._new_uow() as uow:
            seen = await self._seen(uow, caller, resource_id, version)
            ids = [each.reference.upload_id for each in seen.content.files]
            found = await self._store(uow.connection).derivatives(ids) if ids else {}
        return [
            Derived(position, each, self._derived_address(each))
            for position, upload_id in enumerate(ids)
            for each in found.get(upload_id, ())
        ]

    async def _seen(
        self, uow: UnitOfWork, caller: Principal | None, resource_id: UUID, version: int | None
    ) -> Shown:
        store = self._resources(uow.connection)
        return await shown(store, viewer_of(caller), resource_id, version)

    def _derived_address(self, derivative: Derivative) -> str:
        return self._objects.presign_get(
            derivative.object_key, expires=ADDRESS_LIFE, content_type=derivative.media_type
        )


def _named(attachments: Sequence[Attachment], file: str) -> Attachment:
    if file.isdecimal() and int(file) < len(attachments):
        return attachments[int(file)]
    for each in attachments:
        if each.reference.role == file:
            return each
    raise _no_file()


def _object_of(stored: Stored, caller: Principal | None) -> tuple[str, str]:
    """The key and the media type to serve it as."""
    refused = uploads.State.REFUSED, files.State.REFUSED
    if stored.upload_state in refused or stored.file_state in refused:
        raise FileRefused(
            "Inspection refused the file: replace it.",
            zh="文件未通过检查，请更换。",
            reasons=[
                {
                    "code": each["code"],
                    "detail": worded(each["detail"], each.get("detail_zh", "")),
                }
                for each in stored.refusal
            ],
        )
    if stored.damaged:
        raise FileDamaged(
            "The stored file is damaged: whoever has it uploads it once more, which repairs it.",
            zh="存储中的文件已损坏：请持有原文件的人重新上传同一文件，即可修复。",
        )
    if stored.file_state is files.State.CLEAN and stored.file_key is not None:
        return stored.file_key, stored.media_type or _UNKNOWN_TYPE
    own = caller is not None and caller.subject == stored.upload_owner
    if own and stored.upload_state is uploads.State.COMPLETED:
        return stored.upload_key, _UNKNOWN_TYPE
    raise FileNotReady(
        "The file is still inspected: try again shortly.", zh="文件正在检查，请稍后再试。"
    )


def _no_file() -> NotFound:
    return NotFound(
        f"It has no such file: give a place from 0 or one of {', '.join(FileRole)}.",
        zh="没有该文件：请给出从 0 起的序号或文件角色。",
    )
