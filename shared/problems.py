"""Problem details (RFC 9457): the table from a domain error to its answer, and its rendering.

A service's ``problems.py`` is a dictionary from domain error to `Problem`. ``type`` is a URN, the
same in every deployment: clients compare it and never fetch it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared import errors
from shared.context import current, worded
from shared.defects import defects
from shared.pages import BadCursor

TYPE_PREFIX = "urn:shuyuan:problem:"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """How one domain error is told over HTTP. ``slug`` ends the ``type`` and never changes."""

    slug: str
    status: int
    title: str
    title_zh: str

    @property
    def type(self) -> str:
        return TYPE_PREFIX + self.slug


ProblemTable = Mapping[type[errors.DomainError], Problem]

COMMON: ProblemTable = {
    errors.NotFound: Problem("not-found", 404, "Not found", "未找到"),
    errors.StaleVersion: Problem(
        "stale-version",
        412,
        "It changed since you read it: read it again",
        "内容已更新，请重新读取",
    ),
    errors.PreconditionMissing: Problem(
        "precondition-required",
        428,
        "Send If-Match with the ETag you read",
        "请在 If-Match 中附上 ETag",
    ),
    errors.PreconditionMalformed: Problem(
        "precondition-malformed", 400, "If-Match is not an ETag of ours", "If-Match 的值无效"
    ),
    errors.IdempotencyKeyMalformed: Problem(
        "idempotency-key-malformed",
        400,
        "The Idempotency-Key is malformed",
        "Idempotency-Key 格式不正确",
    ),
    errors.IdempotencyKeyReused: Problem(
        "idempotency-key-reused",
        422,
        "This Idempotency-Key came with another request: use a new key",
        "该 Idempotency-Key 已用于其他请求，请换用新键",
    ),
    errors.RequestStillRunning: Problem(
        "request-still-running",
        409,
        "The first request is still running",
        "首次请求仍在处理中，请稍后重试",
    ),
    errors.Unauthenticated: Problem("unauthenticated", 401, "Sign in first", "请先登录"),
    errors.Forbidden: Problem("forbidden", 403, "You may not do this", "您没有此操作的权限"),
    errors.Unavailable: Problem(
        "unavailable", 503, "Try again shortly", "服务暂不可用，请稍后重试"
    ),
    BadCursor: Problem(
        "bad-cursor",
        400,
        "The cursor does not fit this list: start over",
        "游标无效，请从首页重新读取",
    ),
}

MALFORMED = Problem("malformed-request", 400, "The request could not be read", "无法解析请求内容")
INVALID = Problem("invalid-request", 422, "The request has defects", "请求内容有误")
TOO_LARGE = Problem("body-too-large", 413, "The request body is too large", "请求内容过大")
UNEXPECTED = Problem("unexpected", 500, "Something went wrong on our side", "服务器内部错误")

_BY_STATUS = {
    400: MALFORMED,
    404: COMMON[errors.NotFound],
    405: Problem("method-not-allowed", 405, "The method is not allowed here", "不支持该请求方法"),
    413: TOO_LARGE,
    415: Problem(
        "unsupported-media-type", 415, "The media type is not supported", "不支持该媒体类型"
    ),
}


def render(
    problem: Problem,
    detail: str = "",
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for `problem` in the language of the request in hand."""
    request = current()
    title = worded(problem.title, problem.title_zh)
    body: dict[str, Any] = {"type": problem.type, "title": title, "status": problem.status}
    if detail:
        body["detail"] = detail
    body |= members or {}
    body["request_id"] = request.request_id
    return Response(
        orjson.dumps(body, default=str),
        problem.status,
        headers={"content-language": request.language, **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def told(error: errors.DomainError, table: ProblemTable) -> Response:
    """The answer for `error` by `table`, which holds it or a class that it derives from."""
    problem = next(table[kind] for kind in type(error).__mro__ if kind in table)
    return render(problem, worded(error.detail, error.detail_zh), error.members, _headers_of(error))


def _headers_of(error: errors.DomainError) -> dict[str, str]:
    if error.retry_after is not None:
        return {"retry-after": str(error.retry_after)}
    if isinstance(error, errors.Unauthenticated):
        return {"www-authenticate": 'Bearer realm="shuyuan"'}
    return {}


def install(app: FastAPI, table: ProblemTable) -> None:
    """Answer every error of `app` as problem details: domain errors by `table`, then the rest."""
    known = {**COMMON, **table}

    async def domain(_request: Request, error: errors.DomainError) -> Response:
        return told(error, known)

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if any(tuple(each["loc"]) == ("body",) for each in error.errors()) and _is_other(request):
            told = worded(
                "Send the body as JSON, with Content-Type: application/json.",
                "请以 JSON 提交，并附上 Content-Type: application/json。",
            )
            return render(_BY_STATUS[415], told)
        if any(defect["type"] == "json_invalid" for defect in error.errors()):
            return render(MALFORMED, worded("The body is not JSON.", "请求内容不是 JSON。"))
        return render(INVALID, members={"errors": defects(error)})

    async def http(_request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, UnicodeDecodeError):
            return render(
                MALFORMED,
                worded(
                    "The body is not UTF-8: send JSON in UTF-8 (RFC 8259 §8.1).",
                    "请求内容不是 UTF-8 编码：请以 UTF-8 编码提交 JSON（RFC 8259 §8.1）。",
                ),
            )
        status, phrase = error.status_code, HTTPStatus(error.status_code).phrase
        problem = _BY_STATUS.get(status) or Problem(f"http-{status}", status, phrase, phrase)
        # Of a body that cannot be read FastAPI says in English only what the title says.
        spoken = problem is not MALFORMED and error.detail != phrase
        detail = error.detail if spoken else ""
        return render(problem, detail, headers=error.headers)

    app.add_exception_handler(errors.DomainError, domain)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]


def _is_other(request: Request) -> bool:
    """Whether a body came that says to be no JSON, or does not say what it is."""
    has_body = request.headers.get("content-length", "0") != "0"
    told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return has_body and told != "application/json" and not told.endswith("+json")


def declare(table: ProblemTable) -> Callable[..., dict[int | str, dict[str, Any]]]:
    """A function from domain errors to the ``responses=`` of a route, grouped by status."""
    known = {**COMMON, **table}

    def responses(*raised: type[errors.DomainError]) -> dict[int | str, dict[str, Any]]:
        by_status: dict[int | str, dict[str, Any]] = {}
        for error in raised:
            problem = known[error]
            entry = by_status.setdefault(
                problem.status, {"content": {MEDIA_TYPE: {"schema": SCHEMA_REF, "examples": {}}}}
            )
            entry["content"][MEDIA_TYPE]["examples"][problem.slug] = {
                "summary": problem.title_zh,
                "value": {"type": problem.type, "title": problem.title, "status": problem.status},
            }
            titles = [each["summary"] for each in entry["content"][MEDIA_TYPE]["examples"].values()]
            entry["description"] = " / ".join(titles)
        return by_status

    return responses


SCHEMA_REF = {"$ref": "#/components/schemas/Problem"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body"},
                    "parameter": {"type": "string"},
                    "in": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
