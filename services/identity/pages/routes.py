from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.identity.pages.forms import Form
from services.identity.pages.renderer import Pages
from shared.addresses import to_our_name
from shared.errors import DomainError

Show = Callable[[Request], Awaitable[Response]]
Take = Callable[[Request, Form], Awaitable[Response]]


class PageRoutes:
    """Routes for people: errors become pages, and no form gets past `Forms.read`.

    They are left out of the OpenAPI document, which describes what programs call.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.router = APIRouter()

    def get(self, path: str, show: Show) -> None:
        self._add("GET", path, show)

    def post(self, path: str, take: Take, *, before_session: bool = False) -> None:
        async def taken(request: Request) -> Response:
            form = await self._pages.forms.read(request, before_session=before_session)
            return await take(request, form)

        self._add("POST", path, taken)

    def _add(self, method: str, path: str, answer: Show) -> None:
        async def page(request: Request) -> Response:
            request.scope["route"] = route
            self._pages.settle_language(request)
            if method == "GET" and (other := to_our_name(request, self._pages.forms.origin)):
                return other
            try:
                return await answer(request)
            except DomainError as error:
                return self._pages.refusal(request, error)

        route = Route(path, page, methods=[method], include_in_schema=False)
        self.router.routes.append(route)
