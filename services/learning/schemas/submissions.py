from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.learning.application.marking import Told
from services.learning.application.submissions import Address, Announced
from services.learning.application.submissions_access import Shown
from services.learning.domain.assignments import MOST_FILES, MOST_ITEMS, Answer
from services.learning.domain.marking import GivenMark, Mark
from services.learning.domain.submissions import Action, Attempt, State, Submission
from services.learning.schemas.assignments import Moment
from services.learning.schemas.assignments_items import ItemView, Points, Request
from services.learning.schemas.texts import Line, MaybeProse, Word

LARGEST_FILE_BYTES = 200 << 20

Place = Annotated[
    int, Field(ge=0, lt=MOST_ITEMS, description="Of the item in the homework, from 0.")
]


class AnnounceFile(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "item": 3,
                    "name": "画图.jpg",
                    "length": 482133,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                }
            ]
        }
    )

    item: Place
    name: Line
    length: int = Field(ge=1, le=LARGEST_FILE_BYTES, description="In bytes.")
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="In hex.")]

    def announced(self) -> Announced:
        return Announced(self.item, self.name, self.length, self.sha256)


class FileAddress(BaseModel):
    """Send the file with one PUT to ``url`` before ``expires_at``, then hand in its ``file_id``.
    The address takes those very bytes alone."""

    file_id: UUID
    url: str
    expires_at: datetime

    @classmethod
    def of(cls, address: Address) -> Self:
        return cls(file_id=address.file.id, url=address.url, expires_at=address.expires_at)


class GivenAnswer(Request):
    """With the one member that fits the kind of the item."""

    item: Place
    choices: (
        Annotated[
            list[Annotated[int, Field(ge=0, le=25)]],
            Field(max_length=26, description="Places of the options, from 0."),
        ]
        | None
    ) = None
    gaps: Annotated[list[Word], Field(max_length=50)] | None = None
    text: MaybeProse | None = None
    files: Annotated[list[UUID], Field(max_length=MOST_FILES)] | None = None

    def answer(self) -> Answer:
        return Answer(
            item=self.item,
            choices=None if self.choices is None else tuple(sorted(self.choices)),
            gaps=None if self.gaps is None else tuple(self.gaps),
            text=self.text,
            files=None if self.files is None else tuple(self.files),
        )

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls.model_validate(answer._asdict())


class HandIn(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "assignment_id": "019aa1d1-77e5-7ab0-8d31-52f9c6b40e7a",
                    "answers": [
                        {"item": 0, "choices": [0]},
                        {"item": 1, "gaps": ["3/4"]},
                        {"item": 2, "text": "分成两份，每份比分成三份大。"},
                    ],
                }
            ]
        }
    )

    assignment_id: UUID
    answers: Annotated[
        list[GivenAnswer],
        Field(max_length=MOST_ITEMS, description="Items that are left out have no answer."),
    ]

    def given(self) -> list[Answer]:
        return [each.answer() for each in self.answers]


class ItemMark(Request):
    """``points`` may be left out where ``criteria`` has those of each line of the rubric."""

    item: Place
    points: Points | None = None
    criteria: list[Points] = Field([], max_length=20)
    comment: MaybeProse = ""

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if self.points is None and not self.criteria:
            raise ValueError("Give points or criteria.", "请填写得分或各评分项得分。")
        return self

    def given(self) -> GivenMark:
        points = sum(self.criteria) if self.points is None else self.points
        return GivenMark(self.item, Mark(points, tuple(self.criteria), self.comment))


class MarkSubmission(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "marks": [
                        {"item": 2, "criteria": [2.5, 1], "comment": "再举一个例子。"},
                        {"item": 3, "points": 2},
                    ],
                    "feedback": "思路清楚。",
                }
            ]
        }
    )

    marks: Annotated[
        list[ItemMark],
        Field(max_length=MOST_ITEMS, description="Items that have a mark may be left out."),
    ]
    feedback: MaybeProse = ""

    def given(self) -> list[GivenMark]:
        return [each.given() for each in self.marks]


class ReturnSubmission(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"feedback": "请订正第三题。", "again_until": "2199-11-30T20:00:00+08:00"}]
        }
    )

    feedback: MaybeProse = ""
    again_until: Moment | None = Field(
        None,
        description="Until then it may be handed in once more, whatever the deadline and the"
        " attempts; null: by the homework's own rules.",
    )


class MarkView(BaseModel):
    points: float
    criteria: list[float]
    comment: str


class SubmissionSummary(BaseModel):
    id: UUID
    assignment_id: UUID
    person: str
    organisation: str = Field(description="Path of the class.")
    state: State
    attempt: int
    late: bool
    handed_in_at: datetime
    score: float | None = Field(description="Null until it is marked and, to pupils, published.")
    version: int

    @classmethod
    def listed(cls, submission: Submission, *, staff: bool) -> Self:
        return cls(**_summary(submission, staff=staff))


class SubmissionView(SubmissionSummary):
    points: float = Field(description="What all of it is worth.")
    answers: list[GivenAnswer]
    marks: list[MarkView | None] | None = Field(description="By item; null until published.")
    feedback: str | None
    again_until: datetime | None
    items: list[ItemView]
    actions: list[Action] = Field(description="What the caller may do to it now.")

    @classmethod
    def of(cls, shown: Shown) -> Self:
        submission, told = shown.submission, shown.staff or shown.submission.told
        return cls(
            **_summary(submission, staff=shown.staff),
            points=shown.assignment.points,
            answers=[GivenAnswer.of(each) for each in submission.answers],
            marks=_marks(submission.marks) if told else None,
            feedback=submission.feedback if told else None,
            again_until=submission.again_until,
            items=[ItemView.of(each, solved=shown.solved) for each in shown.assignment.items],
            actions=shown.actions,
        )


class AttemptView(BaseModel):
    """One hand-in. Of the last, the submission tells marks and feedback."""

    attempt: int
    handed_in_at: datetime
    late: bool
    answers: list[GivenAnswer]
    marks: list[MarkView | None] | None = Field(
        description="By item, as they were given before it was handed in again; to pupils, if they"
        " were published by then; else null."
    )
    feedback: str | None
    score: float | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(
            attempt=attempt.number,
            handed_in_at=attempt.handed_in_at,
            late=attempt.late,
            answers=[GivenAnswer.of(each) for each in attempt.answers],
            marks=None if attempt.marks is None else _marks(attempt.marks),
            feedback=attempt.feedback,
            score=attempt.score,
        )


class Attempts(BaseModel):
    items: list[AttemptView] = Field(description="The first first.")

    @classmethod
    def of(cls, attempts: Sequence[Attempt]) -> Self:
        return cls(items=[AttemptView.of(each) for each in attempts])


def _marks(marks: Sequence[Mark | None]) -> list[MarkView | None]:
    return [each and MarkView.model_validate(each._asdict()) for each in marks]


def _summary(submission: Submission, *, staff: bool) -> dict[str, Any]:
    return {
        "id": submission.id,
        "assignment_id": submission.assignment_id,
        "person": submission.person,
        "organisation": submission.class_path,
        "state": submission.state,
        "attempt": submission.attempt,
        "late": submission.late,
        "handed_in_at": submission.handed_in_at,
        "score": submission.score if staff or submission.told else None,
        "version": submission.version,
    }


class MarksTold(BaseModel):
    published: int = Field(description="So many pupils see their marks now.")
    unmarked: int = Field(description="So many wait for marks.")

    @classmethod
    def of(cls, told: Told) -> Self:
        return cls(**told._asdict())
