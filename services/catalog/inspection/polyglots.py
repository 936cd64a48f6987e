"""Files that are two things at once: harmless to one reader, a weapon to another."""

import re
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

_END_BYTES = 22
_LONGEST_COMMENT = 65535
_PDF_REACH = 1024
"""Readers look for a PDF's header so far (ISO 32000-1 Annex H, implementation note 13)."""
_CHUNK_BYTES = 1 << 20
_OVERLAP = 64
_END = Struct("<4s4H2LH")
_MARKUP: Final = re.compile(
    rb"<script[\s>/]|<html[\s>/]|<!doctype html|<\?php|<iframe[\s>/]"
    rb"|<svg[\s>/][^\0]{0,40}on\w+\s*=",
    re.IGNORECASE,
)


def second_formats(path: Path, first: str) -> list[str]:
    """The formats that the file is beside `first`, one of `formats.FORMATS`."""
    found = []
    with path.open("rb") as file:
        head = file.read(_PDF_REACH)
        if first != "pdf" and b"%PDF-" in head:
            found.append("PDF")
        if first != "package" and ends_as_zip(path):
            found.append("ZIP")
        if first in {"png", "jpeg", "gif", "webp", "wav", "mp3"} and _holds_markup(path):
            found.append("HTML")
    return found


def ends_as_zip(path: Path) -> bool:
    """Whether a ZIP reader would find a directory in the file (APPNOTE 4.3.16)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
        tail = file.read()
        begin = size - len(tail)
        at = tail.rfind(b"PK\x05\x06")
        while at >= 0:
            if len(tail) - at >= _END_BYTES and _leads_to_directory(file, begin + at, tail[at:]):
                return True
            at = tail.rfind(b"PK\x05\x06", 0, at)
    return False


def _leads_to_directory(file: BinaryIO, at: int, end: bytes) -> bool:
    _, _, _, _, entries, length, _, _ = _END.unpack_from(end)
    if not entries or length > at:
        return False
    file.seek(at - length)
    return bool(file.read(4) == b"PK\x01\x02")


def _holds_markup(path: Path) -> bool:
    """Whether a browser that guesses by content could find a page in it, at any place."""
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(_CHUNK_BYTES):
            if _MARKUP.search(before + chunk):
                return True
            before = chunk[-_OVERLAP:]
    return False
