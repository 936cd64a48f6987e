"""Office Open XML (ISO/IEC 29500): presentations, documents, workbooks."""

import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.catalog.inspection import archives, packages, xml
from services.catalog.inspection import ooxml_cells as cells
from services.catalog.inspection import ooxml_parts as parts
from services.catalog.inspection.report import Report, Unreadable

_TYPES: Final = "[Content_Types].xml"
_MAIN: Final = {
    "presentationml.presentation.main+xml": "pptx",
    "wordprocessingml.document.main+xml": "docx",
    "spreadsheetml.sheet.main+xml": "xlsx",
}
_STRINGS: Final = ".sharedstrings+xml"
_PACKAGES: Final = (".xlsx", ".docx", ".pptx")
_OPAQUE = re.compile(r"printersettings|customproperty|font|digital-signature", re.I)
"""Types of parts that are neither XML nor media, and that only their program knows."""
_PROPERTY_LIST = re.compile(rb"\s*<\?xml[^>]*>\s*<!DOCTYPE plist[^>]*>\s*<plist")
"""What a Mac keeps as printer settings."""


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
            _inspect_part(archive, entry, types, report, check)
        except Unreadable as defect:
            report.find(defect.code, defect.where or entry.filename)


def _inspect_part(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    types: "_Types",
    report: Report,
    check: Callable[[Path, str, Report], None],
) -> None:
    name, type_ = entry.filename.lower(), types.of(entry.filename)
    if parts.MACROS.search(name):
        report.find("macro", entry.filename)
    if parts.OBJECTS.search(name):
        report.find("embedded-object", entry.filename)
    if packages.is_xml(name) or type_.endswith(("+xml", "/xml")) or "vmldrawing" in type_:
        part = parts.Part(report, entry.filename)
        packages.read_xml(archive, entry, part)
        if part.addresses:
            shared = [each for each in archive.namelist() if types.of(each).endswith(_STRINGS)]
            cells.check(archive, entry, part.addresses, shared, report)
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
