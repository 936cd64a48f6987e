"""NATS JetStream: carries events between services. What it holds can always be sent again."""

import json
from pathlib import Path

from shared.services import SERVICES
from stack.component import Component, program
from stack.data import DataDirectory, write_file
from stack.errors import CannotStart
from stack.health import tcp
from stack.secret_files import SecretFiles


def component(data: DataDirectory, ports: dict[str, int], secrets: SecretFiles) -> Component:
    file = data.config / "nats.conf"

    async def configure() -> None:
        passwords = {service: secrets.of(service, "nats_password") for service in SERVICES}
        write_file(file, rendered(configuration(ports, data.path / "nats", passwords)))

    return Component(
        name="nats",
        argv=(str(program("nats-server")), "-c", str(file)),
        address=f"nats://127.0.0.1:{ports['nats']}",
        health=f"http://127.0.0.1:{ports['nats_monitor']}/healthz",
        before=configure,
        # After a write that found the disk full, it refuses all others until it is started anew.
        patience=10.0,
    )


def external(url: str, secrets: SecretFiles) -> Component:
    """A NATS that somebody else runs, at nats://HOST:PORT."""
    return Component(
        name="nats", address=url, health=tcp(url, 4222), after=lambda: _admitted(url, secrets)
    )


async def _admitted(url: str, secrets: SecretFiles) -> None:
    """CannotStart when the server does not know a service by its password."""
    import nats  # imported here: only an external server is asked
    from nats.errors import Error

    async def silent(_: Exception) -> None: ...

    for service in SERVICES:
        try:
            password = secrets.of(service, "nats_password")
            connection = await nats.connect(
                url, user=service, password=password, allow_reconnect=False, error_cb=silent
            )
        except (Error, OSError) as error:
            file = secrets.directory(service) / f"shuyuan_{service}_nats_password"
            raise CannotStart(
                f"NATS at {url} refused the user {service} ({error}). Make it know that user, with "
                f"the password in {file}, or put there the one it knows."
            ) from error
        await connection.close()


def rendered(settings: dict[str, object]) -> str:
    """JSON without `\\u` escapes, which its language does not have."""
    return json.dumps(settings, ensure_ascii=False, indent=1)


def configuration(
    ports: dict[str, int], store: Path, passwords: dict[str, str], host: str = "127.0.0.1"
) -> dict[str, object]:
    """nats.conf, whose language contains JSON. One user a service.

    `sync_interval: always`: an acknowledged event survives a loss of power (the default of two
    minutes does not).
    """
    return {
        "listen": f"{host}:{ports['nats']}",
        "http": f"{host}:{ports['nats_monitor']}",
        "jetstream": {
            "store_dir": str(store),
            "max_mem": "64M",
            "max_file": "2G",
            "sync_interval": "always",
        },
        "authorization": {
            "users": [
                {"user": service, "password": password, "permissions": permissions(service)}
                for service, password in passwords.items()
            ]
        },
    }


def permissions(service: str) -> dict[str, object]:
    """A service publishes its own subjects, manages its own stream, and follows the others.

    A consumer has no owner in NATS: whoever knows its name may read, change or delete it. So the
    server invents every name, and nobody may list, look up or name one. Replies come to a prefix
    of the service's own.
    """
    own = [f"STREAM.{verb}.{service.upper()}" for verb in ("CREATE", "DELETE")]
    following = [
        f"{what}.{stream.upper()}{rest}"
        for stream in SERVICES
        for what, rest in (
            ("STREAM.INFO", ""),
            ("CONSUMER.CREATE", ""),
            ("CONSUMER.MSG.NEXT", ".*"),
        )
    ]
    return {
        "publish": {"allow": [f"{service}.>", *(f"$JS.API.{each}" for each in (*own, *following))]},
        "subscribe": {"allow": [f"_INBOX.{service}.>"]},
    }
