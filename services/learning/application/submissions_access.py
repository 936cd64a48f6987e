"""Who sees a submission: the pupil, the pupil's guardians, and who works at the pupil's class."""

from dataclasses import dataclass
from datetime import datetime

from services.learning.application.assignments_access import works_at
from services.learning.application.assignments_ports import AssignmentStore
from services.learning.application.directory import Directory
from services.learning.domain.assignments import Assignment
from services.learning.domain.submissions import Action, State, Submission
from shared.civil import civil_date
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Shown:
    """A submission as somebody sees it at ``now``. ``staff`` see marks before they are told;
    ``own`` it is the pupil's who takes the homework still, and alone hands in."""

    submission: Submission
    assignment: Assignment
    now: datetime
    staff: bool = False
    own: bool = False

    @property
    def actions(self) -> list[Action]:
        """What the reader may do to it now."""
        may = {
            Action.HAND_IN: self.own and self._open,
            Action.MARK: self.staff,
            Action.PUBLISH: self.staff and self.submission.score is not None,
            Action.RETURN: self.staff,
        }
        return [each for each in self.submission.actions if may[each]]

    @property
    def solved(self) -> bool:
        """Whether the reader sees the right answers: a pupil once it is published, and neither the
        pupil nor the classmates may hand in any more."""
        published = self.submission.state is State.PUBLISHED
        over = not self.assignment.open(self.now) and not self._open
        return self.staff or (published and over)

    @property
    def _open(self) -> bool:
        return self.submission.open(self.assignment, self.now)


async def shown(
    assignments: AssignmentStore,
    directory: Directory,
    caller: Principal,
    submission: Submission | None,
    now: datetime,
) -> Shown:
    """Raises `NotFound` for what is not, or what the caller may not know."""
    if submission is not None:
        assignment = await assignments.get(submission.assignment_id)
        if assignment is not None:
            if works_at(caller, submission.class_path, assignment.plan.subject):
                return Shown(submission, assignment, now, staff=True)
            if caller.subject == submission.person:
                takers = await assignments.takers(
                    assignment.id, [submission.person], civil_date(now)
                )
                return Shown(submission, assignment, now, own=bool(takers))
            if submission.person in await directory.children(caller.subject):
                return Shown(submission, assignment, now)
    raise NotFound("There is no such submission.", zh="没有该提交。")


def for_marking(found: Shown, version: int) -> Shown:
    """Raises `Forbidden`, `StaleVersion`."""
    if not found.staff:
        raise Forbidden("Its teachers mark it.", zh="仅任课教师可以批改。")
    if found.submission.version != version:
        raise StaleVersion
    return found
