"""The compact form in which our own clients tell what a learner did."""

from datetime import UTC
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.learning.domain.xapi.contents import PROGRESS
from services.learning.domain.xapi.rules import Json
from services.learning.domain.xapi.values import EARLIEST, IRI, LATEST, told

MOST_EVENTS = 500
_VERBS = "http://adlnet.gov/expapi/verbs/"
_iri = StringConstraints(pattern=f"^(?:{IRI.pattern})$", max_length=2000)
_verb = StringConstraints(pattern=f"^(?:[a-z][a-z-]{{0,62}}|{IRI.pattern})$", max_length=2000)


class Event(BaseModel):
    """One thing that one learner did. Its id makes a repeat harmless: version 7 serves best."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    at: Annotated[
        AwareDatetime,
        Field(ge=EARLIEST, lt=LATEST, description="When it happened, with its offset from UTC."),
    ]
    verb: Annotated[str, _verb, Field(description="An IRI, or a word of ADL's vocabulary.")]
    object: Annotated[str, _iri, Field(description="The activity.")]
    actor: str | None = Field(
        None, min_length=1, max_length=200, description="Whose it is; by default the caller's."
    )
    parent: Annotated[str, _iri] | None = Field(None, description="What the activity is part of.")
    knowledge_points: list[Annotated[str, _iri]] = Field(
        [],
        max_length=20,
        description="What it tries: addresses of knowledge points in the catalogue.",
    )
    registration: UUID | None = Field(None, description="The attempt.")
    score: float | None = Field(None, ge=-1, le=1, description="Scaled.")
    success: bool | None = None
    completion: bool | None = None
    progress: int | None = Field(None, ge=0, le=100, description="Per cent.")
    duration_ms: int | None = Field(None, ge=0, le=10**12)

    def statement(self, issuer: str, caller: str | None) -> Json:
        """The same as an xAPI statement, about a person of `issuer`; `caller` is the person who
        sends it."""
        result: Json = {
            "score": None if self.score is None else {"scaled": self.score},
            "success": self.success,
            "completion": self.completion,
            "duration": None if self.duration_ms is None else f"PT{self.duration_ms / 1000:.3f}S",
            "extensions": None if self.progress is None else {PROGRESS: self.progress},
        }
        activities = {
            "parent": self.parent and [{"id": self.parent}],
            "category": [{"id": each} for each in self.knowledge_points],
        }
        context: Json = {
            "registration": None if self.registration is None else str(self.registration),
            "contextActivities": {name: each for name, each in activities.items() if each} or None,
        }
        statement: Json = {
            "id": str(self.id),
            "actor": {"account": {"homePage": issuer, "name": self.actor or caller or ""}},
            "verb": {"id": self.verb if ":" in self.verb else _VERBS + self.verb},
            "object": {"id": self.object},
            "timestamp": told(self.at.astimezone(UTC)),
        }
        for name, part in (("result", result), ("context", context)):
            if given := {key: value for key, value in part.items() if value is not None}:
                statement[name] = given
        return statement


class Events(BaseModel):
    """A batch: all of it is stored, or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "id": "019aa1d5-20c7-7b3f-9d48-6e1a5f0c8b72",
                            "at": "2026-11-22T08:00:00+08:00",
                            "verb": "completed",
                            "object": "https://lessons.example/fractions/1",
                            "parent": "https://lessons.example/fractions",
                            "knowledge_points": [
                                "https://shuyuan.example/catalog/v1/knowledge/MATH/points/F-1"
                            ],
                            "score": 0.85,
                            "success": True,
                            "completion": True,
                            "progress": 100,
                            "duration_ms": 540000,
                        }
                    ]
                }
            ]
        },
    )

    events: Annotated[list[Event], Field(min_length=1, max_length=MOST_EVENTS)]


class Stored(BaseModel):
    """``stored`` events are committed; those that were known already count too."""

    stored: int
