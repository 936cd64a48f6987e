"""Files that are two things at once: harmless to one reader, a weapon to another."""

import re
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final

from services.catalog.inspection import texts

_LOCATOR_BYTES = 20
_PDF_REACH = 1024
"""Readers look for a PDF's header so far (ISO 32000-1 Annex H, implementation note 13)."""
_PDF_HEADER: Final = b"%PDF-"
_PDF_OBJECT = re.compile(rb"\d+\s+\d+\s+obj\b")
_PDF_DICTIONARY: Final = b"<<"
_PDF_END = re.compile(rb"startxref|trailer|/Root\b|/Catalog\b")
"""By what readers find a document whose table is wrong, as behind a text it is."""
_PDF_MARK = re.compile(rb"%(?:%EOF|PDF-\d)")
_CHUNK_BYTES = 1 << 20
_OVERLAP = 64
_END = Struct("<4s4H2LH")
_END_MARK = re.compile(rb"PK\x05\x06")
_MARKUP: Final = re.compile(
    rb"<script[\s>/]|<html[\s>/]|<!doctype html|<\?php\s|<iframe[\s>/]"
    rb"|<(?:svg|img)[\s>/][^\0]{0,40}on\w+\s*="
    rb"|<\?=\s*[`$a-z_(][\x20-\x7e]{2,40}?\?>",
    re.IGNORECASE,
)

_PROGRAM = re.compile(
    rb"\x7fELF[\1\2][\1\2]\x01[\0-\x12]\0{7}|[\xce\xcf]\xfa\xed\xfe[\7\x0c]\0\0[\0\1]"
    rb"|\xca\xfe\xba\xbe\0\0\0[\1-\x46]"
)
"""Of Linux, of macOS, of Java; none of them comes about by chance."""
_ARCHIVES: Final = (b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\1\0", b"7z\xbc\xaf\x27\x1c")
"""Their readers look for them at any place; no other data has these bytes by chance."""
_BEGINNINGS: Final = (
    b"MZ",
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)
"""Plain words are found far faster than a pattern."""
_WINDOWS_MARK: Final = b"PE\0\0"
_FARTHEST = 4096

_ANY_MARKUP = re.compile(rb"<[a-z!?%/]", re.IGNORECASE)
"""Where a real file has nothing at all."""


def second_formats(path: Path, first: str) -> list[str]:
    """The formats that the file is beside `first`: one of `formats.FORMATS`, or a `leftover`."""
    found = []
    with path.open("rb") as file:
        if _holds_pdf(file, first):
            found.append("PDF")
        if first != "package" and holds_zip(path):
            found.append("ZIP")
        if first not in {"package", "text"} and _holds_archive(path):
            found.append("RAR or 7z")
        if first not in {"pdf", "package", "text"} and _holds_markup(path):
            found.append("HTML")
        if first not in {"package", "text"} and _holds_program(file):
            found.append("program")
    return found


def _holds_pdf(file: BinaryIO, first: str) -> bool:
    """Of a PDF, whether another follows it. In an archive `archives` tells whose the header is. A
    text may quote one: it is a PDF where a reader would find a document."""
    if first == "pdf":
        return _holds_second_pdf(file)
    if first == "package" or _PDF_HEADER not in file.read(_PDF_REACH):
        return False
    return first != "text" or is_pdf(file)


def is_pdf(file: BinaryIO) -> bool:
    """Whether a reader would find a document in it, and not only the beginning of one."""
    file.seek(0)
    content = file.read(texts.MOST_BYTES)
    found = _PDF_OBJECT.search(content)
    return (
        found is not None
        and content.find(_PDF_DICTIONARY, found.end()) >= 0
        and bool(_PDF_END.search(content))
    )


def headers_in(head: bytes) -> Iterator[int]:
    """Where in the first `_PDF_REACH` bytes a reader would let a PDF begin."""
    at = head.find(_PDF_HEADER, 0, _PDF_REACH)
    while at >= 0:
        yield at
        at = head.find(_PDF_HEADER, at + 1, _PDF_REACH)


def _holds_second_pdf(file: BinaryIO) -> bool:
    """Whether a header begins a line, or stands behind an end with no object between: an
    incremental update (ISO 32000-1 §7.5.6) has none."""
    begin, ended = 0, -1
    while chunk := file.read(_CHUNK_BYTES):
        for mark in _PDF_MARK.finditer(chunk):
            if mark[0] == b"%%EOF":
                ended = begin + mark.start()
            elif 0 <= ended < begin + mark.start():
                file.seek(max(ended, begin + mark.start() - _CHUNK_BYTES))
                between = file.read(begin + mark.start() - file.tell())
                if between.endswith((b"\r", b"\n")) or not _PDF_OBJECT.search(between):
                    return True
        begin += len(chunk) - (_OVERLAP if len(chunk) == _CHUNK_BYTES else 0)
        file.seek(begin)
    return False


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


def _holds_program(file: BinaryIO) -> bool:
    """Whether one stands in it as it would be run, at any place."""
    begin = 0
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES + _FARTHEST):
        if is_program(chunk):
            return True
        begin += _CHUNK_BYTES
        file.seek(begin)
    return False


def is_program(content: bytes) -> bool:
    """Whether a program begins in it, at any place."""
    for beginning in _BEGINNINGS:
        at = content.find(beginning)
        while at >= 0:
            if _PROGRAM.match(content, at) or _is_for_windows(content, at):
                return True
            at = content.find(beginning, at + 1)
    return False


def _is_for_windows(content: bytes, at: int) -> bool:
    place = int.from_bytes(content[at + 60 : at + 64], "little")
    return place < _FARTHEST and content.startswith(_WINDOWS_MARK, at + place)


def is_markup(content: bytes) -> bool:
    """Whether a browser, or a server that runs PHP, would find something to do in it."""
    return bool(_ANY_MARKUP.search(content))


def _holds_archive(path: Path) -> bool:
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(_CHUNK_BYTES):
            if any(mark in before + chunk for mark in _ARCHIVES):
                return True
            before = chunk[-_OVERLAP:]
    return False


def _holds_markup(path: Path) -> bool:
    """Whether a browser that guesses by content could find a page in it, at any place."""
    with path.open("rb") as file:
        before = b""
        while chunk := file.read(_CHUNK_BYTES):
            if _MARKUP.search(before + chunk):
                return True
            before = chunk[-_OVERLAP:]
    return False
