"""The rows of a CSV file (RFC 4180) of which a cell may be spoilt: a quotation mark that opens a
cell and closes none must not swallow the rows below it."""

import re
from collections.abc import Iterator

_ROW_WITHOUT_MARKS = re.compile(r'([^"\r\n]*+)(?:\r\n?|\n|\Z)')
_REST_OF_LINE = re.compile(r"[^\r\n]*+(?:\r\n?|\n|\Z)")


class Torn(list[str]):
    """The cells of a row whose quotation marks do not pair, as far as they can be told."""


def records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Every row, a `Torn` one where it is spoilt: that ends with the line on which the mark without
    its pair stands. A mark that begins a cell pairs with the one that ends the cell, however far
    below and whatever stands between them; anywhere else in a cell it is a sign like others."""
    cell = re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"|((?!")[^{delimiter}\r\n]*+))({delimiter}|\r\n?|\n|\Z)'
    )
    at = 0
    while at < len(text):
        start = at
        if plain := _ROW_WITHOUT_MARKS.match(text, at):
            at = plain.end()
            yield plain[1].split(delimiter)
            continue
        cells: list[str] = []
        while found := cell.match(text, at):
            quoted, bare, end = found.groups()
            cells.append(bare if quoted is None else quoted.replace('""', '"'))
            at = found.end()
            if end != delimiter:
                yield cells
                break
        else:
            at = _end_of_line(text, at)
            yield Torn(text[start:at].replace('"', "").rstrip("\r\n").split(delimiter))


def _end_of_line(text: str, at: int) -> int:
    rest = _REST_OF_LINE.match(text, at)
    return rest.end() if rest else len(text)
