"""What the life of a resource is told in: states, actions, actors, and what stands in the way.

How they hang together is `services.catalog.domain.lifecycle`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    MACHINE_REVIEW = "MACHINE_REVIEW"
    IN_REVIEW = "IN_REVIEW"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    REJECTED = "REJECTED"
    APPROVED = "APPROVED"
    PUBLISHED = "PUBLISHED"
    UPDATE_IN_REVIEW = "UPDATE_IN_REVIEW"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"
    WITHDRAWN = "WITHDRAWN"


JUDGED = frozenset({State.SUBMITTED, State.MACHINE_REVIEW, State.IN_REVIEW})
"""States of a case in which its content is being judged, and the draft stands still."""

OPEN = JUDGED | {State.CHANGES_REQUESTED}
"""States of a case that is not over."""


class Action(StrEnum):
    CHANGE = "change"
    FREEZE = "freeze"
    RESTORE_VERSION = "restore_version"
    DELETE = "delete"
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    EXAMINE = "examine"
    OPEN_LEVEL = "open_level"
    CLAIM = "claim"
    RELEASE = "release"
    COMMENT = "comment"
    ASSIGN = "assign"
    RAISE = "raise"
    DECIDE = "decide"
    SEND_BACK = "send_back"
    TURN_DOWN = "turn_down"
    ACCEPT = "accept"
    PUBLISH = "publish"
    SUSPEND = "suspend"
    RESTORE = "restore"
    RETIRE = "retire"


class Actor(StrEnum):
    """What the caller is to the resource; one caller may be several."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Relation:
    """By which roles, held where, a caller is an actor; role names are those of
    `shared.access.Role`."""

    roles: frozenset[str]
    en: str
    zh: str


