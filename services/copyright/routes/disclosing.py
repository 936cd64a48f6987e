from uuid import UUID

from fastapi import APIRouter, Response

from services.copyright.application.disclosing import DISCLOSE, Disclosing
from services.copyright.domain.registrations import NotTheirs, RegistrationDefective
from services.copyright.routes.accepting import problems
from services.copyright.schemas.disclosing import Disclose, Disclosed
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.principal import Caller


def disclosing_router(disclosing: Disclosing) -> APIRouter:
    """What the platform lost and its holder still has."""
    router = APIRouter(prefix="/copyright/v1", tags=["evidence"])

    @router.post(
        "/registrations/{registration_id}/disclosures",
        summary="凭证据包恢复权利人身份",
        response_model=Disclosed,
        responses=problems(
            Unauthenticated, Forbidden, NotFound, NotTheirs, RegistrationDefective, Unavailable
        ),
        **guarded(DISCLOSE),
    )
    async def disclose(
        registration_id: UUID, body: Disclose, caller: Caller, once: Once
    ) -> Response:
        """Show what your evidence discloses, where the platform lost it: you may then act again as
        the party that the log commits to, and the work has its title again. Nothing is logged."""
        described = body.details.described if body.details else None
        salt = bytes.fromhex(body.disclosure.salt)
        told = disclosing.disclose(caller, registration_id, body.identity, salt, described)
        return await once.answer(told, Disclosed.of, 200)

    return router
