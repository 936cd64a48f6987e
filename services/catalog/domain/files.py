"""A file (文件): bytes known by their digest, stored once whoever uploaded them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

FILES = "files/"
DERIVED = "derived/"
INCOMING = "incoming/"


class State(StrEnum):
    QUARANTINED = "QUARANTINED"
    """Its bytes are not yet, or not wholly, inspected: nobody has it by this row."""

    CLEAN = "CLEAN"
    REFUSED = "REFUSED"


Refusal = Mapping[str, str]
"""One reason for which a file is not taken: its stable ``code``, ``where`` in the file it was
found, and ``detail`` and ``detail_zh`` for a person."""


@dataclass(frozen=True, slots=True)
class File:
    """``sha256`` and ``sm3`` are the raw 32 bytes. ``media_type`` was found by content; ``facts``
    are what it shows of itself, such as pages or seconds."""

    sha256: bytes
    size: int
    object_key: str
    state: State
    created_at: datetime
    sm3: bytes | None = None
    media_type: str | None = None
    refusal: Sequence[Refusal] = ()
    facts: Mapping[str, Any] | None = None
    text_key: str | None = None
    inspected_at: datetime | None = None


OWN_FACTS = ("text_parts", "said", "scanned")
"""What inspection keeps for its own uses, and nobody is shown: offsets, and words that may be
personal data."""


def key_of(sha256: bytes) -> str:
    """Where the object store keeps the file with this digest."""
    digest = sha256.hex()
    return f"{FILES}{digest[:2]}/{digest}"


def derived_key(sha256: bytes, kind: str, number: int) -> str:
    """Where the object store keeps what was made from the file with this digest."""
    digest = sha256.hex()
    return f"{DERIVED}{digest[:2]}/{digest}/{kind}-{number}"
