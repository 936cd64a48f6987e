from uuid import UUID

from fastapi import APIRouter, Response

from services.catalog.application.resources import OWN
from services.catalog.application.reviews_submission import Submissions, Submitted
from services.catalog.domain.lifecycle import ActionRefused
from services.catalog.domain.reviews import CommitmentMissing
from services.catalog.domain.reviews_commitment import COMMITMENTS, CURRENT
from services.catalog.domain.versions import DefectsRemain, NothingChanged
from services.catalog.problems.reviews import PROBLEMS
from services.catalog.routes.resources import CHANGING
from services.catalog.routes.reviews import PREFIX, MaybeMatch
from services.catalog.schemas.reviews import CommitmentView, SubmissionView, Submit
from shared.access import guarded, public
from shared.errors import PreconditionMalformed, StaleVersion
from shared.etags import etag
from shared.idempotency import Once
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)


def submission_router(submissions: Submissions) -> APIRouter:
    """Submitting resources for review, and taking them back."""
    router = APIRouter(prefix="/catalog/v1", tags=["reviews"])

    @router.get("/review-commitment", summary="承诺书", responses=problems(), **public())
    async def read_review_commitment() -> CommitmentView:
        """What whoever submits commits to."""
        told = COMMITMENTS[CURRENT]
        return CommitmentView(version=CURRENT, zh=told.zh, en=told.en)

    @router.post(
        "/resources/{resource_id}/submit",
        summary="提交审核",
        response_model=SubmissionView,
        responses=problems(
            *CHANGING,
            PreconditionMalformed,
            StaleVersion,
            ActionRefused,
            CommitmentMissing,
            DefectsRemain,
            NothingChanged,
        ),
        **guarded(OWN),
    )
    async def submit_resource(
        resource_id: UUID, body: Submit, version: MaybeMatch, caller: Caller, once: Once
    ) -> Response:
        """Have the draft judged; it stands still until that is over. Its owner does, who still is a
        teacher or an administrator at its organisation. If-Match is honoured."""
        submitted = submissions.submit(
            caller,
            resource_id,
            version,
            commitment=body.commitment,
            importance=body.importance,
        )
        return await once.answer(submitted, SubmissionView.of, 200, _headers)

    @router.post(
        "/resources/{resource_id}/withdraw",
        summary="撤回提交",
        response_model=SubmissionView,
        responses=problems(*CHANGING, PreconditionMalformed, StaleVersion, ActionRefused),
        **guarded(OWN),
    )
    async def withdraw_resource(
        resource_id: UUID, version: MaybeMatch, caller: Caller, once: Once
    ) -> Response:
        """Take it back while it is not decided. If-Match is honoured."""
        withdrawn = submissions.withdraw(caller, resource_id, version)
        return await once.answer(withdrawn, SubmissionView.of, 200, _headers)

    return router


def _headers(submitted: Submitted) -> dict[str, str]:
    return {
        "etag": etag(submitted.resource.version),
        "location": f"{PREFIX}/{submitted.case.id}",
    }
