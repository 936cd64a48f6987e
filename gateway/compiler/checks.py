"""What Envoy asks the control plane (ext_authz): about API keys, and about applications' quotas;
and what it judges by itself."""

from typing import Any

Json = dict[str, Any]

KEYS = "keys"
KEYS_OPEN = "keys.open"
CLIENTS = "clients"
API_KEY = "x-api-key"
CLIENT = "x-client-id"
"""In which the control plane names the application to the access log, and to nobody else."""
CLIENT_ADDRESS = "x-client-address"
"""In which it is told where a request came from: of one from loopback, X-Forwarded-For gets the
machine's own address."""
AUTHORIZER = "envoy.filters.http.ext_authz"
QUOTA_CLAIM = "quota"

CLUSTER = "checks"
"""The control plane as who is asked, apart from its pages."""

_TYPE = "type.googleapis.com/envoy"
_ASK_SECONDS = "0.5s"
_SENT = (API_KEY, "x-request-id", "accept-language")
_TOLD = ("cache-control", "content-language", "content-type", "retry-after")
"""Of a refusal, beside RateLimit and what Envoy always passes on."""
_SKIP: Json = {
    "name": "skip",
    "typed_config": {
        "@type": f"{_TYPE}.extensions.filters.common.matcher.action.v3.SkipFilter",
    },
}
_TRACE = "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
"""traceparent (W3C Trace Context §3.2)."""


def _regex(regex: str) -> Json:
    return {"safe_regex": {"google_re2": {}, "regex": regex}}


def _header(name: str, match: Json) -> Json:
    """Holds where the header is there and fits `match`, a StringMatcher."""
    return {
        "single_predicate": {
            "input": {
                "name": "header",
                "typed_config": {
                    "@type": f"{_TYPE}.type.matcher.v3.HttpRequestHeaderMatchInput",
                    "header_name": name,
                },
            },
            "value_match": match,
        }
    }


_HAS_KEY = _header(API_KEY, _regex(".*"))


def trace_context() -> Json:
    """The filter that takes away what is no trace: its services begin one then."""
    no_trace = {"not_matcher": _header("traceparent", _regex(_TRACE))}
    return _mutation("trace", no_trace, {"remove": "traceparent"}, {"remove": "tracestate"})


def one_spelling() -> list[Json]:
    """The filters that write the scheme of a bearer token as the token check looks for it: case
    does not matter (RFC 9110 §11.1), and services take every spelling. The check looks for it
    anywhere in the value, and whoever reads the value behind it would find another token: what
    has it further on is taken away."""
    begins = _header("authorization", {"prefix": "bearer ", "ignore_case": True})
    other = _both(begins, {"not_matcher": _header("authorization", {"prefix": "Bearer "})})
    hidden = _both(
        {"not_matcher": begins},
        _header("authorization", {"contains": "bearer ", "ignore_case": True}),
    )
    token = {"metadata_namespace": "bearer", "key": "token"}
    pattern = {"regex": "^(?i:bearer) +"}
    read = {
        "@type": f"{_TYPE}.extensions.filters.http.header_to_metadata.v3.Config",
        "request_rules": [
            {
                "header": "authorization",
                "on_header_present": {
                    **token,
                    "regex_value_rewrite": {"pattern": pattern, "substitution": ""},
                },
            }
        ],
    }
    header = {"key": "authorization", "value": "Bearer %DYNAMIC_METADATA(bearer:token)%"}
    written = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    return [
        _mutation("hidden", hidden, {"remove": "authorization"}),
        _filter("bearer", _unless(other), "envoy.filters.http.header_to_metadata", read),
        _mutation("scheme", other, written),
    ]


def before_token() -> list[Json]:
    """The filters that come before the token check: an API key becomes a token there.

    What anybody may read is let through when the control plane is away (`KEYS_OPEN`, chosen by
    route), everything else is refused then.
    """
    with_key = _unless(_HAS_KEY)
    closed = _filter(KEYS, with_key, AUTHORIZER, _check("key", let_through=False))
    opened = _filter(KEYS_OPEN, with_key, AUTHORIZER, _check("open", let_through=True))
    return [closed, {**opened, "disabled": True}]


def after_token(jwt: str) -> Json:
    """The filter that counts an application's own token, which alone has the claim; people's
    tokens, and those that an API key became, pass it by. Without the control plane all do."""
    counted = {
        "single_predicate": {
            "input": {
                "name": "quota",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.matching.common_inputs.network.v3"
                    ".DynamicMetadataInput",
                    "filter": jwt,
                    "path": [{"key": "claims"}, {"key": QUOTA_CLAIM}],
                },
            },
            "custom_match": {
                "name": "present",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.matching.input_matchers.metadata.v3.Metadata",
                    "value": {"present_match": True},
                },
            },
        }
    }
    by_token = _both(counted, {"not_matcher": _HAS_KEY})
    return _filter(CLIENTS, _unless(by_token), AUTHORIZER, _check("token", let_through=True))


def of_route(*, readable: bool) -> Json:
    """What a route for what anybody may read overrides; `readable` False: one for pages, where no
    key is looked at."""
    off = {"@type": f"{_TYPE}.config.route.v3.FilterConfig", "disabled": True}
    on = {
        "@type": f"{_TYPE}.extensions.common.matching.v3.ExtensionWithMatcherPerRoute",
        "xds_matcher": _unless(_HAS_KEY),
    }
    return {KEYS: off, KEYS_OPEN: on} if readable else {KEYS: off}


def _check(mode: str, *, let_through: bool) -> Json:
    return {
        "@type": f"{_TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "failure_mode_allow": let_through,
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": {"patterns": [{"exact": each} for each in _SENT]},
        "http_service": {
            "server_uri": {
                "uri": "http://gateway",
                "cluster": CLUSTER,
                "timeout": _ASK_SECONDS,
            },
            "path_prefix": f"/check/{mode}",
            "authorization_request": {
                "headers_to_add": [
                    {"key": CLIENT_ADDRESS, "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}
                ]
            },
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                "allowed_client_headers": {
                    "patterns": [{"prefix": "ratelimit"}, *({"exact": each} for each in _TOLD)]
                },
                "allowed_client_headers_on_success": {"patterns": [{"prefix": "ratelimit"}]},
                "dynamic_metadata_from_headers": {"patterns": [{"exact": CLIENT}]},
            },
        },
    }


def _unless(predicate: Json) -> Json:
    """Skips the filter unless `predicate` holds."""
    skipped = {"predicate": {"not_matcher": predicate}, "on_match": {"action": _SKIP}}
    return {"matcher_list": {"matchers": [skipped]}}


def _both(one: Json, other: Json) -> Json:
    return {"and_matcher": {"predicate": [one, other]}}


def _mutation(name: str, predicate: Json, *mutations: Json) -> Json:
    """A filter that changes the headers of requests for which `predicate` holds."""
    config = {
        "@type": f"{_TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": mutations},
    }
    return _filter(name, _unless(predicate), "envoy.filters.http.header_mutation", config)


def _filter(name: str, matcher: Json, kind: str, config: Json) -> Json:
    return {
        "name": name,
        "typed_config": {
            "@type": f"{_TYPE}.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": {"name": kind, "typed_config": config},
            "xds_matcher": matcher,
        },
    }
