"""What others hear of courses: which resources they use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class _OfReference:
    """``organisation_path`` is the course's, labels from the province down."""

    resource_id: UUID
    course_id: UUID
    organisation_path: str

    @property
    def aggregate(self) -> str:
        return f"courses/{self.course_id}"


@dataclass(frozen=True)
class ReferenceAdded(_OfReference):
    """The course uses the resource from now on."""

    type: ClassVar[str] = "learning.reference.added.v1"


@dataclass(frozen=True)
class ReferenceRemoved(_OfReference):
    """The course uses it no more."""

    type: ClassVar[str] = "learning.reference.removed.v1"


EVENTS: Mapping[str, type] = {each.type: each for each in (ReferenceAdded, ReferenceRemoved)}
