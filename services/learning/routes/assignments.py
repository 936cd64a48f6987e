from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.learning.application.assignments import Assignments
from services.learning.application.assignments_access import (
    CREATE,
    HAND_IN,
    LOAD,
    MANAGE,
    MARK,
    READ,
    SURVEY,
)
from services.learning.application.marking import Marking
from services.learning.application.submissions import Submissions
from services.learning.domain.assignments import (
    Assignment,
    AssignmentActionRefused,
    ClassesRefused,
    DeadlinesRefused,
    NothingToDo,
)
from services.learning.domain.assignments_load import DaysRefused
from services.learning.domain.submissions import AnswersRefused, TooManyFiles
from services.learning.problems.assignments import PROBLEMS
from services.learning.routes.spaces import CONDITIONAL, READING
from services.learning.schemas.assignments import (
    AssignHomework,
    AssignmentSummary,
    AssignmentView,
    ChangeAssignment,
    CreateAssignment,
    HomeworkLoad,
)
from services.learning.schemas.submissions import AnnounceFile, FileAddress, MarksTold
from services.learning.schemas.texts import OrganisationName
from shared.access import guarded
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/learning/v1/assignments"

Limits = Annotated[PageRequest, Depends(page_limits())]
Day = Annotated[date | None, Query(ge=date(2000, 1, 1), lt=date(2200, 1, 1))]


def assignments_router(
    assignments: Assignments, submissions: Submissions, marking: Marking, cursors: Cursors
) -> APIRouter:
    """Homework (作业)."""
    router = APIRouter(prefix=PREFIX, tags=["homework"])

    @router.post(
        "",
        status_code=201,
        summary="新建作业",
        response_model=AssignmentView,
        responses=problems(Unauthenticated, Forbidden, Unavailable, DeadlinesRefused),
        **guarded(CREATE),
    )
    async def create_assignment(body: CreateAssignment, caller: Caller, once: Once) -> Response:
        """A draft of the caller's."""
        made = assignments.create(caller, body.organisation, body.plan(), body.contents())
        return await once.answer(made, AssignmentView.of, 201, _located)

    @router.get(
        "",
        summary="作业列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(SURVEY),
    )
    async def list_assignments(
        page: Limits,
        caller: Caller,
        organisation: Annotated[
            OrganisationName | None,
            Query(
                description="All at and below it that are no draft, for those who work there; none:"
                " one's own, and what the caller or a child of theirs has to do."
            ),
        ] = None,
    ) -> Page[AssignmentSummary]:
        """The newest first."""
        bound_to = {
            "list": "assignments",
            "whose": None if organisation else caller.subject,
            "organisation": organisation,
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await assignments.page(caller, organisation, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[AssignmentSummary.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        "/{assignment_id}", summary="作业详情", responses=problems(*READING), **guarded(READ)
    )
    async def read_assignment(
        assignment_id: UUID, caller: Caller, response: Response
    ) -> AssignmentView:
        """For those who work there, those who have to do it, and their guardians; to these without
        what gives the answers away."""
        found = await assignments.get(caller, assignment_id)
        response.headers["etag"] = etag(found[0].assignment.version)
        return AssignmentView.seen(found)

    @router.patch(
        "/{assignment_id}",
        summary="修改作业",
        responses=problems(*READING, *CONDITIONAL, AssignmentActionRefused, DeadlinesRefused),
        **guarded(MANAGE),
    )
    async def change_assignment(
        assignment_id: UUID,
        body: ChangeAssignment,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> AssignmentView:
        """Of a draft everything; of assigned homework the deadlines, which move away only. What was
        handed in late and is in time by another loses no points for it any more."""
        changed = await assignments.change(
            caller, assignment_id, version, body.fields(), body.contents()
        )
        response.headers["etag"] = etag(changed.version)
        return AssignmentView.of(changed)

    @router.delete(
        "/{assignment_id}",
        status_code=204,
        summary="删除作业草稿",
        responses=problems(*READING, *CONDITIONAL, AssignmentActionRefused),
        **guarded(MANAGE),
    )
    async def delete_assignment(assignment_id: UUID, version: IfMatch, caller: Caller) -> None:
        """A draft."""
        await assignments.delete(caller, assignment_id, version)

    @router.post(
        "/{assignment_id}/assign",
        summary="布置作业",
        response_model=AssignmentView,
        responses=problems(
            *READING,
            *CONDITIONAL,
            AssignmentActionRefused,
            NothingToDo,
            DeadlinesRefused,
            ClassesRefused,
        ),
        **guarded(MANAGE),
    )
    async def assign_homework(
        assignment_id: UUID, body: AssignHomework, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Distribute it to classes, at once or to further ones later."""
        assigned = assignments.assign(caller, assignment_id, version, body.classes)
        return await once.answer(assigned, AssignmentView.of, 200, _tag)

    @router.post(
        "/{assignment_id}/withdraw",
        summary="撤回作业",
        response_model=AssignmentView,
        responses=problems(*READING, *CONDITIONAL, AssignmentActionRefused),
        **guarded(MANAGE),
    )
    async def withdraw_homework(
        assignment_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Nothing is taken in any more; what was handed in stays."""
        withdrawn = assignments.withdraw(caller, assignment_id, version)
        return await once.answer(withdrawn, AssignmentView.of, 200, _tag)

    @router.post(
        "/{assignment_id}/files",
        status_code=201,
        summary="上传作业文件",
        response_model=FileAddress,
        responses=problems(*READING, AssignmentActionRefused, AnswersRefused, TooManyFiles),
        **guarded(HAND_IN),
    )
    async def announce_homework_file(
        assignment_id: UUID, body: AnnounceFile, caller: Caller, once: Once
    ) -> Response:
        """An address for one file of the caller's. What is not handed in within a day is
        deleted."""
        announced = submissions.announce(caller, assignment_id, body.announced())
        return await once.answer(announced, FileAddress.of, 201)

    @router.post(
        "/{assignment_id}/publish-marks",
        summary="公布成绩",
        response_model=MarksTold,
        responses=problems(*READING),
        **guarded(MARK),
    )
    async def publish_marks(assignment_id: UUID, caller: Caller, once: Once) -> Response:
        """To all pupils of the caller's classes whose work has its marks, but for those who may do
        returned work again."""
        told = marking.publish_all(caller, assignment_id)
        return await once.answer(told, MarksTold.of, 200)

    return router


def load_router(assignments: Assignments) -> APIRouter:
    """How much homework a class has (作业量)."""
    router = APIRouter(prefix="/learning/v1/homework-load", tags=["homework"])

    @router.get(
        "",
        summary="班级作业量",
        responses=problems(Unauthenticated, Forbidden, Unavailable, DaysRefused, ClassesRefused),
        **guarded(LOAD),
    )
    async def read_homework_load(
        organisation: Annotated[OrganisationName, Query(description="A class.")],
        caller: Caller,
        first: Day = None,
        last: Day = None,
    ) -> HomeworkLoad:
        """Minutes by subject on each day in China on which something is due, from ``first``
        (today) to ``last`` (a week; 62 days at the most), with a level of warning."""
        return HomeworkLoad.of(await assignments.load(caller, organisation, first, last))

    return router


def _located(assignment: Assignment) -> dict[str, str]:
    return {"location": f"{PREFIX}/{assignment.id}", **_tag(assignment)}


def _tag(assignment: Assignment) -> dict[str, str]:
    return {"etag": etag(assignment.version)}
