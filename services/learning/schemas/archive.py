from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.learning.domain.archive import (
    Archive,
    CourseStanding,
    DoneHomework,
    Given,
    Kind,
    Known,
    Snapshot,
    Totals,
)
from services.learning.schemas.texts import Line, Prose

TermName = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[12]$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GiveAward(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "校运动会女子60米第一名",
                    "text": "2026年秋季校运动会，成绩9秒2。",
                    "day": "2026-10-16",
                }
            ]
        }
    )

    title: Line
    text: Prose
    day: date | None = Field(None, description="In China, not after today; by default today.")


class GiveRemark(_Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "本学期课堂发言积极，计算更加细心。"}]}
    )

    text: Prose


class TakeSnapshot(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"term": "2026-1"}]})

    term: TermName = Field(
        description="The autumn (1) or spring (2) term of the school year that begins then."
    )


class EntryView(BaseModel):
    """An award or a remark."""

    id: UUID
    kind: Kind
    title: str | None = Field(description="An award's.")
    text: str
    day: date
    organisation: str | None = Field(description="Its path.")
    organisation_name: str | None
    author: str | None = Field(description="Id; null after the author was erased.")
    created_at: datetime

    @classmethod
    def of(cls, given: Given) -> Self:
        entry = given.entry
        return cls(
            id=entry.id,
            kind=entry.kind,
            title=entry.title,
            text=entry.text,
            day=entry.day,
            organisation=given.path,
            organisation_name=given.organisation,
            author=entry.author,
            created_at=entry.created_at,
        )


class CourseView(BaseModel):
    id: UUID
    title: str
    starts_on: date | None
    ends_on: date | None
    required: int
    done: int
    completed: bool

    @classmethod
    def of(cls, standing: CourseStanding) -> Self:
        course = standing.course
        told = {name: getattr(course, name) for name in ("id", "title", "starts_on", "ends_on")}
        return cls(**told, **standing.completion._asdict())


class HomeworkView(BaseModel):
    assignment_id: UUID
    title: str
    subject: str = Field(description="Code.")
    handed_in_at: datetime
    late: bool
    score: float | None = Field(description="Null until it is published.")
    points: float = Field(description="What all of it is worth.")

    @classmethod
    def of(cls, done: DoneHomework) -> Self:
        return cls(**done._asdict())


class TotalsView(BaseModel):
    """In sum."""

    activities: int
    completed: int
    passed: int
    statements: int
    duration_ms: int

    @classmethod
    def of(cls, totals: Totals) -> Self:
        return cls(**totals._asdict())


class KnownView(BaseModel):
    """How likely a knowledge point is mastered, 0 to 1."""

    subject: str
    code: str
    tries: int
    estimate: float

    @classmethod
    def of(cls, known: Known) -> Self:
        return cls(**known._asdict())


class SnapshotView(BaseModel):
    """How far the learner was then: totals, ``courses`` and ``mastery`` as an archive has them."""

    term: str
    taken_at: datetime
    content: dict[str, Any]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        return cls(term=str(snapshot.term), taken_at=snapshot.taken_at, content=snapshot.content)


class ArchiveView(BaseModel):
    """The latest first."""

    person: str = Field(description="Id.")
    at: datetime
    totals: TotalsView
    courses: list[CourseView]
    homework: list[HomeworkView]
    entries: list[EntryView]
    snapshots: list[SnapshotView]
    mastery: list[KnownView]
    estimator: int = Field(description="The version of how mastery is estimated.")

    @classmethod
    def of(cls, archive: Archive) -> Self:
        standing = archive.standing
        return cls(
            person=archive.person,
            at=archive.at,
            totals=TotalsView.of(standing.totals),
            courses=[CourseView.of(each) for each in standing.courses],
            homework=[HomeworkView.of(each) for each in archive.homework],
            entries=[EntryView.of(each) for each in archive.entries],
            snapshots=[SnapshotView.of(each) for each in archive.snapshots],
            mastery=[KnownView.of(each) for each in standing.mastery],
            estimator=standing.estimator,
        )
