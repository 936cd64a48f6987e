from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.learning.application.progress import Estimated
from services.learning.domain.progress import ESTIMATOR, Status, Step


class StepView(BaseModel):
    """One learner in one activity. Nothing here ever goes back."""

    activity: str = Field(description="Its IRI.")
    resource_id: UUID | None = Field(description="The catalogue's, where the activity is one.")
    status: Status
    progress: int | None = Field(description="Per cent, the most that was told.")
    best_score: float | None = Field(description="Scaled, -1 to 1.")
    statements: int
    duration_ms: int
    first_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(
            activity=step.activity,
            resource_id=step.resource_id,
            status=step.status,
            progress=step.progress,
            best_score=step.best_scaled,
            statements=step.statements,
            duration_ms=step.duration_ms,
            first_at=step.first_at,
            last_at=step.last_at,
        )


class MasteryView(BaseModel):
    """One learner at one knowledge point."""

    subject: str
    code: str = Field(description="In the knowledge graph of the subject.")
    tries: int
    mean_score: float = Field(description="Of all tries, 0 to 1.")
    estimate: float = Field(description="How likely it is mastered now, 0 to 1; evidence fades.")
    estimator: int = Field(description="The version of how that is estimated.")
    last_at: datetime

    @classmethod
    def of(cls, estimated: Estimated) -> Self:
        _, point, mastery = estimated.of
        return cls(
            subject=point.subject,
            code=point.code,
            tries=mastery.tries,
            mean_score=mastery.score / (1000 * mastery.tries),
            estimate=round(estimated.estimate, 4),
            estimator=ESTIMATOR,
            last_at=mastery.last_at,
        )
