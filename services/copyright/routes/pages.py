from fastapi import APIRouter
from starlette.responses import Response

from services.copyright.application.views import Views
from services.copyright.domain.registrations import CodeUnreadable
from services.copyright.pages.renderer import STATIC, Page, asset
from services.copyright.routes.registrations import canonical_code
from shared.errors import NotFound


def pages_router(views: Views, page: Page) -> APIRouter:
    """For people; left out of the OpenAPI document, which describes what programs call."""
    router = APIRouter(prefix="/copyright", include_in_schema=False)

    @router.api_route("/v/{code}", methods=["GET", "HEAD"])
    async def show_registration(code: str) -> Response:
        try:
            return page.registration(await views.by_code(canonical_code(code)))
        except (CodeUnreadable, NotFound):
            return page.missing()

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def read_static(name: str) -> Response:
        if name not in STATIC:
            raise NotFound
        headers = {"cache-control": "public, max-age=3600"}
        return Response(asset(f"static/{name}"), headers=headers, media_type=STATIC[name])

    return router
