from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.application.metadata import Prose
from services.catalog.domain.reports import Receipt, Report, ReportCase, ReportReason, State

Outcome = Literal["UPHELD", "DISMISSED"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MakeReport(_Request):
    """What is wrong with a resource."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"reason_code": "factual_error", "words": "第三题答案有误。"}]
        }
    )

    reason_code: ReportReason
    words: Prose = Field(
        description="What is wrong, and where. 说明。", examples=["第三题答案有误。"]
    )


class CloseCase(_Request):
    """What came of the reports."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": "UPHELD", "remark": "属实，已请作者改正。"}]}
    )

    outcome: Outcome
    remark: Prose = Field(description="What those who reported are told. 处理说明。")


class ReceiptView(BaseModel):
    """A report of the caller's; nobody else learns who made it."""

    case_id: UUID
    resource_id: UUID
    code: str
    reason_code: ReportReason
    words: str
    version: int = Field(description="Of the resource, as it was read.")
    at: datetime
    state: State
    remark: str

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        return cls(
            case_id=receipt.case_id,
            resource_id=receipt.resource_id,
            code=receipt.code,
            reason_code=receipt.report.reason,
            words=receipt.report.words,
            version=receipt.report.number,
            at=receipt.report.at,
            state=receipt.state,
            remark=receipt.remark,
        )


class Receipts(BaseModel):
    items: list[ReceiptView]


class ReportCaseView(BaseModel):
    """All reports about a resource until somebody closes the case; ``version`` is the case's, as in
    the ETag."""

    id: UUID
    resource_id: UUID
    code: str
    title: str
    organisation: str | None
    state: State
    reports: int = Field(description="How many people reported it.")
    remark: str
    version: int
    opened_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, case: ReportCase) -> Self:
        return cls(
            id=case.id,
            resource_id=case.resource_id,
            code=case.code,
            title=case.title,
            organisation=case.organisation_path,
            state=case.state,
            reports=case.reports,
            remark=case.remark,
            version=case.version,
            opened_at=case.opened_at,
            closed_at=case.closed_at,
        )


class ReportView(BaseModel):
    reason_code: ReportReason
    words: str
    version: int = Field(description="Of the resource, as it was read.")
    at: datetime

    @classmethod
    def of(cls, report: Report) -> Self:
        return cls(
            reason_code=report.reason, words=report.words, version=report.number, at=report.at
        )


class ReportCaseDetail(ReportCaseView):
    latest: list[ReportView] = Field(description="The newest first.")

    @classmethod
    def told(cls, case: ReportCase, reports: Sequence[Report]) -> Self:
        latest = [ReportView.of(each) for each in reports]
        return cls(**ReportCaseView.of(case).model_dump(), latest=latest)
