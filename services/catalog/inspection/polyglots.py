"""Files that are two things at once: harmless to one reader, a weapon to another."""

import re
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

_LOCATOR_BYTES = 20
_PDF_REACH = 1024
"""Readers look for a PDF's header so far (ISO 32000-1 Annex H, implementation note 13)."""
_CHUNK_BYTES = 1 << 20
_OVERLAP = 64
_END = Struct("<4s4H2LH")
_END_MARK = re.compile(rb"PK\x05\x06")
_MARKUP: Final = re.compile(
    rb"<script[\s>/]|<html[\s>/]|<!doctype html|<\?php|<iframe[\s>/]"
    rb"|<svg[\s>/][^\0]{0,40}on\w+\s*=",
    re.IGNORECASE,
)


def second_formats(path: Path, first: str) -> list[str]:
    """The formats that the file is beside `first`: one of `formats.FORMATS`, or a `leftover`."""
    found = []
    with path.open("rb") as file:
        head = file.read(_PDF_REACH)
        if first != "pdf" and b"%PDF-" in head:
            found.append("PDF")
        if first != "package" and holds_zip(path):
            found.append("ZIP")
        if first in {"png", "jpeg", "gif", "webp", "wav", "mp3", "leftover"} and _holds_markup(
            path
        ):
            found.append("HTML")
    return found


def holds_zip(path: Path) -> bool:
    """Whether a ZIP reader would find a directory in the file (APPNOTE 4.3.14 to 4.3.16),
    whatever stands behind it."""
    with path.open("rb") as file:
        begin = 0
        while len(chunk := file.read(_CHUNK_BYTES)) >= _END.size:
            for mark in _END_MARK.finditer(chunk):
                if _leads_to_directory(file, begin + mark.start()):
                    return True
            begin += len(chunk) - (_OVERLAP if len(chunk) == _CHUNK_BYTES else 0)
            file.seek(begin)
    return False


def _leads_to_directory(file: BinaryIO, at: int) -> bool:
    """By the length that stands before the end record, its offset from the file's beginning, or
    the locator of a ZIP64 record."""
    file.seek(max(at - _LOCATOR_BYTES, 0))
    if file.read(4) == b"PK\x06\x07":
        return True
    file.seek(at)
    record = file.read(_END.size)
    if len(record) < _END.size:
        return False
    *_, length, offset, _ = _END.unpack(record)
    return any(_is_directory(file, begin) for begin in (at - length, offset) if 0 <= begin < at)


def _is_directory(file: BinaryIO, begin: int) -> bool:
    file.seek(begin)
    return file.read(4) == b"PK\x01\x02"


def _holds_markup(path: Path) -> bool:
    """Whether a browser that guesses by content could find a page in it, at any place."""
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(_CHUNK_BYTES):
            if _MARKUP.search(before + chunk):
                return True
            before = chunk[-_OVERLAP:]
    return False
