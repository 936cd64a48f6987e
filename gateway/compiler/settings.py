"""Where things run: the only part of Envoy's configuration that differs between deployments."""

import os
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import check_names


class Deployment(BaseSettings):
    """Every ``SHUYUAN_ENVOY_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_ENVOY_", hide_input_in_errors=True)

    listen: list[str] = Field(["127.0.0.1"], min_length=1, description="Addresses, a JSON list.")
    port: int = Field(8080, ge=1, le=65535)
    admin_port: int = Field(9901, ge=1, le=65535, description="On loopback alone.")
    admin_socket: str = Field(
        "", description="Unix socket that takes the port's place, where loopback is not shared."
    )
    issuer: str = Field(
        "http://127.0.0.1:8080/identity", description="Issuer whose access tokens are accepted."
    )
    upstreams: dict[str, str] = Field(
        description="`host:port` by service, `gateway` for the control plane; a JSON object."
    )
    tls_certificate: str = Field(
        "", description="PEM file with the certificate chain; without one, plain HTTP is spoken."
    )
    tls_private_key: str = Field(
        "",
        description="PEM file. Both files are read anew when others are renamed into their place "
        "(`mv`), not when they are written into (`cp`).",
    )
    access_log: str = Field("/dev/stdout", description="A JSON line a request; empty writes none.")
    rate_factor: float = Field(1.0, gt=0, description="Multiplies the policy's rates.")
    trusted_proxies: int = Field(
        0, ge=0, description="Proxies before Envoy that append to X-Forwarded-For."
    )
    heap_mib: int = Field(1024, ge=64, description="Near it, connections and requests are refused.")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_private_key):
            raise ValueError("a certificate and its private key are named together")
        return self

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises `UnknownVariable`, and pydantic's ValidationError."""
        check_names(cls, os.environ)
        return cls()
