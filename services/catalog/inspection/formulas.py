"""What a formula of a workbook would do, in Excel's notation and LibreOffice's; in a table as text,
where a program takes what begins like a formula for one (CWE-1236)."""

import re
from collections.abc import Iterator
from typing import Final

from services.catalog.inspection import links
from services.catalog.inspection.report import Report

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_CALLING = re.compile(r"\b(WEBSERVICE|IMAGE|CALL|REGISTER(\.ID)?|RTD|EXEC|DDE)\s*\(", re.I)
_LINKING = re.compile(r"\bHYPERLINK\s*\(\s*(?:\"([^\"]*)\")?", re.I)
_OTHER_BOOK = re.compile(r"'\s*(\\\\|//|[a-z][a-z0-9+.-]*:)[^']*'\s*!|\[[^\]]+\.xl\w+\]", re.I)
_ITEM = re.compile(r"\|\s*('[^']*'|[^\s|!]+)\s*!")
"""Of a DDE service: its topic, and what is asked of it."""
_CELL = re.compile(r"(?:^|[,;\t|])[ \"\t]*[=+@＝＋－＠-]([^\n]*)", re.M)
_SEPARATOR = re.compile(r"sep=([^\n])\n")
"""The first line of a table may name one for Excel."""
_LONGEST: Final = 1 << 13
"""Characters of a formula (ECMA-376 part 1, §18.17)."""


def check(formula: str, report: Report, where: str) -> None:
    """`|` is no operator: outside of quotation marks it parts a DDE service from its topic."""
    if "|" in _QUOTED.sub("", formula):
        report.find("dde", where)
    _check_calls(formula, report, where)


def check_table(text: str, report: Report) -> None:
    """The cells of a text of values by commas, semicolons or tabs."""
    for cell in _cells(text):
        if _ITEM.search(cell):
            report.find("dde")
        _check_calls(cell, report, "")


def _cells(text: str) -> Iterator[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if named := _SEPARATOR.match(text):
        text = text.replace(named[1], ",")
    for line in _CELL.finditer(text):
        yield line[1][:_LONGEST].replace('""', '"')


def _check_calls(formula: str, report: Report, where: str) -> None:
    if _CALLING.search(formula):
        report.find("action", where)
    if _OTHER_BOOK.search(formula):
        report.find("external-reference", where)
    for link in _LINKING.finditer(formula):
        if not link[1] or not links.is_link(link[1]):
            report.find("action", where)
