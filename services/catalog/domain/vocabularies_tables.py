"""The CSV files (RFC 4180) in which vocabularies travel.

Read as UTF-8, with or without a byte order mark, or as GB18030: the one that is declared, else
UTF-8 if the bytes are that, else GB18030 if they are that. Written as UTF-8 with the mark, by which
spreadsheets know it.

A cell that a spreadsheet would take for a formula is written behind an apostrophe, which reading
takes off again, so that what is written reads back as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import DomainError

MAX_ROWS = 50_000
MAX_CELL = 4_000
ENCODINGS: Mapping[str, str] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}
"""The charsets that may be declared; GB18030 reads its two ancestors."""

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


class UnreadableTable(DomainError):
    """The file is not a CSV file of the kind asked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """``line`` counts records, the headings being line 1. ``cells`` are exactly as written; a
    column that the file does not have is no key."""

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def values(self, column: str, separator: str) -> tuple[str, ...]:
        """A cell that holds several values; empty ones count for nothing, order is kept."""
        parts = (part.strip() for part in self.cells.get(column, "").split(separator))
        return tuple(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True, slots=True)
class Table:
    encoding: str
    columns: Sequence[str]
    rows: Sequence[Row]


def read_table(
    content: bytes, charset: str | None, required: Sequence[str], known: Sequence[str]
) -> Table:
    """The rows of a CSV file that are not empty.

    `charset` is the one declared, if any. The headings must hold all `required` columns and none
    but the `known`. Raises `UnreadableTable`.
    """
    text, encoding = _decoded(content, charset)
    if "\0" in text:
        raise UnreadableTable(
            "The file holds NUL characters: it is no CSV file.",
            zh="文件含空字符，不是 CSV 文件。",
        )
    reader = csv.reader(io.StringIO(text.removeprefix(_BOM), newline=""), strict=True)
    try:
        columns = _headings([cell.strip() for cell in next(reader, [])], required, known)
        rows: list[Row] = []
        for line, cells in enumerate(reader, start=2):
            if not any(cells):
                continue
            if len(cells) != len(columns):
                raise UnreadableTable(
                    f"Line {line} has {len(cells)} cells, the headings have {len(columns)}.",
                    zh=f"第 {line} 行有 {len(cells)} 列，表头有 {len(columns)} 列。",
                )
            if len(rows) == MAX_ROWS:
                raise UnreadableTable(
                    f"Split the file: at most {MAX_ROWS} rows.",
                    zh=f"行数过多，请拆分文件：最多 {MAX_ROWS} 行。",
                )
            if any(len(cell) > MAX_CELL for cell in cells):
                raise UnreadableTable(
                    f"Line {line} has a cell over {MAX_CELL} characters.",
                    zh=f"第 {line} 行有单元格超过 {MAX_CELL} 字。",
                )
            rows.append(Row(line, dict(zip(columns, map(_plain, cells), strict=True))))
    except csv.Error as error:
        raise UnreadableTable(
            f"Line {reader.line_num} is no CSV: {error}.",
            zh=f"第 {reader.line_num} 行不是有效的 CSV。",
        ) from error
    return Table(encoding, columns, rows)


def written_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file that `read_table` reads back to the same cells."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return (_BOM + written.getvalue()).encode()


def _decoded(content: bytes, charset: str | None) -> tuple[str, str]:
    if charset is None:
        tried = ["utf-8", "gb18030"]
    elif charset.lower() in ENCODINGS:
        tried = [ENCODINGS[charset.lower()]]
    else:
        raise UnreadableTable(
            f"Save the file as UTF-8 or GB18030, not {charset[:40]!r}.",
            zh=f"请将文件存为 UTF-8 或 GB18030，而非“{charset[:40]}”。",
        )
    for encoding in tried:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise UnreadableTable(
        f"The file is not {' or '.join(tried)}: save it as UTF-8.",
        zh=f"文件编码不是 {' 或 '.join(tried)}，请存为 UTF-8。",
    )


def _headings(columns: list[str], required: Sequence[str], known: Sequence[str]) -> list[str]:
    missing = [each for each in required if each not in columns]
    unknown = [each[:40] for each in columns if each not in known]
    twice = [each for each in known if columns.count(each) > 1]
    faults = [(f"column {each} is missing", f"缺少列 {each}") for each in missing]
    faults += [(f"column {each!r} is unknown", f"列“{each}”无法识别") for each in unknown]
    faults += [(f"column {each} is there twice", f"列 {each} 重复") for each in twice]
    if faults:
        raise UnreadableTable(
            f"The headings are not those of this kind: {'; '.join(en for en, _ in faults)}.",
            zh=f"表头有误：{'；'.join(zh for _, zh in faults)}。",
        )
    return columns


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
