"""Roster files: CSV and XLSX, read from bytes that may be anything, and written.

Reading is lazy and bounded: of a file no more is unpacked, and of a line no more is looked at, than
the limits below. What is no roster raises `UnreadableRoster`, and nothing else is raised. Formulas
are never computed: the value that the spreadsheet last showed is read.

Writing marks a cell that a spreadsheet would take for a formula, or that begins with the mark, with
an apostrophe, as it would do itself; reading takes the mark off.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from services.identity.adapters.oneroster import read_oneroster
from services.identity.adapters.roster_records import Torn, records
from services.identity.domain.imports import (
    MAX_LINES,
    Format,
    RosterLine,
    Trouble,
    UnreadableRoster,
)
from services.identity.domain.roster_words import HEADINGS, Column, column_of

MAX_COLUMNS = 64
MAX_CELL_CHARACTERS = 512
MAX_UNPACKED_BYTES = 256 << 20
MAX_ENTRIES = 1000

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_TITLE_LINES = 10
"""A title or remarks may stand above the headings."""
_HEAD_CHARACTERS = 1 << 16

Cells = Mapping[Column, str]

_EXPLAINING = re.compile("(说明|须知|示例|样例|字典|选项|代码表?|帮助)$")
"""What the name of a sheet ends with that holds nobody."""

_TEXT = "@"
_MARKED_STARTS = ("=", "+", "-", "@", "'")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What a workbook cannot hold (XML 1.0, §2.2), and no name is read with."""
_SPREADSHEET_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
"""What openpyxl and zipfile raise on archives that are no workbooks."""


def read(format_: Format, content: bytes) -> Iterator[RosterLine]:
    """The lines of a roster that are not empty. Raises `UnreadableRoster`, perhaps late."""
    return _READERS[format_](content)


def csv_head() -> bytes:
    """The headings, behind the mark by which spreadsheets know UTF-8."""
    return BOM.encode() + csv_rows([_titles()])


def csv_lines(lines: Iterable[Cells]) -> bytes:
    return csv_rows([line.get(column, "") for column in Column] for line in lines)


