"""May somebody do something with a work? An ODRL 2.2 policy of the closed profile, evaluated.

What no permission covers is refused. A permission covers a use when all its constraints hold; a
prohibition of the policy wins over it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from services.copyright.domain.licences import (
    ACTIONS,
    AREA,
    COMMERCIAL,
    DATE_TIME,
    EDUCATION,
    ORGANISATION,
    PROFILE,
)


class PolicyMalformed(ValueError):
    """The document is no policy of the profile; the message names the member."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What is asked. `at` is aware; `organisation` the path of the user's own, `role` theirs there;
    `area` six digits (GB/T 2260); `times` says the how manieth time it is, from 1."""

    action: str
    at: datetime
    commercial: bool = False
    education: bool = True
    organisation: str | None = None
    role: str | None = None
    area: str | None = None
    times: int = 1


@dataclass(frozen=True)
class Reason:
    """Why, as a word that stays and a sentence in both languages."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True)
class Verdict:
    """Whether a use is permitted, why, and what whoever makes it owes (actions of ODRL or CC)."""

    permitted: bool
    reasons: tuple[Reason, ...]
    duties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Constraint:
    """``left operator right``, the right side as JSON has it."""

    left: str
    operator: str
    right: Any

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Self:
        """Read one. Raises `PolicyMalformed` for what the profile does not have."""
        _require_members(told, {"leftOperand", "operator", "rightOperand"})
        found = cls(told["leftOperand"], told["operator"], told["rightOperand"])
        if not found._is_known():
            raise PolicyMalformed(f"no constraint {found.left} {found.operator} in the profile")
        return found

    def _is_known(self) -> bool:
        match (self.left, self.operator, self.right):
            case ("purpose", "eq", str(right)):
                return right == EDUCATION
            case ("recipient", "isPartOf", str(right)):
                return right.startswith(ORGANISATION)
            case ("recipient", "isAnyOf", [*roles]):
                return all(isinstance(each, str) and each.startswith("edu:") for each in roles)
            case ("spatial", "isPartOf", str(right)):
                return right.startswith(AREA)
            case ("dateTime", "lt", {"@value": str(moment), "@type": str(kind)}):
                return kind == DATE_TIME and _is_moment(moment)
            case ("count", "lteq", int(right)):
                return right > 0
        return False

    @property
    def until(self) -> datetime | None:
        """When it ends to hold, of one that ends."""
        return datetime.fromisoformat(self.right["@value"]) if self.left == "dateTime" else None

    def unmet(self, use: Use) -> Reason | None:
        """Why it does not hold for `use`; None where it does."""
        match (self.left, self.operator):
            case ("purpose", _) if not use.education:
                return Reason("purpose", "It is for education.", "仅限教育用途。")
            case ("recipient", "isPartOf"):
                path = self.right.removeprefix(ORGANISATION)
                if not f"{use.organisation or ''}.".startswith(f"{path}."):
                    return Reason("recipient", f"It is for those at {path}.", f"仅限 {path} 内。")
            case ("recipient", _) if f"edu:{use.role}" not in self.right:
                roles = "、".join(each.removeprefix("edu:") for each in self.right)
                return Reason("role", f"It is for {roles}.", f"仅限 {roles}。")
            case ("spatial", _) if not _within(use.area, self.right.removeprefix(AREA)):
                area = self.right.removeprefix(AREA)
                return Reason("area", f"It is for the division {area}.", f"仅限区划 {area}。")
            case ("dateTime", _) if self.until is not None and use.at >= self.until:
                told = f"{self.until:%Y-%m-%dT%H:%M:%SZ}"
                return Reason("expired", f"It held until {told}.", f"许可已于 {told} 到期。")
            case ("count", _) if use.times > self.right:
                return Reason(
                    "count", f"It may be done {self.right} times.", f"限 {self.right} 次。"
                )
        return None


