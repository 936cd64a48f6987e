"""What carrying inspections out needs from outside, beside `InspectionStore`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from services.catalog.domain.files import File, Refusal
from services.catalog.domain.uploads import Upload
from shared.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Made:
    """A derivative that still lies in a file."""

    kind: str
    number: int
    media_type: str
    width: int | None
    height: int | None
    content: Path


@dataclass(frozen=True, slots=True)
class Examination:
    """What looking at a file told. ``findings`` is empty for a clean one; ``content_code`` is an
    ISCC unit, where its format has one."""

    media_type: str | None
    findings: Sequence[Refusal]
    facts: Mapping[str, Any] = field(default_factory=dict)
    made: Sequence[Made] = ()
    fault: str | None = None
    content_code: str | None = None


@dataclass
class Told:
    """How far the work is, for whoever waits."""

    step: str = "reading"
    progress: int = 0


class Stalled(Exception):
    """An examination was not over in time by the clock, without having used its processor time: it
    hangs, or the machine has no time for it. Tried again, but not for ever."""


class Examiner(Protocol):
    async def __call__(
        self, path: Path, filename: str, declared: str, work: Path, told: Told
    ) -> Examination:
        """Look at the file, beside everything that could be harmed; derivatives lie in `work`.

        What cannot be looked at has findings that say so. Raises nothing but `Stalled`.
        """
        ...


class Antivirus(Protocol):
    async def __call__(self, path: Path) -> str | None:
        """The name of what was recognised, None for nothing. Raises `Unavailable`."""
        ...


class FileStore(Protocol):
    async def ensure(self, sha256: bytes, size: int, now: datetime) -> File: ...

    async def is_damaged(self, sha256: bytes) -> bool: ...

    async def repaired(self, sha256: bytes) -> None: ...

    async def mark_clean(
        self,
        sha256: bytes,
        *,
        sm3: bytes,
        media_type: str,
        facts: Mapping[str, Any],
        text_key: str | None,
        at: datetime,
    ) -> None: ...

    async def mark_refused(
        self,
        sha256: bytes,
        *,
        sm3: bytes | None,
        media_type: str | None,
        refusal: Sequence[Refusal],
        at: datetime,
    ) -> None: ...


class UploadStore(Protocol):
    async def get(self, upload_id: UUID) -> Upload | None: ...


class Settle(Protocol):
    async def __call__(
        self, uow: UnitOfWork, upload_id: UUID, refusal: Sequence[Refusal]
    ) -> Upload | None: ...
