import re
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.catalog.application.metadata import a_number
from services.catalog.application.uploads_arrivals import Address, Addresses, Limits, Status
from services.catalog.application.uploads_quotas import Quota
from services.catalog.domain.uploads import (
    MOST_PARTS,
    SINGLE_BELOW,
    Action,
    Announcement,
    Method,
    State,
    Upload,
)
from services.catalog.inspection.formats import Format
from services.catalog.inspection.pdf import PAGE_IMAGES
from services.catalog.schemas.inspections import FileFacts

OrganisationPath = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Z]{1,16}(\.[0-9A-Z]{1,16}){0,15}$",
        description="Path of the organisation for which it is uploaded, as a grant names it.",
    ),
]


_SHA256 = "^[0-9a-fA-F]{64}$"
Sha256 = Annotated[str, Field(pattern=_SHA256)]


class AnnounceUpload(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "filename": "二次函数的图像.pdf",
                    "size": 2621440,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "media_type": "application/pdf",
                    "organisation": "P01017K3MX.X0126F4TNK.S0126F4TNR",
                }
            ]
        },
    )

    filename: str = Field(min_length=1, max_length=255, examples=["二次函数的图像.pptx"])
    size: Annotated[int, BeforeValidator(a_number)] = Field(description="In bytes.")
    # Judged with the rest of the announcement, so that every defect is told at once.
    sha256: str = Field(description="Of the file, in hex.", json_schema_extra={"pattern": _SHA256})
    media_type: str = Field(max_length=255, examples=["application/pdf"])
    organisation: OrganisationPath | None = None

    @property
    def announcement(self) -> Announcement:
        return Announcement(
            filename=self.filename,
            media_type=self.media_type,
            size=self.size,
            sha256=bytes.fromhex(self.sha256) if re.fullmatch(_SHA256, self.sha256) else b"",
            organisation_path=self.organisation,
        )


class PartAddress(BaseModel):
    """PUT the ``length`` bytes from ``offset`` on to ``url``, which takes no other number."""

    number: int
    offset: int
    length: int
    url: str

    @classmethod
    def of(cls, address: Address) -> Self:
        slot = address.slot
        return cls(number=slot.number, offset=slot.offset, length=slot.length, url=address.url)


class PartAddresses(BaseModel):
    """Good until ``expires_at``; then ask again. ``next`` is the number to go on from."""

    parts: list[PartAddress]
    expires_at: datetime
    next: int | None

    @classmethod
    def of(cls, addresses: Addresses) -> Self:
        count = addresses.upload.part_count
        last = addresses.items[-1].slot.number if addresses.items else count
        return cls(
            parts=[PartAddress.of(each) for each in addresses.items],
            expires_at=addresses.until,
            next=last + 1 if last < count else None,
        )


class WrongPart(BaseModel):
    """A part that arrived with ``size`` bytes, not those it has: send it again."""

    number: int
    size: int


class ReceivedPart(BaseModel):
    """A part that arrived whole. ``etag`` is the object store's: MD5 of its bytes, in hex, unless
    the store encrypts them."""

    number: int
    etag: str


class InspectionProgress(BaseModel):
    """``id`` is that under which `GET /catalog/v1/inspections/{id}` tells all about it."""

    id: UUID
    step: str
    percent: int


class RefusalReason(BaseModel):
    """``code`` is stable; ``where`` is the place in the file, if there is one."""

    code: str
    where: str = ""
    detail: str = ""
    detail_zh: str = ""


class UploadSummary(BaseModel):
    id: UUID
    filename: str
    media_type: str
    size: int
    sha256: str
    organisation: str | None
    state: State
    method: Method = Field(description="`none`: the bytes are here already, send nothing.")
    created_at: datetime
    expires_at: datetime = Field(description="When it is given up, unless it was completed.")
    completed_at: datetime | None

    @classmethod
    def of(cls, upload: Upload) -> Self:
        return cls(**_summary(upload))


