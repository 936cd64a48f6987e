"""What carrying intakes out needs from outside, beside `IntakeStore`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from services.catalog.application.intake import IntakeStore
from services.catalog.application.intake_rows import Line
from services.catalog.domain.intake import Intake, IntakeFile, Result, Row


class Archive(Protocol):
    """An archive that is honest, whatever files in it are, with its entries by their full names."""

    def names(self) -> Collection[str]: ...

    def reading(self, name: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of an entry. Raises `UnreadableTable` where they are damaged."""
        ...


OpenArchive = Callable[[Path], AbstractContextManager[Archive]]
"""Raises `UnreadableTable` for what is no archive."""

ReadTable = Callable[[bytes], tuple[Sequence[Line], Sequence[str]]]
"""The rows that are not empty, and headings that are none of ours. Raises `UnreadableTable`."""


class Put(Protocol):
    async def __call__(self, url: str, content: bytes) -> None:
        """PUT to a presigned address. Raises `Unavailable`."""
        ...


Sending = Callable[[], AbstractAsyncContextManager[Put]]


class IntakeWorkStore(IntakeStore, Protocol):
    async def take(self, worker: UUID, lease: timedelta) -> Intake | None:
        """The unfinished intake that has waited longest and nobody holds; it is held now."""
        ...

    async def hold(self, intake_id: UUID, worker: UUID, lease: timedelta) -> Intake | None:
        """The intake, if it is still this worker's and unfinished; it stays so, and as it is,
        until the transaction ends. The lease begins anew."""
        ...

    async def release(
        self, intake_id: UUID, worker: UUID, pause: timedelta, *, failed: bool
    ) -> None:
        """Give it back, to be taken after `pause`; whether that was a failure is counted."""
        ...

    async def unfinished(self) -> bool:
        """Whether there is any."""
        ...

    async def stage(self, intake_id: UUID, rows: Sequence[Row]) -> None:
        """Keep the rows; those with defects are rejected by it."""
        ...

    async def files(self, intake_id: UUID, names: Collection[str]) -> Mapping[str, IntakeFile]:
        """Those of `names` that there are, with what became of their uploads."""
        ...

    async def given_files(self, intake_id: UUID) -> Sequence[str]:
        """The names of all files there are."""
        ...

    async def wanted_files(self, intake_id: UUID) -> Sequence[str]:
        """Names in rows that are not dealt with, for which there is no file yet; sorted."""
        ...

    async def next_row(self, intake_id: UUID) -> Row | None:
        """The first that is not dealt with."""
        ...

    async def settle(self, intake_id: UUID, position: int, result: Result) -> None:
        """Mark a row; what it said is forgotten."""
        ...

    async def keyed(self, owner: str, key: str) -> UUID | None:
        """The resource that the owner's key stands for; nobody else uses that key until the
        transaction ends."""
        ...

    async def resources(self, owner: str, codes: Collection[str]) -> Mapping[str, UUID]:
        """The resources with these codes that `owner` may read as anybody may, or owns."""
        ...

    async def keep_key(self, owner: str, key: str, resource_id: UUID) -> None: ...

    async def sent(self, intake: Intake, sha256: bytes, filename: str) -> UUID | None:
        """An upload of the owner's of those bytes by that name, begun since the intake was and not
        come to nothing."""
        ...
