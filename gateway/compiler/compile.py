"""``python -m gateway compile DIRECTORY``: the contracts and the policy as Envoy's files.

bootstrap.json   what Envoy is started with; it names the others, which it watches
clusters.json certificate.json listeners.json routes.json   replaced by renaming: a change costs no
                 request
static.json      the same in one file, for ``envoy --mode validate``, which reads no other
"""

import json
import os
from pathlib import Path
from typing import Any

from gateway.compiler.filters import connection_manager
from gateway.compiler.operations import ContractUnclear, contracts, operations
from gateway.compiler.policy import Policy
from gateway.compiler.routes import route_table
from gateway.compiler.servers import (
    certificate,
    clusters,
    listener,
    overload_manager,
    response_headers,
)
from gateway.compiler.settings import Deployment

Json = dict[str, Any]

_API = "type.googleapis.com/envoy"
_STRICT = {"envoy.reloadable_features.strict_chunk_parsing": True}
"""Bytes between a chunk and its line end are refused, not passed over (RFC 9112 §7.1)."""


def compiled(deployment: Deployment, policy: Policy, directory: Path) -> dict[str, Json]:
    """Envoy's files by name, for `directory`. Raises `ContractUnclear`."""
    found = operations(contracts(), policy)
    asked = {each.service for each in found} | {each.service for each in policy.page}
    if unknown := asked - deployment.upstreams.keys():
        raise ContractUnclear(f"SHUYUAN_ENVOY_UPSTREAMS does not say where {unknown} run.")
    table = {
        **route_table(found, policy),
        "response_headers_to_add": response_headers(deployment),
    }
    rds = {"rds": {"route_config_name": "public", "config_source": _file(directory, "routes")}}
    secrets = _file(directory, "certificate")
    watched = listener(deployment, connection_manager(policy, deployment, rds), secrets)
    inline = connection_manager(policy, deployment, {"route_config": table})
    whole = listener(deployment, inline, secrets)
    behind = clusters(deployment, policy)
    frame = {
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": _admin(deployment)},
        "overload_manager": overload_manager(deployment),
        "layered_runtime": {"layers": [{"name": "strict", "static_layer": _STRICT}]},
    }
    watching = {
        "lds_config": _file(directory, "listeners"),
        "cds_config": _file(directory, "clusters"),
    }
    secret = [certificate(deployment)] if deployment.tls_certificate else []
    return {
        "certificate": _resources("extensions.transport_sockets.tls.v3.Secret", secret),
        "routes": _resources("config.route.v3.RouteConfiguration", [table]),
        "clusters": _resources("config.cluster.v3.Cluster", behind),
        "listeners": _resources("config.listener.v3.Listener", [watched]),
        "bootstrap": {**frame, "dynamic_resources": watching},
        "static": {**frame, "static_resources": {"listeners": [whole], "clusters": behind}},
    }


def write(files: dict[str, Json], directory: Path) -> None:
    """Replace the files that changed, each as a whole: clusters before what leads to them."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("static", "bootstrap", "certificate", "clusters", "listeners", "routes"):
        path = directory / f"{name}.json"
        content = json.dumps(files[name], indent=1, ensure_ascii=False)
        if path.exists() and path.read_text() == content:
            continue
        draft = directory / f".{name}.{os.getpid()}"
        draft.write_text(content)
        draft.replace(path)


def _file(directory: Path, name: str) -> Json:
    folder = directory.absolute()
    return {
        "path_config_source": {
            "path": str(folder / f"{name}.json"),
            "watched_directory": {"path": str(folder)},
        },
        "resource_api_version": "V3",
    }


def _resources(kind: str, found: list[Json]) -> Json:
    return {"resources": [{"@type": f"{_API}.{kind}", **each} for each in found]}


def _admin(deployment: Deployment) -> Json:
    if deployment.admin_socket:
        return {"pipe": {"path": deployment.admin_socket, "mode": 0o600}}
    return {"socket_address": {"address": "127.0.0.1", "port_value": deployment.admin_port}}
