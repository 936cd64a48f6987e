"""What others hear of uploads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class UploadCompleted:
    """Every byte arrived, ``size`` of them; their inspection is queued. ``sha256`` is what the
    owner says it is, in hex: inspection has yet to compare it."""

    upload_id: UUID
    owner: str
    organisation_path: str | None
    media_type: str
    size: int
    sha256: str

    type: ClassVar[str] = "catalog.upload.completed.v1"

    @property
    def aggregate(self) -> str:
        return f"uploads/{self.upload_id}"


EVENTS: Mapping[str, type] = {UploadCompleted.type: UploadCompleted}
