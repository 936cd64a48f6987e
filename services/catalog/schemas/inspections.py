from collections.abc import Mapping
from datetime import datetime
from typing import Self
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


class FileFacts(BaseModel):
    """What inspection learned of a clean file, each where it has it."""

    pages: int | None = None
    page_images: int | None = Field(None, description="How many of the first pages have images.")
    slides: int | None = None
    sheets: int | None = None
    entries: int | None = Field(None, description="Files in an archive.")
    leftovers: int | None = Field(
        None, description="Those among them that a program left there, as Thumbs.db."
    )
    width: int | None = Field(None, description="In pixels, as the height.")
    height: int | None = None
    frames: int | None = None
    seconds: float | None = None
    codecs: list[str] | None = None
    encoding: str | None = Field(None, description="Of a text.")
    characters: int | None = Field(None, description="Of the text, without blanks.")
    text_cut: bool = Field(False, description="There is more text than was read.")
    gps: bool = Field(False, description="It says where it was taken.")


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
    step: str = Field(description="`waiting` also when its worker went away: another takes it.")
    progress: int = Field(description="Percent.")
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    media_type: str | None = Field(description="Found by content.")
    facts: FileFacts
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
            facts=FileFacts.model_validate(report.get("facts", {})),
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
