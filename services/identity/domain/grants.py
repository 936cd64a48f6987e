"""Roles held at organisations for a time, and who may give them to whom.

Role names are those of `shared.access.Role`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from shared.errors import DomainError


class OwnGrant(DomainError):
    """Nobody gives a role to themselves."""


class GrantBeyondReach(DomainError):
    """None of the giver's roles covers that organisation, or they do not reach that role."""


class RolesSeparated(DomainError):
    """One person would be two of administrator, security administrator and auditor at once."""


class RoleAlreadyHeld(DomainError):
    """The person holds that role there for that subject at an overlapping time."""


class GrantDatesRefused(DomainError):
    """A grant ends after it begins."""


SEPARATED = frozenset({"administrator", "security_administrator", "auditor"})
"""System, security and audit administration (三员分立): no two for one person at one time."""

ORDINARY = frozenset({"student", "teacher", "guardian"})
"""What every administrator may give. The others open work on what belongs to others."""

GIVEN_BY: Mapping[str, frozenset[str] | None] = {
    "administrator": ORDINARY,
    "security_administrator": None,
}
"""Which roles the holder of a role may give at and below the organisation of theirs; None: all."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """``role`` at the organisation at ``path``, for one school subject or all.

    It holds from ``valid_from`` until before ``valid_until``.
    """

    id: UUID
    person_id: UUID
    role: str
    organisation_id: UUID
    path: str
    subject: str | None
    valid_from: datetime
    valid_until: datetime | None
    granted_by: str

    def __post_init__(self) -> None:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise GrantDatesRefused(
                "Let valid_until be later than valid_from.", zh="截止时间应晚于开始时间。"
            )

    def in_force(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def over(self, at: datetime) -> bool:
        """Whether it will never hold again from `at` on."""
        return self.valid_until is not None and self.valid_until <= max(at, self.valid_from)

    def overlaps(self, other: Self) -> bool:
        """Whether both hold at some instant."""
        latest_start = max(self.valid_from, other.valid_from)
        return self.in_force(latest_start) and other.in_force(latest_start)

    def ended(self, at: datetime) -> Self:
        """The same, ended at `at`, or never begun where it was to begin later."""
        return replace(self, valid_until=max(at, self.valid_from))

    def __str__(self) -> str:
        subject = f"#{self.subject}" if self.subject else ""
        return f"{self.role}@{self.path}{subject}"


def check_given(held: Iterable[RoleGrant], new: RoleGrant) -> None:
    """Whether `new` may stand beside what the person holds.

    Raises `RolesSeparated`, `RoleAlreadyHeld`.
    """
    for each in held:
        if not each.overlaps(new):
            continue
        if {each.role, new.role} <= SEPARATED and each.role != new.role:
            raise RolesSeparated(
                f"The person is {each.role} at that time. System, security and audit "
                "administration stay with three people.",
                zh="该人员在此期间已担任其中一员：系统、安全、审计管理员应由三人分别担任（三员分立）。",
            )
        same = (each.role, each.organisation_id, each.subject)
        if same == (new.role, new.organisation_id, new.subject):
            raise RoleAlreadyHeld(
                "Revoke the present grant first, or choose other dates.",
                zh="请先撤销现有授权，或选择其他日期。",
            )


def governor_of(roles: Iterable[str]) -> str:
    """The role that alone suspends, resumes and closes an account which holds `roles`: each of the
    three for its like, so that none of them puts another out of office (for anything more, a
    security administrator first ends the role); an administrator for everybody else."""
    return next((role for role in roles if role in SEPARATED), "administrator")


def keeper_of(roles: Iterable[str], *, guardian: bool = False) -> str | None:
    """The role that alone may touch what the holder of `roles` signs in with, or make a minor of
    the holder; None where it would take two, until one of the roles is ended.

    Who may not give an office may not use it through its holder's account either. So that is a
    security administrator's for offices, and for a `guardian` whom no second factor would protect:
    no school consents in a parent's name. Each of the three is kept by its like, who gains nothing
    by it; were it the one who gives them, one person could act as two of the three. One of them who
    also holds another office is kept by nobody, else giving that office would open the account: a
    security administrator ends it, the like helps, and it is given again. Everybody else is kept by
    an administrator.
    """
    keepers = {
        role if role in SEPARATED else "security_administrator"
        for role in roles
        if role not in ORDINARY
    }
    if not keepers:
        return "security_administrator" if guardian else "administrator"
    return keepers.pop() if len(keepers) == 1 else None


def may_give(giver_role: str, role: str) -> bool:
    """Whether the holder of one role may give the other, where theirs holds."""
    reach = GIVEN_BY.get(giver_role, frozenset())
    return reach is None or role in reach
