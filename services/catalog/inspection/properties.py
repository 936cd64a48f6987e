"""What an Office or OpenDocument package says beside its text: title, author, the names of sheets,
data that a program attached."""

import re
import zipfile
from typing import Final

from services.catalog.inspection import packages, xml
from services.catalog.inspection.report import Report

_PARTS = re.compile(
    r"docProps/(core|app|custom)\.xml|customXml/(?!itemProps)[^/]+\.xml|meta\.xml", re.I
)
_TOOLS: Final = {
    "Application", "AppVersion", "Template", "TotalTime", "Pages", "Words", "Characters",
    "CharactersWithSpaces", "Lines", "Paragraphs", "Slides", "Notes", "HiddenSlides", "MMClips",
    "DocSecurity", "ScaleCrop", "LinksUpToDate", "SharedDoc", "HyperlinksChanged",
    "PresentationFormat", "lpstr", "i4", "revision", "created", "modified", "lastPrinted",
    "version", "generator", "creation-date", "date", "editing-cycles", "editing-duration",
}  # fmt: skip
"""What says something of programs, times and counts, or repeats the titles of slides."""
_CUSTOM: Final = "docProps/custom.xml"
_BOOK: Final = "xl/workbook.xml"


def tell(archive: zipfile.ZipFile, report: Report) -> None:
    """Raises `Unreadable`."""
    for entry in archive.infolist():
        name = entry.filename
        if _PARTS.fullmatch(name):
            packages.read_xml(archive, entry, _Values(report, name))
        elif name == _BOOK:
            packages.read_xml(archive, entry, _Sheets(report))


class _Values(xml.Deaf):
    """The text of each element, and all attributes of data that a program attached."""

    def __init__(self, report: Report, part: str) -> None:
        self._report = report
        self._part = part
        self._skipped = set() if part.lower() == _CUSTOM.lower() else _TOOLS
        self._is_data = part.lower().startswith("customxml/")
        self._text = ""

    def start(self, name: str, attributes: xml.Attributes) -> None:
        self._text = ""
        if self._is_data:
            for attribute, value in attributes.items():
                self._report.say(f"{self._part} {xml.local(attribute)}", value)

    def text(self, text: str) -> None:
        self._text += text

    def end(self, name: str) -> None:
        element = xml.local(name)
        if element not in self._skipped:
            self._report.say(f"{self._part} {element}", self._text)
        self._text = ""


class _Sheets(xml.Deaf):
    def __init__(self, report: Report) -> None:
        self._report = report

    def start(self, name: str, attributes: xml.Attributes) -> None:
        if xml.local(name) == "sheet":
            self._report.say("sheet names", attributes.get("name", ""))
        elif xml.local(name) == "definedName":
            self._report.say("defined names", attributes.get("name", ""))
