from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.catalog.application.inspections import Told
from services.catalog.domain.inspection import State
from shared.context import worded


class FindingView(BaseModel):
    """A reason why the file is not taken."""

    code: str = Field(description="Stable, for programs.")
    where: str = Field(description="The part, page or entry; empty for the whole file.")
    detail: str = Field(description="What it is and what to do.")

    @classmethod
    def of(cls, finding: Mapping[str, str]) -> Self:
        detail = worded(finding["detail"], finding["detail_zh"])
        return cls(code=finding["code"], where=finding["where"], detail=detail)


class DerivativeView(BaseModel):
    """Something that was made of a clean file."""

    kind: str = Field(description="thumbnail, preview, page, poster or text")
    number: int = Field(description="From 1, as pages are.")
    media_type: str
    width: int | None
    height: int | None
    size: int
    url: str = Field(description="To read it from, for a quarter of an hour.")


class InspectionView(BaseModel):
    id: UUID
    upload_id: UUID
    state: State
    step: str
    progress: int = Field(description="Percent.")
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    media_type: str | None = Field(description="Found by content.")
    facts: dict[str, Any] = Field(description="Pages, seconds, width and the like.")
    findings: list[FindingView] = Field(description="Empty while there is no verdict, or nothing.")
    derivatives: list[DerivativeView]

    @classmethod
    def of(cls, told: Told) -> Self:
        inspection = told.inspection
        report = inspection.report or {}
        return cls(
            id=inspection.id,
            upload_id=inspection.upload_id,
            state=inspection.state,
            step=inspection.step,
            progress=inspection.progress,
            queued_at=inspection.queued_at,
            started_at=inspection.started_at,
            finished_at=inspection.finished_at,
            media_type=report.get("media_type"),
            facts=report.get("facts", {}),
            findings=[FindingView.of(each) for each in report.get("findings", [])],
            derivatives=[
                DerivativeView(
                    kind=each.kind,
                    number=each.number,
                    media_type=each.media_type,
                    width=each.width,
                    height=each.height,
                    size=each.size,
                    url=url,
                )
                for each, url in told.derivatives
            ],
        )
