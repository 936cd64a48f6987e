"""Guardians of minors, and the consents that gate what a minor's token may carry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Self
from uuid import UUID

from services.identity.domain.people import ADULT_AGE, Person
from shared.errors import DomainError


class GuardianshipActionRefused(DomainError):
    """The link's state does not allow it."""


class GuardianshipExists(DomainError):
    """Guardian and child are linked already."""


class OwnClaim(DomainError):
    """Nobody verifies, restricts or ends the link that they are a party of."""


class GuardianUnfit(DomainError):
    """Nobody guards an adult; no minor guards anybody, nor does who goes to school with the
    child."""


class ChildNotMatched(DomainError):
    """No child has that code together with that identifier."""


class NotGuardian(DomainError):
    """Consent is a matter of the child's verified, unrestricted guardians."""


class PurposeUnknown(DomainError):
    """There is no such purpose, or not yet."""


class PurposeOutdated(DomainError):
    """The purpose has a newer text; ``version`` is a member."""


class PurposePlanned(DomainError):
    """Versions of it are planned that would never take effect; ``versions`` is a member."""


class ConsentGiven(DomainError):
    """The guardian has consented to that version already."""


class ConsentOver(DomainError):
    """The consent was withdrawn before."""


class GuardianshipState(StrEnum):
    CLAIMED = "CLAIMED"
    VERIFIED = "VERIFIED"
    ENDED = "ENDED"


class GuardianshipAction(StrEnum):
    CLAIM = "claim"
    VERIFY = "verify"
    END = "end"


Relation = Literal["father", "mother", "grandparent", "other"]

_S, _A = GuardianshipState, GuardianshipAction

GUARDIANSHIP: Mapping[tuple[GuardianshipState, GuardianshipAction], GuardianshipState] = {
    (_S.ENDED, _A.CLAIM): _S.CLAIMED,
    (_S.CLAIMED, _A.VERIFY): _S.VERIFIED,
    (_S.ENDED, _A.VERIFY): _S.VERIFIED,
    (_S.CLAIMED, _A.END): _S.ENDED,
    (_S.VERIFIED, _A.END): _S.ENDED,
}
"""Guardians claim, administrators verify and end; an ended link may be claimed or verified anew,
and a restriction outlives it."""


@dataclass(frozen=True, slots=True)
class Guardianship:
    """``restricted`` is set by court order: the guardian neither consents nor reads."""

    id: UUID
    guardian_id: UUID
    child_id: UUID
    relation: Relation
    state: GuardianshipState
    restricted: bool
    verified_by: str | None
    verified_at: datetime | None
    version: int
    created_at: datetime

    @classmethod
    def none_yet(cls, id_: UUID, guardian_id: UUID, child_id: UUID, now: datetime) -> Self:
        """Two people whom nothing links; what comes first is a claim or a verification."""
        return cls(
            id=id_,
            guardian_id=guardian_id,
            child_id=child_id,
            relation="other",
            state=GuardianshipState.ENDED,
            restricted=False,
            verified_by=None,
            verified_at=None,
            version=0,
            created_at=now,
        )

    @property
    def effective(self) -> bool:
        """Whether the guardian may consent and read."""
        return self.state is GuardianshipState.VERIFIED and not self.restricted

    def after(self, action: GuardianshipAction) -> Self:
        """Raises `GuardianshipActionRefused`."""
        state = GUARDIANSHIP.get((self.state, action))
        if state is None:
            raise GuardianshipActionRefused(
                f"The link is {self.state}: {action} does not apply.",
                zh=f"监护关系当前状态为 {self.state}，不能执行 {action}。",
            )
        link = replace(self, state=state, version=self.version + 1)
        if state is GuardianshipState.CLAIMED:
            return replace(link, verified_by=None, verified_at=None)
        return link

    def verified(self, by: str, at: datetime) -> Self:
        """Raises `GuardianshipActionRefused`."""
        return replace(self.after(GuardianshipAction.VERIFY), verified_by=by, verified_at=at)


def may_guard(guardian: Person, child: Person, day: date) -> bool:
    """Adults guard minors (Civil Code of China, art. 17 and 27) with whom they do not go to school.
    Whose birth date is not known is a minor while enrolled as a pupil, and else an adult."""
    classes = _classes(guardian, day) & _classes(child, day)
    ages = guardian.is_minor(day, ADULT_AGE), child.is_minor(day, ADULT_AGE)
    return ages == (False, True) and not classes


def _classes(person: Person, day: date) -> set[UUID]:
    return {
        each.organisation_id
        for each in person.memberships
        if each.kind == "student" and each.holds(day)
    }


UNGATED_SCOPES = frozenset({"openid"})
"""What a minor's token carries without anybody's consent."""

GATED_SCOPES = frozenset(
    {
        "profile",
        "email",
        "phone",
        "address",
        "offline_access",
        "identity.read",
        "identity.manage",
        "catalog.read",
        "catalog.write",
        "learning.read",
        "learning.write",
        "copyright.read",
        "copyright.write",
    }
)
"""What a purpose may open to a minor's token."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """One version of what guardians are asked to consent to."""

    purpose: str
    version: int
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    scopes: frozenset[str]
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One guardian's consent to one version of a purpose; it is kept when it is withdrawn."""

    id: UUID
    child_id: UUID
    guardian_id: UUID
    purpose: str
    purpose_version: int
    given_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None

    def withdrawn(self, by: str, at: datetime) -> Self:
        """Raises `ConsentOver`."""
        if self.withdrawn_at is not None:
            raise ConsentOver(
                "It was withdrawn before: there is nothing more to do.",
                zh="该同意此前已撤回，无需再次操作。",
            )
        return replace(self, withdrawn_at=at, withdrawn_by=by)


def current_purposes(purposes: Iterable[Purpose], at: datetime) -> dict[str, Purpose]:
    """The latest version of each purpose that has taken effect."""
    current: dict[str, Purpose] = {}
    for each in sorted(purposes, key=lambda each: each.version):
        if each.effective_at <= at:
            current[each.purpose] = each
    return current


def overtaken(purposes: Iterable[Purpose], new: Purpose, now: datetime) -> list[int]:
    """The planned versions of a purpose that never take effect if `new` comes before them."""
    known = [each for each in purposes if each.purpose == new.purpose]
    return [
        each.version
        for each in known
        if each.effective_at > now
        and each.effective_at >= new.effective_at
        and current_purposes(known, each.effective_at)[new.purpose] == each
    ]


THIRD_PARTY = "third-party-application"
"""The purpose without which an application of others learns nothing of a minor but who it is."""


def consented_scopes(
    consents: Iterable[Consent],
    guardianships: Iterable[Guardianship],
    purposes: Mapping[str, Purpose],
    *,
    third_party: bool,
) -> frozenset[str]:
    """What a minor's token may carry: the ungated scopes, and those of the purposes to whose
    current version one of the child's effective guardians consents; for a `third_party` those of
    `THIRD_PARTY` alone."""
    guardians = {each.guardian_id for each in guardianships if each.effective}
    scopes = UNGATED_SCOPES
    for each in consents:
        purpose = purposes.get(each.purpose)
        if (
            each.withdrawn_at is None
            and (each.purpose == THIRD_PARTY or not third_party)
            and each.guardian_id in guardians
            and purpose is not None
            and purpose.version == each.purpose_version
        ):
            scopes |= purpose.scopes
    return scopes
