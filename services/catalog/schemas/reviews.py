from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from services.catalog.application.metadata import Line, MaybeWords, Metadata, Words
from services.catalog.application.reviews import Handled, Opinion
from services.catalog.application.reviews_places import Place
from services.catalog.application.reviews_ports import Event, Round
from services.catalog.application.reviews_submission import Submitted
from services.catalog.application.reviews_views import Reviewed
from services.catalog.domain.lifecycle import ON_REVIEW, Action, Situation, State, allowed
from services.catalog.domain.policies import Kind
from services.catalog.domain.reviews import (
    CRITERIA,
    MOST_ITEMS,
    Case,
    Claim,
    Criterion,
    Decision,
    EventKind,
    Importance,
    Judgement,
    Level,
    ReasonCode,
)
from services.catalog.schemas.resources import FileView, RefusalView, files_of
from services.catalog.schemas.versions import DifferencesView


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Submit(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"commitment": True}]})

    commitment: StrictBool = Field(
        description="That of `/catalog/v1/review-commitment` is given. 承诺书。"
    )
    importance: Importance = Field(
        Importance.NORMAL, description="Important resources pass more levels. 重要资源。"
    )


class CommitmentView(BaseModel):
    """What whoever submits commits to."""

    version: str
    zh: str
    en: str


class PlaceGiven(_Request):
    """Somewhere in what is judged: an element of its metadata, or a file, perhaps a page of it."""

    pointer: Line | None = Field(
        None,
        max_length=500,
        description="JSON pointer into the metadata.",
        examples=["/title"],
    )
    file: int | None = Field(None, ge=0, le=1000, description="Position, from 0.")
    page: int | None = Field(None, ge=1, le=100_000, description="Of that file, from 1.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.pointer is None) == (self.file is None) or (self.page and self.file is None):
            raise ValueError(
                "Give a pointer, or a file and perhaps a page of it.",
                "请给出 pointer，或文件序号及页码。",
            )
        if self.pointer is not None and not self.pointer.startswith("/"):
            raise ValueError("A pointer begins with a slash.", "pointer 以斜杠开头。")
        return self

    def place(self) -> Place:
        return Place(self.pointer, self.file, self.page)


class Comment(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"comment": "首页的图请换成清晰的。", "place": {"file": 0, "page": 1}}]
        }
    )

    comment: Words
    place: PlaceGiven | None = None
    attachments: list[UUID] = Field(
        [], max_length=10, description="Uploads of the caller's, each once."
    )

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.attachments)) < len(self.attachments):
            raise ValueError("Attach each upload once.", "同一上传只附一次。")
        return self


class Assign(_Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"assignee": "019aa1c7-44b0-7c19-9e5d-31a6f2807c9e"}]}
    )

    assignee: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")] | None = (
        Field(description="The id of a person; null: nobody in particular.")
    )


class Raise(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"comment": "全省统一使用。"}]})

    comment: Words = Field(description="Why it is important. 列为重要资源的理由。")


class ChangeWanted(_Request):
    """What to change where."""

    place: PlaceGiven
    change: Words


def _by_code(value: Any) -> Any:
    """Criteria may be named in Chinese, each once."""
    if not isinstance(value, dict):
        return value
    told = {CRITERIA.get(str(name), name): said for name, said in value.items()}
    if len(told) < len(value):
        raise ValueError("Judge each criterion once.", "每项标准只判定一次。")
    return told


class Decide(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"decision": "APPROVE", "criteria": dict.fromkeys(Criterion, Judgement.PASS)},
                {
                    "decision": "REQUEST_CHANGES",
                    "criteria": {
                        **dict.fromkeys(Criterion, Judgement.PASS),
                        Criterion.SCIENTIFIC: Judgement.FAIL,
                    },
                    "reason_code": "FACTUAL_ERROR",
                    "comment": "第三页的分数写反了，请改正。",
                    "items": [{"place": {"pointer": "/title"}, "change": "标题请注明年级。"}],
                },
            ]
        }
    )

    decision: Decision = Field(
        description="Whom the metadata names as a contributor, other than a reviewer, or as its"
        " cataloguer, or who has a conflict of interest with one, does not approve."
        " 被列为贡献者(审核者除外)或元数据创建者的，或须回避其中之一的，不得通过。"
    )
    criteria: Annotated[dict[Criterion, Judgement], BeforeValidator(_by_code)] = Field(
        description="Each of the seven; approval fails none. 七项标准，键可用中文名。",
        json_schema_extra={"propertyNames": {"enum": [*Criterion, *CRITERIA]}},
        examples=[dict.fromkeys(Criterion, Judgement.PASS)],
    )
    reason_code: ReasonCode | None = Field(None, description="For anything but approval.")
    comment: MaybeWords = Field("", description="Words, for anything but approval.")
    items: list[ChangeWanted] = Field(
        [],
        max_length=MOST_ITEMS,
        description="What to change where; one at least to ask for changes. 退修须列明。",
    )
    digest: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="Of the content that was judged."
    )

    def opinion(self, version: int | None) -> Opinion:
        return Opinion(
            decision=self.decision,
            criteria=self.criteria,
            reason_code=self.reason_code,
            comment=self.comment,
            items=[(each.place.place(), each.change) for each in self.items],
            digest=bytes.fromhex(self.digest) if self.digest else None,
            version=version,
        )


