from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.learning.application.courses_access import Standpoint
from services.learning.application.courses_ports import Ancestor
from services.learning.application.courses_views import ShownItem, ShownSection
from services.learning.domain.courses import (
    MOST_ITEMS,
    MOST_SECTIONS,
    Action,
    Completion,
    CompletionRule,
    Course,
    Enrolment,
    Item,
    Plan,
    Section,
    State,
)
from services.learning.domain.references import Availability
from services.learning.schemas.texts import Line, MaybeProse, OrganisationName, VersionNumber
from shared.instants import Instant


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CompletionTerms(_Request):
    """When somebody has completed the course."""

    share: int = Field(
        100, ge=1, le=100, description="Per cent of the required resources that are to be done."
    )
    passing: bool = Field(False, description="Whether done means passed.")

    def rule(self) -> CompletionRule:
        return CompletionRule(self.share, self.passing)

    @classmethod
    def of(cls, rule: CompletionRule) -> Self:
        return cls(share=rule.share, passing=rule.passing)


class CreateCourse(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "分数的初步认识",
                    "introduction": "三年级上册第八单元。",
                    "organisation": "S-0126-F4TN-R",
                    "starts_on": "2026-11-23",
                    "ends_on": "2026-12-11",
                    "completion": {"share": 80, "passing": False},
                }
            ]
        }
    )

    title: Line
    introduction: MaybeProse = ""
    organisation: OrganisationName
    starts_on: date | None = Field(
        None, description="The first day. When its resources are seen, the sections say."
    )
    ends_on: date | None = Field(None, description="The last day.")
    completion: CompletionTerms = CompletionTerms()

    def plan(self) -> Plan:
        """Raises `DatesRefused`."""
        return Plan(
            title=self.title,
            introduction=self.introduction,
            starts_on=self.starts_on,
            ends_on=self.ends_on,
            completion=self.completion.rule(),
        )


