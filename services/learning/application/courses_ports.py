"""What the use cases of courses need from outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.learning.domain.courses import Achievement, Course, Enrolment, Origin, Section


class Ancestor(NamedTuple):
    """One step up the line of copies; ``course`` is None where it is gone, or the reader may not
    see it."""

    origin: Origin
    course: Course | None


class CourseStore(Protocol):
    async def add(self, course: Course) -> None: ...

    async def get(self, course_id: UUID) -> Course | None: ...

    async def locked(self, course_id: UUID) -> Course | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, course: Course) -> None: ...

    async def delete(self, course_id: UUID) -> None:
        """With its sections and enrolments."""
        ...

    async def sections(self, course_id: UUID) -> Sequence[Section]:
        """All, in order, in two statements."""
        ...

    async def put_sections(self, course_id: UUID, sections: Sequence[Section]) -> None:
        """In place of those it has."""
        ...

    async def lineage(self, course_id: UUID) -> Sequence[Ancestor]:
        """Of what it is a copy, of what that is one, and so on."""
        ...

    async def page(
        self, people: Sequence[str], day: date, limit: int, before: UUID | None
    ) -> Sequence[Course]:
        """Those that the first of `people` owns, and those that are no draft and that one of
        `people` takes on `day`; the newest first, behind `before`."""
        ...

    async def page_at(self, path: str, limit: int, before: UUID | None) -> Sequence[Course]:
        """Those at and below `path` that are no draft; the newest first, behind `before`."""
        ...

    async def forget(self, person: str) -> None:
        """Courses of `person` have no owner any more."""
        ...


class EnrolmentStore(Protocol):
    async def add(self, course_id: UUID, organisation_id: UUID, at: datetime) -> None: ...

    async def remove(self, course_id: UUID, organisation_id: UUID) -> bool:
        """Whether the class took it."""
        ...

    async def page(self, course_id: UUID, limit: int, after: str) -> Sequence[Enrolment]:
        """By path, behind `after`."""
        ...

    async def takes(self, course_id: UUID, people: Sequence[str], day: date) -> bool:
        """Whether one of `people` belongs to a class that takes the course."""
        ...


class Achievements(Protocol):
    async def of(self, person: str, resources: Collection[UUID]) -> Mapping[UUID, Achievement]:
        """What `person` did, by resource, as the activity records tell; what was not begun is
        missing."""
        ...
