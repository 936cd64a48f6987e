"""A review (审核): a case about one resource, judged in rounds, level by level.

Each submission opens a round about one version; what is judged is that version, by its digest. A
level passes once as many opinions approve as it needs; it ends otherwise once that is out of reach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from services.catalog.domain.lifecycle import GUARDS, OPEN, Guard, State
from shared.context import worded
from shared.errors import DomainError

CODE_PREFIX = "V"
LEASE = timedelta(hours=4)
"""So long a claim holds, and no longer than until the deadline; claiming again renews it."""

MOST_ITEMS = 50


class Criterion(StrEnum):
    """What each verdict judges (教科信厅〔2024〕1号), in this order:
    政治性、导向性、科学性、适用性、规范性、时效性、公益性。"""

    POLITICAL = "political"
    ORIENTATION = "orientation"
    SCIENTIFIC = "scientific"
    APPLICABILITY = "applicability"
    NORMATIVITY = "normativity"
    TIMELINESS = "timeliness"
    PUBLIC_BENEFIT = "public_benefit"


CRITERIA: Mapping[str, Criterion] = {
    "政治性": Criterion.POLITICAL,
    "导向性": Criterion.ORIENTATION,
    "科学性": Criterion.SCIENTIFIC,
    "适用性": Criterion.APPLICABILITY,
    "规范性": Criterion.NORMATIVITY,
    "时效性": Criterion.TIMELINESS,
    "公益性": Criterion.PUBLIC_BENEFIT,
}


class Judgement(StrEnum):
    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"


class Decision(StrEnum):
    APPROVE = "APPROVE"
    REQUEST_CHANGES = "REQUEST_CHANGES"
    REJECT = "REJECT"


class ReasonCode(StrEnum):
    """Why it is not approved."""

    POLITICAL_ERROR = "POLITICAL_ERROR"
    WRONG_ORIENTATION = "WRONG_ORIENTATION"
    FACTUAL_ERROR = "FACTUAL_ERROR"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_CONFORMING = "NOT_CONFORMING"
    OUTDATED = "OUTDATED"
    COMMERCIAL = "COMMERCIAL"
    RIGHTS_UNCLEAR = "RIGHTS_UNCLEAR"
    PERSONAL_DATA = "PERSONAL_DATA"
    DUPLICATE = "DUPLICATE"
    METADATA_WRONG = "METADATA_WRONG"
    QUALITY = "QUALITY"
    OTHER = "OTHER"


class Importance(StrEnum):
    NORMAL = "NORMAL"
    IMPORTANT = "IMPORTANT"


class EventKind(StrEnum):
    """What stands in the timeline of a case."""

    SUBMITTED = "SUBMITTED"
    EXAMINED = "EXAMINED"
    LEVEL_OPENED = "LEVEL_OPENED"
    LEVEL_SKIPPED = "LEVEL_SKIPPED"
    ASSIGNED = "ASSIGNED"
    CLAIMED = "CLAIMED"
    RELEASED = "RELEASED"
    COMMENTED = "COMMENTED"
    DECIDED = "DECIDED"
    LEVEL_PASSED = "LEVEL_PASSED"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    REJECTED = "REJECTED"
    APPROVED = "APPROVED"
    WITHDRAWN = "WITHDRAWN"
    ENDED = "ENDED"
    REMINDED = "REMINDED"
    ESCALATED = "ESCALATED"
    RAISED = "RAISED"


class CommitmentMissing(DomainError):
    """Whoever submits gives the written commitment."""


class VerdictRefused(DomainError):
    """The verdict is incomplete; ``errors`` lists every defect."""


class PlacesRefused(DomainError):
    """Places that what is judged does not have, or attachments that cannot be; ``errors``."""


class AssigneeRefused(DomainError):
    """Whoever it should go to made something of it, judged in this round, or is excluded."""


class ContentMoved(DomainError):
    """The verdict names another digest than that of what is judged now."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a case's chain. ``kind`` is one of `services.catalog.domain.policies.Kind`,
    ``path`` the organisation that judges. ``needed`` of at most ``seats`` opinions approve."""

    kind: str
    path: str
    needed: int = 1
    seats: int = 1
    hours: int = 72
    skippable: bool = False

    @property
    def record(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def at(self, path: str) -> Self:
        return replace(self, path=path)

    def among(self, path: str) -> Self:
        """Where its organisation stands by now, if it is one of those that make up `path`."""
        labels, label = path.split("."), self.path.rpartition(".")[2]
        return self.at(".".join(labels[: labels.index(label) + 1])) if label in labels else self


@dataclass(frozen=True, slots=True)
class Verdict:
    """One person's opinion at one level of one round; ``items`` say what to change where."""

    case_id: UUID
    round: int
    level: int
    reviewer: str
    decision: Decision
    criteria: Mapping[Criterion, Judgement]
    reason_code: ReasonCode | None
    comment: str
    items: Sequence[Mapping[str, Any]]
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``resource_state`` is its resource's. ``makers`` made, submitted or uploaded something of it.
    ``number`` and ``digest`` are of the version judged in this ``round``; ``level`` is a place in
    ``chain``. ``due_at`` is the deadline of the level, ``escalated`` says that it ran out and those
    above may judge too."""

    id: UUID
    code: str
    resource_id: UUID
    organisation_path: str
    owner: str
    makers: frozenset[str]
    title: str
    stage: str | None
    subject: str | None
    importance: Importance
    state: State
    resource_state: State
    round: int
    number: int
    digest: bytes
    chain: Sequence[Level]
    level: int
    group_id: UUID | None
    assignee: str | None
    escalated: bool
    due_at: datetime
    version: int
    submitted_at: datetime
    updated_at: datetime

    @property
    def at(self) -> Level:
        """The level under review."""
        return self.chain[self.level]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_last_level(self) -> bool:
        return self.level == len(self.chain) - 1

    def lease_from(self, now: datetime) -> datetime:
        """Until when a claim of now holds: what the deadline passes to others is held by nobody."""
        until = now + LEASE
        return min(until, self.due_at) if now < self.due_at else until

    def standing(self, resource_state: State) -> Self:
        """With what became of its resource since."""
        return replace(self, resource_state=resource_state)

    def recoded(self, code: str) -> Self:
        return replace(self, code=code)

    def changed(self, now: datetime, **fields: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at=now, **fields)


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody's lease on a seat of the level."""

    reviewer: str
    lease_until: datetime