class UploadView(UploadSummary):
    """``received`` and ``missing_count`` count parts. ``parts`` addresses at most the first 100
    that are missing, good until ``addresses_until``; reading the upload again gives fresh ones."""

    part_size: int
    part_count: int
    received: list[int] = Field(description="Numbers of the parts that arrived whole.")
    received_parts: list[ReceivedPart] = Field(
        description="The same while they are not joined, to compare before it is completed."
    )
    wrong: list[WrongPart]
    uncertain: list[int] = Field(
        description="Numbers of missing parts that were sent twice within a second with other"
        " bytes, so that nobody knows which of them the object store has. Wait a second, then send"
        " them once more."
    )
    missing_count: int | None = Field(description="Null unless it is open.")
    parts: list[PartAddress]
    addresses_until: datetime | None
    inspection: InspectionProgress | None = Field(
        description="Null while none is queued, and of bytes that had been inspected before."
    )
    facts: FileFacts | None = Field(description="Null until it is inspected and clean.")
    refusal: list[RefusalReason]
    actions: list[Action]

    @classmethod
    def describing(cls, status: Status) -> Self:
        upload, arrival, addresses = status.upload, status.arrival, status.addresses
        progress = status.progress
        return cls(
            **_summary(upload),
            part_size=upload.part_size,
            part_count=upload.part_count,
            received=_received(status),
            received_parts=[
                ReceivedPart(number=part.number, etag=part.etag)
                for part in (arrival.parts if arrival else ())
            ],
            wrong=[
                WrongPart(number=part.number, size=part.size)
                for part in (arrival.wrong if arrival else ())
            ],
            uncertain=list(arrival.uncertain) if arrival else [],
            missing_count=None if arrival is None else len(arrival.missing),
            parts=[PartAddress.of(each) for each in addresses.items] if addresses else [],
            addresses_until=addresses.until if addresses else None,
            inspection=InspectionProgress(
                id=progress.inspection_id, step=progress.step, percent=progress.percent
            )
            if progress and progress.inspection_id
            else None,
            facts=FileFacts.model_validate(progress.facts)
            if progress and progress.facts is not None
            else None,
            refusal=[RefusalReason.model_validate(each) for each in upload.refusal],
            actions=upload.actions,
        )


class AcceptedFormat(BaseModel):
    name: str
    media_type: str
    extensions: list[str]

    @classmethod
    def of(cls, accepted: Format) -> Self:
        return cls(
            name=accepted.name,
            media_type=accepted.media_type,
            extensions=sorted(accepted.extensions),
        )


class QuotaView(BaseModel):
    """In bytes. ``organisation`` is null where it is the caller's own."""

    organisation: str | None
    limit: int
    used: int


class UploadLimits(BaseModel):
    """Sizes in bytes, lives in seconds."""

    largest: int
    single_below: int = Field(description="Smaller files come in one PUT, others in parts.")
    most_parts: int
    page_images: int = Field(description="Of so many first pages of a PDF images are made.")
    upload_life: int = Field(description="An upload not completed by then is given up.")
    address_life: int
    formats: list[AcceptedFormat]
    quotas: list[QuotaView] = Field(description="Of the caller, if there is one.")

    @classmethod
    def of(cls, limits: Limits, formats: list[Format], quotas: list[Quota]) -> Self:
        return cls(
            largest=limits.largest,
            single_below=SINGLE_BELOW,
            most_parts=MOST_PARTS,
            page_images=PAGE_IMAGES,
            upload_life=int(limits.upload_life.total_seconds()),
            address_life=int(limits.address_life.total_seconds()),
            formats=[AcceptedFormat.of(each) for each in formats],
            quotas=[
                QuotaView(organisation=each.organisation, limit=each.limit, used=each.used)
                for each in quotas
            ],
        )


def _received(status: Status) -> list[int]:
    arrival = status.arrival
    if arrival is None:
        return []
    if arrival.joined:
        return [slot.number for slot in status.upload.slots(1, status.upload.part_count)]
    return [part.number for part in arrival.parts]


def _summary(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "filename": upload.filename,
        "media_type": upload.media_type,
        "size": upload.size,
        "sha256": upload.sha256.hex(),
        "organisation": upload.organisation_path,
        "state": upload.state,
        "method": upload.method,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "completed_at": upload.completed_at,
    }
