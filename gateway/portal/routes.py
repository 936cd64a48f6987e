from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.application.portal import PortalSessions, Visitor
from gateway.domain.portal import SignInNeeded
from gateway.portal.cookies import Cookie
from gateway.portal.forms import Form
from gateway.portal.renderer import Pages
from shared.addresses import to_our_name
from shared.context import current
from shared.errors import DomainError

Show = Callable[[Request], Awaitable[Response]]
ShowVisitor = Callable[[Request, Visitor], Awaitable[Response]]
Take = Callable[[Request, Visitor, Form], Awaitable[Response]]


class PageRoutes:
    """Routes for people: errors become pages, who is not signed in is sent to sign in, and no form
    gets past `Forms.read`.

    They are left out of the OpenAPI document, which describes what programs call.
    """

    def __init__(self, pages: Pages, sessions: PortalSessions) -> None:
        self._pages = pages
        self._sessions = sessions
        self.router = APIRouter()

    def get(self, path: str, show: Show) -> None:
        """For anybody."""
        self._add("GET", path, show)

    def signed_in(self, path: str, show: ShowVisitor) -> None:
        async def shown(request: Request) -> Response:
            return await show(request, await self._visitor(request))

        self._add("GET", path, shown)

    def post(self, path: str, take: Take) -> None:
        async def taken(request: Request) -> Response:
            visitor = await self._visitor(request)
            form = await self._pages.forms.read(request, visitor.secret)
            return await take(request, visitor, form)

        self._add("POST", path, taken)

    async def _visitor(self, request: Request) -> Visitor:
        secret = self._pages.cookies.read(request, Cookie.SESSION)
        visitor = await self._sessions.current(secret)
        context = current()
        context.actor, context.client = visitor.principal.subject, visitor.principal.client
        return visitor

    def _add(self, method: str, path: str, answer: Show) -> None:
        async def page(request: Request) -> Response:
            request.scope["route"] = route
            self._pages.settle_language(request)
            if method == "GET" and (other := to_our_name(request, self._pages.forms.origin)):
                return other
            try:
                return await answer(request)
            except SignInNeeded:
                back = request.url.path if method == "GET" else "/docs/applications"
                address = f"/docs/sign-in?{urlencode({'return_to': back})}"
                return self._pages.redirect(address)
            except DomainError as error:
                return self._pages.refusal(request, error)

        route = Route(path, page, methods=[method], include_in_schema=False)
        self.router.routes.append(route)
