from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.identity.application.grants import NewGrant
from services.identity.domain.grants import RoleGrant
from services.identity.schemas.people import Instant, Request
from shared.access import Role

SchoolSubject = Annotated[
    str,
    Field(
        pattern=r"^L?[1-9][0-9]{1,3}$",
        description="Code of a school subject: one of ZXXKC, or a local one after L.",
        examples=["14"],
    ),
]


class GrantRole(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "019aa1c7-44b0-7c19-9e5d-31a6f2807c9e",
                    "role": "teacher",
                    "organisation_id": "019aa1c4-7b52-7d3e-8f10-5c2b9e4d6a71",
                    "subject": "14",
                }
            ]
        }
    )

    person_id: UUID
    role: Role
    organisation_id: UUID
    subject: SchoolSubject | None = Field(None, description="All subjects, unless given.")
    valid_from: Instant | None = Field(None, description="Now, unless given.")
    valid_until: Instant | None = Field(None, description="The instant at which it ends.")

    @property
    def wanted(self) -> NewGrant:
        return NewGrant(
            self.person_id,
            self.role,
            self.organisation_id,
            self.subject,
            self.valid_from,
            self.valid_until,
        )


class RoleGrantView(BaseModel):
    """It holds at the organisation at ``path`` and below, until before ``valid_until``."""

    id: UUID
    person_id: UUID
    role: Role
    organisation_id: UUID
    path: str
    subject: str | None
    valid_from: datetime
    valid_until: datetime | None
    granted_by: str = Field(description="Id of the person or client who gave it.")

    @classmethod
    def of(cls, grant: RoleGrant) -> Self:
        return cls(
            id=grant.id,
            person_id=grant.person_id,
            role=Role(grant.role),
            organisation_id=grant.organisation_id,
            path=grant.path,
            subject=grant.subject,
            valid_from=grant.valid_from,
            valid_until=grant.valid_until,
            granted_by=grant.granted_by,
        )
