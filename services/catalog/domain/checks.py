"""The check before submission: every defect of a draft at once.

A rule is a function from what is `Examined` to the defects that it finds; `checks_rules` is their
table. How bad a defect is, and what is told of it, stands in `checks_texts`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
class Place:
    """Where in a file something stands, in words; empty where it is all one."""

    en: str = ""
    zh: str = ""


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """A file of the draft with what inspection found. ``file_state`` is None until its upload is
    available; ``pages`` hold the extracted text, None while there is none. ``damaged``: the object
    store has lost or altered it since."""

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
    damaged: bool = False

    @property
    def pointer(self) -> str:
        return f"#/files/{self.position}"

    @property
    def kind(self) -> str:
        """The part of its media type before the slash."""
        return self.media_type.partition("/")[0]

    @property
    def words(self) -> Iterator[tuple[Place, str]]:
        """Its text part by part, and what it says beside."""
        told: Mapping[str, Any] = self.facts.get("text_parts", {})
        unit = _UNITS.get(told.get("of", "pages"), _WHOLE)
        pages = self.pages or ()
        own, outside = told.get("own", len(pages)), told.get("outside", len(pages))
        for number, text in enumerate(pages, 1):
            if number > outside:
                name, _, rest = text.partition("\n")
                yield _inside(name), rest
            elif number <= own:
                yield Place(*(each.format(number) for each in unit)), text
            else:
                yield Place("beside the pages", "页面之外"), text
        for where, said in self.facts.get("said", {}).items():
            yield Place(f"document properties: {where}", f"文档属性 {where}"), said


_WHOLE = ("", "")
_UNITS = {
    "pages": ("page {}", "第 {} 页"),
    "slides": ("slide {}", "第 {} 张幻灯片"),
    "sheets": ("sheet {}", "第 {} 个工作表"),
    "entries": ("names of files", "文件名"),
}
_NUMBERED = {
    "pdf": _UNITS["pages"],
    "pptx": _UNITS["slides"],
    "odp": _UNITS["slides"],
    "xlsx": _UNITS["sheets"],
}


def _inside(label: str) -> Place:
    """Of a part that stands under its file's name and its number."""
    name, _, number = label.rpartition("#")
    unit = _NUMBERED.get(name.rpartition(".")[2].lower(), _WHOLE)
    en, zh = (each.format(number) for each in unit)
    return Place(f"{name}, {en}" if en else name, f"{name} {zh}".strip())


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


@dataclass(frozen=True, slots=True)
class Registered:
    """The file at ``position`` is like one of the registered work with this code. ``tier`` is
    exact, same_code, near, review or containment; ``distance`` is that of their Content-Codes, of
    256 bits, and ``share`` how much of the shorter text is in the longer, 0 to 1."""

    position: int
    code: str
    tier: str
    distance: int | None
    share: float | None


Pinned = tuple[UUID, int | None]
"""A resource, and the version of it that is meant."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A draft with everything about it that rules ask. ``terms`` has (dictionary, code),
    ``chapters`` and ``points`` codes; what does not exist is missing there, and from ``related``.
    ``names`` are those by which relations would name it itself. ``grades_of_stage`` is None where
    nothing says which grades its stage has, ``registered`` where the register of copyright did not
    answer."""

    metadata: Metadata
    today: date
    names: Collection[str] = ()
    files: Sequence[ExaminedFile] = ()
    terms: Mapping[tuple[str, str], vocabularies.State] = field(default_factory=dict)
    grades_of_stage: Collection[str] | None = None
    textbook: TextbookFacts | None = None
    chapters: Mapping[str, vocabularies.State] = field(default_factory=dict)
    points: Mapping[str, vocabularies.State] = field(default_factory=dict)
    related: Mapping[Pinned, Related] = field(default_factory=dict)
    duplicates: Sequence[Duplicate] = ()
    similar: Sequence[Similar] = ()
    registered: Sequence[Registered] | None = ()


Rule = Callable[[Examined], Iterable[Defect]]

_ORDER = {level: place for place, level in enumerate(Level)}


def run(rules: Iterable[Rule], examined: Examined) -> list[Defect]:
    """What all rules find: errors first, then by rule."""
    found = [defect for rule in rules for defect in rule(examined)]
    return sorted(found, key=lambda defect: _ORDER[defect.level])
