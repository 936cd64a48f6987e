from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.copyright.application.acts import ACT, Acts
from services.copyright.application.permissions import Permissions
from services.copyright.domain.licences import TEMPLATES, profile
from services.copyright.domain.odrl import Use
from services.copyright.domain.registrations import TermsUnfit
from services.copyright.routes.accepting import ACTING, accepted, problems, where
from services.copyright.schemas.licences import (
    ActionName,
    Area,
    LicenceAct,
    LicenceTemplate,
    OfferView,
    PermissionView,
)
from services.copyright.schemas.registrations import Accepted, TransferAct
from services.copyright.schemas.words import Organisation, TemplateCode
from shared.access import Role, guarded, public
from shared.errors import NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.instants import Instant
from shared.principal import Caller, MaybeCaller


def licences_router(
    acts: Acts, permissions: Permissions, legal_text: Callable[[str], bytes]
) -> APIRouter:
    """Licences as ODRL 2.2 policies of one closed profile, and transfers."""
    router = APIRouter(prefix="/copyright/v1", tags=["licences"])

    @router.get("/licence-templates", summary="许可模板", **public())
    async def list_templates() -> list[LicenceTemplate]:
        """The licences that may be offered, each an ODRL 2.2 policy of one closed profile."""
        shown = "code name_zh name_en legal_text permitted prohibited duties teaching"
        return [
            LicenceTemplate(**{name: getattr(each, name) for name in shown.split()})
            for each in TEMPLATES.values()
        ]

    @router.get(
        "/licence-templates/{template}/text",
        summary="许可文本",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
        **public(),
    )
    async def read_legal_text(template: TemplateCode) -> Response:
        """The words of a licence, as evidence of works under it encloses them. 许可协议全文。"""
        return Response(legal_text(template), media_type="text/plain; charset=utf-8")

    @router.get(
        "/licence-profile",
        summary="许可配置文件",
        response_class=Response,
        responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
        **public(),
    )
    async def read_profile() -> Response:
        """Every licence of the profile as one document, in the bytes that the log's newest
        `policy.publish` names by their SHA-256."""
        return Response(profile(), media_type="application/json")

    @router.post(
        "/registrations/{registration_id}/licences",
        status_code=202,
        summary="许可：发出、接受、撤回",
        response_model=Accepted,
        responses=problems(*ACTING, TermsUnfit),
        **guarded(ACT),
    )
    async def act_on_licence(
        registration_id: UUID, body: LicenceAct, caller: Caller, once: Once
    ) -> Response:
        """Offer a licence from a template, agree to one, or withdraw one. Whoever agreed to a
        public licence keeps it; one for teaching ends when it is withdrawn, or expires."""
        if body.action == "offer":
            terms = body.terms.terms if body.terms else None
            acted = acts.offer(caller, registration_id, str(body.template), terms, body.head)
        elif body.action == "agree":
            acted = acts.agree(caller, registration_id, str(body.offer), body.used_in, body.head)
        else:
            acted = acts.revoke(caller, registration_id, str(body.offer), body.head)
        return await once.answer(acted, accepted, 202, where)

    @router.get(
        "/registrations/{registration_id}/licences",
        summary="已发出的许可",
        response_model_by_alias=True,
        response_model_exclude_defaults=True,
        responses=problems(NotFound, Unavailable),
        **public(),
    )
    async def list_licences(registration_id: UUID) -> list[OfferView]:
        """Every licence that was offered, the oldest first, with its policy."""
        return [OfferView.of(each) for each in await permissions.offers(registration_id)]

    @router.get(
        "/registrations/{registration_id}/permission",
        summary="可否如此使用",
        responses=problems(NotFound, Unauthenticated, Unavailable),
        **public(),
    )
    async def read_permission(
        registration_id: UUID,
        caller: MaybeCaller,
        action: Annotated[ActionName, Query(examples=["derive"])],
        on: Annotated[Instant | None, Query(description="When; else now. 何时使用。")] = None,
        commercial: bool = False,
        education: bool = True,
        organisation: Annotated[
            Organisation | None,
            Query(description="Of whoever would use it; else your own are tried. 使用者所在机构。"),
        ] = None,
        role: Annotated[Role | None, Query(description="Theirs there. 使用者角色。")] = None,
        area: Annotated[Area | None, Query(description="Where. 使用地区。")] = None,
        times: Annotated[
            int, Query(ge=1, le=1_000_000, description="The how manieth time it is. 第几次。")
        ] = 1,
    ) -> PermissionView:
        """May somebody do something with the work on a day? Answered from its licences, with
        reasons. It tells what the licences say; it is no legal advice."""
        use = Use(
            action=action,
            at=on or datetime.now(UTC),
            commercial=commercial,
            education=education,
            organisation=organisation,
            role=role,
            area=area,
            times=times,
        )
        return PermissionView.of(*await permissions.may(caller, registration_id, use))

    @router.post(
        "/registrations/{registration_id}/transfers",
        status_code=202,
        summary="转让：提出、接受",
        response_model=Accepted,
        responses=problems(*ACTING),
        **guarded(ACT),
    )
    async def act_on_transfer(
        registration_id: UUID, body: TransferAct, caller: Caller, once: Once
    ) -> Response:
        """A transfer needs both sides; of two at once exactly one wins."""
        if body.action == "propose":
            acted = acts.propose(caller, registration_id, str(body.to), body.head)
        else:
            acted = acts.accept(caller, registration_id, str(body.proposal), body.head)
        return await once.answer(acted, accepted, 202, where)

    return router
