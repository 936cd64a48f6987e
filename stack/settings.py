"""SHUYUAN_STACK_*: what the launcher itself may be told. All of it is optional.

Each external address replaces an embedded server, which is then not started. Secrets may stand in
files instead, named in lower case (`shuyuan_stack_postgres_password`), in the directory that
SHUYUAN_SECRETS_DIR names.
"""

import os
from typing import Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    @classmethod
    def load(cls) -> Self:
        return cls(_secrets_dir=os.environ.get("SHUYUAN_SECRETS_DIR"))
