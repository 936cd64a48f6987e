"""What the use cases of the growth archive need from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.learning.domain.archive import (
    Archive,
    DoneHomework,
    Entry,
    Given,
    Known,
    Snapshot,
    TakenCourse,
    Term,
    Totals,
)


class ArchiveStore(Protocol):
    async def add(self, entry: Entry) -> None:
        """Raises `ArchiveFull`."""
        ...

    async def locked(self, person: str, entry_id: UUID) -> Given | None:
        """It is kept from any change until the transaction ends."""
        ...

    async def delete(self, entry_id: UUID) -> None: ...

    async def entries(self, person: str) -> Sequence[Given]:
        """All, the latest first."""
        ...

    async def add_snapshot(self, snapshot: Snapshot) -> None:
        """Raises `SnapshotTaken`."""
        ...

    async def delete_snapshot(self, person: str, term: Term) -> bool:
        """Whether there was one."""
        ...

    async def snapshots(self, person: str) -> Sequence[Snapshot]:
        """All, the latest first."""
        ...

    async def courses(self, person: str) -> Sequence[TakenCourse]:
        """Those that are no draft and that a class took of which the person was a pupil then, the
        latest first."""
        ...


class ArchiveRecords(Protocol):
    """What the activity records tell."""

    async def totals(self, person: str) -> Totals: ...

    async def known(self, person: str, now: datetime) -> Sequence[Known]:
        """Mastery at every knowledge point as of `now`, by subject and code."""
        ...


class Homework(Protocol):
    async def of(self, person: str) -> Sequence[DoneHomework]:
        """What was handed in, the latest first."""
        ...


class ArchivePrinter(Protocol):
    async def print(self, archive: Archive) -> bytes:
        """As PDF."""
        ...
