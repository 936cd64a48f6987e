"""What others hear of registrations."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class RegistrationChanged:
    """An event of a registration was accepted for the log. ``event`` is its type there, such as
    ``transfer.accept``; ``standing`` where the registration stands since."""

    registration_id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None
    event: str
    standing: str

    type: ClassVar[str] = "copyright.registration.changed.v1"

    @property
    def aggregate(self) -> str:
        return f"registrations/{self.registration_id}"


@dataclass(frozen=True)
class RegistrationRemoved(RegistrationChanged):
    """A takedown was upheld: whoever reuses the resource stops showing it."""

    type: ClassVar[str] = "copyright.registration.removed.v1"


@dataclass(frozen=True)
class RegistrationRestored(RegistrationChanged):
    """A removed registration stands again: reuses may show the resource again."""

    type: ClassVar[str] = "copyright.registration.restored.v1"


@dataclass(frozen=True)
class LicenceRevoked(RegistrationChanged):
    """An offer of a licence was withdrawn: nobody can agree to it any more. Where that ends
    agreements, each is told of by itself."""

    type: ClassVar[str] = "copyright.licence.revoked.v1"


@dataclass(frozen=True)
class LicenceExpired:
    """The time of a licence that was offered (``offer``, an event's hash) is over."""

    registration_id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None
    offer: str

    type: ClassVar[str] = "copyright.licence.expired.v1"

    @property
    def aggregate(self) -> str:
        return f"registrations/{self.registration_id}"


@dataclass(frozen=True)
class ReuseEnded:
    """An agreement to a licence (``agreement``, an event's hash) holds no longer: ``used_in``, the
    resource that was made of or contains ``resource_id`` under it, stops showing that. ``reason``
    is REVOKED, EXPIRED or REMOVED."""

    registration_id: UUID
    code: str
    resource_id: UUID
    agreement: str
    used_in: UUID | None
    reason: str

    type: ClassVar[str] = "copyright.reuse.ended.v1"

    @property
    def aggregate(self) -> str:
        return f"registrations/{self.registration_id}"


@dataclass(frozen=True)
class ReuseResumed(ReuseEnded):
    """An agreement holds again; ``reason`` is RESTORED."""

    type: ClassVar[str] = "copyright.reuse.resumed.v1"


@dataclass(frozen=True)
class DisputeOverdue:
    """What a dispute asks for by a time was not done: ``due`` is ANSWER, the holder's, or DECISION,
    that of an administrator in charge."""

    registration_id: UUID
    code: str
    resource_id: UUID
    organisation_path: str | None
    due: str
    due_at: datetime

    type: ClassVar[str] = "copyright.dispute.overdue.v1"

    @property
    def aggregate(self) -> str:
        return f"registrations/{self.registration_id}"


EVENTS: Mapping[str, type] = {
    each.type: each
    for each in (
        RegistrationChanged,
        RegistrationRemoved,
        RegistrationRestored,
        LicenceRevoked,
        LicenceExpired,
        ReuseEnded,
        ReuseResumed,
        DisputeOverdue,
    )
}


def told(event: str, standing: str) -> type[RegistrationChanged]:
    """What an event of the log is told as."""
    if event == "takedown.decision" and standing == "removed":
        return RegistrationRemoved
    if event == "restore":
        return RegistrationRestored
    if event == "licence.revoke":
        return LicenceRevoked
    return RegistrationChanged
