from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.pages import PageRoutes, Pages
from services.identity.pages.renderer import STATIC, STATIC_TYPES
from shared.errors import NotFound

FOREVER = "public, max-age=31536000, immutable"


def static_router(pages: Pages) -> APIRouter:
    """Style sheet, script and pictures. Pages name them with a digest, so they never change."""

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in pages.static:
            raise NotFound
        kind = STATIC_TYPES[name[name.rindex(".") :]]
        return Response(pages.static[name], headers={"cache-control": FOREVER}, media_type=kind)

    routes = PageRoutes(pages)
    routes.get(STATIC + "{name}", file)
    return routes.router