ACTORS: Mapping[Actor, Relation] = {
    Actor.OWNER: Relation(frozenset(), "who made the resource", "资源的所有者"),
    Actor.REVIEWER: Relation(
        frozenset({"reviewer", "subject_expert"}),
        "at the organisation of the level under review (above it once escalated), for its subject"
        " or for all; in the committee, for any subject",
        "所审层级机构(升级后含其上级)的审核员或学科专家，学科相符或不限学科；委员会不分学科",
    ),
    Actor.ADMINISTRATOR: Relation(
        frozenset({"administrator"}),
        "at the organisation of the resource or above it",
        "资源所属机构或其上级的管理员",
    ),
    Actor.SYSTEM: Relation(frozenset(), "the catalogue itself", "系统"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What guards ask. The last ones are about a case and its caller, and mean nothing without.

    ``has_organisation``: it belongs to one; ``is_affiliated``: the caller writes there, or above.
    ``has_errors``, ``is_frozen`` and ``is_judged`` are of its draft, and told beforehand alone: the
    check finds some, its latest version is that, and content like that was judged already.
    ``seat_free``: nobody else holds the last seat of the level; ``holds_claim``: the caller does,
    and the lease runs. ``in_person``: nobody acts for the caller. ``is_maker``: the caller, or
    whoever acts for the caller, made, submitted or uploaded something of what is judged.
    ``has_judged``: in this round, at whatever level. ``is_excluded``: by a conflict of interest, or
    for not being of the group it was routed to. ``let_it_lapse``: the caller had claimed it when
    its deadline passed, or since. ``oversees``: as an administrator of the organisation whose level
    it is, or above. ``has_authority``: it was not suspended, or by an organisation that the caller
    administers, itself or from above.
    """

    state: State
    actors: frozenset[Actor] = frozenset()
    has_organisation: bool = True
    is_affiliated: bool = True
    latest_version: int = 0
    has_errors: bool = False
    is_frozen: bool = False
    is_judged: bool = False
    case_state: State | None = None
    seat_free: bool = True
    holds_claim: bool = False
    in_person: bool = True
    is_maker: bool = False
    has_judged: bool = False
    is_excluded: bool = False
    is_important: bool = False
    let_it_lapse: bool = False
    oversees: bool = True
    has_authority: bool = True


class Guard(StrEnum):
    NO_VERSION = "no_version"
    HAS_VERSION = "has_version"
    AT_AN_ORGANISATION = "at_an_organisation"
    AFFILIATED = "affiliated"
    COMMITMENT = "commitment"
    NO_ERRORS = "no_errors"
    CHANGED = "changed"
    UNJUDGED = "unjudged"
    CASE_OPEN = "case_open"
    CASE_SUBMITTED = "case_submitted"
    CASE_EXAMINED = "case_examined"
    WITH_REVIEWERS = "with_reviewers"
    NOT_MAKER = "not_maker"
    NOT_NAMED = "not_named"
    NO_CONFLICT = "no_conflict"
    FRESH_EYES = "fresh_eyes"
    IN_PERSON = "in_person"
    IN_TIME = "in_time"
    OF_THE_LEVEL = "of_the_level"
    AUTHORITY = "authority"
    NOT_IMPORTANT_YET = "not_important_yet"
    SEAT_FREE = "seat_free"
    HOLDS_CLAIM = "holds_claim"
    CONTENT_SEEN = "content_seen"
    REASONED = "reasoned"
    REASON_GIVEN = "reason_given"
    LEVEL_PASSED = "level_passed"
    LAST_LEVEL_PASSED = "last_level_passed"
    CHANGES_WANTED = "changes_wanted"
    TURNED_DOWN = "turned_down"
    CASE_ACCEPTED = "case_accepted"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a guard asks, told to whom it stops. Without ``holds`` nothing can be said beforehand:
    the use case asks when the action is taken."""

    en: str
    zh: str
    holds: Callable[[Situation], bool] | None = None


GUARDS: Mapping[Guard, Condition] = {
    Guard.NO_VERSION: Condition(
        "No version was ever made of it.",
        "尚未固定过任何版本。",
        lambda now: not now.latest_version,
    ),
    Guard.HAS_VERSION: Condition(
        "A version was made of it.", "须已固定过版本。", lambda now: bool(now.latest_version)
    ),
    Guard.AT_AN_ORGANISATION: Condition(
        "It belongs to an organisation, whose reviewers judge it.",
        "资源须属于某个机构，由该机构的审核员审核。",
        lambda now: now.has_organisation,
    ),
    Guard.AFFILIATED: Condition(
        "What is published is its organisation's: whoever does it is a teacher or an administrator"
        " there, or above.",
        "上架的资源归其机构所有：办理人须是该机构或其上级的教师或管理员。",
        lambda now: now.is_affiliated,
    ),
    Guard.COMMITMENT: Condition("Its owner gives the commitment.", "所有者须作出书面承诺。"),
    Guard.NO_ERRORS: Condition(
        "The check finds no error; ask it what it finds.",
        "检查须没有错误；请运行检查查看所列问题。",
        lambda now: not now.has_errors,
    ),
    Guard.CHANGED: Condition(
        "The draft is not what the latest version is.",
        "草稿与最新版本不同。",
        lambda now: not now.is_frozen,
    ),
    Guard.UNJUDGED: Condition(
        "That content is not live, and was never rejected or sent back.",
        "该内容未上架，也未曾被退稿或退修。",
        lambda now: not now.is_judged,
    ),
    Guard.CASE_OPEN: Condition(
        "A review of it is open.", "须有未结束的审核。", lambda now: now.case_state in OPEN
    ),
    Guard.CASE_SUBMITTED: Condition(
        "The case was submitted, and machine review has not ended.",
        "已提交且机器审核未结束。",
        lambda now: now.case_state in (State.SUBMITTED, State.MACHINE_REVIEW),
    ),
    Guard.CASE_EXAMINED: Condition(
        "Machine review has ended.",
        "机器审核已结束。",
        lambda now: now.case_state is State.MACHINE_REVIEW,
    ),
    Guard.WITH_REVIEWERS: Condition(
        "The case is with reviewers.",
        "须处于人工审核阶段。",
        lambda now: now.case_state is State.IN_REVIEW,
    ),
    Guard.NOT_MAKER: Condition(
        "Nobody judges what they made, says who does, or restores it, nor anybody acting for them.",
        "任何人不得审核自己制作的内容、为其指派审核人或恢复其上架，也不得由他人代为办理。",
        lambda now: not now.is_maker,
    ),
    Guard.NOT_NAMED: Condition(
        "Nobody approves what names them, or somebody whom they have a conflict of interest with,"
        " as having made it; they may ask for changes or reject.",
        "元数据将本人或须回避者列为贡献者或元数据创建者的，不得由其通过，可退修或退稿。",
    ),
    Guard.NO_CONFLICT: Condition(
        "Whoever judges has no conflict of interest and is of the group that the case went to.",
        "审核人须无利益冲突，且属于受派的专家组。",
        lambda now: not now.is_excluded,
    ),
    Guard.FRESH_EYES: Condition(
        "Nobody judges twice in one round, at whatever level.",
        "同一轮中任何人不得在任何层级重复审核。",
        lambda now: not now.has_judged,
    ),
    Guard.IN_PERSON: Condition(
        "A verdict is a person's own: nobody judges for somebody else.",
        "审核意见须由审核人本人作出，不得由他人代为审核。",
        lambda now: now.in_person,
    ),
    Guard.IN_TIME: Condition(
        "Whoever had claimed it and let the deadline pass leaves it to others, unless it is"
        " assigned to them again.",
        "认领后逾期未审的，应由他人审核，重新指派的除外。",
        lambda now: not now.let_it_lapse,
    ),
    Guard.OF_THE_LEVEL: Condition(
        "It is done at the organisation of the level under review, or above it.",
        "须由所审层级机构或其上级的管理员办理。",
        lambda now: now.oversees,
    ),
    Guard.AUTHORITY: Condition(
        "What an organisation suspended, its administrators or those above it decide about.",
        "已下架的资源，只能由作出下架决定的机构或其上级处理。",
        lambda now: now.has_authority,
    ),
    Guard.NOT_IMPORTANT_YET: Condition(
        "It does not count as important yet.",
        "尚未列为重要资源。",
        lambda now: not now.is_important,
    ),
    Guard.SEAT_FREE: Condition(
        "Nobody else is working on it.", "须无他人正在审核。", lambda now: now.seat_free
    ),
    Guard.HOLDS_CLAIM: Condition(
        "Whoever judges has claimed it, and the claim has not run out.",
        "须已认领且认领未过期。",
        lambda now: now.holds_claim,
    ),
    Guard.CONTENT_SEEN: Condition(
        "The verdict is about the content as it is.", "意见须针对当前内容。"
    ),
    Guard.REASONED: Condition(
        "Each criterion is judged; anything but approval gives a reason and words, and a request"
        " for changes says what to change where.",
        "须逐项判定；非通过意见须有理由代码和说明，退修须逐项列明修改位置和要求。",
    ),
    Guard.REASON_GIVEN: Condition("A reason is given.", "须说明原因。"),
    Guard.LEVEL_PASSED: Condition(
        "The opinions that the level needs approve, and a level remains.",
        "本级通过意见已足，且仍有下一级。",
    ),
    Guard.LAST_LEVEL_PASSED: Condition(
        "The opinions that the last level needs approve.", "末级通过意见已足。"
    ),
    Guard.CHANGES_WANTED: Condition(
        "Approval is out of reach, and not most of the others reject.",
        "已不可能通过，且其余意见并非多数为退稿。",
    ),
    Guard.TURNED_DOWN: Condition(
        "Approval is out of reach, and most of the others reject.",
        "已不可能通过，且其余意见多数为退稿。",
    ),
    Guard.CASE_ACCEPTED: Condition(
        "The last level approved it.",
        "末级已通过。",
        lambda now: now.case_state is State.APPROVED,
    ),
}