@dataclass(frozen=True)
class Rule:
    """A permission, or a prohibition (without constraints and duties)."""

    action: str
    constraints: tuple[Constraint, ...]
    duties: tuple[str, ...]

    @classmethod
    def parse(cls, told: Mapping[str, Any], target: str) -> Self:
        """Read one about `target`. Raises `PolicyMalformed`."""
        _require_members(told, {"target", "action"}, {"constraint", "duty"})
        if told["target"] != target or told["action"] not in ACTIONS:
            raise PolicyMalformed("a rule is about the policy's own work, and an action we know")
        duties = told.get("duty", [])
        for each in duties:
            _require_members(each, {"action"})
        return cls(
            told["action"],
            tuple(map(Constraint.parse, told.get("constraint", []))),
            tuple(each["action"] for each in duties),
        )


@dataclass(frozen=True)
class Policy:
    """A policy that was read. `revocable`: agreements end when the offer is withdrawn."""

    template: str
    revocable: bool
    permissions: tuple[Rule, ...]
    prohibitions: tuple[Rule, ...]

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """Read a policy. Raises `PolicyMalformed` for anything beyond the profile."""
        try:
            told = json.loads(document)
            return cls._of(told)
        except (TypeError, AttributeError, KeyError, ValueError) as reason:
            raise PolicyMalformed(f"no policy of {PROFILE}: {reason}") from None

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Self:
        named = {"@context", "@type", "uid", "profile", "assigner", "permission", "prohibition"}
        _require_members(told, named | {"edu:template", "edu:legalText", "edu:revocable"})
        if told["profile"] != PROFILE or told["@type"] != "Offer":
            raise PolicyMalformed("it is an Offer of another profile")
        target = told["uid"].rpartition("/")[0]
        return cls(
            told["edu:template"],
            told["edu:revocable"] is True,
            tuple(Rule.parse(each, target) for each in told["permission"]),
            tuple(Rule.parse(each, target) for each in told["prohibition"]),
        )

    @property
    def until(self) -> datetime | None:
        """When the whole of it ends to hold; None: never."""
        ends = [each.until for rule in self.permissions for each in rule.constraints]
        return min((each for each in ends if each is not None), default=None)


def decide(policy: Policy, use: Use) -> Verdict:
    """Whether `policy` permits `use`. A commercial use is permitted when both the action and
    commercial use are. Never raises."""
    actions = dict.fromkeys([use.action, COMMERCIAL] if use.commercial else [use.action])
    reasons = [reason for action in actions for reason in _against(policy, action, use)]
    if reasons:
        return Verdict(False, tuple(dict.fromkeys(reasons)))
    duties = [d for rule in policy.permissions if rule.action in actions for d in rule.duties]
    told = Reason("licensed", f"{policy.template} permits it.", f"{policy.template} 允许。")
    return Verdict(True, (told,), tuple(dict.fromkeys(duties)))


def _against(policy: Policy, action: str, use: Use) -> Iterator[Reason]:
    if any(rule.action == action for rule in policy.prohibitions):
        yield Reason("prohibited", f"It prohibits {action}.", f"明确禁止 {action}。")
        return
    covering = [rule for rule in policy.permissions if rule.action == action]
    unmet = [[c.unmet(use) for c in rule.constraints] for rule in covering]
    if any(not any(each) for each in unmet):
        return
    if not covering:
        yield Reason("not-permitted", f"It does not permit {action}.", f"未许可 {action}。")
    for reason in (each for found in unmet for each in found):
        if reason is not None:
            yield reason


def _require_members(
    told: Mapping[str, Any], needed: set[str], others: frozenset[str] | set[str] = frozenset()
) -> None:
    if not needed <= told.keys() <= needed | others:
        raise PolicyMalformed(f"the members are {', '.join(sorted(needed | others))}")


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _within(area: str | None, division: str) -> bool:
    """Divisions nest by pairs of digits; a trailing pair of zeros stands for all below."""
    while division.endswith("00"):
        division = division[:-2]
    return (area or "").startswith(division) and area is not None
