"""SCIM 2.0 at ``/identity/scim/v2``. Its errors, paging and versions are those of RFC 7644."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Protocol

import orjson
import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute

from services.identity.application.scim import LEARN, PROVISION
from services.identity.problems import PROBLEMS
from shared.access import guarded
from shared.context import worded
from shared.errors import DomainError, Unauthenticated, Unavailable
from shared.principal import Caller, Principal
from shared.problems import COMMON, UNEXPECTED, Problem

log = structlog.get_logger(__name__)

PREFIX = "/identity/scim/v2"
MEDIA_TYPE = "application/scim+json"

_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_JSON = {MEDIA_TYPE: {"schema": {"type": "object"}}}
_USER: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "li.xiaoyu",
    "name": {"formatted": "李小雨", "familyName": "李", "givenName": "小雨"},
    "active": True,
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "scim_create_user": _USER,
    "scim_replace_user": {**_USER, "nickName": "小雨"},
    "scim_patch_user": {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": False}],
    },
    "scim_search_users": {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'userName eq "li.xiaoyu"',
        "startIndex": 1,
        "count": 10,
    },
}
_STATUSES = {**COMMON, **PROBLEMS}


class ScimAnswer(Protocol):
    """``status`` is an int, ``body`` JSON values or None."""

    status: Any
    body: dict[str, Any] | None
    headers: dict[str, str]


class ScimEndpoint(Protocol):
    async def handle(
        self,
        caller: Principal,
        method: str,
        path: str,
        query: dict[str, str],
        headers: list[tuple[str, str]],
        body: bytes,
    ) -> ScimAnswer:
        """The answer to a request for `path`, relative to `PREFIX`. Raises domain errors."""
        ...


class _ScimRoute(APIRoute):
    """A route that tells domain errors, the token's included, as SCIM errors (RFC 7644 §3.12)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except DomainError as error:
                return _refusal(error)

        return told


def _refusal(error: DomainError) -> Response:
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="shuyuan"'
    if isinstance(error, Unavailable):
        headers["retry-after"] = str(error.retry_after)
    return _error(_STATUSES[type(error)], error.detail, error.detail_zh, headers)


def _error(
    problem: Problem, detail: str = "", zh: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    body = {
        "schemas": [_ERROR],
        "status": str(problem.status),
        "detail": worded(detail or problem.title, zh or problem.title_zh),
    }
    return Response(orjson.dumps(body), problem.status, headers, MEDIA_TYPE)


def scim_router(endpoint: Callable[[], ScimEndpoint]) -> APIRouter:
    """Provisioning (账号供应) by the client of an organisation, of the accounts that it makes.

    The first call of `endpoint` may take a second.
    """
    router = APIRouter(prefix=PREFIX, tags=["scim"], route_class=_ScimRoute)

    async def answer(request: Request, caller: Principal) -> Response:
        content = await request.body()
        try:
            answered = await (await asyncio.to_thread(endpoint)).handle(
                caller,
                request.method,
                request.url.path.removeprefix(PREFIX),
                dict(request.query_params),
                request.headers.items(),
                content,
            )
        except DomainError:
            raise
        except Exception:
            log.exception("unexpected failure")
            return _error(UNEXPECTED)
        body = None if answered.body is None else orjson.dumps(answered.body)
        return Response(body, int(answered.status), answered.headers)

    async def whole(request: Request, caller: Caller) -> Response:
        return await answer(request, caller)

    async def one(request: Request, resource_id: str, caller: Caller) -> Response:
        return await answer(request, caller)

    async def listed(
        request: Request,
        caller: Caller,
        filter_: Annotated[
            str | None,
            Query(
                alias="filter",
                description="`eq` on id, externalId, userName, emails, active; joined by `and`.",
                examples=['userName eq "li.ming"'],
            ),
        ] = None,
        start_index: Annotated[
            str | None, Query(alias="startIndex", description="From 1.", examples=["1"])
        ] = None,
        count: Annotated[str | None, Query(description="At most 200.", examples=["100"])] = None,
    ) -> Response:
        return await answer(request, caller)

    for method, path, serve, name, summary, success in (
        ("GET", "/ServiceProviderConfig", whole, "scim_config", "SCIM 服务能力", 200),
        ("GET", "/ResourceTypes", whole, "scim_resource_types", "SCIM 资源类型", 200),
        ("GET", "/ResourceTypes/{resource_id}", one, "scim_resource_type", "SCIM 资源类型", 200),
        ("GET", "/Schemas", whole, "scim_schemas", "SCIM 数据结构", 200),
        ("GET", "/Schemas/{resource_id}", one, "scim_schema", "SCIM 数据结构", 200),
        ("GET", "/Users", listed, "scim_list_users", "账号列表", 200),
        ("POST", "/Users/.search", whole, "scim_search_users", "查询账号", 200),
        ("POST", "/Users", whole, "scim_create_user", "新建账号", 201),
        ("GET", "/Users/{resource_id}", one, "scim_read_user", "账号详情", 200),
        ("PUT", "/Users/{resource_id}", one, "scim_replace_user", "替换账号", 200),
        ("PATCH", "/Users/{resource_id}", one, "scim_patch_user", "修改账号", 200),
        ("DELETE", "/Users/{resource_id}", one, "scim_delete_user", "删除账号", 204),
    ):
        access = guarded(PROVISION if "/Users" in path else LEARN)
        if name in _EXAMPLES:
            content = {MEDIA_TYPE: {"schema": {"type": "object", "examples": [_EXAMPLES[name]]}}}
            access["openapi_extra"] |= {"requestBody": {"required": True, "content": content}}
        router.add_api_route(
            path,
            serve,
            methods=[method],
            name=name,
            summary=summary,
            response_class=Response,
            status_code=success,
            responses=_responses(success),
            **access,
        )
    # Whatever else is asked for below the prefix is answered, and refused, as SCIM has it.
    router.add_api_route(
        "/{path:path}",
        whole,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        include_in_schema=False,
        **guarded(PROVISION),
    )
    return router


def _responses(success: int) -> dict[int | str, dict[str, Any]]:
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": description, "content": _JSON}
        for status, description in (
            (400, "Invalid"),
            (401, "Unauthenticated"),
            (403, "Forbidden"),
            (404, "Not found"),
            (409, "Taken"),
            (412, "Changed since it was read"),
            (415, "Not JSON"),
            (422, "The client's organisation is closed"),
            (501, "Not supported"),
            (503, "Unavailable"),
        )
    }
    if success == 204:
        return {204: {"description": "Removed"}, **told}
    extra: dict[int | str, dict[str, Any]] = {
        204: {"description": "Done"},
        304: {"description": "Not modified"},
    }
    return {success: {"description": "Done", "content": _JSON}, **extra, **told}