def csv_rows(rows: Iterable[Sequence[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([_guarded(cell) for cell in row] for row in rows)
    return written.getvalue().encode()


def workbook() -> "RosterWorkbook":
    return RosterWorkbook()


class RosterWorkbook:
    """An XLSX roster under way. All cells are text, so that long numbers keep their digits."""

    def __init__(self) -> None:
        # Imported here and below: a start does not need it.
        import openpyxl
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font

        self._new_cell = WriteOnlyCell
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet: Any = self._book.create_sheet("花名册")
        self._sheet.freeze_panes = "A2"
        headings = [self._new_cell(self._sheet, title) for title in _titles()]
        for cell in headings:
            cell.font = Font(bold=True)
        self._sheet.append(headings)

    def add(self, lines: Iterable[Cells]) -> None:
        for line in lines:
            self._sheet.append([self._cell(line.get(column)) for column in Column])

    def save(self, target: IO[bytes]) -> None:
        self._book.save(target)

    def _cell(self, text: str | None) -> Any:
        if not text:
            return None
        cell = self._new_cell(self._sheet, _guarded(text))
        cell.data_type, cell.number_format = "s", _TEXT
        return cell


def _titles() -> list[str]:
    return [HEADINGS[column][0] for column in Column]


def _guarded(text: str) -> str:
    if _CONTROL.search(text):
        text = _CONTROL.sub("", " ".join(text.split()))
    return f"'{text}" if text.startswith(_MARKED_STARTS) else text


def _plain(text: str) -> str:
    """What a person sees in the cell: without the marks that keep long numbers from being taken
    for numbers (an apostrophe, a tab, `="..."`)."""
    text = text.strip()[: MAX_CELL_CHARACTERS + 1]
    if not text.startswith(("=", "'")):
        return text
    if quoted := re.fullmatch('="(.*)"', text, re.DOTALL):
        text = quoted[1]
    return text.removeprefix("'").strip()


def _read_csv(content: bytes) -> Iterator[RosterLine]:
    text = _decoded(content)
    yield from _lines(records(text, _delimiter(text)))


def _delimiter(text: str) -> str:
    """The one that parts most headings, on the first line or below a title."""
    head = text[:_HEAD_CHARACTERS].splitlines()[:_TITLE_LINES]

    def headings(delimiter: str) -> int:
        rows = (line.replace('"', "").split(delimiter) for line in head)
        return max((sum(map(_is_heading, row)) for row in rows), default=0)

    return max(",\t;", key=headings)


def _is_heading(cell: str) -> bool:
    return column_of(_plain(cell)) is not None


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableRoster("文件编码无法识别：请另存为“CSV UTF-8（逗号分隔）”")


def _read_xlsx(content: bytes) -> Iterator[RosterLine]:
    import openpyxl

    try:
        _check_archive(content)
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True, keep_links=False
        )
        yield from _lines(_rows_of(_roster_sheet(book), _TITLE_LINES + MAX_LINES))
    except UnreadableRoster:
        raise
    except _SPREADSHEET_FAILURES as error:
        raise UnreadableRoster("文件不是有效的 XLSX 工作簿：请用电子表格软件重新保存") from error


def _roster_sheet(book: Any) -> Any:
    """The one visible sheet with headings, or the first; what is beside it may explain it by its
    name. Raises `UnreadableRoster`."""
    visible = [
        sheet for sheet in book.worksheets if sheet.sheet_state == "visible" and _has_content(sheet)
    ]
    if not visible:
        raise UnreadableRoster(_NO_HEADINGS)
    telling = [sheet for sheet in visible if not _EXPLAINING.search(sheet.title)] or visible
    chosen = next((sheet for sheet in telling if _has_headings(sheet)), telling[0])
    others = [sheet.title for sheet in telling if sheet is not chosen]
    if others:
        raise UnreadableRoster(
            f"工作簿中除“{chosen.title}”外还有内容（{'、'.join(others)}）：请把人员合并到一张工作表，"
            "说明类工作表请在名称中注明“说明”，或隐藏"
        )
    return chosen


def _has_content(sheet: Any) -> bool:
    rows = sheet.iter_rows(max_row=_TITLE_LINES + MAX_LINES, max_col=MAX_COLUMNS, values_only=True)
    return any(map(any, rows))


def _has_headings(sheet: Any) -> bool:
    """Whether a row names several columns, the name among them."""
    for row in _rows_of(sheet, _TITLE_LINES):
        named = {column for cell in row if (column := column_of(_plain(cell)))}
        if Column.NAME in named and len(named) > 1:
            return True
    return False


def _rows_of(sheet: Any, most: int) -> Iterator[list[str]]:
    rows = sheet.iter_rows(max_row=most, max_col=MAX_COLUMNS, values_only=True)
    return ([_shown(value) for value in row] for row in rows)


def _read_oneroster(content: bytes) -> Iterator[RosterLine]:
    _check_archive(content)
    yield from read_oneroster(content)


def _check_archive(content: bytes) -> None:
    """Refuse an archive that unpacks to too much. Raises `UnreadableRoster`.

    Entries are read up to the size that they declare and no further, so the declared sizes hold.
    """
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UnreadableRoster("文件不是有效的压缩包或工作簿，可能没有传完") from error
    if len(entries) > MAX_ENTRIES or sum(each.file_size for each in entries) > MAX_UNPACKED_BYTES:
        raise UnreadableRoster("文件解压后过大：请拆分为几个文件")


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case datetime() | date():
            return value.isoformat()[:10]
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float() | int() if abs(value) >= 1e15:
            return f"{value:.5E}"
        case _:
            return str(value)


def _lines(rows: Iterable[Sequence[str]]) -> Iterator[RosterLine]:
    """Find the headings, then read the rows below them."""
    columns: dict[int, Column] | None = None
    found = 0
    for number, row in enumerate(rows, start=1):
        cells = [_plain(cell) for cell in row[:MAX_COLUMNS]]
        if not any(cells):
            continue
        if columns is None:
            columns = _headings(cells, last=number >= _TITLE_LINES)
            if columns is not None and isinstance(row, Torn):
                raise UnreadableRoster("表头的双引号不成对：请删去多余的双引号")
            continue
        found += 1
        if found > MAX_LINES:
            raise UnreadableRoster(f"一个文件最多 {MAX_LINES} 行：请拆分为几个文件")
        line = {column: cells[at] for at, column in columns.items() if at < len(cells)}
        told = {column: text for column, text in line.items() if text}
        yield RosterLine(number, told, Trouble.TORN if isinstance(row, Torn) else None)
    if columns is None:
        raise UnreadableRoster(_NO_HEADINGS)


_NO_HEADINGS = "找不到表头：第一行应有“姓名”等列名，可下载模板对照"


def _headings(cells: Sequence[str], *, last: bool) -> dict[int, Column] | None:
    columns = {at: column for at, cell in enumerate(cells) if (column := column_of(cell))}
    if Column.NAME not in columns.values():
        if last:
            raise UnreadableRoster(_NO_HEADINGS)
        return None
    known = list(columns.values())
    for column in known:
        if known.count(column) > 1:
            raise UnreadableRoster(f"有两列都是“{HEADINGS[column][0]}”：请只保留一列")
    return columns


_READERS: Mapping[Format, Callable[[bytes], Iterator[RosterLine]]] = {
    Format.CSV: _read_csv,
    Format.XLSX: _read_xlsx,
    Format.ONEROSTER: _read_oneroster,
}
