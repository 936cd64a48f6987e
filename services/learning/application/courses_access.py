"""From where somebody looks at a course, which decides what they see of it."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from services.learning.application.courses_ports import CourseStore, EnrolmentStore
from services.learning.application.directory import STAFF, Directory
from services.learning.domain.courses import MOST_CLASSES, Course, State
from services.learning.domain.directory import within
from shared.access import Role, Rule, grants_of
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.principal import Principal

READ = Rule("learning.read")
CREATE = Rule("learning.write", STAFF)
MANAGE = Rule("learning.write", frozenset({Role.ADMINISTRATOR}), own=True)
SURVEY = Rule("learning.read", STAFF, own=True)


class Standpoint(StrEnum):
    """MANAGER: its owner, while working there, and the administrators above. STAFF: who works at,
    above or below its place, or at a class that takes it. LEARNER: who takes it, their guardians,
    and an owner who left."""

    MANAGER = "MANAGER"
    STAFF = "STAFF"
    LEARNER = "LEARNER"


def manages(caller: Principal, course: Course) -> bool:
    """Whether the caller administers there, or owns it: what pupils know of, while the caller still
    works there."""
    path = course.organisation_path
    if MANAGE.holds(caller, path):
        return True
    return course.owner == caller.subject and (
        course.state is State.DRAFT or CREATE.holds(caller, path)
    )


def near(caller: Principal, course: Course) -> bool:
    """Whether the caller works at, above or below the course's place, and may know of it."""
    path = course.organisation_path
    return course.state is not State.DRAFT and any(
        each.role in STAFF and (each.covers(path) or within(each.path, path))
        for each in grants_of(caller)
    )


async def seen(
    caller: Principal,
    course: Course | None,
    enrolments: EnrolmentStore,
    directory: Directory,
    day: date,
) -> tuple[Course, Standpoint]:
    """The course, and from where the caller sees it. Raises `NotFound` for what is not, or what
    the caller may not know."""
    if course is not None:
        if manages(caller, course):
            return course, Standpoint.MANAGER
        if near(caller, course):
            return course, Standpoint.STAFF
        if course.state is not State.DRAFT:
            if await _teaches_one(caller, course.id, enrolments):
                return course, Standpoint.STAFF
            people = [caller.subject, *await directory.children(caller.subject)]
            if course.owner == caller.subject or await enrolments.takes(course.id, people, day):
                return course, Standpoint.LEARNER
    raise NotFound("There is no such course.", zh="没有该课程。")


async def managed(
    store: CourseStore, caller: Principal, course_id: UUID, version: int | None = None
) -> Course:
    """The course, locked, which the caller manages and, given a version, has read as it is.

    Raises `NotFound`, `Forbidden`, `StaleVersion`.
    """
    course = await store.locked(course_id)
    if course is None or not (
        course.owner == caller.subject or manages(caller, course) or near(caller, course)
    ):
        raise NotFound("There is no such course.", zh="没有该课程。")
    if not manages(caller, course):
        raise Forbidden(
            "Its owner changes it while working there, or an administrator above.",
            zh="仅仍在该处任职的课程所有者及上级管理员可以修改。",
        )
    if version is not None and course.version != version:
        raise StaleVersion
    return course


async def _teaches_one(caller: Principal, course_id: UUID, enrolments: EnrolmentStore) -> bool:
    places = [each for each in grants_of(caller) if each.role in STAFF]
    if not places:
        return False
    classes = await enrolments.page(course_id, MOST_CLASSES, "")
    return any(grant.covers(each.path) for grant in places for each in classes)
