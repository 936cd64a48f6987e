from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.learning.application.spaces import Entry, Shown
from services.learning.domain.directory import Member
from services.learning.domain.references import Availability, Reference
from services.learning.domain.spaces import MOST_RESOURCES, Announcement, Kind, Pick, Space
from services.learning.schemas.texts import Line, MaybeProse, Prose, VersionNumber
from shared.access import Role


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Described(BaseModel):
    id: UUID
    kind: Kind
    name: str
    organisation: str | None = Field(description="Its path; null: a person's.")
    roles: list[Role] = Field(description="What a personal space is there for.")


class SpaceSummary(_Described):
    """``id`` is that of the person or of the organisation whose space it is."""

    @classmethod
    def of(cls, space: Space) -> Self:
        return cls(**_summary(space))


class SpaceView(_Described):
    """``id`` is that of the person or of the organisation whose space it is."""

    introduction: str
    editable: bool = Field(description="Whether the caller may change it.")
    version: int = Field(description="Of what was written there; 0: nothing was.")
    updated_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        return cls(
            **_summary(shown.space),
            introduction=shown.page.introduction,
            editable=shown.editable,
            version=shown.page.version,
            updated_at=shown.page.updated_at,
        )


def _summary(space: Space) -> dict[str, Any]:
    return {
        "id": space.id,
        "kind": space.kind,
        "name": space.name,
        "organisation": space.path,
        "roles": sorted(space.roles),
    }


class ChangeSpace(_Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"introduction": "三年级二班，班主任：王老师。"}]}
    )

    introduction: MaybeProse


class PickedResource(_Request):
    resource_id: UUID
    version: VersionNumber | None = Field(
        None, description="That very version; none follows the live one."
    )
    title: Line = Field(description="What it is called here.")
    note: Prose | None = None

    def pick(self) -> Pick:
        return Pick(Reference(self.resource_id, self.version), self.title, self.note)


class ArrangeSpace(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "resources": [
                        {
                            "resource_id": "019aa1d1-77e5-7ab0-8d31-52f9c6b40e7a",
                            "version": 1,
                            "title": "分数的初步认识",
                            "note": "预习用。",
                        }
                    ]
                }
            ]
        }
    )

    resources: Annotated[list[PickedResource], Field(max_length=MOST_RESOURCES)]


class SpaceResource(BaseModel):
    """``version`` is the one it is pinned to; null follows ``live_version``."""

    position: int
    resource_id: UUID
    version: int | None
    title: str
    note: str | None
    availability: Availability
    live_version: int | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        pick = entry.pick
        return cls(
            position=entry.position,
            resource_id=pick.reference.resource_id,
            version=pick.reference.number,
            title=pick.title,
            note=pick.note,
            availability=entry.outlook.availability,
            live_version=entry.outlook.live,
        )


class MemberView(BaseModel):
    person: str = Field(description="Id.")
    organisation: str | None = Field(description="Where, as a path; null in a personal space.")
    kind: str = Field(description="student, staff or other; owner or guardian.")

    @classmethod
    def of(cls, member: Member) -> Self:
        return cls(person=member.person, organisation=member.path or None, kind=member.kind)


class Announce(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "秋季运动会",
                    "text": "本周五下午两点在操场集合，请穿运动鞋。",
                    "pinned": True,
                }
            ]
        }
    )

    title: Line
    text: Prose
    pinned: bool = False


class ChangeAnnouncement(_Request):
    """What is absent stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pinned": False}]})

    title: Line | None = None
    text: Prose | None = None
    pinned: bool | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("Leave out what stays: null is nothing.", "不修改的项请省略。")
        return self

    @property
    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class AnnouncementView(BaseModel):
    id: UUID
    space_id: UUID
    title: str
    text: str
    pinned: bool
    author: str | None = Field(description="Id; null after the author was erased.")
    version: int
    published_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, announcement: Announcement) -> Self:
        names = Announcement.__slots__
        return cls(**{name: getattr(announcement, name) for name in names})
