"""A resource (资源): a draft that its owner writes, beside versions that never change.

Files are uploads attached with a role. What others may read is the live version, once there is one;
the draft is its owner's, and may be read by the administrators of the organisation above.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from services.catalog.domain.lifecycle import State
from shared.errors import DomainError

CODE_PREFIX = "R"
MOST_FILES = 100

Metadata = Mapping[str, Any]
"""Metadata as plain JSON, without what is empty; its shape is published as a JSON Schema."""


class FileRole(StrEnum):
    """What a file is to its resource."""

    MAIN = "main"
    SUPPLEMENT = "supplement"
    COVER = "cover"
    CAPTIONS = "captions"
    TRANSCRIPT = "transcript"


class DraftMalformed(DomainError):
    """What would become the draft has the wrong shape; ``errors`` lists every defect."""


class AttachmentsRefused(DomainError):
    """Uploads that cannot be attached; ``errors`` lists each with its reason."""


class FileNotReady(DomainError):
    """The file is still inspected, and nobody but its owner may have it until it is clean."""


class FileRefused(DomainError):
    """Inspection refused the file: nobody gets it. ``reasons`` say why."""


class FileDamaged(DomainError):
    """What is stored of it is not what was: nobody gets it until somebody uploads it again."""


class CodeUnreadable(DomainError):
    """What was typed or scanned is no code of a resource; ``reason`` is stable."""


@dataclass(frozen=True, slots=True)
class FileReference:
    """What an owner says of a file."""

    upload_id: UUID
    role: FileRole
    description: str | None = None
    alt_text: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a draft or version. ``sha256`` are the raw 32 bytes: claimed until the upload is
    available, found from then on. ``facts`` are what inspection learned of it, as far as everybody
    may know; None before it has. ``damaged``: the object store has lost or altered it since."""

    reference: FileReference
    sha256: bytes
    filename: str
    media_type: str
    size: int
    facts: Mapping[str, Any] | None = field(default=None, compare=False)
    damaged: bool = field(default=False, compare=False)

    @property
    def texts(self) -> Sequence[tuple[str, str]]:
        """What its readers are told of it in words, by the element that says so."""
        said = {
            "filename": self.filename,
            "description": self.reference.description,
            "alt_text": self.reference.alt_text,
        }
        return [(name, value) for name, value in said.items() if value]

    @property
    def record(self) -> dict[str, Any]:
        """The file as it enters the digest of a version."""
        said = self.reference
        told = {
            "role": said.role.value,
            "sha256": self.sha256.hex(),
            "filename": self.filename,
            "media_type": self.media_type,
            "size": self.size,
            "description": said.description,
            "alt_text": said.alt_text,
            "language": said.language,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Content:
    """What a draft holds, and a version keeps."""

    metadata: Metadata
    files: Sequence[Attachment] = ()

    @property
    def record(self) -> dict[str, Any]:
        return {"metadata": self.metadata, "files": [each.record for each in self.files]}


@dataclass(frozen=True, slots=True)
class Facets:
    """What lists show of metadata, and filter by."""

    title: str
    stage: str | None
    subject: str | None
    grades: tuple[str, ...]
    edition: str | None
    types: tuple[str, ...]
    licence: str | None

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        return cls(
            title=metadata.get("title", ""),
            stage=metadata.get("stage"),
            subject=metadata.get("subject"),
            grades=tuple(metadata.get("grades", ())),
            edition=metadata.get("edition"),
            types=tuple(metadata.get("resource_types", ())),
            licence=metadata.get("licence"),
        )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads: a person (None: nobody in particular), and the paths of the organisations at and
    below which that person may read drafts, and write (``writes``). ``people``: that person and
    whoever acts for them."""

    subject: str | None = None
    paths: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resource:
    """``latest_version`` counts the versions made; ``live_version`` is the one that everybody may
    read, or None. ``case_id`` is its open review. ``version`` is the draft's, for ETags."""

    id: UUID
    code: str
    owner: str
    organisation_path: str | None
    state: State
    live_version: int | None
    latest_version: int
    draft: Content
    version: int
    created_at: datetime
    updated_at: datetime
    case_id: UUID | None = None

    @classmethod
    def drafted(
        cls,
        id_: UUID,
        code: str,
        owner: str,
        organisation_path: str | None,
        draft: Content,
        now: datetime,
    ) -> Self:
        return cls(
            id=id_,
            code=code,
            owner=owner,
            organisation_path=organisation_path,
            state=State.DRAFT,
            live_version=None,
            latest_version=0,
            draft=draft,
            version=1,
            created_at=now,
            updated_at=now,
        )

    def changed(self, draft: Content, now: datetime) -> Self:
        return replace(self, draft=draft, version=self.version + 1, updated_at=now)

    def frozen(self, draft: Content, now: datetime) -> Self:
        """With one version more, of `draft`."""
        return replace(self.changed(draft, now), latest_version=self.latest_version + 1)

    def moved(self, state: State, case_id: UUID | None, now: datetime) -> Self:
        """In another state, of which that review is open."""
        return replace(self, state=state, case_id=case_id, version=self.version + 1, updated_at=now)


def sees_draft(viewer: Viewer, owner: str, organisation_path: str | None) -> bool:
    """Whether `viewer` may read the draft and every version."""
    if viewer.subject is not None and viewer.subject == owner:
        return True
    return organisation_path is not None and any(
        organisation_path == path or organisation_path.startswith(path + ".")
        for path in viewer.paths
    )


def readable(
    viewer: Viewer, owner: str, organisation_path: str | None, live_version: int | None
) -> bool:
    """Whether `viewer` may know that the resource exists. The same rule stands as a predicate in
    SQL, `READABLE`; a test holds them together."""
    return live_version is not None or sees_draft(viewer, owner, organisation_path)
