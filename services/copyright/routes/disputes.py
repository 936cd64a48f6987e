from uuid import UUID

from fastapi import APIRouter, Response

from services.copyright.application.consequences import DeadlineKind
from services.copyright.application.disputes import DECIDE, DISPUTE, READ, Disputes
from services.copyright.domain.registrations import WorkFile
from services.copyright.routes.accepting import ACTING, accepted, problems, where
from services.copyright.schemas.disputes import Decide, DisputeAct, DisputeView, StatementView
from services.copyright.schemas.registrations import Accepted
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.principal import Caller


def disputes_router(disputes: Disputes) -> APIRouter:
    """Claims, takedown notices, answers and decisions."""
    router = APIRouter(prefix="/copyright/v1/registrations/{registration_id}", tags=["disputes"])

    @router.post(
        "/disputes",
        status_code=202,
        summary="争议：主张、下架通知、反通知",
        response_model=Accepted,
        responses=problems(*ACTING),
        **guarded(DISPUTE),
    )
    async def act_on_dispute(
        registration_id: UUID, body: DisputeAct, caller: Caller, once: Once
    ) -> Response:
        """A claim, a notice, or its answer (信息网络传播权保护条例 14-17). With your words is kept
        how the registration stood when you wrote them."""
        evidence = [WorkFile(**each.model_dump()) for each in body.evidence]
        acted = disputes.act(caller, registration_id, body.kind, body.text, evidence, body.head)
        return await once.answer(acted, accepted, 202, where)

    @router.post(
        "/decisions",
        status_code=202,
        summary="裁决、恢复",
        response_model=Accepted,
        responses=problems(*ACTING),
        **guarded(DECIDE),
    )
    async def decide(registration_id: UUID, body: Decide, caller: Caller, once: Once) -> Response:
        """A decision by an administrator of the registration's organisation, or one above it, who
        is no party. A notice is decided once it was answered, or its time is over."""
        acted = disputes.decide(
            caller, registration_id, body.kind, body.text, body.outcome, body.head
        )
        return await once.answer(acted, accepted, 202, where)

    @router.get(
        "/disputes",
        summary="争议材料",
        responses=problems(Unauthenticated, Forbidden, NotFound, Unavailable),
        **guarded(READ),
    )
    async def read_dispute(registration_id: UUID, caller: Caller) -> DisputeView:
        """What was said, with the salts that prove it against the log: to the holder, to who said
        any of it, and to administrators in charge. It never says who spoke."""
        told = await disputes.read(caller, registration_id)
        return DisputeView(
            registration_id=told.registration_id,
            standing=told.standing,
            answer_due=told.due.get(DeadlineKind.ANSWER),
            decision_due=told.due.get(DeadlineKind.DECISION),
            statements=[StatementView.of(each, caller.subject) for each in told.statements],
        )

    return router
