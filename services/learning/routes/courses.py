from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.learning.application.courses import Courses
from services.learning.application.courses_access import CREATE, MANAGE, READ, SURVEY
from services.learning.application.courses_enrolments import Enrolments
from services.learning.application.courses_views import CourseViews
from services.learning.domain.courses import (
    Action,
    ActionRefused,
    Course,
    DatesRefused,
    EmptyCourse,
    NotAClass,
    TooManyClasses,
)
from services.learning.domain.references import ReferencesRefused
from services.learning.problems import courses as course_problems
from services.learning.problems import spaces as space_problems
from services.learning.routes.spaces import CONDITIONAL, READING
from services.learning.schemas.courses import (
    ArrangeCourse,
    ChangeCourse,
    CompletionView,
    CopyCourse,
    CourseContents,
    CourseLineage,
    CourseSummary,
    CourseView,
    CreateCourse,
    EnrolClass,
    EnrolmentView,
)
from services.learning.schemas.texts import OrganisationName
from shared.access import guarded
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare({**space_problems.PROBLEMS, **course_problems.PROBLEMS})

PREFIX = "/learning/v1/courses"

Limits = Annotated[PageRequest, Depends(page_limits())]
Person = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Id of a learner; none: the caller.",
    ),
]


def courses_router(courses: Courses, views: CourseViews, cursors: Cursors) -> APIRouter:
    """Courses (课程)."""
    router = APIRouter(prefix=PREFIX, tags=["courses"])

    @router.post(
        "",
        status_code=201,
        summary="新建课程",
        response_model=CourseView,
        responses=problems(Unauthenticated, Forbidden, Unavailable, DatesRefused),
        **guarded(CREATE),
    )
    async def create_course(body: CreateCourse, caller: Caller, once: Once) -> Response:
        """An empty draft of the caller's."""
        made = courses.create(caller, body.organisation, body.plan())
        return await once.answer(made, CourseView.of, 201, _located)

    @router.get(
        "",
        summary="课程列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(SURVEY),
    )
    async def list_courses(
        page: Limits,
        caller: Caller,
        organisation: Annotated[
            OrganisationName | None,
            Query(
                description="All at and below it that are no draft, for those who work there; none:"
                " one's own, and those that the caller or a child of theirs takes."
            ),
        ] = None,
    ) -> Page[CourseSummary]:
        """The newest first."""
        bound_to = {
            "list": "courses",
            "whose": None if organisation else caller.subject,
            "organisation": organisation,
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await views.page(caller, organisation, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[CourseSummary.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get("/{course_id}", summary="课程详情", responses=problems(*READING), **guarded(READ))
    async def read_course(course_id: UUID, caller: Caller, response: Response) -> CourseView:
        """For its managers, those who work there, those who take it, and their guardians."""
        course, standpoint = await views.get(caller, course_id)
        response.headers["etag"] = etag(course.version)
        return CourseView.of(course, standpoint)

    @router.patch(
        "/{course_id}",
        summary="修改课程",
        responses=problems(*READING, *CONDITIONAL, ActionRefused, DatesRefused),
        **guarded(MANAGE),
    )
    async def change_course(
        course_id: UUID, body: ChangeCourse, version: IfMatch, caller: Caller, response: Response
    ) -> CourseView:
        """Change what it says of itself."""
        changed = await courses.change(caller, course_id, version, body.changed)
        return _tagged(changed, response)

    @router.delete(
        "/{course_id}",
        status_code=204,
        summary="删除课程",
        responses=problems(*READING, *CONDITIONAL, ActionRefused),
        **guarded(MANAGE),
    )
    async def delete_course(course_id: UUID, version: IfMatch, caller: Caller) -> None:
        """A draft, or what is archived. Copies of it stay."""
        await courses.delete(caller, course_id, version)

    @router.get(
        "/{course_id}/sections",
        summary="课程内容",
        responses=problems(*READING),
        **guarded(READ),
    )
    async def read_course_sections(
        course_id: UUID, caller: Caller, response: Response
    ) -> CourseContents:
        """All, in order. A resource that was taken down is shown as such; to learners a section
        shows its resources while it is open."""
        course, sections = await views.sections(caller, course_id)
        response.headers["etag"] = etag(course.version)
        return CourseContents.of(course, sections)

    @router.put(
        "/{course_id}/sections",
        summary="排列课程内容",
        responses=problems(*READING, *CONDITIONAL, ActionRefused, ReferencesRefused),
        **guarded(MANAGE),
    )
    async def arrange_course(
        course_id: UUID, body: ArrangeCourse, version: IfMatch, caller: Caller, response: Response
    ) -> CourseView:
        """Give all sections in their order, at once."""
        arranged = await courses.arrange(caller, course_id, version, body.outline())
        return _tagged(arranged, response)

    @router.post(
        "/{course_id}/publish",
        summary="发布课程",
        response_model=CourseView,
        responses=problems(*READING, *CONDITIONAL, ActionRefused, EmptyCourse),
        **guarded(MANAGE),
    )
    async def publish_course(
        course_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Those who take it see it from now on."""
        acted = courses.act(caller, course_id, version, Action.PUBLISH)
        return await once.answer(acted, CourseView.of, 200, _tag)

    @router.post(
        "/{course_id}/archive",
        summary="归档课程",
        response_model=CourseView,
        responses=problems(*READING, *CONDITIONAL, ActionRefused),
        **guarded(MANAGE),
    )
    async def archive_course(
        course_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """It is read as it was, and changes no more."""
        acted = courses.act(caller, course_id, version, Action.ARCHIVE)
        return await once.answer(acted, CourseView.of, 200, _tag)

    @router.post(
        "/{course_id}/copies",
        status_code=201,
        summary="复制课程",
        response_model=CourseView,
        responses=problems(*READING),
        **guarded(CREATE),
    )
    async def copy_course(
        course_id: UUID, body: CopyCourse, caller: Caller, once: Once
    ) -> Response:
        """The caller's own draft, which remembers its origin. Classes are not copied."""
        made = courses.copy(caller, course_id, body.organisation, body.title)
        return await once.answer(made, CourseView.of, 201, _located)

    @router.get(
        "/{course_id}/lineage",
        summary="课程来源",
        responses=problems(*READING),
        **guarded(READ),
    )
    async def read_course_lineage(course_id: UUID, caller: Caller) -> CourseLineage:
        """Of which course it is a copy, of which that is one, and so on."""
        return CourseLineage.of(await views.lineage(caller, course_id))

    @router.get(
        "/{course_id}/completion",
        summary="课程完成情况",
        responses=problems(*READING),
        **guarded(READ),
    )
    async def read_course_completion(
        course_id: UUID, caller: Caller, person: Person = None
    ) -> CompletionView:
        """How far a learner is, for the learner, the guardians and those who work there."""
        return CompletionView.of(await views.completion(caller, course_id, person))

    return router


def enrolments_router(enrolments: Enrolments, cursors: Cursors) -> APIRouter:
    """Which classes take a course (选课班级)."""
    router = APIRouter(prefix=f"{PREFIX}/{{course_id}}/enrolments", tags=["courses"])

    @router.post(
        "",
        status_code=201,
        summary="加入班级",
        response_model=EnrolmentView,
        responses=problems(*READING, ActionRefused, NotAClass, TooManyClasses),
        **guarded(MANAGE),
    )
    async def enrol_class(
        course_id: UUID, body: EnrolClass, caller: Caller, once: Once
    ) -> Response:
        """A class takes the course: whoever belongs to it, as long as they do."""
        made = enrolments.enrol(caller, course_id, body.organisation)
        return await once.answer(made, EnrolmentView.of, 201)

    @router.get(
        "",
        summary="选课班级列表",
        responses=problems(*READING, BadCursor),
        **guarded(READ),
    )
    async def list_enrolments(course_id: UUID, page: Limits, caller: Caller) -> Page[EnrolmentView]:
        """For its managers and those who work there."""
        bound_to = {"list": "enrolments", "course": str(course_id)}
        after = ""
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = str(position)
        found = await enrolments.page(caller, course_id, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[EnrolmentView.of(each) for each in items],
            next=last and cursors.encode((last.path,), bound_to),
        )

    @router.delete(
        "/{organisation_id}",
        status_code=204,
        summary="移出班级",
        responses=problems(*READING, ActionRefused),
        **guarded(MANAGE),
    )
    async def strike_class(course_id: UUID, organisation_id: UUID, caller: Caller) -> None:
        """The class takes the course no more."""
        await enrolments.strike(caller, course_id, organisation_id)

    return router


def _located(course: Course) -> dict[str, str]:
    return {"location": f"{PREFIX}/{course.id}", **_tag(course)}


def _tag(course: Course) -> dict[str, str]:
    return {"etag": etag(course.version)}


def _tagged(course: Course, response: Response) -> CourseView:
    response.headers["etag"] = etag(course.version)
    return CourseView.of(course)
