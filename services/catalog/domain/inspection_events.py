"""What others hear of inspections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class UploadInspected:
    """There is a verdict: without ``reasons`` the upload is available.

    ``sha256`` is of the bytes that were read, in hex, None when they could not be; ``media_type``
    was found by content.
    """

    upload_id: UUID
    owner: str
    organisation_path: str | None
    sha256: str | None
    media_type: str | None
    reasons: Sequence[str]

    type: ClassVar[str] = "catalog.upload.inspected.v1"

    @property
    def aggregate(self) -> str:
        return f"uploads/{self.upload_id}"


EVENTS: Mapping[str, type] = {UploadInspected.type: UploadInspected}
