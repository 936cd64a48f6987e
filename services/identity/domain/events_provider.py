"""What others hear of clients and of revoked tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class RevocationIssued:
    """Tokens whose claim for `kind` (token: jti, session: sid, family: fam, person and consent:
    sub, client: client_id) is `value` are void if issued before `before`; none of them lives past
    `expires_at`."""

    kind: str
    value: str
    before: datetime
    expires_at: datetime

    type: ClassVar[str] = "identity.revocation.issued.v1"

    @property
    def aggregate(self) -> str:
        return self.value


@dataclass(frozen=True)
class ClientFact:
    """The client as it is after the change."""

    client_id: UUID
    organisation_id: UUID
    organisation_path: str
    name: str
    state: str
    scopes: list[str]
    quota_class: str
    version: int

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return str(self.client_id)


@dataclass(frozen=True)
class ClientApproved(ClientFact):
    """It may obtain tokens: approved for the first time, or again."""

    type = "identity.client.approved.v1"


@dataclass(frozen=True)
class ClientSuspended(ClientFact):
    """It obtains no tokens, and those it has are void: suspended, or retired for good."""

    type = "identity.client.suspended.v1"


@dataclass(frozen=True)
class ClientChanged(ClientFact):
    """Its description or its terms are others."""

    type = "identity.client.changed.v1"


EVENTS: Mapping[str, type] = {
    each.type: each for each in (RevocationIssued, ClientApproved, ClientSuspended, ClientChanged)
}
