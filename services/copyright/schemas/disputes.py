from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.copyright.application.disputes import Statement
from services.copyright.schemas.registrations import FileDigests
from services.copyright.schemas.words import SEEN_TEXT, TEXT, Hash, Head

Words = Annotated[str, Field(min_length=1, max_length=20_000, pattern=TEXT), SEEN_TEXT]


class DisputeAct(BaseModel):
    """A claim, a takedown notice, or the holder's answer. The words and the list of evidence stay
    here, encrypted, with how the registration stood then; the log has a commitment to all three."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "claim.dispute", "text": "第三页的插图取自我的教案，请核对。"},
                {"kind": "takedown.notice", "text": "该作品未经许可使用我的教案，请下架。"},
            ]
        },
    )

    kind: Literal["claim.dispute", "takedown.notice", "takedown.counter"]
    text: Words
    evidence: list[FileDigests] = Field(
        [], max_length=20, description="What you rest on: files that you keep. 证据文件的摘要。"
    )
    head: Head = None


class Decide(BaseModel):
    """``takedown.decision`` ends a dispute: upheld takes the work down, rejected leaves it;
    ``restore`` lets what was taken down stand again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "takedown.decision",
                    "outcome": "rejected",
                    "text": "双方证据表明登记人先完成该作品。",
                }
            ]
        },
    )

    kind: Literal["takedown.decision", "restore"]
    text: Words
    outcome: Literal["upheld", "rejected"] | None = None
    head: Head = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind == "takedown.decision") != (self.outcome is not None):
            raise ValueError("A decision, and it alone, has an outcome.", "仅裁决须写明结果。")
        return self


class StatementView(BaseModel):
    """What was said in a dispute. ``commitment`` stands in the log, and is
    SHA-256("cr/v1/text" ‖ salt ‖ statement), the salt's bytes and the statement's text as they
    are given here; what was erased is null."""

    event: Hash
    kind: str
    claimed_at: datetime
    commitment: Hash
    mine: bool
    statement: str | None = Field(description="Canonical JSON: text, evidence and snapshot.")
    salt: Hash | None
    text: str | None
    evidence: list[FileDigests]
    snapshot: dict[str, Any] | None = Field(
        description="How the registration stood: its head, files, facts and licences."
    )

    @classmethod
    def of(cls, said: Statement, asker: str) -> Self:
        told = said.told
        return cls(
            event=said.event,
            kind=said.kind,
            claimed_at=said.claimed_at,
            commitment=said.commitment,
            mine=said.person == asker,
            statement=said.words,
            salt=said.salt.hex() if said.salt else None,
            text=told.get("text"),
            evidence=[FileDigests(**each) for each in told.get("evidence", ())],
            snapshot=told.get("snapshot"),
        )


class DisputeView(BaseModel):
    """``answer_due``: until when the holder may answer; ``decision_due``: when an administrator in
    charge is to have decided."""

    registration_id: UUID
    standing: str
    answer_due: datetime | None
    decision_due: datetime | None
    statements: list[StatementView]
