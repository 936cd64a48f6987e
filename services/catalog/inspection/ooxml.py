"""Office Open XML (ISO/IEC 29500): presentations, documents, workbooks."""

import posixpath
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from services.catalog.inspection import archives, packages, texts, xml
from services.catalog.inspection import ooxml_parts as parts
from services.catalog.inspection.report import Report, Unreadable

_TYPES: Final = "[Content_Types].xml"
_MAIN: Final = {
    "presentationml.presentation.main+xml": "pptx",
    "wordprocessingml.document.main+xml": "docx",
    "spreadsheetml.sheet.main+xml": "xlsx",
}
_PACKAGES: Final = (".xlsx", ".docx", ".pptx")
_OPAQUE = re.compile(r"printersettings|customproperty|font|digital-signature", re.I)
"""Types of parts that are neither XML nor media, and that only their program knows."""
_PROPERTY_LIST = re.compile(rb"\s*<\?xml[^>]*>\s*<!DOCTYPE plist[^>]*>\s*<plist")
"""What a Mac keeps as printer settings."""
_SHEET_KIND = {"pptx": "slides", "docx": "document", "xlsx": "sheets"}


def format_of(archive: zipfile.ZipFile) -> str | None:
    """`pptx`, `docx`, `xlsx`; None for a package that is none of them. Raises `Unreadable`."""
    types = _content_types(archive).all
    return next((name for main, name in _MAIN.items() if any(main in t for t in types)), None)


def is_package(archive: zipfile.ZipFile) -> bool:
    return _TYPES in archive.namelist()


def inspect(
    archive: zipfile.ZipFile, report: Report, check: Callable[[Path, str, Report], None]
) -> None:
    """`check` inspects a document that is embedded whole: path, name, report."""
    types = _content_types(archive)
    for type_ in types.all:
        if parts.MACROS.search(type_):
            report.find("macro", _TYPES)
        if parts.OBJECTS.search(type_):
            report.find("embedded-object", _TYPES)
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        try:
            _inspect_part(archive, entry, types.of(entry.filename), report, check)
        except Unreadable as defect:
            report.find(defect.code, defect.where or entry.filename)


def _inspect_part(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    type_: str,
    report: Report,
    check: Callable[[Path, str, Report], None],
) -> None:
    name = entry.filename.lower()
    if parts.MACROS.search(name):
        report.find("macro", entry.filename)
    if parts.OBJECTS.search(name):
        report.find("embedded-object", entry.filename)
    if packages.is_xml(name) or type_.endswith(("+xml", "/xml")) or "vmldrawing" in type_:
        packages.read_xml(archive, entry, parts.Part(report, entry.filename))
    elif name.endswith(_PACKAGES):
        if report.depth > 1:
            report.find("nested-archive", entry.filename)
            return
        with (
            tempfile.NamedTemporaryFile(dir=report.work) as copy,
            archives.reading(archive, entry) as source,
        ):
            while chunk := source.read(1 << 18):
                copy.write(chunk)
            copy.flush()
            check(Path(copy.name), entry.filename, report.member(entry.filename))
    else:
        if "/embeddings/" in f"/{name}":
            report.find("embedded-object", entry.filename)
        if not _OPAQUE.search(type_) or "/media/" in name:
            packages.check_medium(archive, entry, report)
        elif _is_xml(packages.read_head(archive, entry)):
            packages.read_xml(archive, entry, parts.Part(report, entry.filename))
        else:
            packages.check_opaque(archive, entry, report)


def _is_xml(head: bytes) -> bool:
    bare = head.lstrip(b"\xef\xbb\xbf\xff\xfe\0\t\r\n ")
    return bare.startswith(b"<") and not _PROPERTY_LIST.match(bare)


class _Types(xml.Deaf):
    """Content types as declared (part 2, §7.2.3): of a part by its name, else by its extension."""

    def __init__(self) -> None:
        self.all: set[str] = set()
        self._declared: dict[str, str] = {}

    def start(self, name: str, attributes: xml.Attributes) -> None:
        type_ = attributes.get("ContentType", "")
        part = attributes.get("PartName") or f".{attributes.get('Extension', '')}"
        self.all.add(type_)
        self._declared[part.lower()] = type_.partition(";")[0].strip().lower()

    def of(self, name: str) -> str:
        part = f"/{name.lower()}"
        extension = f".{part.rpartition('.')[2]}"
        return self._declared.get(part, self._declared.get(extension, ""))


def _content_types(archive: zipfile.ZipFile) -> _Types:
    types = _Types()
    packages.read_xml(archive, archive.getinfo(_TYPES), types)
    return types


