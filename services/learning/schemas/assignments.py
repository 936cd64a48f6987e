from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.learning.application.assignments_access import Sight
from services.learning.application.assignments_ports import AssignedClass
from services.learning.domain.assignments import (
    MOST_CLASSES,
    Action,
    Assignment,
    Item,
    Plan,
    State,
)
from services.learning.domain.assignments_load import DayLoad, LoadLevel
from services.learning.schemas.assignments_items import Items, ItemView, Request
from services.learning.schemas.texts import Line, MaybeProse, OrganisationName


def _in_our_time(at: datetime) -> datetime:
    if not datetime(2000, 1, 1, tzinfo=UTC) <= at < datetime(2200, 1, 1, tzinfo=UTC):
        raise ValueError("Choose a moment from 2000 to 2199.", "请填写 2000 至 2199 年之间的时间。")
    return at


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
Subject = Annotated[
    str,
    Field(
        pattern=r"^L?[1-9][0-9]{1,3}$",
        description="Code of a school subject: one of ZXXKC, or a local one after L.",
        examples=["14"],
    ),
]
Minutes = Annotated[int, Field(ge=1, le=600, description="That it should take.")]
Percent = Annotated[int, Field(ge=0, le=100)]
Attempts = Annotated[int, Field(ge=1, le=20, description="How often one may hand in.")]


class CreateAssignment(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "分数的初步认识（课后练习）",
                    "instructions": "独立完成，第四题拍照上传。",
                    "organisation": "S-0126-F4TN-R",
                    "subject": "14",
                    "minutes": 20,
                    "due_at": "2026-11-27T20:00:00+08:00",
                    "late_until": "2026-11-29T20:00:00+08:00",
                    "late_deduction": 20,
                    "attempts": 2,
                    "items": [
                        {
                            "kind": "choice",
                            "prompt": "二分之一写作？",
                            "points": 2,
                            "options": ["1/2", "2/1"],
                            "correct": [0],
                        },
                        {
                            "kind": "cloze",
                            "prompt": "三个四分之一是 ____。",
                            "points": 2,
                            "gaps": [["3/4", "四分之三"]],
                        },
                        {
                            "kind": "text",
                            "prompt": "为什么 1/2 大于 1/3？",
                            "points": 4,
                            "model": "分成的份数越少，每份越大。",
                            "rubric": [
                                {"title": "说理", "points": 3},
                                {"title": "表达", "points": 1},
                            ],
                        },
                        {"kind": "file", "prompt": "画图表示 3/4。", "points": 2, "most": 2},
                    ],
                }
            ]
        }
    )

    title: Line
    instructions: MaybeProse = ""
    organisation: OrganisationName
    subject: Subject
    minutes: Minutes
    due_at: Moment = Field(description="The last instant in time.")
    late_until: Moment | None = Field(None, description="None: nothing is taken in late.")
    late_deduction: Percent = 0
    attempts: Attempts = 1
    items: Items = Field([])

    def plan(self) -> Plan:
        """Raises `DeadlinesRefused`."""
        return Plan(**{name: getattr(self, name) for name in Plan.__slots__})

    def contents(self) -> list[Item]:
        return [each.item() for each in self.items]


class ChangeAssignment(Request):
    """What is absent stays. Of assigned homework the deadlines alone change, and move away."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"due_at": "2199-11-28T20:00:00+08:00"}]}
    )

    title: Line | None = None
    instructions: MaybeProse | None = None
    subject: Subject | None = None
    minutes: Minutes | None = None
    due_at: Moment | None = None
    late_until: Moment | None = None
    late_deduction: Percent | None = None
    attempts: Attempts | None = None
    items: Items | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = self.model_fields_set - {"late_until"}
        if any(getattr(self, name) is None for name in needed):
            raise ValueError("Only `late_until` can be null.", "只有 late_until 可以为 null。")
        return self

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set - {"items"}}

    def contents(self) -> list[Item] | None:
        return None if self.items is None else [each.item() for each in self.items]


class AssignHomework(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"classes": ["K-0126-F4TN-R"]}]})

    classes: Annotated[list[OrganisationName], Field(min_length=1, max_length=MOST_CLASSES)]


class AssignmentSummary(BaseModel):
    id: UUID
    owner: str | None
    organisation: str = Field(description="Path of the organisation.")
    state: State
    title: str
    subject: str
    minutes: int
    points: float
    item_count: int
    due_at: datetime
    late_until: datetime | None
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, assignment: Assignment) -> Self:
        return cls(**_summary(assignment))


class AssignmentClass(BaseModel):
    organisation_id: UUID
    organisation: str = Field(description="Path of the class.")
    name: str


class AssignmentView(AssignmentSummary):
    instructions: str
    late_deduction: int = Field(description="Per cent.")
    attempts: int
    items: list[ItemView]
    classes: list[AssignmentClass] | None = Field(
        description="To which it is assigned; null in the answer to a change."
    )
    actions: list[Action] = Field(description="What the caller may do to it now.")
    created_at: datetime
    assigned_at: datetime | None

    @classmethod
    def of(cls, assignment: Assignment) -> Self:
        return cls._shown(Sight(assignment, staff=True, manager=True, takers=()), None)

    @classmethod
    def seen(cls, found: tuple[Sight, Sequence[AssignedClass]]) -> Self:
        sight, classes = found
        told = [
            AssignmentClass(
                organisation_id=each.organisation_id, organisation=each.path, name=each.name
            )
            for each in classes
        ]
        return cls._shown(sight, told)

    @classmethod
    def _shown(cls, sight: Sight, classes: list[AssignmentClass] | None) -> Self:
        assignment, plan = sight.assignment, sight.assignment.plan
        return cls(
            **_summary(assignment),
            instructions=plan.instructions,
            late_deduction=plan.late_deduction,
            attempts=plan.attempts,
            items=[ItemView.of(each, solved=sight.staff) for each in assignment.items],
            classes=classes,
            actions=assignment.actions if sight.manager else [],
            created_at=assignment.created_at,
            assigned_at=assignment.assigned_at,
        )


def _summary(assignment: Assignment) -> dict[str, Any]:
    plan = assignment.plan
    return {
        "id": assignment.id,
        "owner": assignment.owner,
        "organisation": assignment.organisation_path,
        "state": assignment.state,
        "title": plan.title,
        "subject": plan.subject,
        "minutes": plan.minutes,
        "points": assignment.points,
        "item_count": len(assignment.items),
        "due_at": plan.due_at,
        "late_until": plan.late_until,
        "version": assignment.version,
        "updated_at": assignment.updated_at,
    }


class SubjectLoadView(BaseModel):
    subject: str
    assignments: int
    minutes: int


class DayLoadView(BaseModel):
    day: date
    minutes: int
    level: LoadLevel = Field(
        description="HIGH: more than 60 minutes, which primary schools may give;"
        " EXCESSIVE: more than 90, which any may."
    )
    subjects: list[SubjectLoadView]

    @classmethod
    def of(cls, load: DayLoad) -> Self:
        return cls(
            day=load.day,
            minutes=load.minutes,
            level=load.level,
            subjects=[
                SubjectLoadView(
                    subject=each.subject, assignments=each.assignments, minutes=each.minutes
                )
                for each in load.subjects
            ],
        )


class HomeworkLoad(BaseModel):
    """The days on which something is due."""

    items: list[DayLoadView]

    @classmethod
    def of(cls, days: Sequence[DayLoad]) -> Self:
        return cls(items=[DayLoadView.of(each) for each in days])
