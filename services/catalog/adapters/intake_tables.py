"""Tables of metadata: CSV and XLSX, read from bytes that may be anything, and empty templates.

Reading is bounded by the limits below. Formulas are never computed: the value that the spreadsheet
last showed is read. What is no table raises `UnreadableTable`, and nothing else is raised.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

from services.catalog.application.intake_columns import COLUMNS, Column
from services.catalog.application.intake_rows import Line, columns_of
from services.catalog.domain.intake import MAX_ROWS, UnreadableTable
from shared.context import worded

MAX_COLUMNS = 128
MAX_CELL_CHARACTERS = 20_000
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
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


def read_table(content: bytes) -> tuple[Sequence[Line], Sequence[str]]:
    """`services.catalog.application.intake_ports.ReadTable`; content tells which kind it is."""
    return _lines(_xlsx(content) if content.startswith(b"PK\x03\x04") else _csv(content))


def template_csv() -> bytes:
    """The headings alone, behind the mark by which spreadsheets know UTF-8."""
    written = io.StringIO(newline="")
    csv.writer(written).writerow([each.heading for each in COLUMNS])
    return (_BOM + written.getvalue()).encode()


def template_xlsx() -> bytes:
    """The headings alone, as cells of text."""
    import openpyxl  # here and below: a start does not need it
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title, sheet.freeze_panes = "资源", "A2"
    sheet.append([each.heading for each in COLUMNS])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        sheet.column_dimensions[cell.column_letter].number_format = "@"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _csv(content: bytes) -> Iterator[Sequence[str]]:
    text = _decoded(content)
    first = text[: text.find("\n")] if "\n" in text else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",\t", key=first.count))
    try:
        yield from reader
    except csv.Error as error:
        raise UnreadableTable(
            worded(
                f"Near line {reader.line_num} it is no CSV: check its quotes.",
                f"第 {reader.line_num} 行附近不是有效的 CSV，请检查引号。",
            )
        ) from error


def _decoded(content: bytes) -> str:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableTable(
        worded("Save the table as CSV UTF-8.", "编码无法识别，请另存为“CSV UTF-8”。")
    )


def _xlsx(content: bytes) -> Iterator[Sequence[str]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True, keep_links=False
        )
        rows = book.worksheets[0].iter_rows(
            max_row=2 * MAX_ROWS, max_col=MAX_COLUMNS, values_only=True
        )
        for row in rows:
            yield [_shown(value) for value in row]
    except _SPREADSHEET_FAILURES as error:
        raise UnreadableTable(
            worded(
                "It is no XLSX workbook: save it again.",
                "不是有效的 XLSX 工作簿，请重新保存。",
            )
        ) from error


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case datetime() | date():
            return value.isoformat()[:10]
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def _plain(text: str) -> str:
    """What a person sees in the cell: without the marks that keep digits from being numbers."""
    text = text.strip()
    if quoted := re.fullmatch('="(.*)"', text, re.DOTALL):
        text = quoted[1]
    return text.removeprefix("'").strip()


def _lines(rows: Iterable[Sequence[str]]) -> tuple[Sequence[Line], Sequence[str]]:
    """The first row that is not empty has the headings."""
    columns: dict[int, Column] | None = None
    ignored: Sequence[str] = ()
    headed: frozenset[int] = frozenset()
    lines: list[Line] = []
    for number, row in enumerate(rows, start=1):
        cells = [_plain(each) for each in row]
        if not any(cells):
            continue
        if columns is None:
            columns, ignored = columns_of(cells[:MAX_COLUMNS])
            headed = frozenset(at for at, text in enumerate(cells) if text)
            continue
        if len(lines) == MAX_ROWS:
            raise UnreadableTable(
                worded(
                    f"A table has at most {MAX_ROWS} rows: split it.",
                    f"一个表格最多 {MAX_ROWS} 行，请拆分。",
                )
            )
        named = {column: cells[at] for at, column in columns.items() if at < len(cells)}
        if any(len(each) > MAX_CELL_CHARACTERS for each in named.values()):
            raise UnreadableTable(
                worded(
                    f"Row {number} has a cell over {MAX_CELL_CHARACTERS} characters.",
                    f"第 {number} 行有单元格超过 {MAX_CELL_CHARACTERS} 字。",
                )
            )
        strays = [text for at, text in enumerate(cells) if text and at not in headed]
        told = {column: text for column, text in named.items() if text}
        lines.append(Line(number, told, strays[:MAX_COLUMNS]))
    if not lines:
        raise UnreadableTable(worded("There is no row below the headings.", "表格中没有数据行。"))
    return lines, [each[:100] for each in ignored[:100]]
