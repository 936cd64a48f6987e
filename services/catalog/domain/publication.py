"""What is published (入库、上架): one version of a resource at a time, and which ever were."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.catalog.domain.codes import Codes, Iscc, PublishedText, published_texts
from shared.errors import DomainError


class FilesUnfit(DomainError):
    """A file of the version is not, or no longer, found clean; ``files`` names each."""


@dataclass(frozen=True, slots=True)
class Publication:
    """``digest`` is the version's, as it was judged in the case."""

    resource_id: UUID
    version: int
    published_at: datetime
    digest: bytes
    case_id: UUID


@dataclass(frozen=True, slots=True)
class VersionFile:
    """``sm3`` is None until the file is found clean, ``codes`` of one inspected before there were
    any."""

    filename: str
    sha256: bytes
    sm3: bytes | None
    size: int
    codes: Codes | None = None


@dataclass(frozen=True)
class PublishedFile:
    """A file as events tell of it: digests are lower-case hex, ``size`` is in bytes, and ``path``
    names one file of the version. ``iscc`` are units of ISO 24138, null of a file that has none."""

    path: str
    sha256: str
    sm3: str
    size: int
    iscc: Iscc | None = None


def published_files(files: Sequence[VersionFile]) -> list[PublishedFile]:
    """`files` in their order. Raises `FilesUnfit`."""
    unfit = [each.filename for each in files if each.sm3 is None]
    if unfit:
        raise FilesUnfit(
            "Some files are not found clean: they are inspected still, or were refused.",
            zh="部分文件尚未通过检查或已被拒绝。",
            files=unfit,
        )
    return [
        PublishedFile(
            path,
            each.sha256.hex(),
            each.sm3.hex(),
            each.size,
            each.codes.iscc if each.codes else None,
        )
        for path, each in zip(_paths(files), files, strict=True)
        if each.sm3 is not None
    ]


def texts_of(files: Sequence[VersionFile]) -> list[PublishedText]:
    """The texts among `files`, for those who look for the like."""
    return published_texts(
        [
            (path, each.codes.winnowed)
            for path, each in zip(_paths(files), files, strict=True)
            if each.codes is not None and each.codes.winnowed is not None
        ]
    )


def _paths(files: Iterable[VersionFile]) -> Iterable[str]:
    """File names; one that was there before gets its place before it."""
    seen: set[str] = set()
    for position, each in enumerate(files):
        yield f"{position}/{each.filename}" if each.filename in seen else each.filename
        seen.add(each.filename)
