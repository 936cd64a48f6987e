"""``/identity/activate``, where an invitation becomes an account with a password."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.accounts import NamesOfPeople
from services.identity.application.invitations import Invitations
from services.identity.domain.passwords import PasswordRefused, Profile
from services.identity.domain.sign_in import InvitationSpent
from services.identity.pages import Form, FormError, PageRoutes, Pages
from services.identity.pages.passwords import differing, faults, rules
from services.identity.routes.sign_in import LOGIN

ACTIVATE = "/identity/activate"
_SPENT = FormError(
    "token",
    "邀请码无效、已使用或已过期，请向管理员索取新的邀请。",
    "The invitation is not valid, was used, or is too old. Ask your administrator for another.",
)


class InvitationPages:
    def __init__(
        self, pages: Pages, invitations: Invitations, names: NamesOfPeople, profile: Profile
    ) -> None:
        self._pages = pages
        self._invitations = invitations
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
            await self._invitations.accept(token, form.get("password", ""))
        except PasswordRefused as refused:
            return await self._password_page(request, token, faults(refused))
        except InvitationSpent:
            return self._spent(request)
        return self._pages.redirect(f"{LOGIN}?notice=password")

    async def _password_page(
        self, request: Request, token: str, errors: Sequence[FormError] = ()
    ) -> Response:
        try:
            account = await self._invitations.invited(token)
            shortest = await self._invitations.shortest(token)
        except InvitationSpent:
            return self._spent(request)
        return self._pages.render(
            request,
            "new_password.html",
            422 if errors else 200,
            errors=errors,
            heading=("设置密码", "Set your password"),
            lead=None,
            account=await self._names.of(account.person_id),
            action=ACTIVATE,
            before_session=True,
            hidden={"token": token},
            shortest=shortest,
            rules=rules(self._profile, shortest),
        )

    def _spent(self, request: Request) -> Response:
        return self._pages.render(request, "activate.html", 410, errors=(_SPENT,))