class ReviewSummary(BaseModel):
    """A case in a list."""

    id: UUID
    code: str
    resource_id: UUID
    title: str
    stage: str | None
    subject: str | None
    importance: Importance
    state: State
    round: int
    number: int = Field(description="The version that is judged.")
    digest: str
    level: Kind
    level_path: str
    organisation: str
    assignee: str | None
    escalated: bool
    due_at: datetime
    submitted_at: datetime
    version: int


class LevelView(BaseModel):
    kind: Kind
    path: str = Field(description="The organisation that judges.")
    needed: int = Field(description="So many opinions approve.")
    seats: int
    hours: int
    skippable: bool

    @classmethod
    def of(cls, level: Level) -> Self:
        return cls(**level.record)


class ClaimView(BaseModel):
    reviewer: str
    lease_until: datetime

    @classmethod
    def of(cls, claim: Claim) -> Self:
        return cls(reviewer=claim.reviewer, lease_until=claim.lease_until)


class RoundView(BaseModel):
    """A submission; ``commitment_digest`` is over text, content, signer and time."""

    round: int
    number: int
    digest: str
    signer: str
    on_behalf_of: str | None
    commitment: str = Field(description="Version of the text that was signed.")
    commitment_digest: str
    signed_at: datetime

    @classmethod
    def of(cls, made: Round) -> Self:
        return cls(
            round=made.round,
            number=made.number,
            digest=made.digest.hex(),
            signer=made.signer,
            on_behalf_of=made.on_behalf_of,
            commitment=made.commitment,
            commitment_digest=made.commitment_digest.hex(),
            signed_at=made.signed_at,
        )


class CaseView(BaseModel):
    """A review as it stands; ``digest`` is of the version that is judged."""

    id: UUID
    code: str
    resource_id: UUID
    organisation: str
    owner: str
    title: str
    stage: str | None
    subject: str | None
    importance: Importance
    state: State
    resource_state: State
    round: int
    number: int
    digest: str
    chain: list[LevelView]
    level: int = Field(description="The place in `chain` under review, from 0.")
    group_id: UUID | None
    assignee: str | None
    escalated: bool
    due_at: datetime
    claims: list[ClaimView]
    actions: list[Action] = Field(description="What the caller may do now.")
    refusals: list[RefusalView] = Field(description="Why the rest cannot be done now.")
    version: int = Field(description="Of the case, as in the ETag.")
    submitted_at: datetime
    updated_at: datetime

    @classmethod
    def handled(cls, told: Handled) -> Self:
        return cls(**_told(told.case, told.situation, told.claims))


def _told(case: Case, situation: Situation, claims: Any) -> dict[str, Any]:
    actions, refusals = allowed(situation, ON_REVIEW)
    plain = (
        *("id", "code", "resource_id", "owner", "title", "stage", "subject", "importance"),
        *("state", "resource_state", "round", "number", "level", "group_id", "assignee"),
        *("escalated", "due_at", "version", "submitted_at", "updated_at"),
    )
    return {
        **{name: getattr(case, name) for name in plain},
        "organisation": case.organisation_path,
        "digest": case.digest.hex(),
        "chain": [LevelView.of(each) for each in case.chain],
        "claims": [ClaimView.of(each) for each in claims],
        "actions": list(actions),
        "refusals": [RefusalView.of(each) for each in refusals],
    }


class EventView(BaseModel):
    """An entry of the timeline, stamped by the server; ``actor`` null: the catalogue."""

    id: int
    at: datetime
    round: int
    kind: EventKind
    actor: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(
            id=event.id,
            at=event.at,
            round=event.round,
            kind=event.kind,
            actor=event.actor,
            data=dict(event.data),
        )


class ReviewView(CaseView):
    """A review with what is judged. ``changes`` are those since version ``compared_with``: the last
    one that somebody gave a verdict about in an earlier round, or the live one."""

    metadata: Metadata
    files: list[FileView]
    rounds: list[RoundView]
    timeline: list[EventView] = Field(description="The first 200 entries; see its own list.")
    compared_with: int | None
    changes: DifferencesView | None

    @classmethod
    def of(cls, seen: Reviewed) -> Self:
        return cls(
            **_told(seen.case, seen.situation, seen.claims),
            metadata=Metadata.model_validate(seen.content.metadata),
            files=files_of(seen.content.files),
            rounds=[RoundView.of(each) for each in seen.rounds],
            timeline=[EventView.of(each) for each in seen.events],
            compared_with=seen.compared_with,
            changes=DifferencesView.of(seen.changes) if seen.changes else None,
        )


class SubmissionView(BaseModel):
    """What became of the resource, and its review with the round that began."""

    resource_id: UUID
    state: State
    version: int = Field(description="Of the draft, as in the resource's ETag.")
    review_id: UUID
    review_state: State
    number: int
    digest: str
    round: RoundView

    @classmethod
    def of(cls, submitted: Submitted) -> Self:
        resource, case = submitted.resource, submitted.case
        return cls(
            resource_id=resource.id,
            state=resource.state,
            version=resource.version,
            review_id=case.id,
            review_state=case.state,
            number=case.number,
            digest=case.digest.hex(),
            round=RoundView.of(submitted.round),
        )
