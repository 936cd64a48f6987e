"""Deposits of a work's digest with an evidence platform of somebody else (存证)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class DepositRefused(Exception):
    """The platform does not take the deposit, and would not if it were asked again."""


@dataclass(frozen=True)
class Deposit:
    """What is deposited: `digest` (32 bytes) is the SHA-256 of the work's one file, or the manifest
    root over its several; `code` is the registration's. Nothing tells of people.

    Its `id` makes repeats one deposit. Until `try_at` it is left alone, None: it is settled.
    """

    id: UUID
    registration_id: UUID
    code: str
    platform: str
    digest: bytes
    requested_at: datetime
    try_at: datetime | None
    attempts: int = 0
    refusal: str | None = None
    receipt: bytes | None = None
    deposited_at: datetime | None = None
