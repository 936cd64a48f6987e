"""Documents of applications: state, activity profiles, agent profiles.

xAPI 1.0.3 part 3 §2.2-2.7, §3.1; IEEE 9274.1.1 §4.1.4, §4.1.6.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.learning.domain.xapi import exact
from services.learning.domain.xapi.values import Version
from shared.errors import DomainError


class DocumentNotFound(DomainError):
    pass


class DocumentConflict(DomainError):
    """The document exists, and the request does not say which version it replaces."""


class PreconditionFailed(DomainError):
    """The document is not the one that the request speaks of."""


class PreconditionMissing(DomainError):
    """A profile is written without a word on what is there."""


class MalformedDocument(DomainError):
    """A merge of something that is no JSON object."""


class Kind(StrEnum):
    STATE = "state"
    ACTIVITY_PROFILE = "activity profile"
    AGENT_PROFILE = "agent profile"


NOTHING = UUID(int=0)
"""Stands where a key has no such part."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where documents stand. ``path`` is the label of the organisation whose applications share
    what is kept of an activity, wherever it moves; of people, each application keeps its own, and
    it stands for that.

    ``registration`` is None where any will do: only lists and deletions ask so.
    """

    path: str
    kind: Kind
    activity: UUID = NOTHING
    actor: UUID = NOTHING
    registration: UUID | None = NOTHING


@dataclass(frozen=True, slots=True)
class Document:
    content_type: str
    content: bytes
    updated_at: datetime

    @property
    def etag(self) -> str:
        return etag_of(self.content)

    @property
    def is_json(self) -> bool:
        return is_json(self.content_type)


def etag_of(content: bytes) -> str:
    """The entity tag: SHA-1 in hexadecimal, quoted, as 1.0.3 part 3 §3.1 asks."""
    return f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'


def is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def check_json(content: bytes) -> None:
    """Raises `MalformedDocument` unless `content` is JSON."""
    try:
        exact.loads(content)
    except ValueError:
        raise MalformedDocument("The body is not JSON.", zh="请求内容不是 JSON。") from None


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The request's If-Match and If-None-Match, None where it has none."""

    if_match: str | None
    if_none_match: str | None

    def check(self, current: str | None) -> None:
        """Compare with the document's tag, None while there is none. Raises
        `PreconditionFailed`."""
        if self.if_match is not None and (current is None or not _names(self.if_match, current)):
            raise PreconditionFailed()
        if (
            self.if_none_match is not None
            and current is not None
            and (_names(self.if_none_match, current))
        ):
            raise PreconditionFailed()

    def check_overwrite(self, current: str | None, kind: Kind, version: Version) -> None:
        """The same for a PUT, which may not overwrite unseen; state could until 2.0.0. Raises
        `PreconditionFailed`, `DocumentConflict` or, in 1.0.3, `PreconditionMissing`."""
        self.check(current)
        if self != Preconditions(None, None) or (kind is Kind.STATE and version is Version.V1):
            return
        if current is None and version is Version.V1:
            raise PreconditionMissing(
                "Send If-None-Match: *, which asks that there be none.",
                zh="请附上 If-None-Match: *。",
            )
        if current is not None:
            raise DocumentConflict(
                "Read the document, then send its ETag as If-Match; If-None-Match: * asks that"
                " there be none.",
                zh="请先读取该文档，再以 If-Match 附上其 ETag。",
            )


def _names(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