def derive(archive: zipfile.ZipFile, name: str, report: Report) -> None:
    """Text by slide or sheet, or of the whole document; how many there are."""
    kept = list({"pptx": _slides, "docx": _document, "xlsx": _sheets}[name](archive))
    kind = _SHEET_KIND[name]
    if kind != "document":
        report.facts[kind] = len(kept)
    texts.keep(report, kept, kind)


class _Text(xml.Deaf):
    def __init__(self, collected: xml.Paragraphs) -> None:
        self._collected = collected

    def start(self, name: str, attributes: xml.Attributes) -> None:
        self._collected.start(xml.local(name))

    def end(self, name: str) -> None:
        self._collected.end(xml.local(name))

    def text(self, text: str) -> None:
        self._collected.text(text)


def _text_of(archive: zipfile.ZipFile, part: str, texts_in: set[str], lines: set[str]) -> str:
    collected = xml.Paragraphs(texts_in, lines, texts.MOST_EXTRACTED_BYTES)
    packages.read_xml(archive, archive.getinfo(part), _Text(collected))
    return collected.taken()


def _slides(archive: zipfile.ZipFile) -> Iterator[str]:
    for slide in _listed(archive, "ppt/presentation.xml", "sldId"):
        yield _text_of(archive, slide, {"t"}, {"p"})


def _document(archive: zipfile.ZipFile) -> Iterator[str]:
    found = [n for n in archive.namelist() if re.fullmatch(r"word/document\d*\.xml", n)]
    for part in found[:1]:
        yield _text_of(archive, part, {"t"}, {"p", "br"})


def _sheets(archive: zipfile.ZipFile) -> Iterator[str]:
    shared: list[str] = []
    if "xl/sharedStrings.xml" in archive.namelist():
        whole = _Strings()
        packages.read_xml(archive, archive.getinfo("xl/sharedStrings.xml"), whole)
        shared = whole.strings
    for sheet in _listed(archive, "xl/workbook.xml", "sheet"):
        cells = _Cells(shared)
        packages.read_xml(archive, archive.getinfo(sheet), cells)
        yield cells.taken()


def _listed(archive: zipfile.ZipFile, part: str, element: str) -> Iterator[str]:
    """Names of the parts that `part` lists, in its order."""
    folder, name = posixpath.split(part)
    targets: dict[str, str] = {}
    order: list[str] = []

    class Targets(xml.Deaf):
        def start(self, name: str, attributes: xml.Attributes) -> None:
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            targets[attributes.get("Id", "")] = posixpath.normpath(path)

    class Order(xml.Deaf):
        def start(self, name: str, attributes: xml.Attributes) -> None:
            if xml.local(name) == element:
                order.append(
                    next((v for k, v in attributes.items() if k.endswith("relationships id")), "")
                )

    names = set(archive.namelist())
    relations = f"{folder}/_rels/{name}.rels"
    if part not in names or relations not in names:
        return
    packages.read_xml(archive, archive.getinfo(relations), Targets())
    packages.read_xml(archive, archive.getinfo(part), Order())
    for id_ in order:
        if targets.get(id_) in names:
            yield targets[id_]


class _Strings(xml.Deaf):
    """The shared strings of a workbook, without phonetic hints."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._parts: list[str] = []
        self._heard = False
        self._left = 4 * texts.MOST_EXTRACTED_BYTES

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "si":
            self._parts = []
        self._heard = element == "t"

    def text(self, text: str) -> None:
        if self._heard and self._left > 0:
            self._parts.append(text)
            self._left -= len(text)

    def end(self, name: str) -> None:
        self._heard = False
        if xml.local(name) == "si":
            self.strings.append("".join(self._parts))


class _Cells(xml.Deaf):
    """The values of a sheet: cells by tabs, rows by lines."""

    def __init__(self, shared: list[str]) -> None:
        self._shared = shared
        self._collected = xml.Paragraphs({"v"}, set(), texts.MOST_EXTRACTED_BYTES)
        self._is_shared = False
        self._value = ""
        self._within = False

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "c":
            self._is_shared = attributes.get("t") == "s"
        elif element in {"v", "t"}:
            self._within, self._value = True, ""

    def text(self, text: str) -> None:
        if self._within:
            self._value += text

    def end(self, name: str) -> None:
        element = xml.local(name)
        if element in {"v", "t"}:
            self._within = False
            self._collected.add(f"{self._meant()}\t")
        elif element == "row":
            self._collected.add("\n")

    def _meant(self) -> str:
        if not self._is_shared:
            return self._value
        index = int(self._value) if self._value.isdigit() else -1
        return self._shared[index] if 0 <= index < len(self._shared) else ""

    def taken(self) -> str:
        return "\n".join(line.rstrip("\t") for line in self._collected.taken().splitlines())
