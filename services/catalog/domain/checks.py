"""The check before submission: every defect of a draft at once.

A rule is a function from what is `Examined` to the defects that it finds; `checks_rules` is their
table. How bad a defect is, and what is told of it, stands in `checks_texts`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.catalog.domain import files, uploads, vocabularies
from services.catalog.domain.checks_texts import TEXTS, Level, Text
from services.catalog.domain.resources import FileRole, Metadata


@dataclass(frozen=True, slots=True)
class Defect:
    """``pointer`` is a JSON pointer into the draft, ``{"metadata", "files"}``, in fragment form;
    ``values`` fill the places in its text. Of personal data they hold masked forms alone."""

    code: str
    pointer: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def text(self) -> Text:
        return TEXTS[self.code]

    @property
    def level(self) -> Level:
        return self.text.level


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """A file of the draft with what inspection found. ``file_state`` is None until its upload is
    available; ``pages`` hold the extracted text, None while there is none."""

    position: int
    role: FileRole
    filename: str
    alt_text: str | None
    upload_state: uploads.State
    file_state: files.State | None = None
    media_type: str = ""
    refusal: Sequence[files.Refusal] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    pages: Sequence[str] | None = None

    @property
    def pointer(self) -> str:
        return f"#/files/{self.position}"

    @property
    def kind(self) -> str:
        """The part of its media type before the slash."""
        return self.media_type.partition("/")[0]


@dataclass(frozen=True, slots=True)
class TextbookFacts:
    """Codes of a textbook by element of metadata; ``retired``: it is no longer used."""

    codes: Mapping[str, str]
    retired: bool


@dataclass(frozen=True, slots=True)
class Related:
    """A resource that a relation names and the owner may read. ``licence`` is a code; ``found``:
    whether it has the version that is pinned."""

    code: str
    licence: str | None
    found: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The file at ``position`` is also a file of the resource with this code."""

    position: int
    code: str
    own: bool


@dataclass(frozen=True, slots=True)
class Similar:
    """The text of the file at ``position`` is much like one of the resource with this code.
    ``containment`` is the share of the shorter text that is in the longer, estimated, 0 to 1."""

    position: int
    code: str
    own: bool
    containment: float


Pinned = tuple[UUID, int | None]
"""A resource, and the version of it that is meant."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A draft with everything about it that rules ask. ``terms`` has (dictionary, code),
    ``chapters`` and ``points`` codes; what does not exist is missing there, and from ``related``.
    """

    metadata: Metadata
    today: date
    files: Sequence[ExaminedFile] = ()
    terms: Mapping[tuple[str, str], vocabularies.State] = field(default_factory=dict)
    textbook: TextbookFacts | None = None
    chapters: Mapping[str, vocabularies.State] = field(default_factory=dict)
    points: Mapping[str, vocabularies.State] = field(default_factory=dict)
    related: Mapping[Pinned, Related] = field(default_factory=dict)
    duplicates: Sequence[Duplicate] = ()
    similar: Sequence[Similar] = ()


Rule = Callable[[Examined], Iterable[Defect]]

_ORDER = {level: place for place, level in enumerate(Level)}


def run(rules: Iterable[Rule], examined: Examined) -> list[Defect]:
    """What all rules find: errors first, then by rule."""
    found = [defect for rule in rules for defect in rule(examined)]
    return sorted(found, key=lambda defect: _ORDER[defect.level])
