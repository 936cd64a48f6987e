"""A person's account: profile, memberships, and a life that follows one table.

Days (birth dates, memberships) are days in China; an account is judged by the day it is there.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Self
from uuid import UUID

from services.identity.domain.organisations import is_at_or_below
from shared.errors import DomainError

CODE_PREFIX = "A"
ADULT_AGE = 18  # 民法典 第十七条


class PersonDisabled(DomainError):
    """The account is not active: it signs nobody in, and nothing is told of it."""


class PersonActionRefused(DomainError):
    """The account's state does not allow the action; ``state`` is a member."""


class OwnAccount(DomainError):
    """Administrators leave their own account to another administrator."""

    def __init__(self) -> None:
        en, zh = explain("own_account")
        super().__init__(en, zh=zh)


class AccountBeyondReach(DomainError):
    """The account also opens organisations, or holds an office, that the caller's roles do not
    cover."""

    @classmethod
    def because(cls, refusal: "Refusal") -> Self:
        en, zh = explain(refusal)
        return cls(en, zh=zh)


class MembershipOverlaps(DomainError):
    """The person belongs to that organisation in that way already, at an overlapping time."""


class MembershipDatesRefused(DomainError):
    """A membership ends after it begins, and a transfer leads elsewhere."""


class OrganisationNotJoinable(DomainError):
    """The organisation does not exist or is closed: nobody joins it, no role is held there."""


class State(StrEnum):
    INVITED = "INVITED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    LEFT = "LEFT"
    ERASED = "ERASED"


class Action(StrEnum):
    ACTIVATE = "activate"
    TRANSFER = "transfer"
    SUSPEND = "suspend"
    RESUME = "resume"
    LEAVE = "leave"
    ERASE = "erase"


class Standing(StrEnum):
    """What the one who acts is to the person."""

    SELF = "self"
    REACHES_ALL = "reaches_all"  # administrator over every organisation the account opens
    REACHES_SOME = "reaches_some"
    APART = "apart"  # administrator, of an account that holds another of the three offices
    OTHER = "other"


_ADMINISTRATORS = frozenset({Standing.REACHES_ALL, Standing.REACHES_SOME, Standing.APART})
_OVER_EVERYTHING = frozenset({Standing.REACHES_ALL})


@dataclass(frozen=True, slots=True)
class Transition:
    """From which states an action leads where (None: it stays), and who may take it.

    ``by`` is empty where the invitation itself is the right to act.
    """

    sources: frozenset[State]
    target: State | None
    by: frozenset[Standing]


LIFECYCLE: Mapping[Action, Transition] = {
    Action.ACTIVATE: Transition(frozenset({State.INVITED}), State.ACTIVE, frozenset()),
    Action.TRANSFER: Transition(
        frozenset({State.INVITED, State.ACTIVE, State.SUSPENDED}), None, _ADMINISTRATORS
    ),
    Action.SUSPEND: Transition(
        frozenset({State.ACTIVE, State.SUSPENDED}), State.SUSPENDED, _OVER_EVERYTHING
    ),
    Action.RESUME: Transition(
        frozenset({State.SUSPENDED, State.LEFT}), State.ACTIVE, _OVER_EVERYTHING
    ),
    Action.LEAVE: Transition(
        frozenset({State.ACTIVE, State.SUSPENDED}), State.LEFT, _OVER_EVERYTHING
    ),
    Action.ERASE: Transition(
        frozenset({State.INVITED, State.LEFT}), State.ERASED, _OVER_EVERYTHING
    ),
}
"""A new account is INVITED. Whoever holds the invitation activates it. Erasure follows leaving, so
that it is never one slip away; what remains is the row with its code. Whoever suspends an account
anew makes the suspension theirs: a client lifts its own alone."""


Refusal = Literal[
    "state", "invitation", "own_account", "beyond_reach", "separated", "not_administrator"
]

