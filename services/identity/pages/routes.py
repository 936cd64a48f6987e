from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.pages.forms import Form
from services.identity.pages.renderer import Pages
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
        async def page(request: Request) -> Response:
            self._pages.settle_language(request)
            try:
                return await show(request)
            except DomainError as error:
                return self._pages.refusal(request, error)

        self.router.add_route(path, page, methods=["GET"], include_in_schema=False)

    def post(self, path: str, take: Take, *, before_session: bool = False) -> None:
        async def page(request: Request) -> Response:
            self._pages.settle_language(request)
            try:
                form = await self._pages.forms.read(request, before_session=before_session)
                return await take(request, form)
            except DomainError as error:
                return self._pages.refusal(request, error)

        self.router.add_route(path, page, methods=["POST"], include_in_schema=False)
