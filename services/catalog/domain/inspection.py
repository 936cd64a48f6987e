"""An inspection (检查): what is learned of an uploaded file before anyone else may have it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

MAX_ATTEMPTS = 4
"""Taken so often and never brought to an end, a file is what brings its inspectors down."""

_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=1)


class State(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    """Given up after `MAX_ATTEMPTS`; the upload is refused."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """``report`` is None until there is a verdict; then it has `findings`, `media_type`, `facts`,
    `size`, `sm3` and `fault`. ``sha256`` is of the bytes that were read."""

    id: UUID
    upload_id: UUID
    state: State
    step: str
    progress: int
    attempts: int
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    sha256: bytes | None
    report: Mapping[str, Any] | None

    @property
    def clean(self) -> bool:
        """Whether there is a verdict, and nothing was found."""
        return self.report is not None and not self.report["findings"]


@dataclass(frozen=True, slots=True)
class Job:
    """An inspection in the hands of a worker, for as long as its lease holds."""

    id: UUID
    upload_id: UUID
    worker: UUID
    attempts: int
    outages: int

    @property
    def pause(self) -> timedelta:
        """Before it is tried again, longer each time."""
        tried = self.attempts + self.outages
        return min(_FIRST_PAUSE * float(2 ** min(tried, 16)), _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Derivative:
    """Something made from a clean file: `thumbnail`, `page`, `poster`, `preview` or `text`."""

    kind: str
    number: int
    object_key: str
    media_type: str
    width: int | None
    height: int | None
    size: int
