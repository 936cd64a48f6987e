"""What the scrubber finds when it reads stored files again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    MISSING = "MISSING"
    """There is no object at the file's key."""

    MISMATCH = "MISMATCH"
    """Its bytes have another digest."""

    UNREADABLE = "UNREADABLE"
    """The object store answers, but not with this object: it found its own bytes damaged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Open until a later reading finds the file as it should be."""

    id: int
    sha256: bytes
    object_key: str
    kind: Kind
    found_sha256: bytes | None
    found_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Round:
    """One reading of every clean file, in the order of digests; ``position`` was read last."""

    number: int
    position: bytes
    files: int
    bytes: int
    started_at: datetime
    finished_at: datetime | None
