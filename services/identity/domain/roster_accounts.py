"""A person as a roster finds them, and what a line asks for them."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from uuid import UUID

from services.identity.domain.grants import RoleGrant
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind
from services.identity.domain.organisations import is_at_or_below
from services.identity.domain.people import Membership, Person, Profile, folded_name
from services.identity.domain.places import Node, Place
from services.identity.domain.roster_words import RosterRole
from services.identity.domain.rosters import Line, written

MembershipKind = Literal["student", "staff"]


@dataclass(slots=True)
class Account:
    """A person who is there, or will be. ``grants`` are those not over; ``wards`` the people whose
    guardian the person was named; ``guards_here`` is whether one of them is within reach."""

    person: Person
    keys: dict[IdentifierKind, IdentifierKey]
    grants: list[RoleGrant] = field(default_factory=list)
    wards: set[UUID] = field(default_factory=set)
    guards_here: bool = False
    new: bool = False

    def is_written(self, name: str) -> bool:
        """Whether a roster writes the name so: full-width forms narrowed, one space for many."""
        profile = self.person.profile
        return profile is not None and written(profile.name) == name

    def is_called(self, name: str) -> bool:
        profile = self.person.profile
        return profile is not None and folded_name(profile.name) == folded_name(name)

    def current(self, day: date) -> list[Membership]:
        """The memberships that have not ended."""
        return [each for each in self.person.memberships if not each.ended(day)]

    def belongs(self, node: Node, kind: MembershipKind, day: date) -> bool:
        """Pupils belong to what is above their class too."""
        return any(
            each.kind == kind
            and (
                is_at_or_below(each.path, node.path)
                if kind == "student"
                else each.organisation_id == node.id
            )
            for each in self.current(day)
        )


def kind_of(line: Line) -> MembershipKind:
    return "student" if line.role is RosterRole.STUDENT else "staff"


def membership_of(line: Line, place: Place) -> tuple[Node, MembershipKind]:
    """Pupils belong to their class, staff to the school."""
    kind = kind_of(line)
    return (place.target if kind == "student" else place.school), kind


def roles_of(line: Line) -> list[tuple[str, str | None]]:
    """Roles with their subjects."""
    if line.role is RosterRole.STAFF:
        return []
    return [(line.role.value, subject) for subject in line.subjects or (None,)]


def holds(account: Account, role: str, node: Node, subject: str | None) -> bool:
    """Held further down, a role does for the whole where the line names no subject."""
    return any(
        each.role == role
        and (
            (each.organisation_id, each.subject) == (node.id, subject)
            or (subject is None and is_at_or_below(each.path, node.path))
        )
        for each in account.grants
    )


def profile_of(line: Line) -> Profile:
    return Profile(line.name, birth_date=line.birth_date, sex=line.sex or "0")
