from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from services.copyright.application.registrations import REGISTER, Registrations
from services.copyright.application.views import Lists, Views
from services.copyright.domain.registrations import (
    CODE_PREFIX,
    CodeUnreadable,
    NotTheirs,
    RegistrationDefective,
    TermsUnfit,
)
from services.copyright.routes.accepting import accepted, problems, where
from services.copyright.schemas.registrations import (
    Accepted,
    RegisterWork,
    RegistrationSummary,
    RegistrationView,
)
from services.copyright.schemas.words import AnyHash
from shared.access import guarded, public
from shared.codes import InvalidCode, parse_code
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller, MaybeCaller

PageLimits = Annotated[PageRequest, Depends(page_limits(default=20, maximum=100))]


def registrations_router(
    registrations: Registrations, views: Views, lists: Lists, cursors: Cursors
) -> APIRouter:
    """Registrations. Anyone reads them: they tell nothing of people."""
    router = APIRouter(prefix="/copyright/v1/registrations", tags=["registrations"])

    @router.get(
        "",
        summary="查询登记",
        responses=problems(BadCursor, Unavailable),
        **public(),
    )
    async def list_registrations(
        page: PageLimits,
        resource_id: UUID | None = None,
        digest: Annotated[
            AnyHash | None, Query(description="SHA-256 or SM3 of a file of the work.")
        ] = None,
        code: Annotated[
            str | None,
            Query(max_length=64, description="Of the registration, or of the resource."),
        ] = None,
    ) -> Page[RegistrationSummary]:
        """Those with a resource, a file or a code: first what the catalogue published (`origin`),
        then what was registered by hand, each the newest first."""
        asked: dict[str, Any] = {
            "resource_id": resource_id,
            "digest": bytes.fromhex(digest) if digest else None,
            "code": _canonical(code) if code else None,
        }
        bound_to = {"list": "registrations by origin", "of": [str(resource_id), digest, code]}
        behind = None
        if page.cursor is not None:
            origin, registration = cursors.decode(page.cursor, bound_to)
            behind = str(origin), UUID(str(registration))
        found = await lists.find(asked, page.limit + 1, behind)
        items, reached = found[: page.limit], await views.reached()
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[RegistrationSummary.of(each, reached) for each in items],
            next=last and cursors.encode((last["origin"], str(last["id"])), bound_to),
        )

    @router.post(
        "",
        status_code=202,
        summary="登记作品",
        response_model=Accepted,
        responses=problems(
            Unauthenticated,
            Forbidden,
            NotTheirs,
            RegistrationDefective,
            TermsUnfit,
            Unavailable,
        ),
        **guarded(REGISTER),
    )
    async def register_work(body: RegisterWork, caller: Caller, once: Once) -> Response:
        """Register a work by its digests. It is accepted here, and registered once the public log
        has it: read it again."""
        registered = registrations.register(caller, body.work, body.resource_id, body.organisation)
        return await once.answer(registered, accepted, 202, where)

    @router.get(
        "/{registration_id}",
        summary="登记详情",
        responses=problems(NotFound, Unauthenticated, Unavailable),
        **public(),
    )
    async def read_registration(registration_id: UUID, caller: MaybeCaller) -> RegistrationView:
        """The registration with all its events, how far each is, and what you may do next."""
        return RegistrationView.showing(await views.get(registration_id, caller))

    return router


Code = Annotated[str, Path(max_length=64, examples=["Z-7K3M-9QXB-7"])]


def canonical_code(text: str) -> str:
    """The canonical form of a registration's code as it was typed. Raises `CodeUnreadable`."""
    try:
        return parse_code(text, CODE_PREFIX)
    except InvalidCode as slip:
        raise CodeUnreadable(str(slip), zh="请核对登记代码。", reason=slip.reason) from None


def _canonical(code: str) -> str:
    """As we write it, whether it is a registration's or a resource's."""
    letter = code.strip()[:1].upper()
    try:
        return parse_code(code, letter)
    except ValueError:
        return code
