"""Review policies: which levels judge what, for an organisation and all below it.

The nearest policy that fits counts: one for the type of resource before one for all types, one of
the organisation before one of those above; except that a mandatory one from above prevails. A
resource of several types is judged by all that those types ask: another type takes no level away.
What important resources pass at the least, the top organisation says, or the catalogue where it is
silent: whoever is below may ask for more. So may whoever had a part in a resource: what they wrote
takes no level of its review away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from services.catalog.domain.reviews import Importance, Level
from shared.context import worded
from shared.errors import DomainError


class Kind(StrEnum):
    """Levels, in the order in which they judge. The committee sits at the top organisation."""

    SCHOOL = "SCHOOL"
    COUNTY = "COUNTY"
    CITY = "CITY"
    PROVINCE = "PROVINCE"
    COMMITTEE = "COMMITTEE"


_LETTERS: Mapping[Kind, str] = {
    Kind.SCHOOL: "SN",
    Kind.COUNTY: "X",
    Kind.CITY: "C",
    Kind.PROVINCE: "P",
}
"""How labels of organisations of that level begin; companies, studios and associations judge where
schools do. Grades and classes judge nothing."""


class PolicyRefused(DomainError):
    """Levels out of order or twice, more opinions needed than there are seats, an organisation that
    judges nothing, or codes that no dictionary has; ``errors``."""


@dataclass(frozen=True, slots=True)
class Step:
    """``needed`` of ``seats`` opinions approve within ``hours``. A ``skippable`` level is passed
    over where nobody is known who may judge there."""

    kind: Kind
    needed: int = 1
    seats: int = 1
    hours: int = 72
    skippable: bool = False

    @property
    def record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Policy:
    """``path`` is the organisation's, ``resource_type`` None: of every type. ``importance`` is that
    of the resources it is for. ``version`` 0: nobody wrote it, it is the catalogue's own."""

    path: str
    resource_type: str | None
    importance: Importance
    steps: Sequence[Step]
    mandatory: bool = False
    version: int = 0
    updated_at: datetime | None = None

    @property
    def record(self) -> dict[str, Any]:
        return {
            "steps": [each.record for each in self.steps],
            "mandatory": self.mandatory,
        }

    def fits(self, path: str, types: Sequence[str], importance: Importance) -> bool:
        return (
            importance is self.importance
            and (path == self.path or path.startswith(self.path + "."))
            and (self.resource_type is None or self.resource_type in types)
        )

    def asks(self, kind: Kind) -> bool:
        return any(each.kind is kind for each in self.steps)

    def checked(self) -> Self:
        """Raises `PolicyRefused` with every defect."""
        errors = list[dict[str, str]]()
        kinds = [each.kind for each in self.steps]
        order = list(Kind)
        labels = self.path.split(".")
        if _nearest(labels).path != self.path:
            errors.append(
                {
                    "pointer": "#",
                    "detail": worded(
                        "A grade or a class judges nothing: the policy of its school counts.",
                        "年级和班级不承担审核，适用其学校的审核策略。",
                    ),
                }
            )
        if kinds != sorted(set(kinds), key=order.index):
            errors.append(
                {
                    "pointer": "#/levels",
                    "detail": worded(
                        f"Name each level once, in the order {', '.join(order)}.",
                        "各层级只列一次，且自下而上排列。",
                    ),
                }
            )
        errors += [
            {
                "pointer": f"#/levels/{index}/needed",
                "detail": worded(
                    "More opinions are needed than there are seats.", "所需意见数超过席位数。"
                ),
            }
            for index, each in enumerate(self.steps)
            if each.needed > each.seats
        ]
        if errors:
            raise PolicyRefused("Correct the levels: see errors.", zh="请改正层级。", errors=errors)
        return self


DEFAULT: Mapping[Importance, Sequence[Step]] = {
    Importance.NORMAL: (Step(Kind.SCHOOL), Step(Kind.COUNTY)),
    Importance.IMPORTANT: (
        Step(Kind.SCHOOL),
        Step(Kind.COUNTY),
        Step(Kind.CITY),
        Step(Kind.PROVINCE),
        Step(Kind.COMMITTEE, needed=2, seats=3, hours=168),
    ),
}
"""Where no organisation wrote a policy."""


