from uuid import UUID

from fastapi import APIRouter, Response

from services.identity.application.consents import (
    GIVE_CONSENT,
    PUBLISH,
    READ_CONSENTS,
    Consents,
)
from services.identity.domain.guardians import (
    ConsentGiven,
    ConsentOver,
    NotGuardian,
    PurposeOutdated,
    PurposePlanned,
    PurposeUnknown,
)
from services.identity.routes.people import READING, problems
from services.identity.schemas.guardians import (
    ConsentView,
    GiveConsent,
    ListedPurposeView,
    PublishPurpose,
    PurposeView,
)
from shared.access import guarded, public
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.pages import Page
from shared.principal import Caller


def consents_router(consents: Consents) -> APIRouter:
    """What guardians consent to, and what they may be asked."""
    router = APIRouter(prefix="/identity/v1", tags=["consent"])

    @router.get(
        "/people/{person_id}/consents",
        summary="监护人同意记录",
        responses=problems(*READING),
        **guarded(READ_CONSENTS),
    )
    async def list_consents(person_id: UUID, caller: Caller) -> Page[ConsentView]:
        """All consents for a child, withdrawn ones included."""
        found = await consents.of_child(caller, person_id)
        return Page(items=[ConsentView.of(each) for each in found], next=None)

    @router.post(
        "/people/{person_id}/consents",
        status_code=201,
        summary="监护人同意",
        response_model=ConsentView,
        responses=problems(*READING, NotGuardian, PurposeUnknown, PurposeOutdated, ConsentGiven),
        **guarded(GIVE_CONSENT),
    )
    async def give_consent(
        person_id: UUID, body: GiveConsent, caller: Caller, once: Once
    ) -> Response:
        """Consent for your child to the current version of a purpose: from now on the child's
        tokens may carry its scopes."""
        given = consents.give(caller, person_id, body.purpose, body.version)
        return await once.answer(given, ConsentView.of, 201)

    @router.post(
        "/consents/{consent_id}/withdraw",
        summary="撤回同意",
        response_model=ConsentView,
        responses=problems(*READING, ConsentOver),
        **guarded(GIVE_CONSENT),
    )
    async def withdraw_consent(consent_id: UUID, caller: Caller, once: Once) -> Response:
        """By any of the child's guardians, whoever consented. The child's tokens are void at
        once; new ones carry what is still consented to."""
        return await once.answer(consents.withdraw(caller, consent_id), ConsentView.of, 200)

    @router.get(
        "/consent-purposes",
        summary="授权目的",
        responses=problems(Unavailable),
        **public(),
    )
    async def list_consent_purposes() -> Page[ListedPurposeView]:
        """Every version of what guardians are asked; `current` marks the one in effect."""
        return Page(items=ListedPurposeView.all_of(await consents.purposes()), next=None)

    @router.post(
        "/consent-purposes",
        status_code=201,
        summary="发布授权目的",
        response_model=PurposeView,
        responses=problems(
            Unauthenticated, Forbidden, PurposeOutdated, PurposePlanned, Unavailable
        ),
        **guarded(PUBLISH),
    )
    async def publish_consent_purpose(body: PublishPurpose, caller: Caller, once: Once) -> Response:
        """A new purpose, or the next version of one, by the security administrator of the
        province. When it takes effect, guardians are asked anew. A version that is planned for
        later gives way to none that comes sooner, unless that says so."""
        published = consents.publish(caller, body.wanted, overtaking=body.overtakes_planned)
        return await once.answer(published, PurposeView.of, 201)

    return router
