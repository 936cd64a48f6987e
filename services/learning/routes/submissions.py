from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from services.learning.application.assignments_access import HAND_IN, MARK, READ
from services.learning.application.marking import Marking
from services.learning.application.submissions import Submissions
from services.learning.application.submissions_access import Shown
from services.learning.application.submissions_views import SubmissionViews
from services.learning.domain.assignments import AssignmentActionRefused, DeadlinesRefused
from services.learning.domain.marking import MarksRefused
from services.learning.domain.submissions import (
    AnswersRefused,
    AttemptsSpent,
    FilesMissing,
    MarksMissing,
    SubmissionActionRefused,
    TooLate,
)
from services.learning.problems.assignments import PROBLEMS
from services.learning.routes.assignments import Limits
from services.learning.routes.spaces import CONDITIONAL, READING
from services.learning.schemas.submissions import (
    Attempts,
    HandIn,
    MarkSubmission,
    ReturnSubmission,
    SubmissionSummary,
    SubmissionView,
)
from shared.access import guarded
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/learning/v1/submissions"


def submissions_router(
    submissions: Submissions, views: SubmissionViews, marking: Marking, cursors: Cursors
) -> APIRouter:
    """What pupils hand in (作业提交)."""
    router = APIRouter(prefix=PREFIX, tags=["homework"])

    @router.post(
        "",
        status_code=201,
        summary="提交作业",
        response_model=SubmissionView,
        responses=problems(
            *READING,
            AssignmentActionRefused,
            AnswersRefused,
            FilesMissing,
            AttemptsSpent,
            TooLate,
        ),
        **guarded(HAND_IN),
    )
    async def hand_in(body: HandIn, caller: Caller, once: Once) -> Response:
        """Hand in the caller's own answers; every attempt is kept, the last one counts. While time
        and attempts are left it may be handed in again, even if it is marked already. The server's
        clock decides what is late."""
        made = submissions.hand_in(caller, body.assignment_id, body.given())
        return await once.answer(made, SubmissionView.of, 201, _located)

    @router.get("", summary="提交列表", responses=problems(*READING, BadCursor), **guarded(READ))
    async def list_submissions(
        page: Limits,
        caller: Caller,
        assignment_id: Annotated[UUID | None, Query(description="None: for all homework.")] = None,
    ) -> Page[SubmissionSummary]:
        """The newest first: of one's classes, given homework that one teaches; else one's own and
        one's children's."""
        bound_to = {
            "list": "submissions",
            "whose": caller.subject,
            "assignment": assignment_id and str(assignment_id),
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await views.page(caller, assignment_id, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1][0] if len(found) > page.limit else None
        return Page(
            items=[SubmissionSummary.listed(each, staff=staff) for each, staff in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        "/{submission_id}", summary="提交详情", responses=problems(*READING), **guarded(READ)
    )
    async def read_submission(
        submission_id: UUID, caller: Caller, response: Response
    ) -> SubmissionView:
        """For the pupil, the pupil's guardians and those who work at the class. The pupil sees the
        right answers once it is published and nobody may hand in any more."""
        found = await views.get(caller, submission_id)
        response.headers["etag"] = etag(found.submission.version)
        return SubmissionView.of(found)

    @router.get(
        "/{submission_id}/attempts",
        summary="历次提交",
        responses=problems(*READING),
        **guarded(READ),
    )
    async def list_attempts(submission_id: UUID, caller: Caller) -> Attempts:
        """Every hand-in with its answers, for whom the submission is."""
        return Attempts.of(await views.attempts(caller, submission_id))

    @router.get(
        "/{submission_id}/files/{file_id}",
        status_code=302,
        summary="下载作业文件",
        response_class=RedirectResponse,
        responses={
            302: {"description": "Where the bytes are, for 2 minutes."},
            **problems(*READING),
        },
        **guarded(READ),
    )
    async def read_submission_file(
        submission_id: UUID, file_id: UUID, caller: Caller
    ) -> RedirectResponse:
        """A redirection to the bytes of a file that was handed in, to be saved."""
        address = await views.file(caller, submission_id, file_id)
        return RedirectResponse(address, 302, {"cache-control": "no-store"})

    @router.post(
        "/{submission_id}/mark",
        summary="批改",
        response_model=SubmissionView,
        responses=problems(*READING, *CONDITIONAL, SubmissionActionRefused, MarksRefused),
        **guarded(MARK),
    )
    async def mark_submission(
        submission_id: UUID, body: MarkSubmission, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Choices and cloze texts come with their marks, which may be overruled."""
        marked = marking.mark(caller, submission_id, version, body.given(), body.feedback)
        return await once.answer(marked, SubmissionView.of, 200, _tag)

    @router.post(
        "/{submission_id}/return",
        summary="退回订正",
        response_model=SubmissionView,
        responses=problems(*READING, *CONDITIONAL, SubmissionActionRefused, DeadlinesRefused),
        **guarded(MARK),
    )
    async def return_submission(
        submission_id: UUID, body: ReturnSubmission, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """With what is to be done better; the pupil sees marks and feedback."""
        returned = marking.return_(caller, submission_id, version, body.feedback, body.again_until)
        return await once.answer(returned, SubmissionView.of, 200, _tag)

    @router.post(
        "/{submission_id}/publish",
        summary="公布成绩（单份）",
        response_model=SubmissionView,
        responses=problems(*READING, *CONDITIONAL, SubmissionActionRefused, MarksMissing),
        **guarded(MARK),
    )
    async def publish_submission(
        submission_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """The pupil sees marks and feedback from now on."""
        published = marking.publish(caller, submission_id, version)
        return await once.answer(published, SubmissionView.of, 200, _tag)

    return router


def _located(made: Shown) -> dict[str, str]:
    return {"location": f"{PREFIX}/{made.submission.id}", **_tag(made)}


def _tag(shown: Shown) -> dict[str, str]:
    return {"etag": etag(shown.submission.version)}
