"""Our own processes: the migration, the services, the gateway's control plane."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.services import PACKAGES, SERVICES
from stack.component import Component
from stack.secret_files import SecretFiles

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0
"""Seconds without an answer after which one of ours hangs: nothing it does takes as long."""


@dataclass(frozen=True)
class Addresses:
    """Where services find the servers, and clients find the stack: origins, without paths."""

    postgres: str
    nats: str
    object_store: str
    object_store_origin: str
    gateway: str


def migration(addresses: Addresses, secrets: SecretFiles) -> Component:
    """Brings every service's database to the newest revision, as the role that owns it."""
    variables = {
        f"SHUYUAN_{name.upper()}_OWNER_DATABASE_URL": database(f"{name}_owner", name, addresses)
        for name in SERVICES
    }
    return Component(
        name="migrations",
        argv=_early("migrations", "migrations.environment", "upgrade"),
        env={
            **inherited(),
            **variables,
            "SHUYUAN_SECRETS_DIR": str(secrets.directory("migrations")),
        },
        depends_on=frozenset({"postgres"}),
        oneshot=True,
        early=True,
        start_timeout=600.0,
    )


def service(
    name: str,
    ports: dict[str, int],
    addresses: Addresses,
    secrets: SecretFiles,
    more: Mapping[str, str] | None = None,
) -> Component:
    """A service, with what it alone is told in `more`."""
    origin = f"http://{LOOPBACK}:{ports[name]}"
    return Component(
        name=name,
        argv=_early(PACKAGES[name], f"{PACKAGES[name]}.app"),
        env={
            **inherited(),
            **environment(name, ports, addresses),
            **(more or {}),
            "SHUYUAN_SECRETS_DIR": str(secrets.directory(name)),
        },
        address=origin,
        health=f"{origin}/readyz",
        # While PostgreSQL is away it is unready, and need not be started again for that.
        alive=f"{origin}/healthz",
        patience=PATIENCE,
        depends_on=frozenset({"postgres", "nats", "object-store", "migrations"}),
        early=True,
    )


INSPECTOR = "catalog-inspector"


def inspector(ports: dict[str, int], addresses: Addresses, secrets: SecretFiles) -> Component:
    """The catalogue's worker, which inspects uploads beside the service."""
    catalog = service("catalog", ports, addresses, secrets)
    origin = f"http://{LOOPBACK}:{ports['inspector']}"
    return Component(
        name=INSPECTOR,
        argv=_early("services.catalog", "services.catalog.parts.inspection_command", "inspect"),
        env={**catalog.env, "SHUYUAN_CATALOG_INSPECTOR_PORT": str(ports["inspector"])},
        address=origin,
        health=f"{origin}/healthz",
        patience=2 * PATIENCE,  # it gives way to everybody else
        depends_on=catalog.depends_on - {"nats"},
        early=True,
    )


SIGNER = "copyright-signer"
WITNESS = "copyright-witness"
LOG_ORIGIN = "shuyuan.local/copyright/log"
"""Name of the embedded stack's log. It never changes, whatever the gateway's address."""


def signer(ports: dict[str, int], secrets: SecretFiles) -> Component:
    """Holds the keys of the copyright log, in files of its own."""
    secrets.get("copyright", SIGNER_TOKEN)
    token = secrets.directory("copyright") / SIGNER_TOKEN
    own = secrets.directory(SIGNER)
    arguments = ["--directory", str(own), "--origin", LOG_ORIGIN, "--token-file", str(token)]
    return _beside(SIGNER, "services.copyright.signer", arguments, ports["signer"])


def witness(ports: dict[str, int], secrets: SecretFiles) -> Component:
    """Cosigns the log's checkpoints. Ours, so it shows how, and adds no independence."""
    vkeys = secrets.directory(SIGNER) / "vkeys"
    own = secrets.directory(WITNESS)
    arguments = ["--directory", str(own), "--name", WITNESS_NAME, "--logs", str(vkeys)]
    return _beside(WITNESS, "services.copyright.witness", arguments, ports["witness"])


SIGNER_TOKEN = "shuyuan_copyright_signer_token"  # noqa: S105 - a file's name
WITNESS_NAME = "shuyuan.local/witness"


def of_the_log(ports: dict[str, int], secrets: SecretFiles) -> dict[str, str]:
    """What the copyright service is told of signer, witness and time-stamps, all of them ours."""
    witness = {
        "name": "local",
        "url": f"http://{LOOPBACK}:{ports['witness']}",
        "vkey_file": str(secrets.directory(WITNESS) / "witness.vkey"),
        "ours": True,
    }
    local = {"name": "local", "directory": str(secrets.directory("copyright-timestamps"))}
    return {
        "SHUYUAN_COPYRIGHT_LOG_ORIGIN": LOG_ORIGIN,
        "SHUYUAN_COPYRIGHT_SIGNER_URL": f"http://{LOOPBACK}:{ports['signer']}",
        "SHUYUAN_COPYRIGHT_WITNESSES": json.dumps([witness]),
        "SHUYUAN_COPYRIGHT_WITNESS_QUORUM": "1",
        "SHUYUAN_COPYRIGHT_TIMESTAMP_AUTHORITIES": json.dumps([local]),
    }


