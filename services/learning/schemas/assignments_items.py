from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.learning.domain.assignments import (
    MOST_FILES,
    MOST_ITEMS,
    Choice,
    Cloze,
    Criterion,
    File,
    Item,
    Text,
)
from services.learning.schemas.texts import Line, MaybeProse, Prose

Points = Annotated[float, Field(ge=0, le=1000, multiple_of=0.5, strict=True)]
Worth = Annotated[float, Field(gt=0, le=1000, multiple_of=0.5, strict=True)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RubricLine(Request):
    title: Line
    points: Worth

    def criterion(self) -> Criterion:
        return Criterion(self.title, self.points)


Rubric = Annotated[
    list[RubricLine],
    Field(max_length=20, description="Nothing, or what adds up to the points of the item."),
]


class ChoiceItem(Request):
    kind: Literal["choice"]
    prompt: Prose
    points: Worth
    options: Annotated[list[Line], Field(min_length=2, max_length=26)]
    correct: Annotated[
        list[Annotated[int, Field(ge=0, le=25)]],
        Field(min_length=1, max_length=26, description="Places in `options`, from 0."),
    ]

    @model_validator(mode="after")
    def _is_among_the_options(self) -> Self:
        if max(self.correct) >= len(self.options):
            raise ValueError("`correct` names an option that is not.", "correct 所指的选项不存在。")
        return self

    def item(self) -> Item:
        return Choice(self.prompt, self.points, self.options, sorted(set(self.correct)))


class ClozeItem(Request):
    kind: Literal["cloze"]
    prompt: Prose
    points: Worth
    gaps: Annotated[
        list[Annotated[list[Line], Field(min_length=1, max_length=20)]],
        Field(min_length=1, max_length=50, description="What is accepted in each gap."),
    ]

    def item(self) -> Item:
        return Cloze(self.prompt, self.points, self.gaps)


class _Judged(Request):
    prompt: Prose
    points: Worth
    rubric: Rubric = []

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.rubric and sum(each.points for each in self.rubric) != self.points:
            raise ValueError(
                "The rubric's points are the item's.", "评分标准各项之和应等于本题分值。"
            )
        return self

    def criteria(self) -> list[Criterion]:
        return [each.criterion() for each in self.rubric]


class TextItem(_Judged):
    kind: Literal["text"]
    model: MaybeProse = Field("", description="An answer, for those who mark.")

    def item(self) -> Item:
        return Text(self.prompt, self.points, self.model, self.criteria())


class FileItem(_Judged):
    kind: Literal["file"]
    most: int = Field(1, ge=1, le=MOST_FILES, description="How many files.")

    def item(self) -> Item:
        return File(self.prompt, self.points, self.most, self.criteria())


Items = Annotated[
    list[Annotated[ChoiceItem | ClozeItem | TextItem | FileItem, Field(discriminator="kind")]],
    Field(max_length=MOST_ITEMS),
]


class ItemView(BaseModel):
    """``correct``, ``accepted`` and ``model`` are for those who mark, and for pupils once their
    marks are published and nobody may hand in any more."""

    kind: str
    prompt: str
    points: float
    options: list[str] | None = None
    gap_count: int | None = None
    most: int | None = None
    rubric: list[RubricLine] = []
    correct: list[int] | None = None
    accepted: list[list[str]] | None = None
    model: str | None = None

    @classmethod
    def of(cls, item: Item, *, solved: bool) -> Self:
        told = asdict(item)
        gaps = told.pop("gaps", None)
        view = cls.model_validate(
            {
                **told,
                "kind": item.kind,
                "gap_count": gaps and len(gaps),
                "accepted": gaps,
            }
        )
        hidden = {"correct": None, "accepted": None, "model": None}
        return view if solved else view.model_copy(update=hidden)
