from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.copyright.application.consequences import DeadlineKind
from services.copyright.application.views import Reached, Shown, ShownEvent, State
from services.copyright.domain.registrations import MOST_FILES, Work, WorkFile
from services.copyright.schemas.words import (
    LINE,
    SEEN_LINE,
    SEEN_WORDS,
    WORDS,
    Hash,
    Head,
    Name,
    Organisation,
    Place,
    TemplateCode,
    told_as,
)
from services.copyright.verify.events import Standing

_FILE: dict[str, Any] = {
    "path": "第一课.pdf",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sm3": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    "size": 2621440,
}


class FileDigests(BaseModel):
    """One file of the work. Its bytes stay with you."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[
        str,
        Field(min_length=1, max_length=255, pattern=WORDS, examples=["第一课.pdf"]),
        SEEN_WORDS,
    ]
    sha256: Hash
    sm3: Hash
    size: int = Field(ge=0, lt=1 << 53, description="In bytes.")


class RegisterWork(BaseModel):
    """A work, as its registrant describes it (fields after 作品登记 and DCI). Names of people are
    kept encrypted, disclosed in the registrant's evidence alone, and never enter the log."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "title": "认识分数",
                    "category": "written",
                    "files": [_FILE],
                    "authors": ["李小雨"],
                    "holders": ["李小雨"],
                    "completed_on": "2026-09-10",
                    "completed_at": "西安",
                    "licence": "cc-by-4.0",
                    "organisation": "P01017K3MX.X0126F4TNK.S0126F4TNR",
                }
            ]
        },
    )

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=WORDS), SEEN_WORDS]
    category: Annotated[str, Field(max_length=32, pattern=LINE, examples=["written"]), SEEN_LINE]
    files: list[FileDigests] = Field(min_length=1, max_length=MOST_FILES)
    authors: list[Name] = Field([], max_length=50)
    contributors: list[Name] = Field([], max_length=50)
    holders: list[Name] = Field([], max_length=50)
    creation: Literal[
        "original", "adaptation", "translation", "annotation", "arrangement", "compilation"
    ] = "original"
    completed_on: date | None = None
    completed_at: Place = ""
    first_published_on: date | None = None
    first_published_at: Place = ""
    rights_basis: Literal[
        "own_work", "licensed", "assigned", "public_domain", "commissioned", "work_for_hire"
    ] = "own_work"
    rights_obtained: Literal["original", "inherited", "assigned", "other"] = "original"
    ownership: Literal["individual", "joint", "legal_entity", "work_for_hire", "commissioned"] = (
        "individual"
    )
    rights_held: Literal["all", "some"] = "all"
    licence: TemplateCode | None = Field(None, description="Template under which it is offered.")
    registration_number: Annotated[
        str,
        Field(max_length=64, pattern=LINE, examples=["国作登字-2021-A-00000001"]),
        SEEN_LINE,
    ] = ""
    dci: Annotated[str, Field(max_length=128, pattern=LINE), SEEN_LINE] = ""
    resource_id: UUID | None = Field(None, description="Of the resource that it is, if any.")
    organisation: Organisation | None = None

    @property
    def work(self) -> Work:
        told = self.model_dump(exclude={"files", "resource_id", "organisation"})
        return Work(**told, files=[WorkFile(**each.model_dump()) for each in self.files])


