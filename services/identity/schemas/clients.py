from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Self
from uuid import UUID

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.identity.application.clients import IssuedSecret
from services.identity.domain.client_addresses import ApplicationType
from services.identity.domain.clients import (
    SCOPES,
    AuthMethod,
    Client,
    ClientAction,
    ClientSecret,
    ClientState,
    Description,
    GrantType,
    QuotaClass,
    Terms,
)
from services.identity.domain.tokens import Revocation

_SMALLEST_RSA_KEY = 2048
_MOST_KEYS = 10


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise ValueError("Write visible characters on one line.", "请填写一行可见文字。")
    return line


def _scope(name: str) -> str:
    if name not in SCOPES:
        raise ValueError(
            f"There is no such scope. Known are: {', '.join(SCOPES)}.",
            f"没有该权限范围。可用的有：{'、'.join(SCOPES)}。",
        )
    return name


def _public_keys(jwks: dict[str, Any]) -> dict[str, Any]:
    """A key set (RFC 7517 §5) of public signing keys, each with a kid; nothing else is kept."""
    try:
        keys = KeySet.import_key_set(jwks)  # type: ignore[arg-type]
        public = dict(keys.as_dict(private=False))
    except (JoseError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            "This is no JSON Web Key Set of sound keys.", "这不是有效的 JSON Web Key Set。"
        ) from error
    if len(keys.keys) > _MOST_KEYS:
        raise ValueError(f"Give at most {_MOST_KEYS} keys.", f"最多 {_MOST_KEYS} 把密钥。")
    for key in keys:
        if not isinstance(key, ECKey | RSAKey | OKPKey) or key.is_private:
            raise ValueError(
                "Give public EC, RSA or OKP keys only.", "只接受 EC、RSA 或 OKP 公钥。"
            )
        if isinstance(key, RSAKey) and key.public_key.key_size < _SMALLEST_RSA_KEY:
            raise ValueError(
                f"An RSA key has at least {_SMALLEST_RSA_KEY} bits.",
                f"RSA 密钥至少 {_SMALLEST_RSA_KEY} 位。",
            )
    return public


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(
            "Write a network as in 192.0.2.0/24 or 2001:db8::/32.",
            "网段应写作 192.0.2.0/24 或 2001:db8::/32。",
        ) from error


Line = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]
Purpose = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_one_line)]
Address = Annotated[str, Field(min_length=1, max_length=1000, examples=["https://app.example/cb"])]
Addresses = Annotated[list[Address], Field(max_length=20)]
Scopes = Annotated[
    set[Annotated[str, AfterValidator(_scope)]], Field(examples=[["openid", "profile"]])
]
Networks = Annotated[
    list[Annotated[str, Field(max_length=43), AfterValidator(_network)]],
    Field(max_length=50, examples=[["198.51.100.0/24"]]),
]
Keys = Annotated[dict[str, Any], AfterValidator(_public_keys)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DescribeClient(Request):
    """What the owner says of an application."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "听书",
                    "purpose": "朗读课文",
                    "redirect_uris": ["https://tingshu.example/callback"],
                    "post_logout_redirect_uris": ["https://tingshu.example/"],
                    "networks": ["198.51.100.0/24"],
                }
            ]
        }
    )

    name: Line
    purpose: Purpose = Field(description="Shown to people who are asked for their consent.")
    redirect_uris: Addresses = Field(
        [], description="https; a native application may use http://127.0.0.1 with any port."
    )
    post_logout_redirect_uris: Addresses = []
    jwks: Keys | None = Field(None, description="Public keys, for private_key_jwt.")
    networks: Networks = Field(
        [], description="Where its API keys may be used from; none: anywhere."
    )

    @property
    def description(self) -> Description:
        return Description(
            name=self.name,
            purpose=self.purpose,
            redirect_uris=tuple(self.redirect_uris),
            post_logout_redirect_uris=tuple(self.post_logout_redirect_uris),
            jwks=self.jwks,
            networks=tuple(self.networks),
        )

    @classmethod
    def of(cls, told: Description) -> Self:
        return cls(**asdict(told))


class RequestClient(DescribeClient):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "听书",
                    "purpose": "朗读课文",
                    "redirect_uris": ["https://tingshu.example/callback"],
                    "post_logout_redirect_uris": ["https://tingshu.example/"],
                    "organisation_id": "019aa1c4-7b52-7d3e-8f10-5c2b9e4d6a71",
                    "auth_method": "client_secret_basic",
                    "scopes": ["openid", "profile", "catalog.read"],
                    "grant_types": ["authorization_code", "refresh_token"],
                }
            ]
        }
    )

    organisation_id: UUID = Field(description="Who answers for the application.")
    application_type: ApplicationType = ApplicationType.WEB
    auth_method: AuthMethod = Field(description="`none` makes it a public client.")
    scopes: Scopes
    grant_types: set[GrantType] = Field(min_length=1)

    @property
    def terms(self) -> Terms:
        return Terms(frozenset(self.scopes), frozenset(self.grant_types))


class SetTerms(Request):
    """What an application may ask for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scopes": ["catalog.read"],
                    "grant_types": ["client_credentials"],
                    "quota_class": "high",
                }
            ]
        }
    )

    scopes: Scopes
    grant_types: set[GrantType] = Field(min_length=1)
    pkce_required: bool = Field(True, description="May be waived for a confidential client.")
    trusted: bool = Field(
        False, description="Of the platform itself: people are not asked for their consent."
    )
    quota_class: QuotaClass = QuotaClass.STANDARD

    @property
    def terms(self) -> Terms:
        return Terms(
            frozenset(self.scopes),
            frozenset(self.grant_types),
            pkce_required=self.pkce_required,
            trusted=self.trusted,
            quota_class=self.quota_class,
        )


