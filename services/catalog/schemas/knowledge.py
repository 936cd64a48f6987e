from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.application.knowledge import Graph, GraphSummary
from services.catalog.domain.knowledge import Point
from services.catalog.domain.vocabularies import State
from services.catalog.schemas.vocabularies import Code, EnglishName, Name, TermPosition


class PutPoint(BaseModel):
    """A knowledge point as it shall be, the codes of its prerequisites with it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name_zh": "分数加法", "name_en": "Adding fractions", "position": 30}]
        },
    )

    name_zh: Name
    name_en: EnglishName = ""
    parent: Code | None = None
    prerequisites: list[Code] = Field([], max_length=200)
    position: TermPosition = 0
    state: State = State.ACTIVE

    def point(self, code: str) -> Point:
        return Point(
            code=code,
            name_zh=self.name_zh,
            name_en=self.name_en,
            parent=self.parent,
            prerequisites=tuple(sorted(set(self.prerequisites))),
            position=self.position,
            state=self.state,
        )


class PointView(BaseModel):
    code: str
    parent: str | None
    name_zh: str
    name_en: str
    position: int
    state: State

    @classmethod
    def of(cls, point: Point) -> Self:
        return cls(**_node(point))


class PointDetail(PointView):
    """A point with what is learnt before it."""

    prerequisites: list[str]

    @classmethod
    def of(cls, point: Point) -> Self:
        return cls(**_node(point), prerequisites=list(point.prerequisites))


class PrerequisiteView(BaseModel):
    """``prerequisite`` is learnt before ``point``."""

    point: str
    prerequisite: str


class GraphView(BaseModel):
    """Nodes and edges. ``version`` is 0 for a subject without points."""

    subject: str
    version: int
    points: list[PointView]
    prerequisites: list[PrerequisiteView]

    @classmethod
    def of(cls, graph: Graph) -> Self:
        return cls(
            subject=graph.subject,
            version=graph.version,
            points=[PointView.of(point) for point in graph.points.values()],
            prerequisites=[
                PrerequisiteView(point=point.code, prerequisite=code)
                for point in graph.points.values()
                for code in point.prerequisites
            ],
        )


class GraphSummaryView(BaseModel):
    """``points`` counts the active ones."""

    subject: str
    version: int
    points: int

    @classmethod
    def of(cls, summary: GraphSummary) -> Self:
        return cls(subject=summary.subject, version=summary.version, points=summary.points)


def _node(point: Point) -> dict[str, Any]:
    return {
        "code": point.code,
        "parent": point.parent,
        "name_zh": point.name_zh,
        "name_en": point.name_en,
        "position": point.position,
        "state": point.state,
    }