class TransferAct(BaseModel):
    """``propose`` names the recipient's person id; ``accept`` the hash of the proposal's event."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"action": "propose", "to": "019aa1c7-44b0-7c19-9e5d-31a6f2807c9e"},
                {
                    "action": "accept",
                    "proposal": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
                },
            ]
        },
    )

    action: Literal["propose", "accept"]
    to: UUID | None = None
    proposal: Hash | None = None
    head: Head = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action == "propose" and self.to is None:
            raise ValueError("A proposal names its recipient.", "转让须指明受让人。")
        if self.action == "accept" and self.proposal is None:
            raise ValueError("Name the proposal.", "请指明所接受的转让。")
        return self


class EventView(BaseModel):
    """An event of a registration. ``index`` is its place in the log, null while it is queued;
    ``log`` names the log where it is a frozen one, and not the present."""

    type: str
    hash: str
    claimed_at: datetime
    detail: dict[str, Any]
    log: str | None
    index: int | None
    state: State

    @classmethod
    def of(cls, event: ShownEvent) -> Self:
        leaf = event.leaf
        return cls(
            type=leaf.type,
            hash=event.hash,
            claimed_at=datetime.fromisoformat(leaf.claimed_at),
            detail=dict(leaf.detail),
            log=event.place.origin if event.place else None,
            index=event.place.index if event.place else None,
            state=event.state,
        )


class RegistrationSummary(BaseModel):
    """``state``: how far its first event is, from accepted to time-stamped."""

    id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None
    resource_code: str | None
    origin: str = Field(description="HAND, CATALOGUE, or PLATFORM: its own events.")
    standing: Standing
    state: State
    created_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any], reached: Reached) -> Self:
        told = {name: value for name, value in row.items() if name != "idx"}
        return cls(**told, state=reached.state(row["idx"]))


class RegistrationView(RegistrationSummary):
    """``head`` is the hash of its last event; ``allowed`` what you may do next; ``offers`` the
    licences that may still be agreed to, by hash, with how many people did; ``answer_due`` until
    when the holder may answer a claim or notice, ``decision_due`` when it is to be decided. Facts
    and files are shown only as the log commits to them."""

    details: dict[str, Any]
    files: list[FileDigests]
    head: str
    proposal: str | None
    offers: dict[str, int]
    allowed: list[str]
    answer_due: datetime | None
    decision_due: datetime | None
    events: list[EventView]

    @classmethod
    def showing(cls, shown: Shown) -> Self:
        record, folded = shown.record, shown.folded
        return cls(
            id=record.id,
            code=record.code,
            resource_id=record.resource_id,
            resource_version=record.resource_version,
            resource_code=record.resource_code,
            origin=record.origin,
            standing=folded.standing,
            state=shown.state,
            created_at=record.created_at,
            details=dict(record.details),
            files=[FileDigests(**each.described()) for each in shown.files],
            head=folded.head or "",
            proposal=folded.proposal.event if folded.proposal else None,
            offers=dict(shown.offers),
            allowed=list(shown.allowed),
            answer_due=shown.due.get(DeadlineKind.ANSWER),
            decision_due=shown.due.get(DeadlineKind.DECISION),
            events=[EventView.of(each) for each in shown.events],
        )


class Accepted(BaseModel):
    """An event was accepted for the log. It counts once ``state`` is no longer ``queued``."""

    id: UUID
    code: str
    standing: Standing
    length: int = Field(description="How many events the registration has.")
    state: State = State.QUEUED


class KeyView(BaseModel):
    """A key of a log; of a retired one, the last size it may have signed."""

    vkey: str
    valid_from: datetime
    valid_to: datetime | None
    last_size: int | None


class WitnessView(BaseModel):
    """``ours``: this platform runs it, so it adds no independence."""

    name: str
    vkey: str
    ours: bool


class AuthorityView(BaseModel):
    """``local``: made by this platform, so it proves nothing to others."""

    name: str
    certificate: str = Field(description="PEM")
    local: bool


class TrustView(BaseModel):
    """What a verifier may believe, if it has it from here: keep your own copy."""

    keys: list[KeyView]
    policy: str = Field(description="C2SP tlog-policy")
    witnesses: list[WitnessView]
    timestamp_authorities: list[AuthorityView]


class CategoryView(BaseModel):
    code: str
    name_zh: str
    name_en: str
    letter: str | None = Field(description="In registration numbers, where known.")
    dci: int | None
    version: int = Field(description='For If-Match, as `"v3"`.')


_LETTER = "^[A-Z]$"
_TOLD_LETTER = told_as(_LETTER, "One letter, A to Z.", "应为一个大写字母 A–Z。")


class PutCategory(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name_zh": "文字作品", "name_en": "Written works", "letter": "A", "dci": 1}
            ]
        },
    )

    name_zh: Annotated[str, Field(min_length=1, max_length=40, pattern=LINE), SEEN_LINE]
    name_en: Annotated[str, Field(min_length=1, max_length=80, pattern=LINE), SEEN_LINE]
    letter: Annotated[str, Field(pattern=_LETTER), _TOLD_LETTER] | None = None
    dci: int | None = Field(None, ge=1, le=99)
