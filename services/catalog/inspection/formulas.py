"""What a formula of a workbook would do, in Excel's notation and LibreOffice's; in a table as text,
where a program takes what begins like a formula for one (CWE-1236)."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Final, Literal

from services.catalog.inspection import links
from services.catalog.inspection.report import Report

_QUOTED = re.compile(
    r"\"(?:[^\"]|\"\")*+\"|'(?:[^']|'')*+'|\[(?:'.|[^\[\]']|\[(?:'.|[^\[\]'])*+\])*+\]", re.DOTALL
)
"""A text, a sheet's name, a table's column, in which an apostrophe spares the next character
(ECMA-376 part 1, §18.17.2)."""
_CALLED: Final = (
    r"WEBSERVICE|IMAGE|CALL|REGISTER(?:\.ID)?|RTD|EXEC|INITIATE|COPILOT|DDE|SQL\.\w+|PY|IMPORT\w+"
)
_CALLING = re.compile(rf"\b(?:{_CALLED})\s*(\()|\b_xl(?:eta|fn)\.(?:{_CALLED})\b", re.I)
"""By name, or handed to another function that calls it, or given a name by `LET`."""
_LINKING = re.compile(
    r"\bHYPERLINK\s*(\()\s*(?:CONCAT(?:ENATE)?\s*\(\s*)?(?:\"(\d+)\"\s*([,;)])?)?", re.I
)
_BY_CELL = re.compile(r"(?<![\w.\"'])HYPERLINK\s*\(\s*\$?([A-Z]{1,3})\$?\d{1,7}\s*(?=[,)])", re.I)
"""Whose address stands in a cell, where it is judged."""
_WITHOUT_ADDRESS: Final = "("
_CONCATENATING = re.compile(r"CONCAT", re.I)
_OTHER_BOOK = re.compile(
    r"'[^']*+'\s*\#|'[^'\\/\[\]]*+[\\/\[\]][^']*+'\s*!\s*[\w$#]"
    r"|(?<![\w.\[:])\[(?!0\])[^\[\]]+\][\w.$:]*!\s*[\w$#]"
)
"""A sheet's name has neither a slash nor a bracket; `[0]` is the book itself."""
_ITEM = re.compile(r"[\w.\\']\s*\|\s*[^\s|!]+\s*!\s*[\w$#*']")
"""A DDE service, its topic, and what is asked of it."""
_WORDS = re.compile(r"\((?![^()]*[A-Za-z]\$?\d)[^()\"'!:$&|=<>+*/^{}\[\]]*\)")
"""In brackets, neither a text nor a cell: outside of a workbook a name stands for nothing."""
_NAMING = re.compile(r"\b(?:LET|LAMBDA)\s*\(", re.I)
_TELLING = re.compile(rf"[!#]|\b(?:HYPERLINK|_xleta|_xlfn|{_CALLED})\b", re.I)
"""Without one of these no formula does anything."""
_BEGINNINGS: Final = tuple("=+-@＝＋－＠")
_BLANK: Final = (
    " \t\n\f\v\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\u200b"
)
_LONGEST: Final = 1 << 16
"""Characters: no program takes more for a formula."""
_SEPARATORS: Final = ",;\t|"
_QUOTINGS: Final[tuple[tuple[Literal[0, 3], bool], ...]] = ((0, False), (0, True), (3, False))
"""`csv.QUOTE_MINIMAL` or `QUOTE_NONE`; whether blanks before a quotation mark are passed over."""
_LEFT: Final = {"'": "'", "[": ""}
_UNPAIRED = re.compile(r"[\"\[\]]")
_NAMED_SEPARATOR = re.compile(r"sep=([^\n])\n")
"""The first line of a table may name one for Excel."""


def check(formula: str, report: Report, where: str) -> set[str]:
    """The columns whose cells are links by it. `|` is no operator: outside of quotation marks it
    parts a DDE service from its topic."""
    if "|" in _parted(formula)[1]:
        report.find("dde", where)
    columns = {link[1].upper() for link in _BY_CELL.finditer(formula)}
    check_calls(_BY_CELL.sub(_WITHOUT_ADDRESS, formula), report, where)
    return columns


def check_table(text: str, report: Report) -> None:
    """The cells of a text of values by commas, semicolons or tabs."""
    if not _TELLING.search(text):
        return
    for cell in _cells(text):
        if "|" in cell and _ITEM.search(_parted(cell)[1]):
            report.find("dde")
        check_calls(cell, report, "", in_book=bool(_NAMING.search(cell)))


def _cells(text: str) -> Iterator[str]:
    """What begins like a formula, in every way to part the text: programs and their languages
    differ in the separator, and in what a quotation mark begins."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    named = _NAMED_SEPARATOR.match(text)
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # of this process
    for separator in {*_SEPARATORS, *(named[1] if named else "")} - {'"'}:
        for quoting, spared in _QUOTINGS:
            lines = StringIO(text, newline="")
            rows = csv.reader(lines, delimiter=separator, quoting=quoting, skipinitialspace=spared)
            for row in rows:
                for cell in row:
                    bare = cell.lstrip(_BLANK)
                    if bare.startswith(_BEGINNINGS):
                        yield bare[:_LONGEST]


def check_calls(formula: str, report: Report, where: str, *, in_book: bool = True) -> None:
    """The functions and the books that it names. Not ``in_book``, words in brackets are words."""
    texts, bare, code = _parted(formula)
    for call in _CALLING.finditer(bare):
        if in_book or not call[1] or not _WORDS.match(bare, call.start(1)):
            report.find("action", where)
    if _OTHER_BOOK.search(code):
        report.find("external-reference", where)
    for link in _LINKING.finditer(bare):
        if not in_book and _WORDS.match(bare, link.start(1)):
            continue
        address = texts[int(link[2])] if link[2] else ""
        whole = link[3] and not _CONCATENATING.search(link[0])
        if not address or not (links.is_link(address) if whole else links.is_web(address)):
            report.find("action", where)


def _parted(formula: str) -> tuple[list[str], str, str]:
    """Its texts; the formula with a text's number for each, an apostrophe for the name of a sheet
    and nothing for a table's column; and the formula with the texts alone so replaced. One whose
    quotation marks or brackets do not pair is all code."""
    texts: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        if not found[0].startswith('"'):
            return found[0]
        texts.append(found[0][1:-1].replace('""', '"'))
        return f'"{len(texts) - 1}"'

    code = _QUOTED.sub(numbered, formula)
    bare = _QUOTED.sub(lambda found: _LEFT.get(found[0][0], found[0]), code)
    if _UNPAIRED.search(_QUOTED.sub("", formula)):
        return [], formula, formula
    return texts, bare, code
