"""Which classes take a course."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.courses_access import (
    CREATE,
    Standpoint,
    managed,
    seen,
)
from services.learning.application.courses_ports import CourseStore, EnrolmentStore
from services.learning.application.directory import Directory, path_named
from services.learning.domain.courses import (
    MOST_CLASSES,
    Action,
    Course,
    Enrolment,
    NotAClass,
    TooManyClasses,
)
from services.learning.domain.directory import Organisation, within
from services.learning.domain.spaces import KINDS, Kind
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.principal import Principal


class Enrolments:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], CourseStore],
        enrolments: Callable[[AsyncConnection], EnrolmentStore],
        directory: Callable[[AsyncConnection], Directory],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._enrolments = enrolments
        self._directory = directory
        self._clock = clock

    async def enrol(self, caller: Principal, course_id: UUID, organisation: str) -> Enrolment:
        """Let a class below the course's place take it, for its manager who works at the class.

        Raises `NotFound`, `Forbidden`, `ActionRefused`, `NotAClass`, `TooManyClasses`.
        """
        async with self._new_uow() as uow:
            enrolments, now = self._enrolments(uow.connection), self._clock()
            course = await self._enrolling(uow, caller, course_id)
            directory = self._directory(uow.connection)
            path = await path_named(directory, caller, organisation)
            CREATE.admit(caller, path)
            found = _class_of(course, await directory.organisation_at(path))
            taking = await enrolments.page(course_id, MOST_CLASSES, "")
            for each in taking:
                if each.organisation_id == found.id:
                    return await uow.commit(each)
            if len(taking) == MOST_CLASSES:
                raise TooManyClasses(
                    "Make a copy of the course for further classes.", zh="请复制课程后再加入班级。"
                )
            await enrolments.add(course_id, found.id, now)
            _note(uow, "enrolled", course, found.id)
            return await uow.commit(Enrolment(found.id, found.path, found.name, now))

    async def strike(self, caller: Principal, course_id: UUID, organisation_id: UUID) -> None:
        """Raises `NotFound`, `Forbidden`, `ActionRefused`."""
        async with self._new_uow() as uow:
            course = await self._enrolling(uow, caller, course_id)
            if not await self._enrolments(uow.connection).remove(course_id, organisation_id):
                raise NotFound("That class does not take the course.", zh="该班级未参加课程。")
            _note(uow, "struck", course, organisation_id)
            await uow.commit()

    async def page(
        self, caller: Principal, course_id: UUID, limit: int, after: str
    ) -> Sequence[Enrolment]:
        """By path, behind `after`, for those who work there. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            enrolments = self._enrolments(uow.connection)
            directory, day = self._directory(uow.connection), civil_date(self._clock())
            course = await self._store(uow.connection).get(course_id)
            _, standpoint = await seen(caller, course, enrolments, directory, day)
            if standpoint is Standpoint.LEARNER:
                raise Forbidden("It is for those who work there.", zh="仅教师与管理员可以查看。")
            return await enrolments.page(course_id, limit, after)

    async def _enrolling(self, uow: UnitOfWork, caller: Principal, course_id: UUID) -> Course:
        course = await managed(self._store(uow.connection), caller, course_id)
        course.admitted(Action.ENROL)
        return course


def _class_of(course: Course, organisation: Organisation | None) -> Organisation:
    if (
        organisation is None
        or not organisation.open
        or KINDS.get(organisation.kind) is not Kind.CLASS
        or not within(organisation.path, course.organisation_path)
    ):
        raise NotAClass(
            "Name a class at or below the course's organisation.",
            zh="请填写课程所属机构之内的班级。",
        )
    return organisation


def _note(uow: UnitOfWork, what: str, course: Course, organisation_id: UUID) -> None:
    uow.audit.record(
        f"course.class_{what}",
        str(course.id),
        organisation=course.organisation_path,
        class_id=organisation_id,
    )
