"""The passkeys of somebody who is signed in."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.passkeys import Passkeys
from services.identity.application.sessions import Session
from services.identity.domain.second_factors import PasskeyRefused
from services.identity.domain.sign_in import HOME
from services.identity.pages import Cookie, Form, FormError, PageRoutes, Pages
from services.identity.pages.faults import PASSKEY_REFUSED
from services.identity.routes.account import FACTORS, AccountPages
from services.identity.routes.visitors import Visitors

PASSKEYS = f"{HOME}/passkeys"


class PasskeyPages:
    def __init__(
        self, pages: Pages, visitors: Visitors, passkeys: Passkeys, account: AccountPages
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._passkeys = passkeys
        self._account = account

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        recent = self._visitors.recently
        routes.get(PASSKEYS, recent(self.show, PASSKEYS))
        routes.post(PASSKEYS, recent(self.add, PASSKEYS))
        return routes.router

    async def show(self, request: Request, session: Session) -> Response:
        return await self._page(request, session)

    async def add(self, request: Request, session: Session, form: Form) -> Response:
        try:
            codes = await self._passkeys.register(
                session.person_id,
                form.get("name", ""),
                form.get("credential", ""),
                self._bound_to(request),
            )
        except PasskeyRefused:
            return await self._page(request, session, (PASSKEY_REFUSED,))
        if not codes:
            return self._pages.redirect(FACTORS)
        return self._account.codes_page(request, codes)

    async def _page(
        self, request: Request, session: Session, errors: Sequence[FormError] = ()
    ) -> Response:
        options = await self._passkeys.registration_options(
            session.person_id, self._bound_to(request)
        )
        return self._pages.render(
            request,
            "account_passkeys.html",
            422 if errors else 200,
            here="factors",
            script=True,
            errors=errors,
            options=options,
        )

    def _bound_to(self, request: Request) -> str:
        return self._pages.cookies.read(request, Cookie.SESSION) or ""
