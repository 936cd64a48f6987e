from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from services.identity.application.audit import Entry, is_id
from services.identity.application.audit_actions import ACTIONS
from services.identity.domain.people import CODE_PREFIX
from services.identity.schemas.organisations import short_code


def _person(text: str) -> str:
    if is_id(text):
        return str(UUID(text))
    return short_code(text, CODE_PREFIX)


PersonReference = Annotated[
    str,
    Field(
        description="Who did it, or to whom or to whose it was done: id or short code of a person,"
        " id of a client.",
        max_length=64,
        examples=["A-7K3M-9QXB-5"],
    ),
    AfterValidator(_person),
]


def _action(text: str) -> str:
    if text not in ACTIONS:
        known = ", ".join(sorted(ACTIONS))
        raise ValueError(f"Name one of: {known}.", f"可查询的操作有：{known}。")
    return text


ActionName = Annotated[
    str,
    Field(
        json_schema_extra={"enum": sorted(ACTIONS)},
        examples=["organisation.moved"],
    ),
    AfterValidator(_action),
]


class AuditEntry(BaseModel):
    """Who did what to which thing."""

    id: int
    at: datetime
    actor: str = Field(description="Id of a person or client; `system` for the service itself.")
    on_behalf_of: str | None
    client: str | None
    action: str = Field(examples=["organisation.moved"])
    target: str
    organisation: str | None = Field(description="Path of the organisation at the time.")
    before_digest: str | None = Field(description="SHA-256 of the state before, in hex.")
    after_digest: str | None
    request_id: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            on_behalf_of=entry.on_behalf_of,
            client=entry.client,
            action=entry.action,
            target=entry.target,
            organisation=entry.organisation,
            before_digest=entry.before_digest.hex() if entry.before_digest else None,
            after_digest=entry.after_digest.hex() if entry.after_digest else None,
            request_id=entry.request_id,
            facts=dict(entry.facts),
        )
