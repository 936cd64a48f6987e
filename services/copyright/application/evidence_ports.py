"""What evidence is made of, beside the registration's own rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Provable:
    """A size at which both logs have a signed checkpoint, with the notes."""

    size: int
    note: bytes
    sm3_note: bytes


@dataclass(frozen=True)
class StampRow:
    """A time-stamp over a checkpoint of the log: DER, and its chain in PEM."""

    authority: str
    response: bytes
    chain: bytes
    stamped_at: datetime


@dataclass(frozen=True)
class LogKey:
    """A key that signed; of a retired one, the last size it may have signed."""

    vkey: str
    valid_from: datetime
    valid_to: datetime | None
    last_size: int | None


class ProofReads(Protocol):
    async def provable(self, origin: str, index: int) -> Provable | None:
        """The best checkpoint over entry `index`: time-stamped, witnessed, newest."""

    async def stamps(self, origin: str, size: int) -> Sequence[StampRow]: ...

    async def keys(self) -> Sequence[LogKey]: ...


@dataclass(frozen=True, kw_only=True)
class CertificateFacts:
    """What a certificate tells. `digests` are label and hex pairs; `address` is in its QR code."""

    code: str
    title: str
    registration_id: str
    claimed_at: datetime
    index: int
    size: int
    origin: str
    root: str
    standing: str
    digests: Sequence[tuple[str, str]]
    names: Sequence[tuple[str, str]]
    witnesses: str
    stamps: Sequence[str]
    address: str


class CertificatePrinter(Protocol):
    async def print(self, facts: CertificateFacts) -> bytes:
        """A PDF/A-2b file: equal bytes for equal facts."""