class ChangeCourse(_Request):
    """What is absent stays; a day of null is removed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "分数的初步认识（复习）", "ends_on": None}]}
    )

    title: Line | None = None
    introduction: MaybeProse | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    completion: CompletionTerms | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = self.model_fields_set - {"starts_on", "ends_on"}
        if any(getattr(self, name) is None for name in needed):
            raise ValueError("Only days can be null.", "只有日期可以为 null。")
        return self

    def changed(self, plan: Plan) -> Plan:
        """Raises `DatesRefused`."""
        told = {name: getattr(self, name) for name in self.model_fields_set}
        if self.completion is not None:
            told["completion"] = self.completion.rule()
        return replace(plan, **told)


class CopyCourse(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"title": "分数的初步认识（二班）", "organisation": "S-0126-F4TN-R"}]
        }
    )

    title: Line | None = Field(None, description="None: that of the origin.")
    organisation: OrganisationName


class PlacedResource(_Request):
    resource_id: UUID
    version: VersionNumber = Field(description="It is pinned to it.")
    title: Line = Field(description="What it is called in the course.")
    required: bool = Field(True, description="Whether completing the course takes it.")

    def item(self) -> Item:
        return Item(self.resource_id, self.version, self.title, self.required)


class PlannedSection(_Request):
    title: Line
    opens_at: Instant | None = Field(None, description="None: from the beginning.")
    closes_at: Instant | None = Field(None, description="None: never.")
    items: Annotated[list[PlacedResource], Field(max_length=MOST_ITEMS)]

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if self.opens_at and self.closes_at and self.closes_at <= self.opens_at:
            raise ValueError("A section closes after it opens.", "章节的关闭时间应晚于开放时间。")
        return self

    def section(self) -> Section:
        return Section(
            self.title, self.opens_at, self.closes_at, [each.item() for each in self.items]
        )


class ArrangeCourse(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sections": [
                        {
                            "title": "第一课时",
                            "opens_at": "2026-11-23T08:00:00+08:00",
                            "items": [
                                {
                                    "resource_id": "019aa1d1-77e5-7ab0-8d31-52f9c6b40e7a",
                                    "version": 1,
                                    "title": "导入视频",
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    )

    sections: Annotated[list[PlannedSection], Field(max_length=MOST_SECTIONS)]

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if sum(len(each.items) for each in self.sections) > MOST_ITEMS:
            raise ValueError(
                f"A course has {MOST_ITEMS} resources at most.", f"课程最多 {MOST_ITEMS} 个资源。"
            )
        return self

    def outline(self) -> list[Section]:
        return [each.section() for each in self.sections]


class EnrolClass(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"organisation": "K-0126-F4TN-R"}]})

    organisation: OrganisationName


class CourseOrigin(BaseModel):
    course_id: UUID
    version: int = Field(description="Of the origin, when the copy was made.")


class CourseSummary(BaseModel):
    id: UUID
    owner: str | None = Field(description="Id; null after the owner was erased.")
    organisation: str = Field(description="Its path.")
    state: State
    title: str
    starts_on: date | None
    ends_on: date | None
    item_count: int
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, course: Course) -> Self:
        return cls(**_summary(course))


class CourseView(CourseSummary):
    introduction: str
    completion: CompletionTerms
    derived_from: CourseOrigin | None
    standpoint: Standpoint = Field(description="From where the caller sees it.")
    actions: list[Action] = Field(description="What the caller may do to it now.")
    created_at: datetime

    @classmethod
    def of(cls, course: Course, standpoint: Standpoint = Standpoint.MANAGER) -> Self:
        origin = course.origin
        return cls(
            **_summary(course),
            introduction=course.plan.introduction,
            completion=CompletionTerms.of(course.plan.completion),
            derived_from=origin and CourseOrigin.model_validate(origin._asdict()),
            standpoint=standpoint,
            actions=course.actions if standpoint is Standpoint.MANAGER else [],
            created_at=course.created_at,
        )


def _summary(course: Course) -> dict[str, Any]:
    return {
        "id": course.id,
        "owner": course.owner,
        "organisation": course.organisation_path,
        "state": course.state,
        "title": course.plan.title,
        "starts_on": course.plan.starts_on,
        "ends_on": course.plan.ends_on,
        "item_count": course.items,
        "version": course.version,
        "updated_at": course.updated_at,
    }


class CourseItem(BaseModel):
    """``version`` is the one it is pinned to, ``live_version`` what everybody reads now."""

    resource_id: UUID
    version: int
    title: str
    required: bool
    availability: Availability
    live_version: int | None

    @classmethod
    def of(cls, shown: ShownItem) -> Self:
        item = shown.item
        return cls(
            resource_id=item.resource_id,
            version=item.number,
            title=item.title,
            required=item.required,
            availability=shown.outlook.availability,
            live_version=shown.outlook.live,
        )


class CourseSection(BaseModel):
    title: str
    opens_at: datetime | None
    closes_at: datetime | None
    open: bool = Field(description="Whether learners may open it now.")
    items: list[CourseItem] | None = Field(description="Null while the caller may not open it.")

    @classmethod
    def of(cls, shown: ShownSection) -> Self:
        section = shown.section
        return cls(
            title=section.title,
            opens_at=section.opens_at,
            closes_at=section.closes_at,
            open=shown.open,
            items=None if shown.items is None else [CourseItem.of(each) for each in shown.items],
        )


class CourseContents(BaseModel):
    """All sections, in order."""

    sections: list[CourseSection]
    version: int = Field(description="Of the course.")

    @classmethod
    def of(cls, course: Course, sections: Sequence[ShownSection]) -> Self:
        return cls(sections=[CourseSection.of(each) for each in sections], version=course.version)


class EnrolmentView(BaseModel):
    organisation_id: UUID
    organisation: str = Field(description="Path of the class.")
    name: str
    enrolled_at: datetime

    @classmethod
    def of(cls, enrolment: Enrolment) -> Self:
        return cls(
            organisation_id=enrolment.organisation_id,
            organisation=enrolment.path,
            name=enrolment.name,
            enrolled_at=enrolment.enrolled_at,
        )


class CourseAncestor(CourseOrigin):
    available: bool = Field(description="Whether the caller may know it.")
    title: str | None
    present_version: int | None

    @classmethod
    def of(cls, ancestor: Ancestor) -> Self:
        course = ancestor.course
        return cls(
            **ancestor.origin._asdict(),
            available=course is not None,
            title=course and course.plan.title,
            present_version=course and course.version,
        )


class CourseLineage(BaseModel):
    """The origin first, then the origin of that."""

    items: list[CourseAncestor]

    @classmethod
    def of(cls, line: Sequence[Ancestor]) -> Self:
        return cls(items=[CourseAncestor.of(each) for each in line])


class CompletionView(BaseModel):
    required: int = Field(description="How many resources the course requires.")
    done: int = Field(description="How many of them are done.")
    completed: bool

    @classmethod
    def of(cls, completion: Completion) -> Self:
        return cls(**completion._asdict())
