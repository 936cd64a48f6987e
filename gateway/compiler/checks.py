"""What Envoy asks the control plane (ext_authz): about API keys, and about applications' quotas."""

from typing import Any

Json = dict[str, Any]

KEYS = "keys"
KEYS_OPEN = "keys.open"
CLIENTS = "clients"
API_KEY = "x-api-key"
QUOTA_CLAIM = "quota"

_TYPE = "type.googleapis.com/envoy"
_ASK_SECONDS = "0.5s"
_SENT = (API_KEY, "x-request-id", "x-forwarded-for", "accept-language")
_SKIP: Json = {
    "name": "skip",
    "typed_config": {
        "@type": f"{_TYPE}.extensions.filters.common.matcher.action.v3.SkipFilter",
    },
}
_HAS_KEY: Json = {
    "single_predicate": {
        "input": {
            "name": "key",
            "typed_config": {
                "@type": f"{_TYPE}.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": API_KEY,
            },
        },
        "value_match": {"safe_regex": {"google_re2": {}, "regex": ".*"}},
    }
}


def before_token() -> list[Json]:
    """The filters that come before the token check: an API key becomes a token there.

    What anybody may read is let through when the control plane is away (`KEYS_OPEN`, chosen by
    route), everything else is refused then.
    """
    closed = _filter(KEYS, _unless(_HAS_KEY), _check("key", let_through=False))
    opened = _filter(KEYS_OPEN, _unless(_HAS_KEY), _check("open", let_through=True))
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
    by_token = {"and_matcher": {"predicate": [counted, {"not_matcher": _HAS_KEY}]}}
    return _filter(CLIENTS, _unless(by_token), _check("token", let_through=True))


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
                "cluster": "gateway",
                "timeout": _ASK_SECONDS,
            },
            "path_prefix": f"/check/{mode}",
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                "allowed_client_headers_on_success": {"patterns": [{"prefix": "ratelimit"}]},
            },
        },
    }


def _unless(predicate: Json) -> Json:
    """Skips the filter unless `predicate` holds."""
    skipped = {"predicate": {"not_matcher": predicate}, "on_match": {"action": _SKIP}}
    return {"matcher_list": {"matchers": [skipped]}}


def _filter(name: str, matcher: Json, config: Json) -> Json:
    return {
        "name": name,
        "typed_config": {
            "@type": f"{_TYPE}.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": {"name": "envoy.filters.http.ext_authz", "typed_config": config},
            "xds_matcher": matcher,
        },
    }
