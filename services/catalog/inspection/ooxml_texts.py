"""The words of an Office Open XML package, wherever they stand: also in notes, headers, comments,
text boxes, charts and what no page shows any more."""

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Final

from services.catalog.inspection import links, packages, texts, xml
from services.catalog.inspection.report import Report

_KINDS: Final = {"pptx": "slides", "docx": "document", "xlsx": "sheets"}
_ORDERS: Final = {
    "pptx": ("ppt/presentation.xml", "sldId"),
    "xlsx": ("xl/workbook.xml", "sheet"),
}
_TEXTS: Final = {"t", "delText", "v", "text"}
_LINES: Final = {"p", "si", "pt", "comment", "cell"}
_HINTS: Final = {"rPh"}
"""How a word is pronounced, which is no part of it."""
_DESCRIBING: Final = {"descr", "title", "alt", "prompt", "tooltip"}
_HEADERS: Final = {
    f"{page}{end}" for page in ("odd", "even", "first") for end in ("Header", "Footer")
}
_VALUES: Final = {"v", "t", *_HEADERS}
_HEADER_CODE = re.compile(r"&(?:\"[^\"]*\"|K[\dA-F]{6}|\d{1,3}|[A-Z])")
"""Of a sheet's header or footer (ECMA-376 part 1, §18.3.1.46)."""
_LITERAL = re.compile(r'"((?:[^"]|"")+)"')
_LONGEST_VALUE = 1 << 16
"""Characters of a cell; Excel keeps 32,767."""
_PATTERNS = re.compile(r"/(slideMaster|slideLayout|notesMaster|handoutMaster)s/", re.I)
"""Parts whose placeholders show other parts' words, never their own."""
_SILENT = re.compile(r"(\.rels|^\[Content_Types\]\.xml|^docProps/.*|^customXml/.*)$", re.I)


def derive(archive: zipfile.ZipFile, name: str, report: Report) -> None:
    """The text derivative; how many slides or sheets there are."""
    kind = _KINDS[name]
    own = 1
    if kind != "document":
        report.facts[kind] = own = len(_listed(archive, name))
    texts.keep(report, parts(archive, name), kind, own)


