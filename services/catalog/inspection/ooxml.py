"""Office Open XML (ISO/IEC 29500): presentations, documents, workbooks."""

import posixpath
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from services.catalog.inspection import archives, packages, texts, xml
from services.catalog.inspection.report import Report, Unreadable

_TYPES: Final = "[Content_Types].xml"
_MAIN: Final = {
    "presentationml.presentation.main+xml": "pptx",
    "wordprocessingml.document.main+xml": "docx",
    "spreadsheetml.sheet.main+xml": "xlsx",
}
_MACROS = re.compile(r"macroenabled|vbaproject|vbadata|wordvbadata|macrosheet", re.I)
_OBJECTS = re.compile(r"oleobject|activex|customui/.*macro", re.I)
_PACKAGES: Final = (".xlsx", ".docx", ".pptx")
_HARMLESS_EXTERNAL: Final = {"hyperlink"}
_DDE = re.compile(r"\bDDE(AUTO)?\b")
_FETCHING_FIELD = re.compile(r"\b(INCLUDEPICTURE|INCLUDETEXT|IMPORT|LINK)\b")
_FORMULA_DDE = re.compile(r"^\s*[-+=@]?\s*[\w.]+\|'?[^!]*'?!")
_FORMULA_FETCH = re.compile(r"\b(WEBSERVICE|CALL|REGISTER\.ID|RTD|EXEC)\s*\(", re.I)
_NAMED_ACTION = re.compile(r"^ppaction://(program|macro|ole)", re.I)
_SHEET_KIND = {"pptx": "slides", "docx": "document", "xlsx": "sheets"}


def format_of(archive: zipfile.ZipFile) -> str | None:
    """`pptx`, `docx`, `xlsx`; None for a package that is none of them. Raises `Unreadable`."""
    types = _content_types(archive)
    return next((name for main, name in _MAIN.items() if any(main in t for t in types)), None)


def is_package(archive: zipfile.ZipFile) -> bool:
    return _TYPES in archive.namelist()


def inspect(
    archive: zipfile.ZipFile, report: Report, check: Callable[[Path, str, Report], None]
) -> None:
    """`check` inspects a document that is embedded whole: path, name, report."""
    for type_ in _content_types(archive):
        if _MACROS.search(type_):
            report.find("macro", _TYPES)
        if _OBJECTS.search(type_):
            report.find("embedded-object", _TYPES)
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        try:
            _inspect_part(archive, entry, report, check)
        except Unreadable as defect:
            report.find(defect.code, defect.where or entry.filename)


def _inspect_part(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    report: Report,
    check: Callable[[Path, str, Report], None],
) -> None:
    name = entry.filename.lower()
    if _MACROS.search(name):
        report.find("macro", entry.filename)
    if _OBJECTS.search(name):
        report.find("embedded-object", entry.filename)
    if name.endswith(".rels"):
        packages.read_xml(archive, entry, _Relationships(report, entry.filename))
    elif packages.is_xml(name):
        packages.read_xml(archive, entry, _Fields(report, entry.filename))
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
        packages.check_medium(archive, entry, report)


def _content_types(archive: zipfile.ZipFile) -> set[str]:
    found: set[str] = set()

    class Types(xml.Deaf):
        def start(self, name: str, attributes: xml.Attributes) -> None:
            found.add(attributes.get("ContentType", ""))

    packages.read_xml(archive, archive.getinfo(_TYPES), Types())
    return found


class _Relationships(xml.Deaf):
    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where

    def start(self, name: str, attributes: xml.Attributes) -> None:
        kind = attributes.get("Type", "").rpartition("/")[2]
        target = attributes.get("Target", "")
        if _MACROS.search(kind):
            self._report.find("macro", self._where)
        if _OBJECTS.search(kind):
            self._report.find("embedded-object", self._where)
        if attributes.get("TargetMode", "").lower() == "external":
            if kind not in _HARMLESS_EXTERNAL:
                self._report.find("external-reference", f"{self._where} ({kind})")
            elif packages.opaque(target):
                self._report.find("action", self._where)
        elif "://" in target or target.startswith("\\\\"):
            self._report.find("external-reference", f"{self._where} ({kind})")


class _Fields(xml.Deaf):
    """Instructions of fields and formulas, which may be cut into pieces, and actions."""

    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where
        self._instruction = ""
        self._formula = ""
        self._element = ""

    def start(self, name: str, attributes: xml.Attributes) -> None:
        self._element = element = xml.local(name)
        if element == "f":
            self._formula = ""
        elif element == "fldSimple":
            self._instruct(xml.attribute(attributes, "instr"))
        elif element in {"ddeLink", "oleLink"}:
            self._report.find("dde", self._where)
        elif element in {"control", "oleObj", "OLEObject", "objectEmbed"}:
            self._report.find("embedded-object", self._where)
        elif element in {"hlinkClick", "hlinkHover", "hlinkMouseOver"}:
            if _NAMED_ACTION.match(xml.attribute(attributes, "action")):
                self._report.find("action", self._where)
        elif element == "altChunk":
            self._report.find("embedded-file", self._where)

    def text(self, text: str) -> None:
        if self._element == "instrText":
            self._instruct(self._instruction + text)
        elif self._element == "f":
            self._formula += text[:1024]

    def end(self, name: str) -> None:
        element = xml.local(name)
        if element == "f":
            if _FORMULA_DDE.match(self._formula):
                self._report.find("dde", self._where)
            if _FORMULA_FETCH.search(self._formula):
                self._report.find("action", self._where)
        elif element == "p":
            self._instruction = ""
        if element == self._element:
            self._element = ""

    def _instruct(self, instruction: str) -> None:
        self._instruction = instruction[-4096:]
        if _DDE.search(self._instruction):
            self._report.find("dde", self._where)
        if _FETCHING_FIELD.search(self._instruction) and "://" in self._instruction:
            self._report.find("external-reference", self._where)


def derive(archive: zipfile.ZipFile, name: str, report: Report) -> None:
    """Text by slide or sheet, or of the whole document; how many there are."""
    parts = list({"pptx": _slides, "docx": _document, "xlsx": _sheets}[name](archive))
    kind = _SHEET_KIND[name]
    if kind != "document":
        report.facts[kind] = len(parts)
    texts.keep(report, parts, kind)


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
    parts = [n for n in archive.namelist() if re.fullmatch(r"word/document\d*\.xml", n)]
    for part in parts[:1]:
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
