"""What stands where no reader looks: room that is kept free, records of the program that wrote a
file."""

import re
from typing import Final

from services.catalog.inspection.formats import smuggled

_FEW_BYTES = 64
_MOST_BINARY_BYTES = 1024
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
_BOX = re.compile(rb"[\x20-\x7e\xa9]{4}")
_FILM: Final = b"mdat"
_BOX_HEAD = 8


def is_filling(content: bytes) -> bool:
    """Whether it is zeros, words, or too little to be a file by itself."""
    bare = content.replace(b"\0", b"")
    if len(bare) <= _FEW_BYTES:
        return not smuggled(content.strip(b"\0") + b"\0")
    try:
        return not _CONTROLS.search(bare.decode())
    except UnicodeDecodeError:
        return len(content) <= _MOST_BINARY_BYTES and not smuggled(content + b"\0")


def are_boxes(content: bytes) -> bool:
    """Whether it is boxes side by side, as the index that a film had before it was edited."""
    at = 0
    while at + _BOX_HEAD <= len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if length < _BOX_HEAD or kind == _FILM or not _BOX.fullmatch(kind):
            return False
        at += length
    return 0 < at <= len(content) and not content[at:].strip(b"\0")
