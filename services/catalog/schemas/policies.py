from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.catalog.application.metadata import Code, Line
from services.catalog.application.policies import Absence, Experts, Group
from services.catalog.domain.policies import Kind, Policy, Step
from services.catalog.domain.reviews import Importance
from services.catalog.schemas.resources import OrganisationName

Name = Annotated[Line, Field(max_length=100)]
Person = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LevelGiven(_Request):
    """A level of a policy."""

    kind: Kind
    needed: int = Field(1, ge=1, le=15, description="So many opinions approve.")
    seats: int = Field(1, ge=1, le=15, description="So many may judge at once.")
    hours: int = Field(72, ge=1, le=2160, description="Until it escalates.")
    skippable: bool = Field(
        False, description="Passed over where nobody is known who may judge there."
    )

    def step(self) -> Step:
        return Step(self.kind, self.needed, self.seats, self.hours, self.skippable)


class PutPolicy(_Request):
    """Levels from the lowest up; those that a resource's place does not have fall away."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "levels": [
                        {"kind": "SCHOOL", "hours": 48},
                        {"kind": "COUNTY", "needed": 2, "seats": 3, "skippable": True},
                    ]
                }
            ]
        }
    )

    levels: Annotated[list[LevelGiven], Field(min_length=1, max_length=5)]
    mandatory: bool = Field(False, description="It prevails over policies of those below.")


class PolicyView(BaseModel):
    """``version`` 0: the catalogue's own, which nobody wrote."""

    organisation: str = Field(description="Where it was written.")
    resource_type: str | None
    importance: Importance
    levels: list[LevelGiven]
    mandatory: bool
    version: int
    updated_at: datetime | None

    @classmethod
    def of(cls, policy: Policy) -> Self:
        return cls(
            organisation=policy.path,
            resource_type=policy.resource_type,
            importance=policy.importance,
            levels=[LevelGiven(**each.record) for each in policy.steps],
            mandatory=policy.mandatory,
            version=policy.version,
            updated_at=policy.updated_at,
        )


class PutGroup(_Request):
    """An expert group; no stages or subjects: all."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "小学数学组",
                    "stages": ["primary"],
                    "subjects": ["14"],
                    "members": ["019aa1c7-44b0-7c19-9e5d-31a6f2807c9e"],
                }
            ]
        }
    )

    name: Name
    stages: list[Code] = Field([], max_length=20)
    subjects: list[Code] = Field([], max_length=50)
    members: list[Person] = Field(max_length=200, description="Ids of persons.")

    def experts(self) -> Experts:
        return Experts(self.name, self.stages, self.subjects, self.members)


class FoundGroup(PutGroup):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "小学数学组",
                    "stages": ["primary"],
                    "subjects": ["14"],
                    "members": ["019aa1c7-44b0-7c19-9e5d-31a6f2807c9e"],
                    "organisation": "S-0126-F4TN-R",
                }
            ]
        }
    )

    organisation: OrganisationName


class GroupView(BaseModel):
    id: UUID
    organisation: str
    name: str
    stages: list[str]
    subjects: list[str]
    members: list[str]
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, group: Group) -> Self:
        return cls(
            id=group.id,
            organisation=group.path,
            name=group.experts.name,
            stages=list(group.experts.stages),
            subjects=list(group.experts.subjects),
            members=list(group.experts.members),
            version=group.version,
            updated_at=group.updated_at,
        )


class Groups(BaseModel):
    items: list[GroupView]


class AbsenceGiven(_Request):
    """Both days inclusive."""

    from_date: date
    until_date: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until_date < self.from_date:
            raise ValueError("It ends before it begins.", "结束日期早于开始日期。")
        return self

    def absence(self) -> Absence:
        return Absence(self.from_date, self.until_date)


class Absences(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"from_date": "2026-12-01", "until_date": "2026-12-09"}]}]
        }
    )

    items: list[AbsenceGiven] = Field(max_length=50)

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len({each.from_date for each in self.items}) < len(self.items):
            raise ValueError("Two begin on one day.", "有两项开始于同一天。")
        return self
