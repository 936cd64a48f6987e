from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.application.metadata import Prose
from services.catalog.domain.lifecycle import Action, State
from services.catalog.domain.notices import (
    WORDINGS,
    Notice,
    RemovalReason,
    RestorationReason,
    Standing,
    Tombstone,
)
from services.catalog.domain.publication import Publication
from services.catalog.domain.resources import Resource

Step = Literal[Action.SUSPEND, Action.RETIRE, Action.RESTORE]
Reason = RemovalReason | RestorationReason


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    notice: Prose = Field(
        min_length=1,
        description="What everybody is told, in a sentence or two; of no person. 公开说明。",
        examples=["练习三答案有误，作者正在改正。"],
    )


class TakeDown(_Request):
    """Why it is suspended or retired."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"reason_code": "factual_error", "notice": "练习三答案有误，作者正在改正。"}
            ]
        }
    )

    reason_code: RemovalReason


class Restore(_Request):
    """Why it is given back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"reason_code": "cleared", "notice": "核查无误，恢复使用。"}]
        }
    )

    reason_code: RestorationReason


class NoticeView(BaseModel):
    """What everybody is told. ``version`` is the one that everybody could read, or can again."""

    id: UUID
    action: Action
    reason_code: Reason
    reason_en: str
    reason_zh: str
    notice: str
    version: int
    at: datetime

    @classmethod
    def of(cls, notice: Notice) -> Self:
        wording = WORDINGS[notice.reason]
        return cls(
            id=notice.id,
            action=notice.action,
            reason_code=notice.reason,
            reason_en=wording.en,
            reason_zh=wording.zh,
            notice=notice.notice,
            version=notice.version,
            at=notice.at,
        )


class StandingView(BaseModel):
    """How a resource stands after a step; ``version`` is the draft's, as in the ETag."""

    resource_id: UUID
    code: str
    state: State
    live_version: int | None = Field(description="The version that everybody may read.")
    version: int
    notice: NoticeView

    @classmethod
    def of(cls, taken: tuple[Resource, Notice]) -> Self:
        resource, notice = taken
        return cls(
            resource_id=resource.id,
            code=resource.code,
            state=resource.state,
            live_version=resource.live_version,
            version=resource.version,
            notice=NoticeView.of(notice),
        )


class InForceView(NoticeView):
    """A notice by which a resource is taken down now."""

    resource_id: UUID
    code: str
    state: State

    @classmethod
    def standing(cls, standing: Standing) -> Self:
        told = NoticeView.of(standing.notice).model_dump()
        return cls(
            **told,
            resource_id=standing.notice.resource_id,
            code=standing.code,
            state=standing.state,
        )


class PublicationView(BaseModel):
    """A version that was ever published; ``digest`` is SHA-256 of its content, in hex."""

    version: int
    digest: str
    published_at: datetime
    case_id: UUID = Field(description="Of the review that approved it.")

    @classmethod
    def of(cls, publication: Publication) -> Self:
        return cls(
            version=publication.version,
            digest=publication.digest.hex(),
            published_at=publication.published_at,
            case_id=publication.case_id,
        )


class TombstoneView(BaseModel):
    """What is left to see of a resource that was taken down."""

    resource_id: UUID
    code: str
    state: State
    notice: NoticeView
    publications: list[PublicationView] = Field(description="The evidence, kept for good.")

    @classmethod
    def of(cls, tombstone: Tombstone) -> Self:
        return cls(
            resource_id=tombstone.notice.resource_id,
            code=tombstone.code,
            state=tombstone.state,
            notice=NoticeView.of(tombstone.notice),
            publications=[PublicationView.of(each) for each in tombstone.publications],
        )


class ReasonView(BaseModel):
    """A code of the vocabulary of reasons, and the steps that it is given for."""

    code: Reason
    name_en: str
    name_zh: str
    actions: list[Step]

    @classmethod
    def of(cls, reason: Reason) -> Self:
        wording = WORDINGS[reason]
        removing: list[Step] = [Action.SUSPEND, Action.RETIRE]
        actions: list[Step] = [Action.RESTORE]
        return cls(
            code=reason,
            name_en=wording.en,
            name_zh=wording.zh,
            actions=removing if isinstance(reason, RemovalReason) else actions,
        )


class Reasons(BaseModel):
    items: list[ReasonView]