def of_the_catalogue(ports: dict[str, int]) -> dict[str, str]:
    """What the catalogue is told of copyright, and of identity, which lets it in there."""
    return {
        "SHUYUAN_CATALOG_COPYRIGHT_URL": f"http://{LOOPBACK}:{ports['copyright']}",
        "SHUYUAN_CATALOG_IDENTITY_URL": f"http://{LOOPBACK}:{ports['identity']}",
    }


def _beside(name: str, module: str, arguments: list[str], port: int) -> Component:
    origin = f"http://{LOOPBACK}:{port}"
    return Component(
        name=name,
        argv=_early(module, "shared.logs", *arguments, "--port", str(port)),
        env=inherited(),
        address=origin,
        health=f"{origin}/healthz",
        patience=PATIENCE,
        early=True,
    )


CONTROL = "gateway"
COMPILER = "envoy-configuration"


def compiler(
    directory: Path,
    ports: dict[str, int],
    listen: Sequence[str],
    addresses: Addresses,
    access_log: Path,
) -> Component:
    """Writes Envoy's configuration to `directory`."""
    upstreams = {name: f"{LOOPBACK}:{behind(ports)[name]}" for name in SERVICES}
    return Component(
        name=COMPILER,
        argv=_early("gateway", "gateway.app", "compile", str(directory)),
        env={
            **inherited(),
            "SHUYUAN_ENVOY_LISTEN": json.dumps(list(listen)),
            "SHUYUAN_ENVOY_ACCESS_LOG": str(access_log),
            "SHUYUAN_ENVOY_PORT": str(ports["gateway"]),
            "SHUYUAN_ENVOY_ADMIN_PORT": str(ports["envoy_admin"]),
            "SHUYUAN_ENVOY_ISSUER": f"{addresses.gateway}/identity",
            "SHUYUAN_ENVOY_UPSTREAMS": json.dumps(upstreams),
        },
        oneshot=True,
        early=True,
    )


def control_plane(
    ports: dict[str, int],
    addresses: Addresses,
    secrets: SecretFiles,
    watched: Mapping[str, str],
    access_log: Path,
) -> Component:
    """The service beside Envoy; `watched` maps names to the health addresses that it tells of."""
    more = {
        "SHUYUAN_GATEWAY_COMPONENTS": json.dumps(watched),
        "SHUYUAN_GATEWAY_ACCESS_LOG": str(access_log),
        "SHUYUAN_GATEWAY_ENVOY_ADMIN": f"http://{LOOPBACK}:{ports['envoy_admin']}",
        "SHUYUAN_GATEWAY_IDENTITY_URL": f"http://{LOOPBACK}:{ports['identity']}",
    }
    return service(CONTROL, behind(ports), addresses, secrets, more)


def behind(ports: dict[str, int]) -> dict[str, int]:
    """The ports of the services themselves: what is called the gateway's there is Envoy's."""
    return {**ports, CONTROL: ports["control"]}


def environment(service: str, ports: dict[str, int], addresses: Addresses) -> dict[str, str]:
    """A service's settings as variables, without its secrets."""
    settings = {
        "HOST": LOOPBACK,
        "PORT": str(ports[service]),
        "PUBLIC_ORIGIN": addresses.gateway,
        "ISSUER": f"{addresses.gateway}/identity",
        "JWKS_URL": f"http://{LOOPBACK}:{ports['identity']}/identity/jwks.json",
        "DATABASE_URL": database(service, service, addresses),
        "NATS_URL": addresses.nats,
        "NATS_USER": service,
        "OBJECT_STORE_ENDPOINT": addresses.object_store,
        "OBJECT_STORE_ORIGIN": addresses.object_store_origin,
        "OBJECT_STORE_BUCKET": service,
    }
    return {f"SHUYUAN_{service.upper()}_{name}": value for name, value in settings.items()}


def inherited() -> dict[str, str]:
    """Our own environment, without what only the launcher may know."""
    return {k: v for k, v in os.environ.items() if not k.startswith("SHUYUAN_STACK_")}


def database(role: str, name: str, addresses: Addresses) -> str:
    return f"{addresses.postgres}/{name}".replace("//", f"//{role}@", 1)


def _early(program: str, preload: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "stack.early", program, preload, *arguments)
