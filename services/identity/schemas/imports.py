from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.identity.application.imports import Progress, ReportedLine, Upload
from services.identity.domain.imports import (
    MAX_FILE_BYTES,
    TRANSITIONS,
    Action,
    Format,
    Outcome,
    State,
)
from services.identity.schemas.organisations import Reference


class UploadView(BaseModel):
    """Send the file with one PUT to ``url`` before ``expires_at``, then start an import."""

    upload_id: UUID
    url: str
    max_bytes: int
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload) -> Self:
        return cls(
            upload_id=upload.id,
            url=upload.url,
            max_bytes=MAX_FILE_BYTES,
            expires_at=upload.expires_at,
        )


class StartImport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "organisation": "S-0126-F4TN-R",
                    "format": "csv",
                    "upload_id": "019aa1c8-1d27-7e5a-8b94-d05f3c6a7e12",
                }
            ]
        },
    )

    organisation: Reference
    format: Format
    upload_id: UUID
    dry_run: bool = Field(
        True, description="Compare and report only; apply later, having read the report."
    )


class ImportView(BaseModel):
    """``lines`` grows while the file is read; ``done`` counts those that the present state has
    dealt with. ``counts`` are lines by outcome: before applying, what would become of them."""

    id: UUID
    organisation_id: UUID
    format: Format
    dry_run: bool
    state: State
    lines: int
    done: int
    counts: Mapping[Outcome, int]
    failure: str | None
    may_be_applied: bool
    requested_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, progress: Progress) -> Self:
        import_ = progress.import_
        return cls(
            id=import_.id,
            organisation_id=import_.organisation_id,
            format=import_.format,
            dry_run=import_.dry_run,
            state=import_.state,
            lines=import_.lines,
            done=import_.position,
            counts={each: progress.counts.get(each, 0) for each in Outcome},
            failure=import_.failure,
            may_be_applied=(import_.state, Action.APPLY) in TRANSITIONS,
            requested_by=import_.requested_by,
            created_at=import_.created_at,
            updated_at=import_.updated_at,
        )


class DefectView(BaseModel):
    """``reason`` is stable; ``heading`` and ``detail`` are for people."""

    column: str | None
    heading: str | None
    reason: str
    detail: str


class ImportLineView(BaseModel):
    """``row`` is that of the file, the headings counted; of OneRoster, that of users.csv or of the
    file that the detail names. ``changes`` names what changed, without values."""

    row: int
    outcome: Outcome
    person_id: UUID | None
    changes: list[str]
    defects: list[DefectView]

    @classmethod
    def of(cls, line: ReportedLine) -> Self:
        return cls(
            row=line.number,
            outcome=line.outcome,
            person_id=line.person_id,
            changes=list(line.changes),
            defects=[DefectView.model_validate(each) for each in line.defects],
        )
