from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.catalog.application import metadata as shape
from services.catalog.application.intake import Given, Progress, Reported, Wanted
from services.catalog.application.metadata import Metadata
from services.catalog.domain.intake import (
    MOST_UPLOADS,
    UNFINISHED,
    Intake,
    Outcome,
    Reason,
    Remarks,
    State,
)
from services.catalog.schemas.resources import OrganisationName
from shared.context import worded


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GivenUpload(_Request):
    upload_id: UUID
    filename: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)]
        | None
    ) = Field(None, description="What rows call it; none: as the upload is called.")


class StartImport(_Request):
    """A table (CSV or XLSX) whose rows name files of the archive (ZIP), or of the uploads."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "table_upload_id": "019aa1d2-1f4a-7d86-b05c-e9386a7d24c1",
                    "uploads": [
                        {
                            "upload_id": "019aa1d0-3c84-7f12-9b6e-a47d0c5e8f93",
                            "filename": "分数.pdf",
                        }
                    ],
                    "defaults": {"stage": "primary", "languages": ["zh"]},
                    "organisation": "S-0126-F4TN-R",
                }
            ]
        }
    )

    table_upload_id: UUID
    archive_upload_id: UUID | None = None
    uploads: Annotated[list[GivenUpload], Field(max_length=MOST_UPLOADS)] = []
    defaults: Metadata = Field(
        default_factory=lambda: Metadata.model_validate({}),
        description="Metadata of every row, where its cells say nothing.",
    )
    organisation: OrganisationName | None = None
    dry_run: bool = Field(True, description="Report only.")

    def wanted(self) -> Wanted:
        return Wanted(
            self.table_upload_id,
            self.archive_upload_id,
            [Given(each.upload_id, each.filename) for each in self.uploads],
            shape.plain(self.defaults),
            self.organisation,
            self.dry_run,
        )


class ImportSummary(BaseModel):
    id: UUID
    state: State
    dry_run: bool
    organisation: str | None = Field(description="Its path.")
    rows: int = Field(description="Of the table, once it is read.")
    failure: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, intake: Intake) -> Self:
        return cls(
            id=intake.id,
            state=intake.state,
            dry_run=intake.dry_run,
            organisation=intake.organisation_path,
            rows=intake.rows,
            failure=intake.failure,
            version=intake.version,
            created_at=intake.created_at,
            updated_at=intake.updated_at,
        )


class ImportView(ImportSummary):
    """``counts`` are rows by outcome; of a dry run, what would become of them."""

    table_upload_id: UUID
    archive_upload_id: UUID | None
    waiting: bool = Field(
        description="Nobody works on it now: its files are inspected first, or its worker went"
        " away. It goes on by itself."
    )
    done: int = Field(description="Rows that came to an outcome.")
    counts: Mapping[Outcome, int]
    ignored_columns: list[str] = Field(description="Headings that are none of the template.")
    unused_files: list[str] = Field(description="Files that no row names; at most 100.")
    hints: list[str] = Field(description="What to know before the table is sent again.")
    may_be_cancelled: bool

    @classmethod
    def told(cls, progress: Progress) -> Self:
        intake, counts = progress.intake, progress.counts
        return cls(
            **ImportSummary.of(intake).model_dump(),
            table_upload_id=intake.table_upload_id,
            archive_upload_id=intake.archive_upload_id,
            waiting=progress.waiting,
            done=sum(counts.values()),
            counts={each: counts.get(each, 0) for each in Outcome},
            ignored_columns=list(intake.remarks.ignored_columns),
            unused_files=list(intake.remarks.unused_files),
            hints=_hints(intake.remarks),
            may_be_cancelled=intake.state in UNFINISHED,
        )


def _hints(remarks: Remarks) -> list[str]:
    if not remarks.rows_without_key:
        return []
    count = remarks.rows_without_key
    return [
        worded(
            f"{count} of the rows have no external key: sent again, they become new drafts.",
            f"有 {count} 行未填“外部编号”：再次导入时将另建草稿，而不是更新原有草稿。",
        )
    ]


class RowDefect(BaseModel):
    """``reason`` is stable; ``column`` is the Chinese heading, null where the row as a whole is at
    fault."""

    column: str | None
    reason: Reason
    detail: str


class ImportRow(BaseModel):
    """``row`` is that of the file, headings counted."""

    row: int
    external_key: str | None
    outcome: Outcome
    resource_id: UUID | None
    defects: list[RowDefect]

    @classmethod
    def of(cls, reported: Reported) -> Self:
        return cls(
            row=reported.line,
            external_key=reported.key,
            outcome=reported.outcome,
            resource_id=reported.resource_id,
            defects=[
                RowDefect(column=each.column, reason=each.reason, detail=each.detail)
                for each in reported.defects
            ],
        )
