from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.learning.application.allowed_applications import SeenApplication
from services.learning.domain.allowed_applications import (
    NUMBER_PATTERN,
    Action,
    AllowedApplication,
    Category,
    Level,
    State,
    record_number,
)
from services.learning.schemas.texts import Line

Url = Annotated[str, Field(max_length=500, pattern=r"^https://[!-~]+$", examples=["https://a.cn"])]
RecordNumber = Annotated[
    str,
    AfterValidator(record_number),
    Field(max_length=50, json_schema_extra={"pattern": NUMBER_PATTERN}),
]
Levels = Annotated[list[Level], Field(min_length=1, max_length=len(Level))]
Categories = Annotated[list[Category], Field(min_length=1, max_length=len(Category))]


def _told(model: BaseModel) -> dict[str, Any]:
    """What was said, each level and category once, in the order of their lists."""
    fields = {name: getattr(model, name) for name in type(model).model_fields}
    for name, kind in (("levels", Level), ("categories", Category)):
        if fields[name] is not None:
            fields[name] = tuple(each for each in kind if each in fields[name])
    return fields


class AllowApplication(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "record_number": "教APP备3300088号",
                    "name": "一起读书",
                    "developer": "某某教育科技有限公司",
                    "url": "https://reading.example.cn/",
                    "levels": ["primary", "junior"],
                    "categories": ["reading"],
                }
            ]
        },
    )

    record_number: RecordNumber = Field(description="Of the official record (备案号).")
    name: Line
    developer: Line
    url: Url
    levels: Levels
    categories: Categories

    @property
    def told(self) -> dict[str, Any]:
        return _told(self)


class ChangeAllowedApplication(BaseModel):
    """What is absent stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"levels": ["primary"]}]}
    )

    name: Line | None = None
    developer: Line | None = None
    url: Url | None = None
    levels: Levels | None = None
    categories: Categories | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("Leave out what stays: null is nothing.", "不修改的项请省略。")
        return self

    @property
    def fields(self) -> dict[str, Any]:
        return {name: value for name, value in _told(self).items() if value is not None}


class AllowedApplicationView(BaseModel):
    id: UUID
    organisation: str = Field(description="Path of the one that allowed it: this, or one above.")
    record_number: str
    name: str
    developer: str
    url: str
    levels: list[Level]
    categories: list[Category]
    state: State = Field(description="By the organisation that allowed it.")
    allowed: bool = Field(
        description="Whether it may be used in this space: it is allowed, and no organisation at or"
        " above the space suspended or withdrew that record number."
    )
    actions: list[Action] = Field(description="What the caller may do to it now, in this space.")
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, application: AllowedApplication) -> Self:
        return cls.seen(SeenApplication(application, managed=True))

    @classmethod
    def seen(cls, found: SeenApplication) -> Self:
        application = found.application
        names = set(AllowedApplication.__slots__) - {"organisation_path", "held"}
        return cls(
            **{name: getattr(application, name) for name in names},
            organisation=application.organisation_path,
            allowed=application.allowed,
            actions=application.actions if found.managed else [],
        )
