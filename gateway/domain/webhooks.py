"""A webhook: an address that an application wants to be told at, and of which types of events.

Its owner sets it ACTIVE or PAUSED. It becomes GONE when the address answers 410, and FAILING after
five days of nothing but failures; its owner may set it ACTIVE again. Only an ACTIVE one is told,
and only while its application is not suspended. What happens meanwhile is not kept for it: it may
have that replayed.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from gateway.domain.webhooks_types import TYPES
from shared.errors import DomainError

MOST_WEBHOOKS = 50
"""At one organisation."""

OVERLAP = timedelta(hours=24)
"""For so long after a rotation the secret before it signs as well."""

_SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
_SECRET_BYTES = 32


class State(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    GONE = "GONE"
    FAILING = "FAILING"


class WebhookRefused(DomainError):
    """It cannot be kept as it was asked for; ``errors`` lists each defect with its place."""


class TooManyWebhooks(DomainError):
    pass


class WebhookNotActive(DomainError):
    """It is told nothing now, so nothing can be queued for it."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """``client`` is the application by whose token it was made; ``scopes`` are those of its token
    that event types ask for."""

    id: UUID
    client: str
    organisation_path: str
    name: str
    url: str
    event_types: tuple[str, ...]
    scopes: frozenset[str]
    state: State
    suspended: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def told(self) -> tuple[str, ...]:
        """The event types that its scopes still allow."""
        return tuple(
            each for each in self.event_types if each in TYPES and TYPES[each].scope in self.scopes
        )

    @property
    def record(self) -> dict[str, Any]:
        """What it says of itself, for the audit."""
        return {
            "name": self.name,
            "url": self.url,
            "event_types": self.event_types,
            "state": self.state,
            "version": self.version,
        }

    def changed(self, now: datetime, **fields: Any) -> "Webhook":
        return replace(self, version=self.version + 1, updated_at=now, **fields)

    def check_active(self) -> None:
        """Raises `WebhookNotActive`."""
        if self.state is not State.ACTIVE or self.suspended:
            raise WebhookNotActive(
                "Set it ACTIVE first; that of a suspended application stays silent.",
                zh="请先将其状态设为 ACTIVE；应用被停用期间不会推送。",
            )


@dataclass(frozen=True, slots=True)
class Secret:
    """One that signs until ``expires_at`` (None: until the next rotation)."""

    id: UUID
    webhook_id: UUID
    sealed: bytes
    expires_at: datetime | None


def new_secret() -> str:
    """As Standard Webhooks has it: ``whsec_`` and 32 random bytes in base64."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(given: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature`` (Standard Webhooks, "Signature scheme"): one signature per
    secret in use, of id, time in Unix seconds and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(_key(each), signed, "sha256")).decode()
        for each in given
    )


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
