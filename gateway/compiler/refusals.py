"""Envoy's own refusals as problem details (RFC 9457), in Chinese unless English is asked for first.

Why it refused stays in its log: a token's fault helps an attacker more than a client.
"""

from dataclasses import replace
from typing import Any

from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.problems import COMMON, MALFORMED, TOO_LARGE, Problem

Json = dict[str, Any]

SCOPES = "shuyuan.scopes"
"""The namespace in a route's metadata; its member ``needed`` names the scopes that open it."""
_NEEDED = f"%METADATA(ROUTE:{SCOPES}:needed)%"

FORBIDDEN = replace(
    COMMON[Forbidden],
    title="The token does not open this operation",
    title_zh="令牌无权执行此操作",
)
REFUSALS = (
    MALFORMED,
    replace(
        COMMON[Unauthenticated],
        title="Send a valid access token as Authorization: Bearer",
        title_zh="请附上有效的访问令牌",
    ),
    FORBIDDEN,
    COMMON[NotFound],
    Problem(
        "method-not-allowed",
        405,
        "This method does not exist here: see Allow",
        "此处不支持该方法，请参见 Allow",
    ),
    Problem("request-too-slow", 408, "The request took too long to arrive", "请求接收超时"),
    TOO_LARGE,
    Problem("http-too-old", 426, "Use HTTP/1.1 or newer", "请使用 HTTP/1.1 或更新版本"),
    Problem(
        "too-many-requests",
        429,
        "Too many requests: wait for Retry-After",
        "请求过于频繁，请按 Retry-After 稍后再试",
    ),
    Problem("headers-too-large", 431, "The request headers are too large", "请求头过大"),
    COMMON[Unavailable],
    Problem("answer-too-slow", 504, "The answer took too long: try again", "处理超时，请稍后重试"),
)
OTHERWISE = Problem("refused", 400, "The request was refused", "请求未被受理")


def _prefers_english() -> Json:
    """Holds where English weighs more than Chinese, as services have it (RFC 9110 §12.5.4), to the
    tenth: there is one that English reaches and Chinese does not."""
    pairs = [
        _both(_asks("en", tenth), _asks("zh", tenth, invert_match=True)) for tenth in range(1, 11)
    ]
    return {"or_filter": {"filters": pairs}}


def _asks(language: str, tenth: int, **options: bool) -> Json:
    """Holds where Accept-Language has `language` with a weight of `tenth` or more."""
    weight = r"1[.0]*" if tenth > 9 else rf"(1[.0]*|0?\.[{tenth}-9]\d*)"
    asked = rf"(?i)(.*,)?\s*{language}(-[^,;]*)?\s*(;\s*q={weight}\s*)?(,.*)?"
    matched = {"name": "accept-language", "string_match": {"safe_regex": {"regex": asked}}}
    return {"header_filter": {"header": {**matched, **options}}}


def _header(key: str, value: str) -> Json:
    return {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}


RETRY_AFTER = _header("retry-after", "1")
HEADERS = {
    401: _header("www-authenticate", 'Bearer realm="shuyuan"'),  # RFC 6750 §3
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}


def mappers() -> list[Json]:
    """Local reply mappers, tried in order."""
    english = _prefers_english()
    lacking = _both(_status("EQ", 403), _HAS_TOKEN)
    lacks = f"The token lacks the scope {_NEEDED}."
    found = [
        _told_by_the_control_plane(),
        _lacks_scope(_both(lacking, english), FORBIDDEN.title, lacks),
        _lacks_scope(lacking, FORBIDDEN.title_zh, f"令牌缺少权限范围 {_NEEDED}。"),
    ]
    for problem in (*REFUSALS, OTHERWISE):
        comparison = "GE" if problem is OTHERWISE else "EQ"
        refused = _status(comparison, problem.status)
        found += [
            _mapper(_both(refused, english), problem, problem.title),
            _mapper(refused, problem, problem.title_zh),
        ]
    return found


_HAS_TOKEN: Json = {
    "metadata_filter": {
        "matcher": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "claims"}, {"key": "sub"}],
            "value": {"present_match": True},
        },
        "match_if_key_not_found": False,
    }
}
"""One that holds: where it is refused all the same, a scope is missing."""


def _lacks_scope(chosen: Json, title: str, detail: str) -> Json:
    """RFC 6750 §3.1."""
    challenge = f'Bearer realm="shuyuan", error="insufficient_scope", scope="{_NEEDED}"'
    told = _mapper(chosen, FORBIDDEN, title, detail=detail)
    return {**told, "headers_to_add": [_header("www-authenticate", challenge)]}


def _both(one: Json, other: Json) -> Json:
    return {"and_filter": {"filters": [one, other]}}


def _told_by_the_control_plane() -> Json:
    """Its refusals are problem details already; where it did not answer, we refuse ourselves."""
    refused = {"response_flag_filter": {"flags": ["UAEX"]}}
    return {
        "filter": {"and_filter": {"filters": [refused, _status("LE", 499)]}},
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "application/problem+json",
        },
    }


def _status(comparison: str, status: int) -> Json:
    value = {"default_value": status, "runtime_key": "unused"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _mapper(chosen: Json, problem: Problem, title: str, **members: str) -> Json:
    body = {
        "type": problem.type,
        "title": title,
        "status": "%RESPONSE_CODE%",
        **members,
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    mapper: Json = {
        "filter": chosen,
        "body_format_override": {
            "json_format": body,
            # What could not be read as a request has no name.
            "omit_empty_values": True,
            "content_type": "application/problem+json",
        },
    }
    if problem.status in HEADERS:
        mapper["headers_to_add"] = [HEADERS[problem.status]]
    return mapper