class ClientSummary(BaseModel):
    id: UUID = Field(description="The client_id.")
    organisation_id: UUID
    name: str
    state: ClientState
    quota_class: QuotaClass
    created_at: datetime

    @classmethod
    def of(cls, client: Client) -> Self:
        return cls(
            id=client.id,
            organisation_id=client.organisation_id,
            name=client.name,
            state=client.state,
            quota_class=client.terms.quota_class,
            created_at=client.created_at,
        )


class ClientView(ClientSummary):
    purpose: str
    application_type: ApplicationType
    auth_method: AuthMethod
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    jwks: dict[str, Any] | None
    networks: list[str]
    scopes: list[str]
    grant_types: list[GrantType]
    pkce_required: bool
    trusted: bool
    requested_by: str
    proposed: DescribeClient | None = Field(
        description="What the owner wants said of it, until a security administrator decides."
    )
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, client: Client) -> Self:
        return cls(**_fields(client))


class ClientDetail(ClientView):
    actions: list[ClientAction] = Field(description="What the caller may do to it now.")

    @classmethod
    def describing(cls, client: Client, actions: list[ClientAction]) -> Self:
        return cls(**_fields(client), actions=actions)


def _fields(client: Client) -> dict[str, Any]:
    terms = client.terms
    return {
        "id": client.id,
        "organisation_id": client.organisation_id,
        "name": client.name,
        "purpose": client.purpose,
        "application_type": client.application_type,
        "auth_method": client.auth_method,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "jwks": client.jwks,
        "networks": list(client.networks),
        "scopes": sorted(terms.scopes),
        "grant_types": sorted(terms.grant_types),
        "pkce_required": terms.pkce_required,
        "trusted": terms.trusted,
        "quota_class": terms.quota_class,
        "state": client.state,
        "requested_by": client.requested_by,
        "proposed": client.proposal and DescribeClient.of(client.proposal.description),
        "version": client.version,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    }


class AddSecret(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"replaces": "01912d68-783e-7a7b-8c56-2f3a1c0b9d11", "old_ends_in_hours": 24}
            ]
        }
    )

    replaces: UUID | None = Field(
        None,
        description="The newest secret of the list; where another is in use by now, none is made.",
    )
    old_ends_in_hours: int | None = Field(
        None,
        ge=0,
        le=720,
        description="When `replaces` ends, which has to be named then; null: when it is revoked.",
    )

    @model_validator(mode="after")
    def _names_what_ends(self) -> Self:
        if self.old_ends_in_hours is not None and self.replaces is None:
            raise ValueError(
                "Name the secret that is to end in replaces.", "请在 replaces 中写明被替换的密钥。"
            )
        return self

    @property
    def old_ends_in(self) -> timedelta | None:
        hours = self.old_ends_in_hours
        return None if hours is None else timedelta(hours=hours)


class SecretView(BaseModel):
    id: UUID
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, secret: ClientSecret) -> Self:
        return cls(id=secret.id, created_at=secret.created_at, expires_at=secret.expires_at)


class IssuedSecretView(BaseModel):
    id: UUID
    secret: str | None = Field(
        description="Shown this once; null in the answer to a repeated request: ask for another."
    )

    @classmethod
    def of(cls, issued: IssuedSecret) -> Self:
        return cls(id=issued.id, secret=issued.secret)


class RevocationView(BaseModel):
    """Tokens whose claim for ``kind`` is ``value`` and that were issued before ``before`` are void;
    it may be forgotten at ``expires_at``."""

    id: int
    kind: str = Field(examples=["session"])
    value: str
    before: datetime
    expires_at: datetime

    @classmethod
    def of(cls, revocation: Revocation) -> Self:
        return cls(
            id=revocation.id,
            kind=revocation.kind,
            value=revocation.value,
            before=revocation.before.astimezone(UTC),
            expires_at=revocation.expires_at.astimezone(UTC),
        )


class RevocationList(BaseModel):
    items: list[RevocationView]
