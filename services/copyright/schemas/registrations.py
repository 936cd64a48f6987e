from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.copyright.application.views import Reached, Shown, ShownEvent, State
from services.copyright.domain.licences import TEMPLATES
from services.copyright.domain.registrations import MOST_FILES, Work, WorkFile
from services.copyright.verify.events import Standing

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Lower-case hex.")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Template = Annotated[str, Field(pattern=f"^({'|'.join(sorted(TEMPLATES)).replace('.', '[.]')})$")]
Head = Annotated[
    Hash | None,
    Field(description="Hash of the event that you took for the last one; another there is 409."),
]


class FileDigests(BaseModel):
    """One file of the work. Its bytes stay with you."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=255, examples=["第一课.pdf"])
    sha256: Hash
    sm3: Hash
    size: int = Field(ge=0, lt=1 << 53, description="In bytes.")


class RegisterWork(BaseModel):
    """A work, as its registrant describes it (fields after 作品登记 and DCI). Names of people are
    kept encrypted, disclosed in the registrant's evidence alone, and never enter the log."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=200)
    category: str = Field(max_length=32, examples=["written"])
    files: list[FileDigests] = Field(min_length=1, max_length=MOST_FILES)
    authors: list[Name] = Field([], max_length=50)
    contributors: list[Name] = Field([], max_length=50)
    holders: list[Name] = Field([], max_length=50)
    creation: Literal[
        "original", "adaptation", "translation", "annotation", "arrangement", "compilation"
    ] = "original"
    completed_on: date | None = None
    completed_at: str = Field("", max_length=100, description="Place.")
    first_published_on: date | None = None
    first_published_at: str = Field("", max_length=100, description="Place.")
    rights_basis: Literal[
        "own_work", "licensed", "assigned", "public_domain", "commissioned", "work_for_hire"
    ] = "own_work"
    rights_obtained: Literal["original", "inherited", "assigned", "other"] = "original"
    ownership: Literal["individual", "joint", "legal_entity", "work_for_hire", "commissioned"] = (
        "individual"
    )
    rights_held: Literal["all", "some"] = "all"
    licence: Template | None = Field(None, description="Template under which it is offered.")
    registration_number: str = Field("", max_length=64, examples=["国作登字-2021-A-00000001"])
    dci: str = Field("", max_length=128)
    resource_id: UUID | None = Field(None, description="Of the resource that it is, if any.")
    organisation: str | None = Field(None, pattern=r"^[0-9A-Z]{1,16}(\.[0-9A-Z]{1,16}){0,15}$")

    @property
    def work(self) -> Work:
        told = self.model_dump(exclude={"files", "resource_id", "organisation"})
        return Work(**told, files=[WorkFile(**each.model_dump()) for each in self.files])


class LicenceAct(BaseModel):
    """``offer`` names a template; ``agree`` and ``revoke`` the hash of the offer's event."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["offer", "agree", "revoke"]
    template: Template | None = None
    offer: Hash | None = None
    head: Head = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action == "offer" and self.template is None:
            raise ValueError("An offer names a template.", "发出许可须指明模板。")
        if self.action != "offer" and self.offer is None:
            raise ValueError("Name the offer.", "请指明所涉的许可要约。")
        return self


class TransferAct(BaseModel):
    """``propose`` names the recipient's person id; ``accept`` the hash of the proposal's event."""

    model_config = ConfigDict(extra="forbid")

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


class DisputeAct(BaseModel):
    """A claim, a takedown notice, the holder's answer, or a decision. The words stay here,
    encrypted; the log has a commitment to them."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[
        "claim.dispute", "takedown.notice", "takedown.counter", "takedown.decision", "restore"
    ]
    text: str = Field(min_length=1, max_length=20_000)
    outcome: Literal["upheld", "rejected"] | None = None
    head: Head = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind == "takedown.decision") != (self.outcome is not None):
            raise ValueError("A decision, and it alone, has an outcome.", "仅裁决须写明结果。")
        return self


class EventView(BaseModel):
    """An event of a registration. ``index`` is its place in the log, null while it is queued."""

    type: str
    hash: str
    claimed_at: datetime
    detail: dict[str, Any]
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
            index=event.index,
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
    licences offered, by hash, with how many agreed; ``answer_due`` until when the holder may answer
    a takedown notice."""

    details: dict[str, Any]
    files: list[FileDigests]
    head: str
    proposal: str | None
    offers: dict[str, int]
    allowed: list[str]
    answer_due: datetime | None
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
            offers={offer: len(agreed) for offer, agreed in folded.offers.items()},
            allowed=list(shown.allowed),
            answer_due=shown.answer_due,
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


class PutCategory(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name_zh: str = Field(min_length=1, max_length=40)
    name_en: str = Field(min_length=1, max_length=80)
    letter: str | None = Field(None, pattern="^[A-Z]$")
    dci: int | None = Field(None, ge=1, le=99)


class LicenceTemplate(BaseModel):
    code: str
    name_zh: str
    name_en: str
    legal_text: str
    permitted: list[str]
    prohibited: list[str]
    duties: list[str]
