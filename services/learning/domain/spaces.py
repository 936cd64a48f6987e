"""Spaces (学习空间): a page for each person and each institution.

A space is not made: whoever and whatever there is has one, under the same id. What is kept of it is
what somebody wrote there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from services.learning.domain.references import Reference

MOST_RESOURCES = 200


class Kind(StrEnum):
    PERSONAL = "PERSONAL"
    CLASS = "CLASS"
    GRADE = "GRADE"
    SCHOOL = "SCHOOL"
    REGION = "REGION"


KINDS: Mapping[str, Kind] = {
    "class": Kind.CLASS,
    "grade": Kind.GRADE,
    "school": Kind.SCHOOL,
    "county": Kind.REGION,
    "city": Kind.REGION,
    "province": Kind.REGION,
}
"""By the kind of the organisation; others have no space."""


@dataclass(frozen=True, slots=True)
class Space:
    """``id`` is that of the person or of the organisation; ``path`` is None for a person's, whose
    ``roles`` say what it is there for."""

    id: UUID
    kind: Kind
    path: str | None
    name: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """What was written in a space; ``version`` counts its changes, from 0 for none."""

    introduction: str = ""
    version: int = 0
    updated_at: datetime | None = None

    def changed(self, now: datetime, **fields: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at=now, **fields)


@dataclass(frozen=True, slots=True)
class Pick:
    """A resource that a space shows; ``title`` is what it is called there."""

    reference: Reference
    title: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Announcement:
    """``author`` is None after the author was erased."""

    id: UUID
    space_id: UUID
    title: str
    text: str
    pinned: bool
    author: str | None
    version: int
    published_at: datetime
    updated_at: datetime

    @property
    def record(self) -> dict[str, Any]:
        """What it says, for the audit."""
        return {"title": self.title, "text": self.text, "pinned": self.pinned}

    def changed(self, now: datetime, **fields: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at=now, **fields)
