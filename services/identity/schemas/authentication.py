from datetime import datetime
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.identity.application.invitations import IssuedInvitation
from services.identity.application.sessions import Session


class SessionView(BaseModel):
    """Where you are signed in. ``device`` names browser and system."""

    id: UUID
    device: str = Field(examples=["Chrome · Windows"])
    amr: list[str] = Field(description="How you proved who you are (RFC 8176).")
    acr: str = Field(description="One factor or two.", examples=["urn:shuyuan:acr:2"])
    authenticated_at: datetime
    seen_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls(
            id=session.id,
            device=session.device,
            amr=list(session.amr),
            acr=session.acr,
            authenticated_at=session.authenticated_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
        )


class IssueInvitation(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"removes_factors": True}]})

    removes_factors: bool = Field(
        False, description="Whether second factors go when the invitation is used."
    )


class InvitationView(BaseModel):
    """An invitation to set a password. ``address`` is told this once: hand it to nobody else."""

    id: UUID
    address: str | None = Field(
        description="Null in the answer to a repeated request: invite again.",
        examples=["https://id.example.cn/identity/activate?token=…"],
    )
    expires_at: datetime

    @classmethod
    def issued(cls, issued: IssuedInvitation, issuer: str) -> Self:
        token = issued.token
        return cls(
            id=issued.invitation.id,
            address=token and f"{issuer}/activate?{urlencode({'token': token})}",
            expires_at=issued.invitation.expires_at,
        )
