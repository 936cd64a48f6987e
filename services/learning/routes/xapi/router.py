"""Which path and method leads to which resource."""

from collections.abc import Callable, Coroutine, Mapping
from inspect import cleandoc
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from services.learning.application.applications import Registry
from services.learning.application.documents import Documents
from services.learning.application.statements import Statements
from services.learning.domain.xapi.documents import Kind
from services.learning.domain.xapi.values import Version
from services.learning.routes.xapi.contract import described
from services.learning.routes.xapi.descriptions import ABOUT, DescriptionResources
from services.learning.routes.xapi.documents import DocumentResource
from services.learning.routes.xapi.exchange import Handler, endpoint, preflight
from services.learning.routes.xapi.statements import StatementResource
from shared.access import public
from shared.pages import Cursors

_basic = HTTPBasic(auto_error=False, scheme_name="application")
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="access_token")


class Direct(APIRoute):
    """Hands the request to its endpoint as it is, and stands in the contract like any other:
    statements come by the thousand a second, and half the time would go into dependencies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


async def _documented(
    _basic: Annotated[object, Depends(_basic)],
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Names both kinds of credentials in the contract; `Registry` looks at them."""


def credentials(scope: str) -> dict[str, Any]:
    """Keyword arguments of a `Direct` route for applications: Basic, or a token with `scope`."""
    return {
        "dependencies": [Depends(_documented)],
        "openapi_extra": {"x-access": {"scope": scope, "roles": [], "own": False}},
    }


def xapi_router(
    version: Version,
    registry: Registry,
    statements: Statements,
    documents: Documents,
    cursors: Cursors,
) -> APIRouter:
    """The resources of one version below its base path."""
    base = f"/learning/xapi/{version}"
    router = APIRouter(prefix=base, tags=[f"xAPI {version}"], route_class=Direct)
    descriptions = DescriptionResources(statements)
    resources: Mapping[str, Mapping[str, Handler]] = {
        "/statements": StatementResource(statements, cursors, f"{base}/statements").handlers,
        "/activities/state": DocumentResource(documents, Kind.STATE).handlers,
        "/activities/profile": DocumentResource(documents, Kind.ACTIVITY_PROFILE).handlers,
        "/agents/profile": DocumentResource(documents, Kind.AGENT_PROFILE).handlers,
        "/activities": descriptions.activities,
        "/agents": descriptions.agents,
        "/about": ABOUT,
    }
    for path, handlers in resources.items():
        is_public = path == "/about"
        answer = endpoint(handlers, version, registry, public=is_public)
        methods = {**handlers, "HEAD": handlers["GET"]}
        if version is Version.V1:
            methods.setdefault("POST", handlers["GET"])  # carries the others in its form
        for method, handler in methods.items():
            access = public() if is_public else credentials(_scope(method, path))
            told = described(version, method, path)
            access["openapi_extra"] |= told.pop("openapi_extra")
            summary, _, rest = (handler.__doc__ or "").partition("\n")
            router.add_api_route(
                path,
                answer,
                methods=[method],
                name=_name(version, method, path),
                summary=summary,
                description=cleandoc(rest),
                response_model=None,
                **told,
                **access,
            )
        router.add_api_route(
            path,
            preflight,
            methods=["OPTIONS"],
            name=_name(version, "options", path),
            summary="What a page from elsewhere may send (CORS).",
            status_code=204,
            response_model=None,
            **public(),
        )
    return router


def _scope(method: str, path: str) -> str:
    """Documents are an application's own workspace: who may not write there reads nothing."""
    reads = method in ("GET", "HEAD") and path in ("/statements", "/activities", "/agents")
    return "learning.read" if reads else "learning.write"


def _name(version: Version, method: str, path: str) -> str:
    words = path.strip("/").replace("/", "_")
    return f"xapi{version.partition('.')[0]}_{method.lower()}_{words}"
