"""What others hear of registrations."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """An offer of a licence was withdrawn; agreements to it end."""

    type: ClassVar[str] = "copyright.licence.revoked.v1"


EVENTS: Mapping[str, type] = {
    each.type: each
    for each in (RegistrationChanged, RegistrationRemoved, RegistrationRestored, LicenceRevoked)
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