def default(path: str, importance: Importance) -> Policy:
    """The catalogue's own policy, as of the top of `path`."""
    return Policy(path.partition(".")[0], None, importance, DEFAULT[importance])


def prevailing(
    policies: Sequence[Policy],
    path: str,
    types: Sequence[str],
    importance: Importance,
    of_others: Sequence[Policy] | None = None,
) -> Policy:
    """That by which a resource of these `types` at `path` is judged: the strictest of what
    prevails for each of them, and would prevail by what is `of_others` than its makers alone."""
    wanted = types or ("",)
    found = list[Policy]()
    for written in (policies, policies if of_others is None else of_others):
        found += [_prevailing(written, path, each, importance) for each in wanted]
        if importance is Importance.IMPORTANT:
            of_top = [each for each in written if "." not in each.path]
            found += [_prevailing(of_top, path, each, importance) for each in wanted]
    nearest = max(found, key=lambda each: (len(each.steps), len(each.path)))
    steps = [_strictest(kind, found) for kind in Kind if any(each.asks(kind) for each in found)]
    return replace(nearest, steps=steps, mandatory=any(each.mandatory for each in found))


def _strictest(kind: Kind, policies: Sequence[Policy]) -> Step:
    """Of all that ask for such a level: most approvals, fewest refusals borne, least time."""
    asked = [each for policy in policies for each in policy.steps if each.kind is kind]
    needed = max(each.needed for each in asked)
    return Step(
        kind=kind,
        needed=needed,
        seats=needed + min(each.seats - each.needed for each in asked),
        hours=min(each.hours for each in asked),
        skippable=all(each.skippable for each in asked),
    )


def _prevailing(
    policies: Sequence[Policy], path: str, resource_type: str, importance: Importance
) -> Policy:
    fitting = [each for each in policies if each.fits(path, (resource_type,), importance)]
    mandatory = [each for each in fitting if each.mandatory]
    if mandatory:
        return min(mandatory, key=lambda each: (len(each.path), each.resource_type is None))
    if fitting:
        return max(fitting, key=lambda each: (len(each.path), each.resource_type is not None))
    return default(path, importance)


def chain_of(policy: Policy, path: str) -> Sequence[Level]:
    """The levels that judge a resource of the organisation at `path`, lowest first.

    A level of which `path` has no organisation falls away; where none is left, the nearest
    organisation that judges anything does.
    """
    labels = path.split(".")
    chain = list[Level]()
    for each in policy.steps:
        place = place_of(labels, each.kind)
        if place is not None:
            chain.append(
                Level(each.kind, place, each.needed, each.seats, each.hours, each.skippable)
            )
    return chain or [_nearest(labels)]


def heightened(chain: Sequence[Level], important: Sequence[Level]) -> Sequence[Level]:
    """`chain` with those levels of `important` that are above its last."""
    order = list(Kind)
    last = order.index(Kind(chain[-1].kind))
    return [*chain, *(each for each in important if order.index(Kind(each.kind)) > last)]


def place_of(labels: Sequence[str], kind: Kind) -> str | None:
    """The organisation that judges at the level of that `kind` what is of the one whose path has
    these `labels`; None where there is none."""
    if kind is Kind.COMMITTEE:
        return labels[0]
    for end in range(len(labels), 0, -1):
        if labels[end - 1][0] in _LETTERS[kind]:
            return ".".join(labels[:end])
    return None


def _nearest(labels: Sequence[str]) -> Level:
    """The level of the organisation itself, or of the first above it that judges."""
    for end in range(len(labels), 0, -1):
        for kind, letters in _LETTERS.items():
            if labels[end - 1][0] in letters:
                return Level(kind, ".".join(labels[:end]))
    return Level(Kind.SCHOOL, ".".join(labels))
