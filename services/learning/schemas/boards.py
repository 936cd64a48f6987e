from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.learning.domain.boards import Activity, Board, Group, PointFigures
from services.learning.domain.progress import ESTIMATOR


class GroupView(BaseModel):
    """A pupil of a class, a class of a grade or school, or a part of a region."""

    key: str = Field(description="The pupil's id, or the path of the class or part.")
    name: str | None = Field(description="The class's or part's.")
    pupils: int
    begun: int = Field(description="Pupils who did anything.")
    active: int = Field(description="Pupils who did within seven days.")
    activities: int
    completed: int
    passed: int
    statements: int
    duration_ms: int
    last_at: datetime | None

    @classmethod
    def of(cls, group: Group) -> Self:
        told = {"last_at": None} if group.figures is None else group.figures._asdict()
        none = dict.fromkeys(cls.model_fields, 0)
        return cls(**{**none, **told, "key": group.key, "name": group.name, "pupils": group.pupils})


class ActivityView(BaseModel):
    """An activity, and how many pupils began, completed and passed it."""

    activity: str = Field(description="Its IRI.")
    resource_id: UUID | None = Field(description="The catalogue's, where the activity is one.")
    begun: int
    completed: int
    passed: int
    progress: float | None = Field(description="Mean of those of whom it is known, per cent.")
    duration_ms: int

    @classmethod
    def of(cls, activity: Activity) -> Self:
        return cls(**activity._asdict())


class PointView(BaseModel):
    subject: str
    code: str = Field(description="In the knowledge graph of the subject.")
    begun: int = Field(description="Pupils who tried it.")
    tries: int
    estimate: float = Field(description="Mean of how likely they master it now, 0 to 1.")

    @classmethod
    def of(cls, figures: PointFigures) -> Self:
        return cls(
            subject=figures.point.subject,
            code=figures.point.code,
            begun=figures.begun,
            tries=figures.tries,
            estimate=round(figures.estimate, 4),
        )


class BoardView(BaseModel):
    """``groups`` are all, ``activities`` and ``knowledge_points`` those of most pupils; a region
    has neither."""

    organisation: str = Field(description="Its path.")
    kind: str
    name: str
    at: datetime
    pupils: int
    groups: list[GroupView]
    activities: list[ActivityView]
    knowledge_points: list[PointView]
    estimator: int = Field(description="The version of how mastery is estimated.")

    @classmethod
    def of(cls, board: Board) -> Self:
        return cls(
            organisation=board.organisation.path,
            kind=board.organisation.kind,
            name=board.organisation.name,
            at=board.at,
            pupils=board.pupils,
            groups=[GroupView.of(each) for each in board.groups],
            activities=[ActivityView.of(each) for each in board.activities],
            knowledge_points=[PointView.of(each) for each in board.points],
            estimator=ESTIMATOR,
        )
