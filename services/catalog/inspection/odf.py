"""OpenDocument 1.3 (ISO/IEC 26300): presentations and texts."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Final

from services.catalog.inspection import archives, formulas, links, packages, properties, texts, xml
from services.catalog.inspection.report import Report, Unreadable

_MEDIA_TYPES: Final = {
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.text": "odt",
}
_MACROS = re.compile(r"^(basic|scripts)/", re.I)
_LINKS: Final = {"a", "hyperlink"}
_OPAQUE = re.compile(r"(layout-cache$|ObjectReplacements/|Fonts/)")
"""What only an office program knows."""
_TEXT_PARTS = re.compile(r"(^styles|/(content|styles))\.xml$")
_PAGE: Final = "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0 page"
_WORDS: Final = {"p", "h", "title", "desc", "header-decl", "footer-decl", "date-time-decl"}
_PROGRAMS = re.compile(r"(vnd\.sun\.star\.\w+|macro|service|(java|vb)script):", re.I)
_SETUP: Final = "Configurations2/"
_COMMAND = re.compile(r"\.uno:[A-Za-z0-9]+|private:(separator|resource/[\w/]+)|[\w-]*")
_OPENING = re.compile(r"\.uno:\w*(macro|script|open|load|plugin|install|insertobject)\w*", re.I)
"""Of a menu, a bar or a key: a command of the program's own, without arguments."""
_OWN: Final = "vnd.sun.star.package:"
_SOURCES: Final = {"href", "src"}
_OF_FORMS: Final = {"resource", "schema"}
"""Of XForms 1.1 (§3.3), in no namespace; in RDF's a resource is only named."""
_COMMANDING = re.compile(r"[ ](id|href|command)$|^(id|href|command)$")
_LOCAL_TEMPLATE = re.compile(r"file:///[^/]|(?![a-z]+:|/)", re.I)
"""What the document was made from lies on its author's computer, and is not needed."""
_WITHIN = re.compile(r"^(\./|\.\./)?(Pictures|Media|Object|ObjectReplacements|Thumbnails)\b")


def format_of(archive: zipfile.ZipFile) -> str | None:
    """`odp` or `odt`, by the `mimetype` entry that comes first (part 2, §3.3)."""
    first = archive.infolist()[0]
    if first.filename != "mimetype" or first.file_size > 100:
        return None
    with archives.reading(archive, first) as source:
        return _MEDIA_TYPES.get(source.read(100).decode(errors="replace").strip())


def inspect(archive: zipfile.ZipFile, report: Report) -> None:
    properties.tell(archive, report)
    for entry in archive.infolist():
        name = entry.filename
        if entry.is_dir() or name == "mimetype" or not entry.file_size:
            continue
        if _MACROS.match(name):
            report.find("macro", name)
        try:
            if packages.is_xml(name):
                packages.read_xml(archive, entry, _Content(report, name))
            elif _OPAQUE.match(name):
                packages.check_opaque(archive, entry, report)
            else:
                packages.check_medium(archive, entry, report)
        except Unreadable as defect:
            report.find(defect.code, defect.where or name)


class _Content(xml.Deaf):
    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        href = xml.attribute(attributes, "href").strip()
        if element == "encryption-data":
            self._report.find("encrypted", self._where)
        elif element in {"event-listener", "script"} and (
            href or xml.attribute(attributes, "language") or element == "script"
        ):
            self._event(element, href, attributes)
        elif element == "execute-macro":
            self._report.find("macro", self._where)
        elif element in {"object-ole", "applet", "floating-frame"}:
            self._report.find("embedded-object", self._where)
        elif element in {"dde-source", "dde-connection-decl", "dde-connection"}:
            self._report.find("dde", self._where)
        elif element == "submission":
            self._report.find("action", self._where)
        elif (element == "section-source" and href) or links.leads_elsewhere(
            xml.attribute(attributes, "datasource")
        ):
            self._report.find("external-reference", self._where)
        for attribute, value in attributes.items():
            if self._where.startswith(_SETUP) and _COMMANDING.search(attribute):
                self._command(links.UNSEEN.sub("", value))
            self._check(element, attribute, links.UNSEEN.sub("", value))

    def _check(self, element: str, attribute: str, value: str) -> None:
        if xml.local(attribute) == "formula":
            formulas.check_calls(value, self._report, self._where)
        if value.lower().startswith(_OWN):
            value = value[len(_OWN) :]
        named = xml.local(attribute)
        if (named == "macro-name" or not named.endswith("name")) and _PROGRAMS.match(value):
            self._report.find("macro", self._where)
        elif not value or (xml.local(attribute) not in _SOURCES and attribute not in _OF_FORMS):
            return
        elif element in _LINKS:
            if not links.is_link(value):
                self._report.find("action", f"{self._where} ({value})")
        elif element == "template" and _LOCAL_TEMPLATE.match(value):
            return
        elif (element == "plugin" and not _WITHIN.match(value)) or (
            not value.startswith("#") and links.leaves_package(value, self._where)
        ):
            self._report.find("external-reference", f"{self._where} ({value})")

    def _command(self, value: str) -> None:
        if not _COMMAND.fullmatch(value) or _OPENING.fullmatch(value):
            self._report.find("macro", self._where)

    def _event(self, element: str, href: str, attributes: xml.Attributes) -> None:
        """A presentation's own events move between slides; all others run something."""
        action = xml.attribute(attributes, "action")
        if element == "event-listener" and action and action not in {"execute", "execute-macro"}:
            return
        self._report.find("macro", self._where)


class _Text(xml.Deaf):
    """Text by page of a presentation, with its notes, or whole; then what stands outside."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        most = texts.MOST_EXTRACTED_BYTES
        self._collected = xml.Paragraphs(_WORDS, _WORDS, most, {"page-number", "page-count"})
        self._outside: list[str] = []

    def start(self, name: str, attributes: xml.Attributes) -> None:
        if name == _PAGE:
            self._outside.append(self._collected.taken())
        element = xml.local(name)
        self._collected.start(element)
        if element in _LINKS:
            for call in links.called(xml.attribute(attributes, "href")):
                self._collected.line(call)

    def end(self, name: str) -> None:
        self._collected.end(xml.local(name))
        if name == _PAGE:
            self.pages.append(self._collected.taken())

    def text(self, text: str) -> None:
        self._collected.text(text)

    def outside(self) -> str:
        return texts.joined([*self._outside, self._collected.taken()])


def derive(archive: zipfile.ZipFile, name: str, report: Report) -> None:
    """The text derivative; how many slides there are."""
    pages, rest = _read(archive)
    if name == "odp":
        report.facts["slides"] = len(pages)
    if name == "odp":
        texts.keep(report, [*pages, *rest], "slides", len(pages))
    else:
        texts.keep(report, [*pages, *rest], "document")


def parts(archive: zipfile.ZipFile) -> Iterable[str]:
    """Text by slide, then the rest; or of the whole document. Raises `Unreadable`."""
    pages, rest = _read(archive)
    return [*pages, *rest]


def _read(archive: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    """The text of the pages; that beside them, in headers and embedded charts, as at most one."""
    content = _Text()
    packages.read_xml(archive, archive.getinfo("content.xml"), content)
    rest = texts.joined([content.outside(), *_others(archive)])
    return content.pages, [rest] if rest else []


def _others(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in sorted(archive.namelist()):
        if _TEXT_PARTS.search(name):
            read = _Text()
            packages.read_xml(archive, archive.getinfo(name), read)
            yield texts.joined([*read.pages, read.outside()])
