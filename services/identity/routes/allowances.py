"""``/identity/account/applications``: the applications that somebody let in."""

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.allowances import Allowances
from services.identity.application.sessions import Session
from services.identity.domain.sign_in import HOME
from services.identity.pages import Form, PageRoutes, Pages
from services.identity.routes.oidc import described
from services.identity.routes.visitors import Visitors
from shared.errors import NotFound

APPLICATIONS = f"{HOME}/applications"


class AllowancePages:
    def __init__(self, pages: Pages, visitors: Visitors, allowances: Allowances) -> None:
        self._pages = pages
        self._visitors = visitors
        self._allowances = allowances

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        routes.get(APPLICATIONS, self._visitors.own(self.show))
        routes.post(APPLICATIONS, self._visitors.own(self.withdraw))
        return routes.router

    async def show(self, request: Request, session: Session) -> Response:
        found = await self._allowances.of(session.person_id)
        return self._pages.render(
            request,
            "account_applications.html",
            here="applications",
            applications=[(each, described(each.scopes)) for each in found],
        )

    async def withdraw(self, _request: Request, session: Session, form: Form) -> Response:
        """``application`` is the client id."""
        try:
            client_id = UUID(form.get("application", ""))
        except ValueError:
            raise NotFound from None
        await self._allowances.withdraw(session.person_id, client_id)
        return self._pages.redirect(APPLICATIONS)
