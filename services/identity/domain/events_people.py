"""What others hear of people: ids and states, nothing personal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class PersonFact:
    """Something about an account; ``version`` rises with each."""

    person_id: UUID
    code: str
    version: int

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return str(self.person_id)


@dataclass(frozen=True)
class PersonActivated(PersonFact):
    """The account may be used, for the first time or again."""

    type = "identity.person.activated.v1"


@dataclass(frozen=True)
class PersonChanged(PersonFact):
    """Profile or identifiers changed; ``changed`` names the fields."""

    changed: tuple[str, ...]

    type = "identity.person.changed.v1"


@dataclass(frozen=True)
class PersonSuspended(PersonFact):
    """The account may not be used until it is activated again."""

    type = "identity.person.suspended.v1"


@dataclass(frozen=True)
class PersonLeft(PersonFact):
    """The person belongs to no organisation any more."""

    type = "identity.person.left.v1"


@dataclass(frozen=True)
class PersonErased(PersonFact):
    """Nothing personal is kept: whoever holds a copy removes it. The code stays as pseudonym."""

    type = "identity.person.erased.v1"


@dataclass(frozen=True)
class MembershipFact:
    """Days are days in China; on ``valid_until`` the membership no longer holds."""

    membership_id: UUID
    person_id: UUID
    organisation_id: UUID
    path: str
    kind: str
    valid_from: date
    valid_until: date | None

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return str(self.person_id)


@dataclass(frozen=True)
class MembershipStarted(MembershipFact):
    """The person belongs, or will belong, to the organisation."""

    type = "identity.membership.started.v1"


@dataclass(frozen=True)
class MembershipEnded(MembershipFact):
    """An end was set, perhaps a later day."""

    type = "identity.membership.ended.v1"


@dataclass(frozen=True)
class RoleFact:
    """``role`` at the organisation at ``path``; ``subject`` limits it to a school subject."""

    grant_id: UUID
    person_id: UUID
    role: str
    organisation_id: UUID
    path: str
    subject: str | None
    valid_from: datetime
    valid_until: datetime | None

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return str(self.person_id)


@dataclass(frozen=True)
class RoleGranted(RoleFact):
    """The person holds, or will hold, the role."""

    type = "identity.role.granted.v1"


@dataclass(frozen=True)
class RoleRevoked(RoleFact):
    """The role ends at ``valid_until``."""

    type = "identity.role.revoked.v1"


@dataclass(frozen=True)
class ConsentFact:
    """A guardian's consent for a child, to one version of a purpose."""

    consent_id: UUID
    child_id: UUID
    guardian_id: UUID
    purpose: str
    purpose_version: int

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return str(self.child_id)


@dataclass(frozen=True)
class ConsentGiven(ConsentFact):
    """From now on the purpose is consented to."""

    type = "identity.consent.given.v1"


@dataclass(frozen=True)
class ConsentWithdrawn(ConsentFact):
    """From now on it is not, unless another guardian's consent stands."""

    type = "identity.consent.withdrawn.v1"


@dataclass(frozen=True)
class GuardianshipFact:
    """Of a child and a guardian, whom one link joins at the most. ``restricted`` is set by court
    order: the guardian neither consents nor reads."""

    guardianship_id: UUID
    child_id: UUID
    guardian_id: UUID
    restricted: bool

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return str(self.child_id)


@dataclass(frozen=True)
class GuardianshipVerified(GuardianshipFact):
    """The link is verified, and as it is said here from now on."""

    type = "identity.guardianship.verified.v1"


@dataclass(frozen=True)
class GuardianshipEnded(GuardianshipFact):
    """From now on the guardian neither consents nor reads."""

    type = "identity.guardianship.ended.v1"


EVENTS: Mapping[str, type] = {
    each.type: each
    for each in (
        PersonActivated,
        PersonChanged,
        PersonSuspended,
        PersonLeft,
        PersonErased,
        MembershipStarted,
        MembershipEnded,
        RoleGranted,
        RoleRevoked,
        ConsentGiven,
        ConsentWithdrawn,
        GuardianshipVerified,
        GuardianshipEnded,
    )
}
