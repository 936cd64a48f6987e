"""Composition root: from a data directory and settings to the components that will run."""

from itertools import product

from stack import SERVICES, envoy_proxy, nats, postgres, seaweed, services
from stack.component import Component
from stack.data import DataDirectory
from stack.secret_files import SECRETS_OF_A_SERVICE, SecretFiles


def components(data: DataDirectory, ports: dict[str, int]) -> list[Component]:
    secrets = SecretFiles(data.secrets)
    for service, name in product(SERVICES, SECRETS_OF_A_SERVICE):
        secrets.of(service, name)
    gateway = f"http://127.0.0.1:{ports['gateway']}"
    origins = tuple(f"http://{host}:{ports['gateway']}" for host in ("127.0.0.1", "localhost", "[::1]"))
    servers = [
        postgres.component(data, ports, secrets),
        seaweed.component(data, ports, secrets, origins),
        nats.component(data, ports, secrets),
    ]
    by_name = {server.name: server for server in servers}
    addresses = services.Addresses(
        postgres=by_name["postgres"].address,
        nats=by_name["nats"].address,
        object_store=by_name["object-store"].address,
        object_store_origin=by_name["object-store"].address,
        gateway=gateway,
    )
    ours = services.components(ports, addresses, secrets, {s.name: s.health for s in servers})
    envoy = envoy_proxy.component(data, ports, frozenset(c.name for c in ours))
    return [*servers, *ours, envoy]
