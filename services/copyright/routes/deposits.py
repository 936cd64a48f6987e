from uuid import UUID

from fastapi import APIRouter, Response

from services.copyright.application.deposits import DEPOSIT, Deposits
from services.copyright.domain.registrations import NotTheirs
from services.copyright.routes.accepting import problems
from services.copyright.schemas.deposits import AskDeposit, DepositsView, DepositView
from shared.access import guarded, public
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.principal import Caller


def deposits_router(deposits: Deposits) -> APIRouter:
    """Deposits with outside evidence platforms, whose receipts are kept."""
    router = APIRouter(
        prefix="/copyright/v1/registrations/{registration_id}/deposits", tags=["deposits"]
    )

    @router.post(
        "",
        status_code=202,
        summary="申请第三方存证",
        response_model=DepositView,
        responses=problems(Unauthenticated, Forbidden, NotFound, NotTheirs, Unavailable),
        **guarded(DEPOSIT),
    )
    async def ask_deposit(
        registration_id: UUID, body: AskDeposit, caller: Caller, once: Once
    ) -> Response:
        """Have the work's digest deposited; the digest and the registration's code leave the
        platform, nothing else. Official numbers are theirs who issue them: none comes of this."""
        asked = deposits.ask(caller, registration_id, body.platform)
        return await once.answer(asked, DepositView.of, 202)

    @router.get(
        "",
        summary="第三方存证及回执",
        responses=problems(NotFound, Unavailable),
        **public(),
    )
    async def list_deposits(registration_id: UUID) -> DepositsView:
        """What was deposited of the work, or waits to be, the oldest first."""
        found = await deposits.of(registration_id)
        return DepositsView(
            platforms=list(deposits.platforms), deposits=[DepositView.of(each) for each in found]
        )

    return router
