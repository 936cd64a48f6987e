"""The listener, the clusters behind it, and what Envoy does when it runs short."""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import PurePath
from typing import Any

from gateway.compiler.checks import CLUSTER
from gateway.compiler.filters import TYPE
from gateway.compiler.policy import Policy, ServiceLimits
from gateway.compiler.settings import Deployment

Json = dict[str, Any]

MOST_CONNECTIONS = 10_000
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Added where a service says nothing of its own."""
TRANSPORT_SECURITY = {"strict-transport-security": "max-age=31536000; includeSubDomains"}

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
"""Of TLS 1.2; those of TLS 1.3 are not for choosing."""


def response_headers(deployment: Deployment) -> list[Json]:
    """HeaderValueOptions for every answer."""
    chosen = {**SECURITY_HEADERS, **(TRANSPORT_SECURITY if deployment.tls_certificate else {})}
    return [
        {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}
        for key, value in chosen.items()
    ]


def listener(deployment: Deployment, manager: Json, secrets: Json) -> Json:
    """One listener on every address, with TLS where a certificate is configured; `secrets` is the
    source of the secret `certificate`."""
    first, *more = ({"address": _socket(each, deployment.port)} for each in deployment.listen)
    chain: Json = {"filters": [{"name": "http", "typed_config": manager}]}
    found: Json = {
        "name": "public",
        **first,
        "additional_addresses": more,
        "per_connection_buffer_limit_bytes": 262_144,
        "filter_chains": [chain],
    }
    if deployment.tls_certificate:
        chain["transport_socket"] = _tls(secrets)
        found["listener_filters"] = [
            {
                "name": "tls",
                "typed_config": {"@type": f"{TYPE}.filters.listener.tls_inspector.v3.TlsInspector"},
            }
        ]
    return found


def clusters(deployment: Deployment, policy: Policy) -> list[Json]:
    found = [_cluster(name, to, policy.service) for name, to in deployment.upstreams.items()]
    return [*found, _checks(deployment.upstreams["gateway"], policy.service)]


def overload_manager(deployment: Deployment) -> Json:
    """Connections are bounded; near the end of the heap, what is new is refused first."""
    heap = "envoy.resource_monitors.fixed_heap"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            _monitor(
                "envoy.resource_monitors.global_downstream_max_connections",
                "downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=MOST_CONNECTIONS,
            ),
            _monitor(
                heap, "fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=deployment.heap_mib << 20
            ),
        ],
        "actions": [
            _action("shrink_heap", heap, 0.90),
            _action("disable_http_keepalive", heap, 0.92),
            _action("stop_accepting_requests", heap, 0.95),
            _action("stop_accepting_connections", heap, 0.97),
        ],
    }


def _cluster(name: str, address: str, limits: ServiceLimits) -> Json:
    host, _, port = address.rpartition(":")
    endpoint = {"endpoint": {"address": _socket(host.strip("[]"), int(port))}}
    options = f"{TYPE}.upstreams.http.v3.HttpProtocolOptions"
    threshold = {
        # More connections than requests: one that is refused must not wait for a connection first.
        "max_connections": 2 * limits.most_requests,
        "max_pending_requests": limits.most_requests,
        "max_requests": limits.most_requests,
        "retry_budget": {
            "budget_percent": {"value": limits.retry_budget_percent},
            # A service that is down for a moment must not cost its waiting requests.
            "min_retry_concurrency": limits.most_requests // 2,
        },
    }
    return {
        "name": name,
        "type": "STATIC" if _is_literal(host) else "STRICT_DNS",
        "connect_timeout": "0.5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "circuit_breakers": {"thresholds": [threshold]},
        "outlier_detection": {
            "consecutive_5xx": 10,
            "consecutive_gateway_failure": 5,
            "base_ejection_time": "5s",
            "max_ejection_percent": 50,
        },
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "5s",
                "no_traffic_interval": "5s",
                "unhealthy_interval": "1s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/healthz"},
            }
        ],
        "typed_extension_protocol_options": {
            options.removeprefix("type.googleapis.com/"): {
                "@type": options,
                # Under the 75 s after which services close a connection that rests.
                "common_http_protocol_options": {"idle_timeout": "60s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _checks(address: str, limits: ServiceLimits) -> Json:
    """Who hangs is asked no more for a while: every question would take as long as may be waited.
    Pages do not count, of which /health tells of other services."""
    return {
        **_cluster(CLUSTER, address, limits),
        "outlier_detection": {
            "interval": "0.5s",
            "consecutive_gateway_failure": 5,
            "enforcing_consecutive_gateway_failure": 100,
            "base_ejection_time": "1s",
            "max_ejection_time": "2s",
            "always_eject_one_host": True,
        },
        # Otherwise the only one is asked all the same.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "health_checks": [],
    }


def certificate(deployment: Deployment) -> Json:
    """Secret `certificate`: the files are read anew when something is renamed into their directory,
    the one change that Envoy watches for."""
    return {
        "name": "certificate",
        "tls_certificate": {
            "certificate_chain": {"filename": deployment.tls_certificate},
            "private_key": {"filename": deployment.tls_private_key},
            "watched_directory": {"path": str(PurePath(deployment.tls_certificate).parent)},
        },
    }


def _tls(secrets: Json) -> Json:
    """TLS 1.2 and 1.3, with forward secrecy and authenticated ciphers alone."""
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_2",
                    "cipher_suites": list(CIPHERS),
                },
                "tls_certificate_sds_secret_configs": [
                    {"name": "certificate", "sds_config": secrets}
                ],
            },
        },
    }


def _monitor(name: str, kind: str, **config: Any) -> Json:
    return {"name": name, "typed_config": {"@type": f"{TYPE}.resource_monitors.{kind}", **config}}


def _action(name: str, monitor: str, threshold: float) -> Json:
    triggers: Iterable[Json] = [{"name": monitor, "threshold": {"value": threshold}}]
    return {"name": f"envoy.overload_actions.{name}", "triggers": triggers}


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _socket(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}
