"""What readers report (举报). It opens a case for people to look at and hides nothing by itself.

Nobody learns from it who reported: of a reporter only a keyed hash is kept, by which reports are
limited and found again by whoever made them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.errors import DomainError

MOST = 10
WITHIN = timedelta(days=1)
"""So many reports a person makes in that time."""


class ReportReason(StrEnum):
    """What is wrong with it."""

    ILLEGAL = "illegal"
    UNFIT_FOR_MINORS = "unfit_for_minors"
    FACTUAL_ERROR = "factual_error"
    INFRINGEMENT = "infringement"
    PERSONAL_DATA = "personal_data"
    ADVERTISING = "advertising"
    DAMAGED = "damaged"
    OTHER = "other"


class State(StrEnum):
    OPEN = "OPEN"
    UPHELD = "UPHELD"
    DISMISSED = "DISMISSED"


class TooManyReports(DomainError):
    """The person reported enough for now."""


class CaseClosed(DomainError):
    """Somebody closed the case before."""


@dataclass(frozen=True, slots=True)
class Report:
    """``number`` is the version that was read."""

    reason: ReportReason
    words: str
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ReportCase:
    """All reports about a resource until somebody closes it, with a remark for those who made
    them. ``version`` is for ETags."""

    id: UUID
    resource_id: UUID
    code: str
    title: str
    owner: str
    organisation_path: str | None
    state: State
    reports: int
    remark: str
    version: int
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A report as whoever made it sees it, with what became of the case."""

    case_id: UUID
    resource_id: UUID
    code: str
    report: Report
    state: State
    remark: str
