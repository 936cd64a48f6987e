"""The HTTP connection manager and its filters, in the order in which a request meets them."""

from typing import Any
from urllib.parse import urlsplit

from gateway.compiler import checks
from gateway.compiler.policy import Policy
from gateway.compiler.refusals import RETRY_AFTER, mappers
from gateway.compiler.settings import Deployment

Json = dict[str, Any]

TYPE = "type.googleapis.com/envoy.extensions"
JWT = "envoy.filters.http.jwt_authn"
RBAC = "envoy.filters.http.rbac"
CORS = "envoy.filters.http.cors"
BUFFER = "envoy.filters.http.buffer"
COMPRESSOR = "envoy.filters.http.compressor"

AUDIENCE = "shuyuan"
UNTRUSTED_HEADERS = (
    *("x-subject", checks.CLIENT, checks.CLIENT_ADDRESS),
    *("x-original-url", "x-rewrite-url", "x-http-method-override", "x-forwarded-host"),
)
"""The first three are the gateway's own words; the others make some software act on
another path, method or host than the one that was checked."""

COMPRESSED = (
    "application/json",
    "application/problem+json",
    "application/scim+json",
    "text/csv",
    "text/html",
)
NOBODY = {"address_prefix": "::", "prefix_len": 128}
"""Whose requests Envoy lets steer it by x-envoy headers; an empty list would be every private
address."""
MOST_SUBJECTS = 50_000
"""Buckets kept of addresses, and of subjects; the least recently used is forgotten."""


