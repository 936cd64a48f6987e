"""Who sees a submission: the pupil, the pupil's guardians, and who works at the pupil's class."""

from dataclasses import dataclass

from services.learning.application.assignments_access import works_at
from services.learning.application.assignments_ports import AssignmentStore
from services.learning.application.directory import Directory
from services.learning.domain.assignments import Assignment
from services.learning.domain.submissions import Submission
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Shown:
    """``staff`` see marks before they are told."""

    submission: Submission
    assignment: Assignment
    staff: bool


async def shown(
    assignments: AssignmentStore,
    directory: Directory,
    caller: Principal,
    submission: Submission | None,
) -> Shown:
    """Raises `NotFound` for what is not, or what the caller may not know."""
    if submission is not None:
        assignment = await assignments.get(submission.assignment_id)
        if assignment is not None:
            if works_at(caller, submission.class_path, assignment.plan.subject):
                return Shown(submission, assignment, staff=True)
            if caller.subject == submission.person:
                return Shown(submission, assignment, staff=False)
            if submission.person in await directory.children(caller.subject):
                return Shown(submission, assignment, staff=False)
    raise NotFound("There is no such submission.", zh="没有该提交。")


def for_marking(found: Shown, version: int) -> Shown:
    """Raises `Forbidden`, `StaleVersion`."""
    if not found.staff:
        raise Forbidden("Its teachers mark it.", zh="仅任课教师可以批改。")
    if found.submission.version != version:
        raise StaleVersion
    return found
