"""The rows of a CSV file (RFC 4180) of which one cell may be spoilt: a quotation mark that opens a
cell and closes nowhere must not swallow the rows below it."""

import csv
from collections.abc import Iterator

_LONGEST_CELL_LINES = 20
_WITHIN_TEXTS = 2


class Torn(list[str]):
    """The cells of a row whose quotation marks do not pair, as far as they can be told."""


def records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Every row, a `Torn` one where it is spoilt. A cell goes on over a line break only where it
    ends soon, and its lines have no more delimiters than one row may: as many as the first row that
    has any, and in wide ones some within a text. Raises `csv.Error` for a cell beyond the limit of
    the library."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    at, width = 0, 0
    while at < len(lines):
        line = lines[at]
        row = _row([line], delimiter) if '"' in line else line.split(delimiter)
        taken = 1
        if row is None:
            row, taken = _whole(lines[at : at + _LONGEST_CELL_LINES], delimiter, width)
        at += taken
        if not width and len(row) > 1:
            width = len(row)
        yield row


def _whole(lines: list[str], delimiter: str, width: int) -> tuple[list[str], int]:
    """The row that begins with the first of `lines`, and how many of them it takes."""
    most = width - 1 + (_WITHIN_TEXTS if width > _WITHIN_TEXTS + 2 else 0)
    delimiters = lines[0].count(delimiter)
    for count in range(2, len(lines) + 1):
        delimiters += lines[count - 1].count(delimiter)
        if width and delimiters > most:
            break
        row = _row(lines[:count], delimiter)
        if row is not None:
            return row, count
    return Torn(lines[0].replace('"', "").split(delimiter)), 1


def _row(lines: list[str], delimiter: str) -> list[str] | None:
    """None where a cell does not end with them."""
    try:
        [row] = csv.reader(["\n".join(lines)], delimiter=delimiter, strict=True)
    except csv.Error as error:
        if "field larger" in str(error):
            raise
        return None
    except ValueError:
        return None
    return row
