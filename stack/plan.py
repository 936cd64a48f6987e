"""Composition root: from a data directory, ports and settings to the components that will run."""

from dataclasses import replace
from pathlib import Path

from shared.services import SERVICES
from stack import archiver, envoy_proxy, nats, postgres, seaweed, services
from stack.component import Component
from stack.data import DataDirectory
from stack.errors import UsageError
from stack.ports import loopbacks
from stack.secret_files import SecretFiles
from stack.services import Addresses
from stack.settings import StackSettings


def addresses(ports: dict[str, int], settings: StackSettings) -> Addresses:
    """External addresses where settings name them, else those of the embedded servers."""
    store = settings.object_store_endpoint or f"http://127.0.0.1:{ports['s3']}"
    return Addresses(
        postgres=postgres.address(settings.postgres_url or f"//127.0.0.1:{ports['postgres']}"),
        nats=settings.nats_url or f"nats://127.0.0.1:{ports['nats']}",
        object_store=store,
        object_store_origin=settings.object_store_origin or store,
        gateway=settings.gateway_origin or f"http://127.0.0.1:{ports['gateway']}",
    )


def told_besides(
    data: DataDirectory, ports: dict[str, int], secrets: SecretFiles
) -> dict[str, dict[str, str]]:
    """What single services are told beside what all are, as variables."""
    return {
        "catalog": {
            "SHUYUAN_CATALOG_SEARCH_DIRECTORY": str(data.path / "search"),
            **services.of_the_catalogue(ports),
        },
        "copyright": services.of_the_log(ports, secrets),
    }


def components(
    data: DataDirectory,
    ports: dict[str, int],
    settings: StackSettings,
    archive: Path | None = None,
) -> list[Component]:
    """With `archive`, every commit stands there, too, before it is acknowledged. UsageError where
    PostgreSQL is somebody else's."""
    secrets = SecretFiles(data.secrets, in_use=(data.path / "postgres" / "data").exists())
    secrets.of_services()
    where = addresses(ports, settings)
    servers = _servers(data, ports, settings, secrets, where, archived=archive is not None)
    if archive:
        if settings.postgres_url:
            raise UsageError(
                "--archive follows the stack's own PostgreSQL, and SHUYUAN_STACK_POSTGRES_URL "
                "names another. Have that one archived where it runs."
            )
        servers.append(archiver.component(data, ports, where.object_store, archive))
    more = told_besides(data, ports, secrets)
    ours = [
        services.service(name, ports, where, secrets, more.get(name))
        for name in SERVICES
        if name != services.CONTROL
    ]
    ours.append(services.inspector(ports, where, secrets))
    ours += [services.signer(ports, secrets), services.witness(ports, secrets)]
    door = [] if settings.gateway_origin else _door(data, ports, where)
    watched = {c.name: c.health for c in (*servers, *ours, *door) if c.health}
    control = services.control_plane(ports, where, secrets, watched, _access_log(data))
    found = [services.migration(where, secrets), *ours, control, *door]
    return [*servers, *(map(_after_archiver, found) if archive else found)]


def _after_archiver(component: Component) -> Component:
    """Whoever commits starts when that is archived, and stops before the archiver does."""
    if "postgres" not in component.depends_on:
        return component
    return replace(component, depends_on=component.depends_on | {archiver.NAME})


def _access_log(data: DataDirectory) -> Path:
    """A line a request; the control plane counts them, and begins it anew when it is long."""
    return data.logs / "access.jsonl"


def _door(data: DataDirectory, ports: dict[str, int], where: Addresses) -> list[Component]:
    directory = envoy_proxy.directory(data)
    return [
        services.compiler(directory, ports, loopbacks(), where, _access_log(data)),
        envoy_proxy.component(data, ports, frozenset({*SERVICES, services.COMPILER})),
    ]


def _servers(
    data: DataDirectory,
    ports: dict[str, int],
    settings: StackSettings,
    secrets: SecretFiles,
    where: Addresses,
    *,
    archived: bool,
) -> list[Component]:
    hosts = ("127.0.0.1", "localhost", "[::1]")
    origins = (
        [settings.gateway_origin]
        if settings.gateway_origin
        else [f"http://{host}:{ports['gateway']}" for host in hosts]
    )
    return [
        postgres.external(
            settings.postgres_url, settings.postgres_password.get_secret_value(), secrets
        )
        if settings.postgres_url
        else postgres.component(data, ports, secrets, archived=archived),
        seaweed.external(
            where.object_store,
            settings.object_store_access_key,
            settings.object_store_secret_key.get_secret_value(),
            origins,
            secrets,
        )
        if settings.object_store_endpoint
        else seaweed.component(data, ports, secrets, origins),
        nats.external(settings.nats_url, secrets)
        if settings.nats_url
        else nats.component(data, ports, secrets),
    ]
