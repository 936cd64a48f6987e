from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from services.catalog.domain.scrubbing import Finding, Kind


class ScrubFinding(BaseModel):
    """A stored file that was missing, unreadable, or not what it was. Digests are in hex."""

    id: int
    sha256: str
    object_key: str
    kind: Kind
    found_sha256: str | None = Field(description="What its bytes are now; null if there are none.")
    found_at: datetime
    resolved_at: datetime | None = Field(description="When it was read as it should be again.")

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(
            id=finding.id,
            sha256=finding.sha256.hex(),
            object_key=finding.object_key,
            kind=finding.kind,
            found_sha256=finding.found_sha256.hex() if finding.found_sha256 else None,
            found_at=finding.found_at,
            resolved_at=finding.resolved_at,
        )
