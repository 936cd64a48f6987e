"""What every service reads from its environment.

Only settings read the environment. Each service derives its own class with its own prefix; a
secret may stand in a file instead, named like its variable in lower case, in the directory that
``SHUYUAN_SECRETS_DIR`` names (the convention of Docker and Kubernetes secrets).
"""

import difflib
import os
from collections.abc import Iterable
from typing import Self

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class UnknownVariable(ValueError):
    """A variable with the prefix of a settings class names none of its fields."""


def check_names(settings: type[BaseSettings], variables: Iterable[str]) -> None:
    """Refuse a misspelt variable, which would else be ignored. Raises `UnknownVariable`."""
    prefix = settings.model_config["env_prefix"].upper()
    known = [prefix + name.upper() for name in settings.model_fields]
    for variable in variables:
        if variable.upper().startswith(prefix) and variable.upper() not in known:
            near = difflib.get_close_matches(variable.upper(), known, 1, 0.0)
            raise UnknownVariable(f"{variable} is no setting. Did you mean {near[0]}?")


class ProcessSettings(BaseSettings):
    """What a process of ours needs to listen and to log."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="Address to listen on; `::` listens on both stacks.")
    port: int = Field(0, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @classmethod
    def load(cls) -> Self:
        """Read the environment and the secrets directory, once, at start.

        Raises `UnknownVariable`, and pydantic's ValidationError for a value out of bounds.
        """
        check_names(cls, os.environ)
        return cls(_secrets_dir=os.environ.get("SHUYUAN_SECRETS_DIR"))


class ServiceSettings(ProcessSettings):
    """What every service needs beside that: its neighbours, its secrets and its limits."""

    public_origin: str = Field(
        "http://127.0.0.1:8080", description="The gateway's origin, as clients see it."
    )
    issuer: str = Field(
        "http://127.0.0.1:8080/identity", description="Issuer whose access tokens are accepted."
    )
    jwks_url: str = Field(
        "http://127.0.0.1:8101/identity/jwks.json", description="Where its public keys are."
    )
    database_url: str = Field(
        "postgresql://127.0.0.1:5432/postgres", description="PostgreSQL, without a password."
    )
    database_password: SecretStr = Field(SecretStr(""), description="Of the service's own role.")
    database_pool: int = Field(10, ge=2, le=200, description="Connections held at the most.")
    owner_database_url: str = Field(
        "", description="The role that owns the tables: used by migrations alone."
    )
    owner_database_password: SecretStr = Field(SecretStr(""), description="Of the owning role.")
    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS with JetStream.")
    nats_user: str = ""
    nats_password: SecretStr = SecretStr("")
    object_store_endpoint: str = Field(
        "http://127.0.0.1:8333", description="S3 address that the service itself uses."
    )
    object_store_origin: str = Field(
        "http://127.0.0.1:8333", description="S3 origin that presigned addresses show to clients."
    )
    object_store_access_key: str = ""
    object_store_secret_key: SecretStr = SecretStr("")
    object_store_bucket: str = ""
    master_keys: SecretStr = Field(
        SecretStr(""),
        description="Comma-separated keys of 64 hex digits, the current one first; "
        "field encryption and cursor signatures are derived from them.",
    )
    max_body_bytes: int = Field(1 << 20, ge=1024, description="A longer request body is 413.")
    outbox_retention_days: int = Field(30, ge=1, description="Published events are kept so long.")
    idempotency_retention_hours: int = Field(48, ge=24, description="First answers, kept so long.")

    @field_validator("public_origin", "object_store_origin", "object_store_endpoint", "issuer")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")
