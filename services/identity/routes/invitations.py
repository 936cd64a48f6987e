"""Invitations: issued by administrators, answered at ``/identity/activate``."""

from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.accounts import NamesOfPeople
from services.identity.application.invitations import Activations
from services.identity.application.reach import INVITE
from services.identity.domain.passwords import PasswordRefused, Profile
from services.identity.domain.people import AccountBeyondReach, OwnAccount, PersonActionRefused
from services.identity.domain.sign_in import InvitationSpent
from services.identity.pages import Form, FormError, PageRoutes, Pages
from services.identity.pages.faults import INVITATION_SPENT
from services.identity.pages.passwords import differing, faults, rules
from services.identity.problems.people import PROBLEMS
from services.identity.routes.visitors import LOGIN
from services.identity.schemas.authentication import InvitationView, IssueInvitation
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

ACTIVATE = "/identity/activate"
GOVERNING = (
    *(Unauthenticated, Forbidden, NotFound, Unavailable),
    *(OwnAccount, AccountBeyondReach, PersonActionRefused),
)


class InvitationPages:
    def __init__(
        self, pages: Pages, activations: Activations, names: NamesOfPeople, profile: Profile
    ) -> None:
        self._pages = pages
        self._activations = activations
        self._names = names
        self._profile = profile

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        routes.get(ACTIVATE, self.show)
        routes.post(ACTIVATE, self.take, before_session=True)
        return routes.router

    async def show(self, request: Request) -> Response:
        token = request.query_params.get("token", "").strip()
        if not token:
            return self._pages.render(request, "activate.html")
        return await self._password_page(request, token)

    async def take(self, request: Request, form: Form) -> Response:
        token = form.get("token", "")
        if errors := differing(form):
            return await self._password_page(request, token, errors)
        try:
            await self._activations.accept(token, form.get("password", ""))
        except PasswordRefused as refused:
            return await self._password_page(request, token, faults(refused))
        except InvitationSpent:
            return self._spent(request)
        return self._pages.redirect(f"{LOGIN}?notice=password")

    async def _password_page(
        self, request: Request, token: str, errors: Sequence[FormError] = ()
    ) -> Response:
        try:
            person_id, shortest = await self._activations.invited(token)
        except InvitationSpent:
            return self._spent(request)
        return self._pages.render(
            request,
            "new_password.html",
            422 if errors else 200,
            address=f"{ACTIVATE}?{urlencode({'token': token})}",
            errors=errors,
            heading=("设置密码", "Set your password"),
            lead=None,
            account=await self._names.of(person_id),
            action=ACTIVATE,
            before_session=True,
            hidden={"token": token},
            shortest=shortest,
            rules=rules(self._profile, shortest),
        )

    def _spent(self, request: Request) -> Response:
        return self._pages.render(request, "activate.html", 410, errors=(INVITATION_SPENT,))


def invitations_router(activations: Activations, issuer: str) -> APIRouter:
    router = APIRouter(prefix="/identity/v1/people", tags=["people"])

    @router.post(
        "/{person_id}/invitations",
        status_code=201,
        summary="签发邀请",
        responses=problems(*GOVERNING),
        **guarded(INVITE),
    )
    async def issue_invitation(
        person_id: UUID, body: IssueInvitation, caller: Caller
    ) -> InvitationView:
        """A link with which the person sets a password: to begin with, or because the old one was
        forgotten. Earlier links are void.

        Who holds one of the roles administrator, security administrator and auditor is invited by
        their like alone, the holder of another office by a security administrator, and nobody by
        themselves; everybody else by an administrator. A guardian
        whom no second factor protects, or whose second factors the link removes, is invited by a
        security administrator who reaches the children too. The link is void once the account
        opens more than its issuer reached.

        The link is kept nowhere, so a repeat under the same Idempotency-Key makes another."""
        issued = await activations.invite(caller, person_id, removes_factors=body.removes_factors)
        return InvitationView.issued(issued, issuer)

    return router
