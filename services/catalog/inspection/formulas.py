"""What a formula of a workbook would do, in Excel's notation and LibreOffice's; in a table as text,
where a program takes what begins like a formula for one (CWE-1236)."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Final

from services.catalog.inspection import links
from services.catalog.inspection.report import Report

_QUOTED = re.compile(
    r"\"(?:[^\"]|\"\")*+\"|'(?:[^']|'')*+'|\[(?:'.|[^\[\]']|\[(?:'.|[^\[\]'])*+\])*+\]", re.DOTALL
)
"""A text, a sheet's name, a table's column, in which an apostrophe spares the next character
(ECMA-376 part 1, §18.17.2)."""
_CALLED: Final = (
    r"WEBSERVICE|IMAGE|CALL|REGISTER(?:\.ID)?|RTD|EXEC|DDE|SQL\.\w+|PY"
    r"|IMPORT(?:DATA|FEED|HTML|RANGE|XML)"
)
_CALLING = re.compile(rf"\b(?:{_CALLED})\s*\(|\b_xleta\.(?:{_CALLED})\b", re.I)
"""By name, or handed to another function that calls it."""
_LINKING = re.compile(r"\bHYPERLINK\s*\(\s*(?:\"([^\"]*)\")?", re.I)
_OTHER_BOOK = re.compile(
    r"'\s*(\\\\|//|[a-z][a-z0-9+.-]*:)[^']*'\s*[!#]|\[[^\[\]]+\.\w+\][^\[\]!]*!", re.I
)
_ITEM = re.compile(r"\|\s*+[^\s|!]*+\s*+!")
"""Of a DDE service: its topic, and what is asked of it."""
_TELLING = re.compile(rf"[!#]|\b(?:HYPERLINK|_xleta|{_CALLED})\b", re.I)
"""Without one of these no formula does anything."""
_BEGINNINGS: Final = tuple("=+-@＝＋－＠")
_BLANK: Final = ' "\t\n\f\v\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH NO-BREAK SPACE}'
_LONGEST: Final = 1 << 16
"""Characters: no program takes more for a formula."""
_SEPARATORS: Final = ",;\t|"
_NAMED_SEPARATOR = re.compile(r"sep=([^\n])\n")
"""The first line of a table may name one for Excel."""


def check(formula: str, report: Report, where: str) -> None:
    """`|` is no operator: outside of quotation marks it parts a DDE service from its topic."""
    if "|" in _QUOTED.sub("", formula):
        report.find("dde", where)
    check_calls(formula, report, where)


def check_table(text: str, report: Report) -> None:
    """The cells of a text of values by commas, semicolons or tabs."""
    if not _TELLING.search(text):
        return
    for cell in _cells(text):
        if "|" in cell and _ITEM.search(_QUOTED.sub("", cell)):
            report.find("dde")
        check_calls(cell, report, "")


def _cells(text: str) -> Iterator[str]:
    """What begins like a formula, in every way to part the text: programs and their languages
    differ in the separator, and in whether a quotation mark within a cell begins anything."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    named = _NAMED_SEPARATOR.match(text)
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # of this process
    for separator in {*_SEPARATORS, *(named[1] if named else "")} - {'"'}:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            lines = StringIO(text, newline="")
            for row in csv.reader(lines, delimiter=separator, quoting=quoting):
                for cell in row:
                    bare = cell.lstrip(_BLANK)
                    if bare.startswith(_BEGINNINGS):
                        yield bare[:_LONGEST].replace('""', '"')


def check_calls(formula: str, report: Report, where: str) -> None:
    """The functions and the books that it names."""
    if _CALLING.search(formula):
        report.find("action", where)
    if _OTHER_BOOK.search(formula):
        report.find("external-reference", where)
    for link in _LINKING.finditer(formula):
        if not link[1] or not links.is_link(link[1]):
            report.find("action", where)
