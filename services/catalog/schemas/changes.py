from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.catalog.domain.changes import Change, Kind


class ChangeView(BaseModel):
    """One change; read the resource for the rest."""

    kind: Kind = Field(
        description="`changed`: the same version is shown otherwise, as with another organisation."
    )
    resource_id: UUID
    code: str
    version: int | None = Field(description="Everybody may read it from then on; null: none.")
    at: datetime

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(
            kind=change.kind,
            resource_id=change.resource_id,
            code=change.code,
            version=change.version,
            at=change.at,
        )


class ChangePage(BaseModel):
    """Changes in order. Fewer than were asked for, or none, is the end as of now."""

    items: list[ChangeView]
    next: str = Field(
        description="Asks for what follows, at the end for what is yet to come: keep it, and go on"
        " from it for ever."
    )