def outcome(level: Level, opinions: Sequence[Decision]) -> Decision | None:
    """What the level comes to with these `opinions`, or None while it is open.

    It approves once ``needed`` of them do. Once so many refuse that approval is out of reach, it
    rejects where more of those reject than ask for changes, and asks for changes otherwise.
    """
    approving = opinions.count(Decision.APPROVE)
    if approving >= level.needed:
        return Decision.APPROVE
    refusing = len(opinions) - approving
    if refusing <= level.seats - level.needed:
        return None
    rejecting = opinions.count(Decision.REJECT)
    return Decision.REJECT if rejecting > refusing - rejecting else Decision.REQUEST_CHANGES


def check_verdict(
    decision: Decision,
    criteria: Mapping[Criterion, Judgement],
    reason_code: ReasonCode | None,
    comment: str,
    items: int,
    *,
    is_named: bool,
) -> None:
    """Raises `VerdictRefused` with every defect: each criterion is judged; approval fails none, and
    is not of whom the metadata names (see `Guard.NOT_NAMED`); anything else gives a reason and
    words, and who asks for changes says in so many `items` what to change where."""
    errors = list[tuple[str, str, str]]()
    errors += [
        (f"#/criteria/{each}", f"Judge {each}.", f"请判定{name}。")
        for name, each in CRITERIA.items()
        if each not in criteria
    ]
    failed = [each for each in criteria if criteria[each] is Judgement.FAIL]
    if decision is Decision.APPROVE:
        errors += [
            (
                f"#/criteria/{each}",
                "What fails a criterion is not approved.",
                "存在不通过项，不能通过。",
            )
            for each in failed
        ]
        if is_named:
            condition = GUARDS[Guard.NOT_NAMED]
            errors.append(("#/decision", condition.en, condition.zh))
    else:
        if reason_code is None:
            errors.append(("#/reason_code", "Give a reason.", "请选择理由代码。"))
        if not comment.strip():
            errors.append(("#/comment", "Say in words why.", "请填写审核意见。"))
    if decision is Decision.REQUEST_CHANGES and not items:
        errors.append(("#/items", "Say what to change where.", "请逐项列明修改位置和要求。"))
    if errors:
        raise VerdictRefused(
            "Complete the verdict: see errors.",
            zh="请补全审核意见，见 errors。",
            errors=[{"pointer": pointer, "detail": worded(en, zh)} for pointer, en, zh in errors],
        )
