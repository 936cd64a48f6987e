"""Wire shapes of OAuth and OpenID Connect, as their standards name them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class OAuthProblem(BaseModel):
    """RFC 6749 §5.2."""

    error: str
    error_description: str | None = None


class TokenAnswer(BaseModel):
    """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3."""

    access_token: str
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="Seconds.")
    scope: str
    refresh_token: str | None = Field(None, description="Good for one use.")
    id_token: str | None = None


class Introspection(BaseModel):
    """RFC 7662 §2.2: with the token's own claims when it is active."""

    model_config = ConfigDict(extra="allow")

    active: bool


class UserInfo(BaseModel):
    """OpenID Connect Core §5.1: what the token's scopes open."""

    model_config = ConfigDict(extra="allow")

    sub: str


class DeviceAnswer(BaseModel):
    """RFC 8628 §3.2."""

    device_code: str
    user_code: str = Field(examples=["BCDF-GHJK"])
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class KeySetView(BaseModel):
    """RFC 7517 §5."""

    keys: list[dict[str, Any]]


class Metadata(BaseModel):
    """OpenID Connect Discovery 1.0 §3, RFC 8414 §2."""

    model_config = ConfigDict(extra="allow")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
