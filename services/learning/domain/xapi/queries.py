"""Which statements a request asks for (xAPI 1.0.3 part 3 §2.1.3; IEEE 9274.1.1 §4.1.6.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.learning.domain.xapi.chinese import in_chinese
from services.learning.domain.xapi.rules import Defect
from shared.context import worded
from shared.errors import DomainError

UNKNOWN = UUID(int=1)
"""A pseudonym that is nobody's: nothing is found by it."""


class BadQuery(DomainError):
    """Parameters that are unknown, malformed or contradict each other; member ``errors``."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        super().__init__(
            "Correct the parameters listed.",
            zh="请修正所列参数。",
            errors=[
                {"parameter": name, "detail": worded(detail, in_chinese(detail))}
                for name, detail in defects
            ],
        )


class Format(StrEnum):
    """How statements are told: with ids only, as they came, or in the words of one language."""

    IDS = "ids"
    EXACT = "exact"
    CANONICAL = "canonical"


@dataclass(frozen=True, slots=True)
class Position:
    """The last statement of a page."""

    stored: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """Conditions that all hold; None is no condition. ``agent`` is who is asked for, by
    pseudonym. ``authority`` are applications."""

    agent: UUID | None = None
    verb: UUID | None = None
    activity: UUID | None = None
    registration: UUID | None = None
    related_agents: bool = False
    related_activities: bool = False
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False
    limit: int = 100
    after: Position | None = None
    reach: Sequence[int] = field(default=())
    authority: Sequence[int] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether a statement may match by what it refers to, not by itself."""
        return any(
            each is not None for each in (self.agent, self.verb, self.activity, self.registration)
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A stored statement: its JSON with pseudonyms, and what the store knows of it. ``related``
    holds the `attachment_key` of every attachment that came with it."""

    id: UUID
    stored: datetime
    application_id: int
    actor: UUID
    raw: bytes
    voided: bool
    related: Sequence[UUID] = ()
