"""What others hear of reviews: ids, places and codes; no words, no names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

from services.catalog.domain.reviews import Case, Decision, ReasonCode


@dataclass(frozen=True, kw_only=True)
class ReviewFact:
    """``version`` is judged, by its ``digest`` in hex; ``level_path`` is the organisation at which.
    ``owner`` and ``assignee`` are ids of persons, to be told."""

    case_id: UUID
    resource_id: UUID
    version: int
    digest: str
    round: int
    level: str
    level_path: str
    organisation_path: str
    owner: str
    assignee: str | None

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return f"reviews/{self.case_id}"

    @classmethod
    def of(cls, case: Case) -> Self:
        return cls(**_told(case))


def _told(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "resource_id": case.resource_id,
        "version": case.number,
        "digest": case.digest.hex(),
        "round": case.round,
        "level": case.at.kind,
        "level_path": case.at.path,
        "organisation_path": case.organisation_path,
        "owner": case.owner,
        "assignee": case.assignee,
    }


@dataclass(frozen=True, kw_only=True)
class ReviewSubmitted(ReviewFact):
    """A round began."""

    type: ClassVar[str] = "catalog.review.submitted.v1"


@dataclass(frozen=True, kw_only=True)
class ReviewLevelOpened(ReviewFact):
    """A level has it to judge; ``assignee``, unless None, is who should."""

    type: ClassVar[str] = "catalog.review.level_opened.v1"


@dataclass(frozen=True, kw_only=True)
class ReviewAssigned(ReviewFact):
    """An administrator gave it to ``assignee``, or, None, to nobody in particular."""

    type: ClassVar[str] = "catalog.review.assigned.v1"


@dataclass(frozen=True, kw_only=True)
class ReviewDecided(ReviewFact):
    """A round ended: approved by the last level, sent back, or rejected."""

    decision: Decision
    reason_code: ReasonCode | None

    type: ClassVar[str] = "catalog.review.decided.v1"

    @classmethod
    def told(cls, case: Case, decision: Decision, reason_code: ReasonCode | None) -> Self:
        return cls(**_told(case), decision=decision, reason_code=reason_code)


@dataclass(frozen=True, kw_only=True)
class ReviewWithdrawn(ReviewFact):
    """Its owner took it back, or what it was about was taken down."""

    type: ClassVar[str] = "catalog.review.withdrawn.v1"


@dataclass(frozen=True, kw_only=True)
class ReviewReminded(ReviewFact):
    """The deadline of the level is near."""

    type: ClassVar[str] = "catalog.review.reminded.v1"


@dataclass(frozen=True, kw_only=True)
class ReviewEscalated(ReviewFact):
    """The deadline of the level ran out: those above may judge too."""

    type: ClassVar[str] = "catalog.review.escalated.v1"


EVENTS: Mapping[str, type] = {
    each.type: each
    for each in (
        ReviewSubmitted,
        ReviewLevelOpened,
        ReviewAssigned,
        ReviewDecided,
        ReviewWithdrawn,
        ReviewReminded,
        ReviewEscalated,
    )
}