def connection_manager(policy: Policy, deployment: Deployment, routes: Json) -> Json:
    """`routes` is either `route_config` or `rds`, as a member."""
    return {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "public",
        "server_name": "shuyuan",
        "use_remote_address": True,
        "xff_num_trusted_hops": deployment.trusted_proxies,
        "internal_address_config": {"cidr_ranges": [NOBODY]},
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "always_set_request_id_in_response": True,
        "max_request_headers_kb": 32,
        "common_http_protocol_options": {
            "idle_timeout": "60s",
            "max_headers_count": 64,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        # RFC 9110 §7.8: whoever asks for another protocol is answered in this one.
        "http_protocol_options": {"ignore_http_11_upgrade": [{"safe_regex": {"regex": ".*"}}]},
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        "request_headers_timeout": "10s",
        "request_timeout": "60s",
        "stream_idle_timeout": "120s",
        "early_header_mutation_extensions": [
            _typed(
                "strip",
                "http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=[{"remove": header} for header in UNTRUSTED_HEADERS],
            )
        ],
        "local_reply_config": {"mappers": mappers()},
        "access_log": _access_log(deployment),
        "http_filters": _filters(policy, deployment),
        **routes,
    }


def _filters(policy: Policy, deployment: Deployment) -> list[Json]:
    factor = deployment.rate_factor
    by_address: Json = {"remote_address": {}}
    subject = {"key": JWT, "path": [{"key": "claims"}, {"key": "sub"}]}
    by_subject = {
        "metadata": {"descriptor_key": "subject", "source": "DYNAMIC", "metadata_key": subject}
    }
    address_rate = round(policy.rates.address_per_second * factor)
    subject_rate = round(policy.rates.subject_per_second * factor)
    return [
        _typed(CORS, "filters.http.cors.v3.Cors"),
        # Before the token check: a flood of bad tokens costs no signature.
        _rate_limit("address", by_address, "remote_address", address_rate),
        _typed(
            COMPRESSOR,
            "filters.http.compressor.v3.Compressor",
            compressor_library=_typed(
                "gzip", "compression.gzip.compressor.v3.Gzip", compression_level="BEST_SPEED"
            ),
            response_direction_config={
                "common_config": {
                    "min_content_length": 1024,
                    "content_type_matcher": [{"prefix": kind} for kind in COMPRESSED],
                },
                # A compressed answer would lose its strong ETag, and If-Match with it.
                "disable_on_etag_header": True,
            },
        ),
        checks.trace_context(),
        *checks.one_spelling(),
        *checks.before_token(),
        _jwt(deployment),
        _typed(RBAC, "filters.http.rbac.v3.RBAC"),
        _rate_limit("subject", by_subject, "subject", subject_rate),
        checks.after_token(JWT),
        _typed(
            BUFFER,
            "filters.http.buffer.v3.Buffer",
            max_request_bytes=policy.defaults.body_kib << 10,
        ),
        _typed("router", "filters.http.router.v3.Router", suppress_envoy_headers=True),
    ]


def _jwt(deployment: Deployment) -> Json:
    """RFC 9068 access tokens in the Authorization header, never in the query; services verify them
    again, and look at `typ`."""
    jwks = f"http://identity{urlsplit(deployment.issuer).path}/jwks.json"
    provider = {
        "issuer": deployment.issuer,
        "audiences": [AUDIENCE],
        "require_expiration": True,
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "forward": True,
        "payload_in_metadata": "claims",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
        "jwt_cache_config": {"jwt_cache_size": 10_000, "jwt_max_token_size": 8192},
        "remote_jwks": {
            "http_uri": {"uri": jwks, "cluster": "identity", "timeout": "2s"},
            "cache_duration": "300s",
            # Without fast_listener: a new listener takes over once it has the keys, or has tried
            # as often as said.
            "async_fetch": {},
            "retry_policy": {
                "num_retries": 5,
                "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
            },
        },
    }
    named: Json = {"provider_name": "identity"}
    either = {"requires_any": {"requirements": [named, {"allow_missing": {}}]}}
    whatever = {"requires_any": {"requirements": [named, {"allow_missing_or_failed": {}}]}}
    return _typed(
        JWT,
        "filters.http.jwt_authn.v3.JwtAuthentication",
        bypass_cors_preflight=True,
        strip_failure_response=True,
        providers={"identity": provider},
        requirement_map={"required": named, "optional": either, "noticed": whatever},
    )


def _rate_limit(name: str, action: Json, key: str, per_second: int) -> Json:
    """One bucket for each value of `key`, in this Envoy; without one, no limit."""
    everything = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {
        "max_tokens": per_second,
        "tokens_per_fill": max(1, per_second // 10),
        "fill_interval": "0.1s",
    }
    # The bucket of requests without the key has to be given; it is never the one that refuses.
    unlimited = {"max_tokens": 4_000_000_000, "tokens_per_fill": 4_000_000_000}
    return _typed(
        f"limit.{name}",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix=name,
        token_bucket={**unlimited, "fill_interval": "1s"},
        filter_enabled=everything,
        filter_enforced=everything,
        max_dynamic_descriptors=MOST_SUBJECTS,
        response_headers_to_add=[RETRY_AFTER],
        rate_limits=[{"actions": [action]}],
        descriptors=[{"entries": [{"key": key}], "token_bucket": bucket}],
    )


def _access_log(deployment: Deployment) -> list[Json]:
    """What was asked by its template, never by its path; by which application, never by whom."""
    if not deployment.access_log:
        return []
    client = f"%DYNAMIC_METADATA({JWT}:claims:client_id)%"
    line = {
        "at": "%START_TIME%",
        "operation": "%ROUTE_NAME%",
        "method": "%REQ(:METHOD)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "why": "%RESPONSE_CODE_DETAILS%",
        "ms": "%DURATION%",
        "received": "%BYTES_RECEIVED%",
        "sent": "%BYTES_SENT%",
        "protocol": "%PROTOCOL%",
        "client": client,
        "keyholder": f"%DYNAMIC_METADATA({checks.AUTHORIZER}:{checks.CLIENT})%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return [
        _typed(
            "file",
            "access_loggers.file.v3.FileAccessLog",
            path=deployment.access_log,
            log_format={"json_format": line},
        )
    ]


def _typed(name: str, kind: str, **config: Any) -> Json:
    return {"name": name, "typed_config": {"@type": f"{TYPE}.{kind}", **config}}
