"""The route table: documented operations, the policy's pages, and 404 for everything else."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from itertools import groupby, islice, takewhile
from typing import Any

from gateway.compiler import checks
from gateway.compiler.filters import BUFFER, COMPRESSOR, CORS, JWT, RBAC, TYPE
from gateway.compiler.operations import Operation
from gateway.compiler.policy import PageRule, Policy
from gateway.compiler.refusals import SCOPES

Json = dict[str, Any]

NOTHING_WAS_SENT = ("connect-failure", "refused-stream", "reset-before-request")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1: a repeat after a lost answer changes nothing, nor does it answer differently as
that of a PUT with If-Match would."""

_NO_HOST: Json = {
    "match": {
        "prefix": "/",
        "headers": [
            {
                "name": ":authority",
                "string_match": {
                    "safe_regex": {"regex": r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?"}
                },
                "invert_match": True,
            }
        ],
    },
    "direct_response": {"status": 400},
}
"""RFC 9112 §3.2: none, one with user info, or two Host headers, which Envoy joins."""

_TWO_CREDENTIALS: Json = {
    "match": {
        "prefix": "/",
        "headers": [{"name": "authorization", "string_match": {"contains": ","}}],
    },
    "direct_response": {"status": 400},
}
"""RFC 9110 §5.3: Authorization is no list, and Envoy would verify one and the service take the
other."""

_TUNNEL: Json = {
    "match": {"connect_matcher": {}},
    "direct_response": {"status": 405},
    "typed_per_filter_config": {
        BUFFER: {"@type": f"{TYPE}.filters.http.buffer.v3.BufferPerRoute", "disabled": True}
    },
}
"""CONNECT has no path, and no end that could be waited for."""

_UNASKED = checks.of_route(readable=False)
"""What is refused whoever asks is no application's request: its quota and usage stay the same."""
_NOTHING: Json = {
    "match": {"prefix": "/"},
    "direct_response": {"status": 404},
    "typed_per_filter_config": _UNASKED,
}


def route_table(found: Sequence[Operation], policy: Policy) -> Json:
    """RouteConfiguration `public`.

    A tree leads by the first segments to a short list, tried in order: a walk over all routes costs
    more than the rest of the work. In a list, literal paths come before templates, as OpenAPI has
    it, and pages come last.
    """
    ordered = sorted(found, key=lambda each: (not each.is_literal, each.path))
    lists: defaultdict[str, list[Json]] = defaultdict(list)
    for path, of_path in groupby(ordered, key=lambda each: each.path):
        lists[_stem(path)] += _path_routes(list(of_path), policy)
    for page in policy.page:
        for place, routes in _page_routes(page, policy):
            lists[_stem(place)] += routes
    tree = {
        "input": {
            "name": "path",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": ":path",
            },
        },
        "prefix_match_map": {
            "map": {stem: _routes([*routes, _NOTHING]) for stem, routes in lists.items()}
        },
    }
    return {
        "name": "public",
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "request_headers_to_remove": [checks.API_KEY],
                "matcher": {"matcher_tree": tree, "on_no_match": _routes([_TUNNEL, _NOTHING])},
                "typed_per_filter_config": {CORS: _cors(policy)},
            }
        ],
    }


def _stem(path: str) -> str:
    """The literal segments that begin `path`, three at the most."""
    segments = takewhile(lambda each: "{" not in each, path.split("/")[1:])
    return "/" + "/".join(islice(segments, 3))


def _routes(routes: Sequence[Json]) -> Json:
    listed = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteList",
        "routes": [_NO_HOST, _TWO_CREDENTIALS, *routes],
    }
    return {"action": {"name": "routes", "typed_config": listed}}


def _path_routes(of_path: Sequence[Operation], policy: Policy) -> list[Json]:
    first = of_path[0]
    match: Json = (
        {"path": first.path} if first.is_literal else {"safe_regex": {"regex": first.regex}}
    )
    routes = [_operation_route(match, each, policy) for each in of_path]
    refusal = _method_refusal(match, [each.method for each in of_path])
    return [*routes, _preflight(match, first.service), refusal]


def _preflight(match: Json, service: str) -> Json:
    """Answered by the CORS filter, which passes over a route that only refuses; never forwarded."""
    headers = [
        _method("OPTIONS"),
        {"name": "origin", "present_match": True},
        {"name": "access-control-request-method", "present_match": True},
    ]
    return {
        "name": "preflight",
        "match": {**match, "headers": headers},
        "route": {"cluster": service},
    }


def _operation_route(match: Json, operation: Operation, policy: Policy) -> Json:
    config: Json = {JWT: _token(operation)}
    if operation.bare and operation.method in SAFE:
        config |= checks.of_route(readable=True)
    if operation.scopes:
        config[RBAC] = _scopes(operation)
    if operation.body_kib != policy.defaults.body_kib:
        config[BUFFER] = _body(operation.body_kib)
    needed = {"needed": " ".join(sorted(operation.scopes))}
    return {
        "name": operation.name,
        "match": {**match, "headers": [_method(operation.method)]},
        "route": _destination(
            operation.service, operation.method, operation.timeout_seconds, policy
        ),
        "metadata": {"filter_metadata": {SCOPES: needed} if operation.scopes else {}},
        "typed_per_filter_config": config,
        # The CORS filter tells each origin of itself alone.
        "response_headers_to_add": [_header("vary", "Origin"), *_deprecation(operation)],
    }


