"""What the OpenAPI document says of statements. They are read by rules of their own
(`services.learning.domain.xapi`), the whole of which stands in the specification alone."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

EXAMPLE: dict[str, Any] = {
    "id": "2a41c918-b88b-4220-80a5-a7e2bc7bb5a6",
    "actor": {"account": {"homePage": "https://app.example", "name": "17"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"zh-CN": "完成了"}},
    "object": {
        "id": "https://app.example/quizzes/7",
        "definition": {"name": {"zh-CN": "分数的初步认识"}},
    },
    "result": {"score": {"scaled": 0.9}, "success": True, "duration": "PT8M"},
    "timestamp": "2026-09-01T08:15:00+08:00",
}


class Verb(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str = Field(description="An IRI.")
    display: dict[str, str] = Field({}, description="By language (RFC 5646).")


class Statement(BaseModel):
    """1.0.3 part 2 §2.4; IEEE 9274.1.1 §4.2.2."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [EXAMPLE]})

    id: UUID | None = Field(None, description="Given here where it is missing.")
    actor: dict[str, Any] = Field(description="An Agent, or a Group.")
    verb: Verb
    object: dict[str, Any] = Field(description="An Activity, Agent, Group or another statement.")
    result: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    timestamp: AwareDatetime | None = None
    stored: AwareDatetime | None = Field(None, description="Set here.")
    authority: dict[str, Any] | None = Field(None, description="Set here.")
    version: str | None = None
    attachments: list[dict[str, Any]] | None = None


class StatementResult(BaseModel):
    """A page of statements. ``more`` is where the next one is; empty: there is none."""

    statements: list[Statement]
    more: str


class Person(BaseModel):
    model_config = ConfigDict(extra="allow")

    objectType: str = Field(examples=["Person"])  # noqa: N815 - as the specification spells it


class About(BaseModel):
    version: list[str]
