from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.identity.application.api_keys import ExchangedKey, IssuedKey, KnownKey
from services.identity.domain.clients import ApiKey, QuotaClass
from services.identity.schemas.clients import Line, Request, Scopes
from shared.instants import Instant


class IssueApiKey(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "夜间同步",
                    "scopes": ["catalog.read"],
                    "expires_at": "2027-06-30T23:59:59+08:00",
                }
            ]
        }
    )

    name: Line
    scopes: Scopes = Field(min_length=1)
    expires_at: Instant = Field(description="Within a year.")


class ApiKeyView(BaseModel):
    id: str = Field(examples=["7K3M9QXB"])
    name: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_by=key.created_by,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


class IssuedApiKeyView(ApiKeyView):
    key: str | None = Field(
        description="Shown this once; null in the answer to a repeated request: ask for another."
    )

    @classmethod
    def issued(cls, issued: IssuedKey) -> Self:
        return cls(**ApiKeyView.of(issued.key).model_dump(), key=issued.secret)


class LookUpApiKey(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"key": "sy_7K3M9QXBdBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}]
        }
    )

    key: str = Field(max_length=200)


class ApiKeyIntrospection(BaseModel):
    """Of a key that is void, or none, only that it is not active."""

    active: bool
    key_id: str | None = None
    client_id: UUID | None = None
    organisation: str | None = Field(None, description="Path of the owner, as in grants.")
    scopes: list[str] = []
    quota_class: QuotaClass | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, known: KnownKey | None) -> Self:
        if known is None:
            return cls(active=False)
        return cls(
            active=True,
            key_id=known.key.id,
            client_id=known.client.id,
            organisation=known.client.path,
            scopes=sorted(known.scopes),
            quota_class=known.client.terms.quota_class,
            expires_at=known.key.expires_at,
        )


class ApiKeyToken(ApiKeyIntrospection):
    """What a live key stands for inside the platform. Kept at most as long as the token lives."""

    access_token: str | None = None
    expires_in: int | None = Field(None, description="Seconds that the token lives.")
    networks: list[str] = Field([], description="Where it may come from; none: anywhere.")

    @classmethod
    def exchanged(cls, found: ExchangedKey | None) -> Self:
        if found is None:
            return cls(active=False)
        told = ApiKeyIntrospection.of(found.known)
        return cls(
            **told.model_dump(),
            access_token=found.tokens.access_token,
            expires_in=int(found.tokens.life.total_seconds()),
            networks=list(found.known.client.networks),
        )
