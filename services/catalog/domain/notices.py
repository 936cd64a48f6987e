"""What takes a resource from its readers (下架、出库) or gives it back, and what is told of it.

The reason and the words are public, and its code goes on being resolved, to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.catalog.domain.lifecycle import Action, State
from services.catalog.domain.publication import Publication
from shared.errors import DomainError

TAKEN_DOWN = frozenset({State.SUSPENDED, State.RETIRED})


class TakenDown(DomainError):
    """Everybody could read it once, and cannot now: ``state``, ``reason_code``, ``notice`` and
    ``since`` say why."""


class RemovalReason(StrEnum):
    """Why it is suspended or retired."""

    INVESTIGATION = "investigation"
    CONTENT_VIOLATION = "content_violation"
    FACTUAL_ERROR = "factual_error"
    OUTDATED = "outdated"
    PERSONAL_DATA = "personal_data"
    RIGHTS_NOTICE = "rights_notice"
    RIGHTS_EXPIRED = "rights_expired"
    LEGAL_ORDER = "legal_order"
    DAMAGED = "damaged"
    SUPERSEDED = "superseded"
    OWNER_REQUEST = "owner_request"


class RestorationReason(StrEnum):
    """Why it is given back."""

    CLEARED = "cleared"
    COUNTER_NOTICE = "counter_notice"
    RIGHTS_RENEWED = "rights_renewed"
    REPAIRED = "repaired"
    MISTAKE = "mistake"


class Wording(NamedTuple):
    en: str
    zh: str


WORDINGS: Mapping[RemovalReason | RestorationReason, Wording] = {
    RemovalReason.INVESTIGATION: Wording("It is being looked into", "正在核查"),
    RemovalReason.CONTENT_VIOLATION: Wording(
        "It does not meet the criteria of review", "内容不符合审核标准"
    ),
    RemovalReason.FACTUAL_ERROR: Wording("It is wrong in fact", "存在科学性错误"),
    RemovalReason.OUTDATED: Wording("It is out of date", "内容已过时效"),
    RemovalReason.PERSONAL_DATA: Wording("It shows personal data", "涉及个人信息"),
    # 信息网络传播权保护条例, articles 14 to 17
    RemovalReason.RIGHTS_NOTICE: Wording("Somebody claims rights in it", "收到权利人通知"),
    RemovalReason.RIGHTS_EXPIRED: Wording("The right to show it has ended", "授权已到期"),
    RemovalReason.LEGAL_ORDER: Wording("An authority ordered it", "主管部门依法要求"),
    RemovalReason.DAMAGED: Wording("It does not work", "文件损坏或无法使用"),
    RemovalReason.SUPERSEDED: Wording("Another takes its place", "已有替代资源"),
    RemovalReason.OWNER_REQUEST: Wording("Its owner asked for it", "所有者申请"),
    RestorationReason.CLEARED: Wording("Nothing was found against it", "核查无问题"),
    RestorationReason.COUNTER_NOTICE: Wording("Its supplier answered the claim", "已收到书面说明"),
    RestorationReason.RIGHTS_RENEWED: Wording("The right was renewed", "已重新取得授权"),
    RestorationReason.REPAIRED: Wording("It works again", "已修复"),
    RestorationReason.MISTAKE: Wording("It was taken down by mistake", "误下架"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What was done to a resource and why. ``version`` is the one that everybody could read, or
    can again; ``actor`` is the id of a person, whom the public is not told, or that of a `Ground`;
    ``authority`` is the path of the organisation that decided by them, None: it was its owner, or
    followed from the ground."""

    id: UUID
    resource_id: UUID
    action: Action
    reason: RemovalReason | RestorationReason
    notice: str
    version: int
    at: datetime
    actor: str
    authority: str | None


@dataclass(frozen=True, slots=True)
class Ground:
    """What the catalogue takes a resource down for, or gives it back, by itself: ``id`` names what
    ended or holds again, such as ``agreement:`` and its hash, ``words`` is what everybody is
    told."""

    id: str
    reason: RemovalReason | RestorationReason
    words: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left to see of a resource that was taken down: the notice that stands, and the
    evidence of what was ever published."""

    code: str
    state: State
    notice: Notice
    publications: Sequence[Publication]


@dataclass(frozen=True, slots=True)
class Standing:
    """A notice that is in force, with the code of what it is about and how that stands."""

    code: str
    state: State
    notice: Notice


def reason_of(action: Action, code: str) -> RemovalReason | RestorationReason:
    """The reason with that code, for the action. Raises `ValueError`."""
    return RestorationReason(code) if action is Action.RESTORE else RemovalReason(code)


def taken_down(code: str, state: State, notice: Notice) -> TakenDown:
    """What a reader is told instead of the resource."""
    wording = WORDINGS[notice.reason]
    verb, done = ("retired", "出库") if state is State.RETIRED else ("suspended", "下架")
    return TakenDown(
        f"It was {verb}. {wording.en}: {notice.notice}",
        zh=f"该资源已{done}。{wording.zh}：{notice.notice}",
        resource_id=str(notice.resource_id),
        code=code,
        state=state.value,
        reason_code=notice.reason.value,
        notice=notice.notice,
        since=notice.at.isoformat(),
    )
