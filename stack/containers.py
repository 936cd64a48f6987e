"""What a deployment in containers takes from here: its secrets, the configuration that holds some
of them, and the roles, databases and buckets on servers that the embedded stack does not run."""

import asyncio
from pathlib import Path

from shared.services import SERVICES
from stack import nats, postgres, seaweed, services
from stack.component import Component
from stack.data import explained, write_file
from stack.errors import UsageError
from stack.secret_files import SecretFiles
from stack.settings import StackSettings

NATS_PORTS = {"nats": 4222, "nats_monitor": 8222}
NATS_STORE = Path("/data")
SHARED = (
    {"copyright": services.SIGNER_TOKEN, services.SIGNER: "token"},
    {"search": "master_key", "catalog": "shuyuan_catalog_meilisearch_key"},
    {"postgres": "superuser_password", "prepare": "shuyuan_stack_postgres_password"},
    {"object-store": "access_key", "prepare": "shuyuan_stack_object_store_access_key"},
    {"object-store": "secret_key", "prepare": "shuyuan_stack_object_store_secret_key"},
)
"""One secret between two containers, by its name with each."""


def secrets(directory: Path) -> int:
    """Makes DIRECTORY/OWNER/NAME for every owner, one a container; what is there stays as it is.

    CannotStart where the directory cannot be written, or lacks a key that is in use.
    """
    # Written last: from then on the others may be in use.
    whole = directory / "nats" / "nats.conf"
    with explained(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = SecretFiles(directory, in_use=whole.exists())
        files.of_services()
        postgres.passwords(files)
        seaweed.admin_keys(files)
        for names in SHARED:
            files.shared(names)
        search = files.directory("search") / "meilisearch.toml"
        write_file(search, f'master_key = "{files.get("search", "master_key")}"\n')
        known = nats.rendered(seaweed.identities(files))
        write_file(files.directory("object-store") / "s3.json", known)
        passwords = {service: files.of(service, "nats_password") for service in SERVICES}
        told = nats.configuration(NATS_PORTS, NATS_STORE, passwords, host="0.0.0.0")  # noqa: S104
        write_file(files.directory("nats") / whole.name, nats.rendered(told))
    owners = sorted(each.name for each in directory.iterdir() if each.is_dir())
    print(f"{directory} holds the secrets of {', '.join(owners)}.")
    return 0


def prepare(directory: Path) -> int:
    """Makes on external servers what the services need there, with the secrets in `directory`.

    Repeatable. UsageError where SHUYUAN_STACK_* does not name the servers; CannotStart where one
    refuses.
    """
    settings = StackSettings.load()
    needed = ("postgres_url", "nats_url", "object_store_endpoint", "gateway_origin")
    for name in needed:
        if not getattr(settings, name):
            raise UsageError(f"Set SHUYUAN_STACK_{name.upper()}: docs/configuration.md has it.")
    with explained(directory):
        asyncio.run(_prepared(_servers(settings, SecretFiles(directory))))
    return 0


def _servers(settings: StackSettings, files: SecretFiles) -> list[Component]:
    return [
        postgres.external(
            settings.postgres_url, settings.postgres_password.get_secret_value(), files
        ),
        seaweed.external(
            settings.object_store_endpoint,
            settings.object_store_access_key,
            settings.object_store_secret_key.get_secret_value(),
            [settings.gateway_origin],
            files,
        ),
        nats.external(settings.nats_url, files),
    ]


async def _prepared(servers: list[Component]) -> None:
    for server in servers:
        if server.after:
            await server.after()
        print(f"{server.name} at {server.address}: prepared", flush=True)
