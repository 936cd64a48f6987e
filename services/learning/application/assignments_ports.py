"""What the use cases of homework need of others."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.learning.domain.assignments import Assignment, Taker
from services.learning.domain.assignments_load import SubjectLoad
from services.learning.domain.submissions import Attempt, HomeworkFile, Submission


class AssignedClass(NamedTuple):
    """A class to which homework is assigned; it is found by its id, wherever it moves."""

    organisation_id: UUID
    path: str
    name: str


class AssignmentStore(Protocol):
    async def add(self, assignment: Assignment) -> None: ...

    async def get(self, assignment_id: UUID) -> Assignment | None: ...

    async def locked(self, assignment_id: UUID) -> Assignment | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def held(self, assignment_id: UUID) -> Assignment | None:
        """Like `locked`, for as many as want to."""
        ...

    async def save(self, assignment: Assignment) -> None: ...

    async def delete(self, assignment_id: UUID) -> None: ...

    async def classes(self, assignment_id: UUID) -> Sequence[AssignedClass]:
        """By path."""
        ...

    async def add_classes(self, assignment_id: UUID, ids: Collection[UUID]) -> None:
        """To those that have it already, nothing is added."""
        ...

    async def takers(
        self, assignment_id: UUID, people: Sequence[str], day: date
    ) -> Sequence[Taker]:
        """Which of `people` are pupils of its classes on `day`, by class."""
        ...

    async def page(
        self, people: Sequence[str], day: date, limit: int, before: UUID | None
    ) -> Sequence[Assignment]:
        """What the first of `people` owns, and what any of them is assigned as a pupil on `day`,
        the newest first, behind `before`."""
        ...

    async def page_at(self, path: str, limit: int, before: UUID | None) -> Sequence[Assignment]:
        """What is no draft and belongs, or is assigned to a class, at or below `path`."""
        ...

    async def load(self, class_id: UUID, first: date, last: date) -> Sequence[SubjectLoad]:
        """What is due in the class from `first` to `last`, by day and subject."""
        ...

    async def now(self) -> datetime:
        """When the transaction began, by the one clock that all replicas share."""
        ...


class SubmissionStore(Protocol):
    async def get(self, submission_id: UUID) -> Submission | None: ...

    async def locked(self, submission_id: UUID) -> Submission | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def claim(self, new: Submission) -> Submission:
        """The one of that pupil for that assignment, locked; `new` where there was none."""
        ...

    async def save(self, submission: Submission) -> None: ...

    async def save_all(self, submissions: Sequence[Submission]) -> None: ...

    async def hand_in(self, submission: Submission, before: Submission) -> None:
        """Save it, and keep its present attempt; the one `before` keeps how it was judged."""
        ...

    async def late(self, assignment_id: UUID) -> Sequence[Submission]:
        """Those that are late, locked."""
        ...

    async def save_attempts(self, submission_id: UUID, attempts: Sequence[Attempt]) -> None:
        """Whether each is late, and its score."""
        ...

    async def attempts(self, submission_id: UUID) -> Sequence[Attempt]:
        """Every one, the first first."""
        ...

    async def page(
        self, assignment_id: UUID, paths: Sequence[str], limit: int, before: UUID | None
    ) -> Sequence[Submission]:
        """Those of classes at or below one of `paths`, the newest first, behind `before`."""
        ...

    async def page_of(
        self, people: Sequence[str], assignment_id: UUID | None, limit: int, before: UUID | None
    ) -> Sequence[Submission]:
        """Those of `people`, the newest first, behind `before`."""
        ...

    async def untold(self, assignment_id: UUID, paths: Sequence[str]) -> Sequence[Submission]:
        """Those of classes at or below one of `paths` that are not published, locked."""
        ...


class FileStore(Protocol):
    async def add(self, file: HomeworkFile) -> None: ...

    async def of(self, assignment_id: UUID, person: str) -> Mapping[UUID, HomeworkFile]:
        """All that `person` announced for it, locked."""
        ...

    async def get(self, submission_id: UUID, file_id: UUID) -> HomeworkFile | None:
        """One that was handed in."""
        ...

    async def hand_in(self, ids: Collection[UUID], submission_id: UUID) -> None: ...

    async def discard_unused(self, before: datetime) -> None:
        """What was announced before that and never handed in is discarded."""
        ...

    async def discarded(self, limit: int) -> Sequence[str]:
        """Keys of objects that nobody needs, locked; those that another has locked are left."""
        ...

    async def gone(self, keys: Collection[str]) -> None:
        """The objects at `keys` exist no more."""
        ...
