"""What others hear of publication, and of what is taken down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.catalog.domain.codes import PublishedText
from services.catalog.domain.publication import PublishedFile


@dataclass(frozen=True)
class _OfResource:
    """``code`` is the short code, ``owner`` the id of a person, ``organisation_path`` leads from
    the province down."""

    resource_id: UUID
    version: int
    code: str
    owner: str
    organisation_path: str | None

    @property
    def aggregate(self) -> str:
        return f"resources/{self.resource_id}"


@dataclass(frozen=True)
class PublishedContributor:
    """``role`` as in metadata (2.2); ``name`` as everybody may read it there."""

    name: str
    role: str


@dataclass(frozen=True)
class ResourcePublished(_OfResource):
    """Everybody may read ``version`` from now on: what is told of it is of its public metadata.
    ``title_sha256`` is lower-case hex, of the title in UTF-8; ``types`` and ``rights_basis`` are
    codes of the dictionaries; ``licensor`` is who assigned or licensed it, where somebody did;
    ``texts`` are those of files, by prints that lead to no word."""

    title_sha256: str
    licence: str | None
    rights_basis: str
    files: Sequence[PublishedFile]
    texts: Sequence[PublishedText] = ()
    title: str = ""
    types: Sequence[str] = ()
    contributors: Sequence[PublishedContributor] = ()
    licensor: str | None = None

    type: ClassVar[str] = "catalog.resource.published.v1"


@dataclass(frozen=True)
class _Noticed(_OfResource):
    """``version`` is the one that everybody could read, or can again; ``notice`` is told to
    everybody."""

    reason_code: str
    notice: str


@dataclass(frozen=True)
class ResourceSuspended(_Noticed):
    """Nobody reads it until it is restored, except its owner and the administrators above."""

    type: ClassVar[str] = "catalog.resource.suspended.v1"


@dataclass(frozen=True)
class ResourceRetired(_Noticed):
    """Nobody reads it again, except its owner and the administrators above."""

    type: ClassVar[str] = "catalog.resource.retired.v1"


@dataclass(frozen=True)
class ResourceRestored(_Noticed):
    """Everybody may read ``version`` again."""

    type: ClassVar[str] = "catalog.resource.restored.v1"


EVENTS: Mapping[str, type] = {
    each.type: each
    for each in (ResourcePublished, ResourceSuspended, ResourceRetired, ResourceRestored)
}
