from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.catalog.application.checks import Report, told
from services.catalog.application.metadata import Metadata
from services.catalog.application.versions import Listed
from services.catalog.domain.checks_texts import Level
from services.catalog.domain.versions import Differences, Version
from services.catalog.schemas.resources import FileView, files_of


class DefectView(BaseModel):
    pointer: str = Field(description="JSON pointer into the draft: `metadata` and `files`.")
    level: Level
    code: str = Field(description="Stable.")
    detail: str
    advice: str


class ReportView(BaseModel):
    """Every defect at once. A draft with errors cannot be frozen."""

    resource_id: UUID
    version: int = Field(description="Of the draft that was checked.")
    checked_at: datetime
    passed: bool
    defects: list[DefectView]

    @classmethod
    def of(cls, report: Report) -> Self:
        return cls(
            resource_id=report.resource_id,
            version=report.version,
            checked_at=report.checked_at,
            passed=report.passed,
            defects=[DefectView.model_validate(told(each)) for each in report.defects],
        )


class VersionSummary(BaseModel):
    """``digest`` is the SHA-256, in hex, of the version's canonical JSON."""

    number: int
    title: str
    digest: str
    created_at: datetime
    created_by: str
    note: str

    @classmethod
    def of(cls, listed: Listed) -> Self:
        return cls(
            number=listed.number,
            title=listed.title,
            digest=listed.digest.hex(),
            created_at=listed.created_at,
            created_by=listed.created_by,
            note=listed.note,
        )


class VersionView(BaseModel):
    """A version as it will always be."""

    resource_id: UUID
    number: int
    metadata: Metadata
    files: list[FileView]
    digest: str
    created_at: datetime
    created_by: str
    note: str

    @classmethod
    def of(cls, version: Version) -> Self:
        return cls(
            resource_id=version.resource_id,
            number=version.number,
            metadata=Metadata.model_validate(version.content.metadata),
            files=files_of(version.content.files),
            digest=version.digest.hex(),
            created_at=version.created_at,
            created_by=version.created_by,
            note=version.note,
        )


class DifferenceView(BaseModel):
    pointer: str = Field(description="JSON pointer into the metadata.")
    before: Any
    after: Any


class ReplacedFile(BaseModel):
    before: dict[str, Any]
    after: dict[str, Any]


class DifferencesView(BaseModel):
    metadata: list[DifferenceView]
    added: list[dict[str, Any]]
    removed: list[dict[str, Any]]
    replaced: list[ReplacedFile] = Field(description="Files of the same role and name.")

    @classmethod
    def of(cls, found: Differences) -> Self:
        return cls(
            metadata=[
                DifferenceView(pointer=each.pointer, before=each.before, after=each.after)
                for each in found.metadata
            ],
            added=[dict(each) for each in found.added],
            removed=[dict(each) for each in found.removed],
            replaced=[
                ReplacedFile(before=dict(before), after=dict(after))
                for before, after in found.replaced
            ],
        )
