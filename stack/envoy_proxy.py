"""Envoy: the one door. Static routes by prefix; everything else does not exist."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

from stack import SERVICES
from stack.component import Component
from stack.data import DataDirectory, write_file
from stack.errors import CannotStart
from stack.ports import loopbacks

TYPE = "type.googleapis.com/envoy.extensions"
INTERNAL_HEADERS = ("x-subject", "x-client-id")
"""Set by the gateway for services; a client's own are removed before anything reads them."""

MOST_CONNECTIONS = 10_000

Json = dict[str, object]


def component(data: DataDirectory, ports: dict[str, int], depends_on: frozenset[str]) -> Component:
    file = data.config / "envoy.json"

    async def configure() -> None:
        write_file(file, json.dumps(configuration(ports, loopbacks()), indent=1))

    return Component(
        name="envoy",
        argv=(
            *(str(binary()), "-c", str(file), "--concurrency", "2"),
            *("--disable-hot-restart", "-l", "warning"),
        ),
        address=f"http://127.0.0.1:{ports['gateway']}",
        health=f"http://127.0.0.1:{ports['envoy_admin']}/ready",
        before=configure,
        depends_on=depends_on,
    )


def binary() -> Path:
    spec = importlib.util.find_spec("envoy")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "The Envoy package is missing from .venv. Delete .venv, then start again."
        )
    return Path(spec.submodule_search_locations[0]) / "_bin" / "envoy"


def configuration(ports: dict[str, int], addresses: Sequence[str]) -> Json:
    """Bootstrap v3, listening on `addresses` at the gateway's port."""
    first, *more = ({"address": _socket(address, ports["gateway"])} for address in addresses)
    listener = {
        "name": "public",
        **first,
        "additional_addresses": more,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _http()}]}],
    }
    clusters = [_cluster(name, ports[name]) for name in (*SERVICES, "control")]
    return {
        "admin": {"address": _socket("127.0.0.1", ports["envoy_admin"])},
        "overload_manager": {"resource_monitors": [_at_most(MOST_CONNECTIONS)]},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


def _at_most(connections: int) -> Json:
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{TYPE}.resource_monitors.downstream_connections.v3"
            ".DownstreamConnectionsConfig",
            "max_active_downstream_connections": connections,
        },
    }


def _http() -> Json:
    return {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "public",
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "early_header_mutation_extensions": [_without_internal_headers()],
        "local_reply_config": {"mappers": _mappers()},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{TYPE}.filters.http.router.v3.Router"}}
        ],
        "route_config": {
            "name": "public",
            "validate_clusters": True,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": _routes()}],
        },
    }


def _routes() -> list[Json]:
    services: list[Json] = [
        {
            "match": {"path_separated_prefix": f"/{service}"},
            "route": {
                "cluster": service,
                "timeout": "30s",
                "retry_policy": {"retry_on": "connect-failure", "num_retries": 2},
            },
        }
        for service in SERVICES
    ]
    return [
        *services,
        {"match": {"path": "/health"}, "route": {"cluster": "control", "timeout": "5s"}},
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
    ]


def _without_internal_headers() -> Json:
    return {
        "name": "strip",
        "typed_config": {
            "@type": f"{TYPE}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove": header} for header in INTERNAL_HEADERS],
        },
    }


TITLES = {
    400: ("The request could not be read", "无法解析请求内容"),
    404: ("Not found", "未找到"),
    413: ("The request body is too large", "请求内容过大"),
    426: ("Use HTTP/1.1 or newer", "请使用 HTTP/1.1 或更新版本"),
    431: ("The request headers are too large", "请求头过大"),
    503: ("Try again shortly", "服务暂不可用，请稍后重试"),
    504: ("The answer took too long: try again", "处理超时，请稍后重试"),
}
OTHERWISE = ("The request was refused", "请求未被受理")


def _mappers() -> list[Json]:
    """Envoy's own refusals as RFC 9457, in Chinese unless English is asked for first; the reason
    stays in its log."""
    english = {"name": "accept-language", "string_match": {"prefix": "en", "ignore_case": True}}
    asks = {"header_filter": {"header": english}}
    mappers = []
    for status, titles in [*TITLES.items(), (None, OTHERWISE)]:
        for title, filters in zip(titles, ([asks], []), strict=True):
            refused = _status("GE", 400) if status is None else _status("EQ", status)
            chosen: Json = {"and_filter": {"filters": [refused, *filters]}} if filters else refused
            mappers.append(_mapper(chosen, title))
    return mappers


def _status(comparison: str, status: int) -> Json:
    value = {"default_value": status, "runtime_key": "unused"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _mapper(chosen: Json, title: str) -> Json:
    body = {
        "type": "about:blank",
        "title": title,
        "status": "%RESPONSE_CODE%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    override = {"json_format": body, "content_type": "application/problem+json"}
    return {"filter": chosen, "body_format_override": override}


def _cluster(name: str, port: int) -> Json:
    endpoint = {"endpoint": {"address": _socket("127.0.0.1", port)}}
    options = f"{TYPE}.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "circuit_breakers": {"thresholds": [{"retry_budget": {"budget_percent": {"value": 20}}}]},
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "5s",
                "no_traffic_interval": "5s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/healthz"},
            }
        ],
        "typed_extension_protocol_options": {
            options.removeprefix("type.googleapis.com/"): {
                "@type": options,
                # uvicorn closes idle connections after 5 s; we must close them first.
                "common_http_protocol_options": {"idle_timeout": "4s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _socket(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}
