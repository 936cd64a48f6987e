"""Our own processes: the migration, the services, the gateway's control plane."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from stack import CHECKOUT, SERVICES
from stack.component import Component
from stack.secret_files import SecretFiles


@dataclass(frozen=True)
class Addresses:
    """Where services find the servers, and clients find the stack."""

    postgres: str
    """postgresql://HOST:PORT"""
    nats: str
    object_store: str
    object_store_origin: str
    gateway: str


def present() -> tuple[str, ...]:
    return tuple(s for s in SERVICES if (CHECKOUT / "services" / s / "__main__.py").exists())


def components(
    ports: dict[str, int],
    addresses: Addresses,
    secrets: SecretFiles,
    servers: Mapping[str, str],
) -> list[Component]:
    """`servers`: name to health address of the embedded servers that are started."""
    needed = frozenset(servers)
    environment = {s: environment_of(s, ports, addresses) for s in SERVICES}
    started = []
    if (CHECKOUT / "migrations" / "__main__.py").exists():
        started.append(
            Component(
                name="migrations",
                argv=(sys.executable, "-m", "migrations", "upgrade"),
                env={
                    **os.environ,
                    **{name: value for own in environment.values() for name, value in own.items()},
                    **secrets.environment(SERVICES),
                },
                depends_on=needed & {"postgres"},
                oneshot=True,
                start_timeout=600.0,
            )
        )
        needed |= {"migrations"}
    for service in present():
        own = environment[service]
        origin = f"http://127.0.0.1:{ports[service]}"
        started.append(
            Component(
                name=service,
                argv=(sys.executable, "-m", f"services.{service}"),
                env={
                    **os.environ,
                    **own,
                    "SHUYUAN_SECRETS_DIR": str(secrets.directory(service)),
                },
                address=origin,
                health=f"{origin}/readyz",
                depends_on=needed,
            )
        )
    if (CHECKOUT / "gateway" / "__main__.py").exists():
        origin = f"http://127.0.0.1:{ports['control']}"
        watched = {name: health for name, health in servers.items() if health.startswith("http")}
        watched |= {component.name: component.health for component in started if component.health}
        started.append(
            Component(
                name="gateway",
                argv=(sys.executable, "-m", "gateway"),
                env={
                    **os.environ,
                    "SHUYUAN_GATEWAY_HOST": "127.0.0.1",
                    "SHUYUAN_GATEWAY_PORT": str(ports["control"]),
                    "SHUYUAN_GATEWAY_COMPONENTS": json.dumps(watched),
                },
                address=origin,
                health=f"{origin}/healthz",
            )
        )
    return started


def environment_of(service: str, ports: dict[str, int], addresses: Addresses) -> dict[str, str]:
    """A service's settings, without its secrets."""
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(ports[service]),
        "PUBLIC_ORIGIN": addresses.gateway,
        "ISSUER": f"{addresses.gateway}/identity",
        "JWKS_URL": f"http://127.0.0.1:{ports['identity']}/identity/jwks.json",
        "DATABASE_URL": addresses.postgres.replace("//", f"//{service}@") + f"/{service}",
        "NATS_URL": addresses.nats,
        "NATS_USER": service,
        "OBJECT_STORE_ENDPOINT": addresses.object_store,
        "OBJECT_STORE_ORIGIN": addresses.object_store_origin,
        "OBJECT_STORE_BUCKET": service,
    }
    return {f"SHUYUAN_{service.upper()}_{name}": value for name, value in settings.items()}
