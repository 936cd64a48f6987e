"""Where a JPEG (ITU-T T.81) ends by its own segments."""

from typing import Final

from services.catalog.inspection.formats import smuggled
from services.catalog.inspection.report import Unreadable

_STANDALONE: Final = {0x01, *range(0xD0, 0xD8)}
_SAYING: Final = {0xFE, *range(0xE0, 0xF0)}
"""Markers of comments and of what programs keep in a JPEG."""


def end(content: bytes, at: int) -> int:
    """Of the one that begins at `at` (§B.1). Raises `Unreadable`."""
    at += 2
    scanned = False
    while True:
        if scanned and at == len(content):
            return at
        if at + 2 > len(content) or content[at] != 0xFF:
            raise Unreadable("damaged")
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0xD9:
            return at + 2
        elif marker in _STANDALONE:
            at += 2
        else:
            length = int.from_bytes(content[at + 2 : at + 4])
            if marker in _SAYING and smuggled(content[at + 4 : at + 2 + length]):
                raise Unreadable("hidden-data")
            at += 2 + length
            if marker == 0xDA:
                at, scanned = _after_scan(content, at), True


def _after_scan(content: bytes, at: int) -> int:
    """The next marker that does not belong to entropy-coded data; the file's end where a picture
    was cut short, of which decoders show what there is."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0 or at + 1 >= len(content):
            return len(content)
        if content[at + 1] == 0 or 0xD0 <= content[at + 1] <= 0xD7:
            at += 2
        elif content[at + 1] == 0xFF:
            at += 1
        else:
            return at
