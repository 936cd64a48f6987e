from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.application.metadata import Words
from services.catalog.application.policies_conflicts import Conflict
from services.catalog.schemas.policies import Person
from services.catalog.schemas.resources import OrganisationName

Reason = Annotated[Words, Field(max_length=1000)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OwnConflicts(_Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": ["019aa1c7-44b0-7c19-9e5d-31a6f2807c9e"]}]}
    )

    items: list[Person] = Field(max_length=200, description="Ids of persons. 回避对象。")


class DeclareConflict(_Request):
    """Of a reviewer, at the organisation and those below."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "organisation": "S-0126-F4TN-R",
                    "reviewer": "019aa1c7-44b0-7c19-9e5d-31a6f2807c9e",
                    "maker": "019aa1d3-6b0c-7e94-a8f2-1c5d7b39e604",
                    "words": "两人系夫妻。",
                }
            ]
        }
    )

    organisation: OrganisationName
    reviewer: Person
    maker: Person = Field(description="Whose work the reviewer does not judge. 回避对象。")
    words: Reason = Field(description="Why. 回避事由。", examples=["两人系夫妻。"])


class LiftConflict(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"words": "已核实无关。"}]})

    words: Reason = Field(description="Why. 解除事由。")


class ConflictView(BaseModel):
    """``organisation`` null: the reviewer declared it, and it counts everywhere. ``lifted_at``
    null: it is in force."""

    id: UUID
    reviewer: str
    maker: str
    organisation: str | None
    words: str
    declared_by: str
    declared_at: datetime
    lifted_words: str | None
    lifted_by: str | None
    lifted_at: datetime | None

    @classmethod
    def of(cls, conflict: Conflict) -> Self:
        lifted = conflict.lifted
        return cls(
            id=conflict.id,
            reviewer=conflict.reviewer,
            maker=conflict.maker,
            organisation=conflict.path,
            words=conflict.words,
            declared_by=conflict.declared_by,
            declared_at=conflict.declared_at,
            lifted_words=lifted and lifted.words,
            lifted_by=lifted and lifted.by,
            lifted_at=lifted and lifted.at,
        )
