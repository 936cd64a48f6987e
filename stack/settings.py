"""SHUYUAN_STACK_*: what the launcher itself may be told. All of it is optional.

Each external address replaces an embedded server, which is then not started. Secrets may stand in
files instead, named in lower case (`shuyuan_stack_postgres_password`), in the directory that
SHUYUAN_SECRETS_DIR names.
"""

import os
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import UnknownVariable, check_names
from stack.errors import UsageError

_ADDRESSES = {
    "postgres_url": ("postgresql://postgres@db.example:5432/postgres", {"postgresql"}),
    "nats_url": ("nats://bus.example:4222", {"nats", "tls"}),
    "object_store_endpoint": ("https://s3.example", {"http", "https"}),
    "object_store_origin": ("https://s3.example", {"http", "https"}),
    "gateway_origin": ("https://edu.example", {"http", "https"}),
}
"""An example of each, and the schemes it may have."""


class StackSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHUYUAN_STACK_", hide_input_in_errors=True)

    postgres_url: str = Field(
        "",
        description="An external PostgreSQL, as its superuser and without the password: "
        "postgresql://postgres@db.example:5432/postgres. Roles, databases and extensions are "
        "still made there.",
    )
    postgres_password: SecretStr = Field(SecretStr(""), description="That superuser's password.")
    nats_url: str = Field(
        "",
        description="An external NATS with JetStream: nats://bus.example:4222. It must know a "
        "user for each service, with the password in DIR/secrets/SERVICE/"
        "shuyuan_SERVICE_nats_password.",
    )
    object_store_endpoint: str = Field(
        "",
        description="An external S3 store as services reach it: https://s3.example. It must "
        "accept each service's keys, in DIR/secrets/SERVICE/shuyuan_SERVICE_object_store_*_key.",
    )
    object_store_origin: str = Field(
        "", description="The same store as clients reach it; by default the endpoint."
    )
    object_store_access_key: str = Field("", description="A key that may make buckets there.")
    object_store_secret_key: SecretStr = SecretStr("")
    gateway_origin: str = Field(
        "",
        description="Origin of an external gateway, as clients see it: https://edu.example. "
        "It must route to the services' ports, which `status` shows.",
    )

    @field_validator(*_ADDRESSES)
    @classmethod
    def _is_an_address(cls, value: str, info: ValidationInfo) -> str:
        example, schemes = _ADDRESSES[str(info.field_name)]
        try:
            url = urlsplit(value)
            fits = url.scheme in schemes and bool(url.hostname) and url.port != 0
        except ValueError:
            fits = False
        if fits and "https" in schemes and value != f"{url.scheme}://{url.netloc}":
            raise ValueError(f"must end behind the host and port. Write one like {example}")
        if value and not fits:
            raise ValueError(f"is no address. Write one like {example}")
        return value

    @classmethod
    def load(cls) -> Self:
        """Read the environment. UsageError for a variable that is misspelt or holds nonsense."""
        try:
            check_names(cls, os.environ)
            return cls(_secrets_dir=os.environ.get("SHUYUAN_SECRETS_DIR"))
        except UnknownVariable as error:
            raise UsageError(str(error)) from None
        except ValidationError as refusal:
            defect = refusal.errors(include_url=False)[0]
            variable = f"SHUYUAN_STACK_{defect['loc'][0]}".upper()
            message = defect["msg"].removeprefix("Value error, ")
            raise UsageError(f"{variable} {message}.") from None
