"""Versions: what a resource was when it was frozen, for ever; and what differs between two."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.catalog.domain.resources import Content
from shared.errors import DomainError


class DefectsRemain(DomainError):
    """The check finds errors; ``defects`` lists them."""


class NothingChanged(DomainError):
    """The draft is what the latest version is."""


@dataclass(frozen=True, slots=True)
class Version:
    """``number`` counts from 1; ``digest`` is `digest_of` its content; ``created_by`` is the id of
    a person."""

    resource_id: UUID
    number: int
    content: Content
    digest: bytes
    created_at: datetime
    created_by: str
    note: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs; ``pointer`` is an RFC 6901 pointer. A side that lacks it has None."""

    pointer: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Differences:
    """``metadata`` differs at these places; of files, only those that are of the same role and name
    are told as replaced. Each file is told as `Attachment.record`."""

    metadata: Sequence[Difference]
    added: Sequence[Mapping[str, Any]]
    removed: Sequence[Mapping[str, Any]]
    replaced: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: equal things have equal bytes. It is RFC 8785
    for what metadata holds, which has no fractions."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def digest_of(content: Content) -> bytes:
    """SHA-256 of the canonical JSON of metadata and files, with the digests of the files."""
    return hashlib.sha256(canonical(content.record)).digest()


def differences(before: Content, after: Content) -> Differences:
    """What makes `after` of `before`."""
    old = [each.record for each in before.files]
    new = [each.record for each in after.files]
    removed = [each for each in old if each not in new]
    added = [each for each in new if each not in old]
    replaced = []
    for gone in list(removed):
        place = (gone["role"], gone["filename"])
        heir = next((each for each in added if (each["role"], each["filename"]) == place), None)
        if heir is not None:
            replaced.append((gone, heir))
            removed.remove(gone)
            added.remove(heir)
    metadata = list(_differing("", before.metadata, after.metadata))
    return Differences(metadata, added, removed, replaced)


def _differing(pointer: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from _differing(f"{pointer}/{escaped}", before.get(name), after.get(name))
    else:
        yield Difference(pointer, before, after)
