"""Links of a workbook whose address stands in another cell (`HYPERLINK(B2,"open")`): the cells of
that column are judged as the links that they become."""

import re
import zipfile
from collections.abc import Sequence, Set

from services.catalog.inspection import links, packages, xml
from services.catalog.inspection.report import Report

_COLUMN = re.compile(r"([A-Z]{1,3})\d{1,7}")
_MOST_STRINGS = 1 << 20
_HINT = "rPh"
"""How a word is pronounced, which is no part of it."""


class _Strings(xml.Deaf):
    """The texts that cells share, in order (ECMA-376 part 1, §18.4.9)."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._within = False
        self._hint = False

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "si" and len(self.all) < _MOST_STRINGS:
            self.all.append("")
        self._hint = self._hint or element == _HINT
        self._within = element == "t"

    def end(self, name: str) -> None:
        self._within = False
        self._hint = self._hint and xml.local(name) != _HINT

    def text(self, text: str) -> None:
        if self._within and not self._hint and self.all:
            self.all[-1] += text


class _Cells(xml.Deaf):
    """Those of some columns: a text that does not mislead, and no formula, which may make one."""

    def __init__(
        self, columns: Set[str], strings: Sequence[str], report: Report, where: str
    ) -> None:
        self._columns = columns
        self._strings = strings
        self._report = report
        self._where = where
        self._type = ""
        self._wanted = self._within = False
        self._text = ""

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "c":
            place = _COLUMN.fullmatch(attributes.get("r", ""))
            self._wanted = place is None or place[1] in self._columns
            self._type, self._text = attributes.get("t", "n"), ""
        elif element == "f" and self._wanted:
            self._report.find("action", self._where)
        self._within = element in {"v", "t"}

    def text(self, text: str) -> None:
        if self._within and self._wanted:
            self._text += text

    def end(self, name: str) -> None:
        self._within = False
        if xml.local(name) == "c" and self._wanted:
            if links.misleads(self._value()):
                self._report.find("action", f"{self._where} ({self._value()})")
            self._wanted = False

    def _value(self) -> str:
        if self._type != "s":
            return self._text
        number = int(self._text) if self._text.isdecimal() else len(self._strings)
        return self._strings[number] if number < len(self._strings) else "//"


def check(
    archive: zipfile.ZipFile,
    sheet: zipfile.ZipInfo,
    columns: Set[str],
    shared: Sequence[str],
    report: Report,
) -> None:
    """`shared` are the parts that are declared to hold texts; there is one. Raises `Unreadable`."""
    strings = _Strings()
    for part in shared if len(shared) == 1 else ():
        packages.read_xml(archive, archive.getinfo(part), strings)
    packages.read_xml(archive, sheet, _Cells(columns, strings.all, report, sheet.filename))