def _page_routes(page: PageRule, policy: Policy) -> Iterator[tuple[str, list[Json]]]:
    """Each path or prefix with its routes."""
    config = {
        JWT: _per_route("jwt_authn.v3.PerRouteConfig", disabled=True),
        CORS: _per_route("cors.v3.CorsPolicy", filter_enabled=_share(0)),
        COMPRESSOR: _per_route("compressor.v3.CompressorPerRoute", disabled=True),
        **checks.of_route(readable=False),
    }
    matches: list[Json] = [{"path": path} for path in page.paths]
    matches += [{"path_separated_prefix": prefix} for prefix in page.prefixes]
    for match in matches:
        place = next(iter(match.values()))
        routes: list[Json] = [
            {
                "name": f"{method} {place}",
                "match": {**match, "headers": [_method(method)]},
                "route": _destination(
                    page.service, method, policy.defaults.timeout_seconds, policy
                ),
                "typed_per_filter_config": config,
            }
            for method in page.methods
        ]
        yield place, [*routes, _method_refusal(match, page.methods)]


def _destination(service: str, method: str, timeout_seconds: int, policy: Policy) -> Json:
    retry_on = (*NOTHING_WAS_SENT, *(("reset",) if method in SAFE else ()))
    return {
        "cluster": service,
        "timeout": f"{timeout_seconds}s",
        "retry_policy": {
            "retry_on": ",".join(retry_on),
            "num_retries": policy.service.retries,
            # Envoy waits for any part of an interval, half of it in the mean.
            "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
        },
    }


def _method_refusal(match: Json, methods: Iterable[str]) -> Json:
    allow = {"key": "allow", "value": ", ".join(methods)}
    return {
        "match": match,
        "direct_response": {"status": 405},
        "response_headers_to_add": [{"header": allow}],
        "typed_per_filter_config": _UNASKED,
    }


def _method(method: str) -> Json:
    return {"name": ":method", "string_match": {"exact": method}}


def _token(operation: Operation) -> Json:
    """Whoever shows a good token is counted by it, even where none is asked for."""
    name = ("optional" if operation.bare else "required") if operation.token else "noticed"
    return _per_route("jwt_authn.v3.PerRouteConfig", requirement_name=name)


def _scopes(operation: Operation) -> Json:
    """Any of the scopes; without a token, where another credential may stand in its place."""
    admitted = [
        _claim("scope", {"list_match": {"one_of": {"string_match": {"exact": scope}}}})
        for scope in sorted(operation.scopes)
    ]
    if operation.bare:
        admitted.append({"not_id": _claim("sub", {"present_match": True})})
    rules = {"policies": {"scope": {"permissions": [{"any": True}], "principals": admitted}}}
    return _per_route("rbac.v3.RBACPerRoute", rbac={"rules": rules})


def _claim(name: str, value: Json) -> Json:
    path = [{"key": "claims"}, {"key": name}]
    return {"sourced_metadata": {"metadata_matcher": {"filter": JWT, "path": path, "value": value}}}


def _body(kib: int) -> Json:
    return _per_route("buffer.v3.BufferPerRoute", buffer={"max_request_bytes": kib << 10})


def _cors(policy: Policy) -> Json:
    origins: list[Json] = [
        {"safe_regex": {"regex": ".*"}} if each == "*" else {"exact": each}
        for each in policy.cors.origins
    ]
    return _per_route(
        "cors.v3.CorsPolicy",
        allow_origin_string_match=origins,
        allow_methods="GET, HEAD, POST, PUT, PATCH, DELETE",
        allow_headers=", ".join(policy.cors.allow_headers),
        expose_headers=", ".join(policy.cors.expose_headers),
        max_age="600",
        forward_not_matching_preflights=False,
    )


def _share(percent: int) -> Json:
    return {"default_value": {"numerator": percent, "denominator": "HUNDRED"}}


def _per_route(kind: str, **config: Any) -> Json:
    return {"@type": f"{TYPE}.filters.http.{kind}", **config}


def _deprecation(operation: Operation) -> Iterable[Json]:
    told = operation.deprecation
    if told is None:
        return
    yield _header("deprecation", f"@{int(_midnight(told.since).timestamp())}")
    if told.sunset:
        yield _header("sunset", format_datetime(_midnight(told.sunset), usegmt=True))
    if told.link:
        link = told.link.replace("%", "%%")  # which Envoy would take for a command
        yield _header("link", f'<{link}>; rel="deprecation"; type="text/html"')


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _header(key: str, value: str) -> Json:
    return {"header": {"key": key, "value": value}}