_EXPLANATIONS: Mapping[Refusal, tuple[str, str]] = {
    "state": ("It takes an account that is {states}.", "账号须处于以下状态：{states_zh}。"),
    "invitation": ("The person does it, with the invitation.", "由本人凭邀请办理。"),
    "own_account": (
        "Ask another administrator: nobody does this to their own account.",
        "不能对自己的账号办理，请由其他管理员办理。",
    ),
    "beyond_reach": (
        "The account also opens organisations beyond your reach: ask an administrator above them "
        "all.",
        "该账号还属于您管理范围之外的机构，请由这些机构共同的上级管理员办理。",
    ),
    "separated": (
        "The person holds an office. System, security and audit administrators do this to accounts "
        "of their own kind alone, and a security administrator invites who holds another office: "
        "ask one of that role, or have a security administrator end the role first.",
        "该人员担任由安全管理员授予的岗位：系统、安全、审计管理员的账号只能由同类管理员办理，"
        "其他岗位的邀请由安全管理员办理；也可先由安全管理员撤销其岗位。",
    ),
    "not_administrator": ("Administrators do it.", "由管理员办理。"),
}
_STATES_ZH: Mapping[State, str] = {
    State.INVITED: "待激活",
    State.ACTIVE: "正常",
    State.SUSPENDED: "已停用",
    State.LEFT: "已离开",
    State.ERASED: "已注销",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether an action may be taken now, else why not."""

    action: Action
    refusal: Refusal | None

    @property
    def explanation(self) -> tuple[str, str] | None:
        return explain(self.refusal, self.action) if self.refusal else None


def explain(refusal: Refusal, action: Action | None = None) -> tuple[str, str]:
    """What a person is told in English and in Chinese; `action` is needed where the state is the
    reason."""
    states = sorted(LIFECYCLE[action].sources) if action else ()
    en, zh = _EXPLANATIONS[refusal]
    told = "、".join(_STATES_ZH[each] for each in states)
    return en.format(states=" or ".join(states)), zh.format(states_zh=told)


def offers(state: State, standing: Standing) -> list[Offer]:
    """Every action, with whether someone of this standing may take it now."""
    return [Offer(action, refusal(action, state, standing)) for action in LIFECYCLE]


def refusal(action: Action, state: State, standing: Standing) -> Refusal | None:
    """Why the action may not be taken, or None."""
    transition = LIFECYCLE[action]
    if not transition.by:
        return "invitation"
    if standing is Standing.SELF:
        return "own_account"
    if standing is Standing.OTHER:
        return "not_administrator"
    if standing not in transition.by:
        return "separated" if standing is Standing.APART else "beyond_reach"
    return None if state in transition.sources else "state"


def age_on(birth_date: date, day: date) -> int:
    """In completed years."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def folded_name(name: str) -> str:
    """The form in which names are compared: without spaces and dots, full-width forms narrowed."""
    return "".join(
        each
        for each in unicodedata.normalize("NFKC", name).casefold()
        if not each.isspace() and each not in "·•・."
    )


def masked_name(name: str) -> str:
    """A name for those who need not know it: `张**`."""
    return name[:1] + "*" * (len(name) - 1)


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """``sex`` is in terms of GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated. ``locale`` is
    a BCP 47 tag, ``zoneinfo`` an IANA name, as OpenID Connect has them."""

    name: str
    family_name: str | None = None
    given_name: str | None = None
    nickname: str | None = None
    birth_date: date | None = None
    sex: Literal["0", "1", "2", "9"] = "0"
    locale: str = "zh-CN"
    zoneinfo: str = "Asia/Shanghai"
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """Belonging to an organisation from a day on until another, on which it no longer holds."""

    id: UUID
    person_id: UUID
    organisation_id: UUID
    kind: Literal["student", "staff", "other"]
    valid_from: date
    valid_until: date | None
    version: int
    path: str
    organisation_name: str

    def __post_init__(self) -> None:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise MembershipDatesRefused(
                "A membership does not end before it begins.", zh="结束日期不能早于开始日期。"
            )

    def ended(self, day: date) -> bool:
        """Whether it no longer holds on `day`; one that is still to begin has not ended."""
        return self.valid_until is not None and self.valid_until <= max(day, self.valid_from)

    def holds(self, day: date) -> bool:
        return self.valid_from <= day and not self.ended(day)

    def ending(self, day: date) -> Self:
        """The same, ended on `day`, or never begun where it was to begin later."""
        return replace(self, valid_until=max(day, self.valid_from), version=self.version + 1)

    def overlaps(self, other: Self) -> bool:
        """Whether both put the person in the same place in the same way on some day."""
        if (self.organisation_id, self.kind) != (other.organisation_id, other.kind):
            return False
        latest_start = max(self.valid_from, other.valid_from)
        return self.holds(latest_start) and other.holds(latest_start)


@dataclass(frozen=True, slots=True)
class Person:
    """An account with its memberships, ended ones included. An erased one has no profile."""

    id: UUID
    code: str
    state: State
    profile: Profile | None
    version: int
    created_at: datetime
    updated_at: datetime
    memberships: Sequence[Membership] = field(default=())

    def after(self, action: Action, now: datetime) -> Self:
        """The account after the action. Raises `PersonActionRefused`."""
        transition = LIFECYCLE[action]
        if self.state not in transition.sources:
            en, zh = explain("state", action)
            raise PersonActionRefused(en, zh=zh, state=self.state)
        state = transition.target or self.state
        profile = None if state is State.ERASED else self.profile
        return replace(self.changed(now), state=state, profile=profile)

    def check_open(self) -> None:
        """Whether the account may be given anything: a membership, a role, a child or a guardian.
        Raises `PersonActionRefused`."""
        if self.state is State.ERASED:
            raise PersonActionRefused(
                "The account was erased.", zh="该账号已注销。", state=self.state
            )
        if self.state is State.LEFT:
            raise PersonActionRefused(
                "The person left: resume the account first.",
                zh="该人员已离开，请先恢复其账号。",
                state=self.state,
            )

    def changed(self, now: datetime) -> Self:
        return replace(self, version=self.version + 1, updated_at=now)

    def within(self, path: str) -> Self:
        """The account with those memberships alone that are at or below `path`."""
        held = [each for each in self.memberships if is_at_or_below(each.path, path)]
        return replace(self, memberships=held)

    def paths(self, day: date) -> tuple[str, ...]:
        """The organisations that answer for the person: those of the memberships that have not
        ended, or, of someone who left, those that were the last."""
        current = [each.path for each in self.memberships if not each.ended(day)]
        if not current:
            ends = {each: min(each.valid_until or day, day) for each in self.memberships}
            last = max(ends.values(), default=day)
            current = [each.path for each, end in ends.items() if end == last]
        return tuple(dict.fromkeys(current))

    def is_enrolled(self, day: date) -> bool:
        """Whether the person is a pupil, or will be one."""
        return any(each.kind == "student" and not each.ended(day) for each in self.memberships)

    def is_minor(self, day: date, threshold: int) -> bool:
        birth_date = self.profile.birth_date if self.profile else None
        return is_minor(birth_date, self.is_enrolled(day), day, threshold)


def is_minor(birth_date: date | None, enrolled: bool, day: date, threshold: int) -> bool:
    """Under `threshold` years on `day`. Whoever is enrolled, from a later day on even, and whose
    birth date is not known counts as one."""
    return enrolled if birth_date is None else age_on(birth_date, day) < threshold


def join(held: Iterable[Membership], new: Membership) -> None:
    """Raises `MembershipOverlaps` where `new` repeats one of `held`."""
    if any(each.overlaps(new) for each in held if each.id != new.id):
        raise MembershipOverlaps(
            "End the present membership first, or choose a later day.",
            zh="请先结束现有所属关系，或选择更晚的日期。",
        )