def parts(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    """Text by slide or sheet, each with what belongs to it, then the rest; or of the whole
    document. Raises `Unreadable`."""
    if name == "docx":
        body = [n for n in archive.namelist() if re.fullmatch(r"word/document\d*\.xml", n)][:1]
        rest = _others(archive, set(body))
        calls = [call for part in (*body, *rest) for call in _calls(archive, part)]
        yield texts.joined([*(_text_of(archive, part) for part in (*body, *rest)), *calls])
        return
    listed = _listed(archive, name)
    seen = set(listed)
    strings = _strings(archive) if name == "xlsx" else _Strings()
    for part in listed:
        mine = [each for each in _related(archive, part) if each not in seen]
        seen.update(mine)
        own = _sheet(archive, part, strings) if name == "xlsx" else _text_of(archive, part)
        beside = (_text_of(archive, each) for each in mine)
        yield texts.joined([own, *beside, *_calls(archive, part)])
    rest = _others(archive, {*seen, _STRINGS})
    last = texts.joined([*(_text_of(archive, each) for each in rest), *strings.unused()])
    if last:
        yield last


def _others(archive: zipfile.ZipFile, seen: set[str]) -> list[str]:
    return [
        each
        for each in sorted(archive.namelist())
        if each not in seen and packages.is_xml(each) and not _SILENT.search(each)
    ]


def _text_of(archive: zipfile.ZipFile, part: str) -> str:
    words = _Words(own_only=bool(_PATTERNS.search(part)))
    packages.read_xml(archive, archive.getinfo(part), words)
    return words.taken()


class _Words(xml.Deaf):
    """The text of a part; ``own_only`` leaves out shapes that are placeholders. What is there once
    more, for readers that know less (part 3, §9.3), is left out."""

    def __init__(self, *, own_only: bool) -> None:
        self._own_only = own_only
        self._collected = xml.Paragraphs(_TEXTS, _LINES, texts.MOST_EXTRACTED_BYTES, _HINTS)
        self._kept: list[str] = []
        self._is_placeholder = False
        self._left: list[int] = []
        self._skipped = 0

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "AlternateContent":
            self._left.append(self._collected.left)
        if self._skipped or (element == "Fallback" and self._has_chosen()):
            self._skipped += 1
            return
        if element == "sp":
            self._keep()
        self._is_placeholder |= element == "ph"
        self._collected.start(element)
        for attribute, value in attributes.items():
            if attribute in _DESCRIBING or (attribute == "v" and element in {"s", "n"}):
                self._collected.line(value)

    def end(self, name: str) -> None:
        element = xml.local(name)
        if element == "AlternateContent":
            self._left.pop()
        if self._skipped:
            self._skipped -= 1
            return
        self._collected.end(element)
        if element == "sp":
            self._keep()

    def text(self, text: str) -> None:
        if not self._skipped:
            self._collected.text(text)

    def _has_chosen(self) -> bool:
        return bool(self._left) and self._collected.left < self._left[-1]

    def _keep(self) -> None:
        """What was collected of a shape, or between two."""
        words = self._collected.taken()
        if words and not (self._own_only and self._is_placeholder):
            self._kept.append(words)
        self._is_placeholder = False

    def taken(self) -> str:
        self._keep()
        return "\n".join(self._kept)


def _listed(archive: zipfile.ZipFile, name: str) -> list[str]:
    """Names of the slides or sheets, in their order."""
    part, element = _ORDERS[name]
    if part not in archive.namelist():
        return []
    order: list[str] = []

    class Order(xml.Deaf):
        def start(self, name: str, attributes: xml.Attributes) -> None:
            if xml.local(name) == element:
                order.append(
                    next((v for k, v in attributes.items() if k.endswith("relationships id")), "")
                )

    packages.read_xml(archive, archive.getinfo(part), Order())
    targets = _targets(archive, part)
    return list(dict.fromkeys(targets[id_] for id_ in order if id_ in targets))


def _related(archive: zipfile.ZipFile, part: str) -> Iterable[str]:
    """The XML parts that `part` refers to and that are its own."""
    return (
        each
        for each in dict.fromkeys(_targets(archive, part).values())
        if packages.is_xml(each) and not _PATTERNS.search(each)
    )


def _targets(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """The parts that `part` has relationships to, by their ids."""
    folder = posixpath.dirname(part)
    paths = {
        id_: posixpath.normpath(posixpath.join("/", folder, target))[1:]
        for id_, target in _relations(archive, part).items()
    }
    return {id_: path for id_, path in paths.items() if path in archive.NameToInfo}


def _calls(archive: zipfile.ZipFile, part: str) -> list[str]:
    """Whom its links call or write to."""
    return [call for target in _relations(archive, part).values() for call in links.called(target)]


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    """The targets of the relationships of `part`, by their ids."""
    folder, name = posixpath.split(part)
    relations = f"{folder}/_rels/{name}.rels"
    targets: dict[str, str] = {}

    class Targets(xml.Deaf):
        def start(self, name: str, attributes: xml.Attributes) -> None:
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    if relations in archive.NameToInfo:
        packages.read_xml(archive, archive.getinfo(relations), Targets())
    return targets


_STRINGS: Final = "xl/sharedStrings.xml"


class _Strings(xml.Deaf):
    """The shared strings of a workbook, without phonetic hints."""

    def __init__(self) -> None:
        self._strings: list[str] = []
        self._used: set[int] = set()
        self._collected = xml.Paragraphs({"t"}, set(), 4 * texts.MOST_EXTRACTED_BYTES, _HINTS)

    def start(self, name: str, attributes: xml.Attributes) -> None:
        self._collected.start(xml.local(name))

    def text(self, text: str) -> None:
        self._collected.text(text)

    def end(self, name: str) -> None:
        element = xml.local(name)
        self._collected.end(element)
        if element == "si":
            self._strings.append(self._collected.taken())

    def shown(self, index: str) -> str:
        at = int(index) if index.isdecimal() else -1
        if not 0 <= at < len(self._strings):
            return ""
        self._used.add(at)
        return self._strings[at]

    def unused(self) -> Iterator[str]:
        return (each for at, each in enumerate(self._strings) if at not in self._used)


def _strings(archive: zipfile.ZipFile) -> _Strings:
    whole = _Strings()
    if _STRINGS in archive.namelist():
        packages.read_xml(archive, archive.getinfo(_STRINGS), whole)
    return whole


def _sheet(archive: zipfile.ZipFile, part: str, strings: _Strings) -> str:
    cells = _Cells(strings)
    packages.read_xml(archive, archive.getinfo(part), cells)
    return cells.taken()


class _Cells(xml.Deaf):
    """The values of a sheet: cells by tabs, rows by lines; then its headers, its footers and what
    its formulas quote."""

    def __init__(self, strings: _Strings) -> None:
        self._strings = strings
        self._whole = xml.Paragraphs(set(), {"row"}, texts.MOST_EXTRACTED_BYTES)
        self._value = self._empty()
        self._is_shared = False
        self._formula = self._quoting()
        self._quoted: list[str] = []

    @staticmethod
    def _quoting() -> xml.Paragraphs:
        return xml.Paragraphs({"f"}, set(), _LONGEST_VALUE)

    @staticmethod
    def _empty() -> xml.Paragraphs:
        return xml.Paragraphs(_VALUES, set(), _LONGEST_VALUE, _HINTS)

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "c":
            self._is_shared = attributes.get("t") == "s"
        if element == "c" or element in _HEADERS:
            self._value = self._empty()
        self._value.start(element)
        self._formula.start(element)

    def text(self, text: str) -> None:
        self._value.text(text)
        self._formula.text(text)

    def end(self, name: str) -> None:
        element = xml.local(name)
        self._value.end(element)
        if element == "c":
            value = self._value.taken()
            self._whole.add(f"{self._strings.shown(value) if self._is_shared else value}\t")
        elif element in _HEADERS:
            self._whole.line(_HEADER_CODE.sub(" ", self._value.taken()).strip())
        self._formula.end(element)
        if element == "f":
            self._quoted += _LITERAL.findall(self._formula.taken())
            self._formula = self._quoting()
        self._whole.end(element)

    def taken(self) -> str:
        for each in self._quoted:
            self._whole.line(each)
        return "\n".join(line.rstrip("\t") for line in self._whole.taken().splitlines())
