"""Secrets, generated once and kept as files: DIR/secrets/OWNER/NAME, 0600 in directories of 0700.

A file that is already there is used as it is, so an operator may put in what an external server
expects. The names are those that pydantic-settings looks for in a secrets directory.
"""

import secrets
from collections.abc import Mapping
from itertools import product
from pathlib import Path

from shared.services import SERVICES
from stack.data import write_file
from stack.errors import CannotStart

SECRETS_OF_A_SERVICE = {
    "database_password": 24,
    "nats_password": 24,
    "object_store_access_key": 10,
    "object_store_secret_key": 24,
    "master_keys": 32,
}
"""Name to length in random bytes; written as hexadecimal digits, two for each."""

SHARED_BY_SERVICES = (
    {"catalog": "shuyuan_catalog_identity_secret", "identity": "shuyuan_identity_catalog_secret"},
    {"gateway": "shuyuan_gateway_identity_secret", "identity": "shuyuan_identity_gateway_secret"},
)
"""One secret between two services, by its name with each."""


class SecretFiles:
    """With `in_use`, there are data that were encrypted with the master keys."""

    def __init__(self, directory: Path, *, in_use: bool = False) -> None:
        self._directory = directory
        self._in_use = in_use

    def of_services(self) -> None:
        """Makes those of every service that are not there yet."""
        for service, name in product(SERVICES, SECRETS_OF_A_SERVICE):
            self.of(service, name)
        for names in SHARED_BY_SERVICES:
            self.shared(names)

    def of(self, service: str, name: str) -> str:
        """A service's secret; `name` is a key of SECRETS_OF_A_SERVICE."""
        return self.get(service, f"shuyuan_{service}_{name}", SECRETS_OF_A_SERVICE[name])

    def get(self, owner: str, name: str, random_bytes: int = 24) -> str:
        """The secret, generated now if it does not exist. CannotStart where the file is empty, or
        held a key without which existing data cannot be read."""
        path = self.directory(owner) / name
        try:
            value = path.read_text().strip()
        except FileNotFoundError:
            if self._in_use and name.endswith("master_keys"):
                raise CannotStart(
                    f"{path} is missing, and what was encrypted with it cannot be read without. "
                    "Put it back, or start on another directory with --data."
                ) from None
            value = secrets.token_hex(random_bytes)
            write_file(path, value)
        if not value:
            raise CannotStart(
                f"{path} is empty. Put the secret there, or remove the file, and one is made."
            )
        return value

    def shared(self, names: Mapping[str, str]) -> None:
        """One secret between owners, by its name with each; the first one's is what counts."""
        (owner, name), *others = names.items()
        value = self.get(owner, name)
        for other, its_name in others:
            write_file(self.directory(other) / its_name, value)

    def directory(self, owner: str) -> Path:
        path = self._directory / owner
        path.mkdir(mode=0o700, exist_ok=True)
        return path
