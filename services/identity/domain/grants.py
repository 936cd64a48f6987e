"""Roles held at organisations for a time, and who may give them to whom.

Role names are those of `shared.access.Role`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Self
from uuid import UUID

from services.identity.domain.organisations import Kind
from services.identity.domain.people import ADULT_AGE, Person
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
    """A grant ends after it begins, and in the future."""


class GrantTermsRefused(DomainError):
    """Offices are held at schools, above them and at institutions; an expert's is of a subject."""


class HolderUnfit(DomainError):
    """Children are students and nothing else, and students are enrolled or of a known age."""


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


def check_terms(grant: RoleGrant, kind: Kind, now: datetime) -> None:
    """Whether there is such a role at an organisation of that kind, and from `now` on.

    Raises `GrantTermsRefused`, `GrantDatesRefused`.
    """
    if grant.over(now):
        raise GrantDatesRefused(
            "Let valid_until be later than now and than valid_from.",
            zh="截止时间应晚于当前时间和开始时间。",
        )
    if grant.role not in ORDINARY and kind in (Kind.GRADE, Kind.CLASS):
        raise GrantTermsRefused(
            "Grades and classes have students, teachers and guardians; give this role at the "
            "school or above it.",
            zh="年级和班级只设学生、教师、监护人；请在学校或其上级机构授予该角色。",
        )
    if grant.role == "subject_expert" and grant.subject is None:
        raise GrantTermsRefused("Name the expert's subject.", zh="请填写学科专家的学科。")


def fits(person: Person, roles: Iterable[str], day: date, *, guards: bool = False) -> bool:
    """Whether the person may hold all of `roles`, and guard children where that is asked.

    Who acts for others is of age (Civil Code of China, art. 17 and 18). Without a birth date the
    membership alone tells that a student is a child.
    """
    told = set(roles)
    if (guards or told - {"student"}) and person.is_minor(day, ADULT_AGE):
        return False
    known = person.profile is not None and person.profile.birth_date is not None
    return "student" not in told or known or person.is_enrolled(day)


def check_holder(person: Person, role: str, day: date) -> None:
    """Raises `PersonActionRefused`, `HolderUnfit`."""
    person.check_open()
    if fits(person, [role], day):
        return
    if role == "student":
        raise HolderUnfit(
            "Let the person belong there as a student first, or enter the birth date.",
            zh="请先以学生身份加入机构，或填写出生日期。",
        )
    raise HolderUnfit(
        "The person is a minor, or a student without a birth date. If that is wrong, correct it "
        "first.",
        zh="该人员未满十八周岁，或是未填写出生日期的学生；如信息有误，请先更正。",
    )


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
    """The role that alone may touch what the holder of `roles` signs in with; None where it would
    take two, until one of the roles is ended.

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
