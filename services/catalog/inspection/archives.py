"""ZIP archives (PKWARE APPNOTE 6.3.10), by themselves or under an Office document.

The directory at the end and the headers before each entry are two accounts of the same content;
readers differ in which they believe, so both must agree. Nothing is unpacked here by name.
"""

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from struct import Struct
from typing import BinaryIO, Final

from services.catalog.inspection import polyglots
from services.catalog.inspection.report import Report, Unreadable

MOST_ENTRIES = 10_000
MOST_EXPANDED_BYTES = 4 << 30
HIGHEST_RATIO = 100
SMALL_BYTES = 1 << 20
"""Expanded to no more than this, an archive is no bomb, however well it was packed."""
_MOST_DIRECTORY_BYTES = 16 << 20
_MOST_COMMENT_BYTES = 1024
_LONGEST_NAME = 512
_CHUNK_BYTES = 1 << 18
_DAMAGES: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, IndexError, NotImplementedError, OSError,
    RuntimeError, ValueError,
)  # fmt: skip
"""What `zipfile` raises for bytes that it did not expect."""
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x2041
"""Traditionally, strongly, and with its directory (APPNOTE 4.4.4)."""
_PATCHED = 0x20
_UNICODE_PATH = 0x7075
_DESCRIBED_BEHIND = 0x08
_UTF8 = 0x800
_LONGEST_DESCRIPTOR = 24
_LOCAL = Struct("<4s5H3L2H")
_EXTRA = Struct("<2H")
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "123456789\u00b9\u00b2\u00b3"
}
_SPACES = re.compile(" +(?=/)")
_DECEIVING = set("\u061c\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


@contextmanager
def opened(path: Path, report: Report) -> Iterator[zipfile.ZipFile]:
    """The archive, once its structure is found to be honest. Raises `Unreadable` where it is not
    fit to be read on; lesser defects stand in the report."""
    with path.open("rb") as file:
        _check_end(file, path.stat().st_size)
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGES as error:
            raise Unreadable("damaged") from error
        with archive:
            entries = archive.infolist()
            _check_sizes(entries, path.stat().st_size)
            _check_names(entries, report)
            _check_headers(file, archive, report)
            yield archive


def _check_end(file: BinaryIO, size: int) -> None:
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise Unreadable("damaged")
    directory, comment = end[zipfile._ECD_SIZE], end[zipfile._ECD_COMMENT]  # type: ignore[attr-defined]
    if end[zipfile._ECD_ENTRIES_TOTAL] > MOST_ENTRIES:  # type: ignore[attr-defined]
        raise Unreadable("too-many")
    if directory > _MOST_DIRECTORY_BYTES:
        raise Unreadable("bomb")
    if end[zipfile._ECD_LOCATION] + 22 + len(comment) != size or len(comment) > _MOST_COMMENT_BYTES:  # type: ignore[attr-defined]
        raise Unreadable("hidden-data")


def _check_sizes(entries: list[zipfile.ZipInfo], size: int) -> None:
    if not entries:
        raise Unreadable("empty")
    if len(entries) > MOST_ENTRIES:
        raise Unreadable("too-many")
    expanded = sum(each.file_size for each in entries)
    if expanded > MOST_EXPANDED_BYTES or expanded > max(SMALL_BYTES, size * HIGHEST_RATIO):
        raise Unreadable("bomb")
    for each in entries:
        if each.file_size > max(SMALL_BYTES, each.compress_size * 10 * HIGHEST_RATIO):
            raise Unreadable("bomb", each.filename)


def _check_names(entries: list[zipfile.ZipInfo], report: Report) -> None:
    seen: set[str] = set()
    folders: set[str] = set()
    for each in entries:
        if not each.filename:
            raise Unreadable("path-trick")
        name = name_of(each)
        if _tricky(name):
            report.find("path-trick", name)
        mode = each.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            report.find("link", name)
        if each.flag_bits & _ENCRYPTED or each.compress_type == 99:
            report.find("encrypted", name)
        elif each.compress_type not in _METHODS or each.flag_bits & _PATCHED:
            report.find("unreadable", name)
        if each.volume or _second_name(each.extra) not in (None, name):
            report.find("inconsistent", name)
        key = _key(name)
        if key.rstrip("/") in seen:
            report.find("duplicate-name", name)
        seen.add(key.rstrip("/"))
        folders |= {str(parent) for parent in PurePosixPath(key).parents}
    files = {_key(name_of(each)) for each in entries if not each.is_dir()}
    for name in files & folders:
        report.find("duplicate-name", name)


def _key(name: str) -> str:
    """What is the same to some reader: in either form of Unicode, in any case, without the spaces
    at a folder's end, which Windows leaves off."""
    return _SPACES.sub("", unicodedata.normalize("NFC", name).casefold())


def name_of(entry: zipfile.ZipInfo) -> str:
    """The entry's name as it was meant: UTF-8 where it says so or is, else GB18030."""
    if entry.flag_bits & _UTF8:
        return entry.orig_filename
    raw = entry.orig_filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.orig_filename


def _second_name(extra: bytes) -> str | None:
    """An entry's name in its Info-ZIP Unicode Path (APPNOTE 4.6.9), which some readers prefer."""
    while len(extra) >= 4:
        kind, length = _EXTRA.unpack_from(extra)
        if kind == _UNICODE_PATH:
            return extra[9 : 4 + length].decode(errors="replace")
        extra = extra[4 + length :]
    return None


def _tricky(name: str) -> bool:
    *folders, last = name.removesuffix("/").split("/")
    if name.endswith("/"):
        folders, last = [*folders, last], ""
    parts = [each.rstrip(" ") for each in folders] + ([last] if last else [])
    return (
        not name
        or len(name) > _LONGEST_NAME
        or name.startswith("/")
        or "\\" in name
        or ":" in name
        or any(part in {"", ".", ".."} or part.endswith((" ", ".")) for part in parts)
        or any(part.split(".")[0].rstrip(" ").casefold() in _DEVICES for part in parts)
        or any(c < " " or c == "\x7f" or c in _DECEIVING for c in name)
    )


def _check_headers(file: BinaryIO, archive: zipfile.ZipFile, report: Report) -> None:
    """The header before each entry against the directory, and that entries lie side by side."""
    reached = 0
    file.seek(0)
    foreign = set(polyglots.headers_in(file.read(_CHUNK_BYTES)))
    for each in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        if each.header_offset < 0:
            raise Unreadable("damaged", each.filename)
        file.seek(each.header_offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise Unreadable("inconsistent", each.filename)
        _, _, flags, method, _, _, crc, packed, expanded, name_length, extra = _LOCAL.unpack(header)
        name = file.read(name_length)
        second = _second_name(file.read(extra))
        codec = "utf-8" if each.flag_bits & _UTF8 else "cp437"
        described = bool(flags & _DESCRIBED_BEHIND)
        same = (
            name == each.orig_filename.encode(codec, errors="replace")
            and second in (None, name_of(each))
            and method == each.compress_type
            and flags & (_ENCRYPTED | _UTF8) == each.flag_bits & (_ENCRYPTED | _UTF8)
            and (described or crc == each.CRC)
            and _agrees(packed, each.compress_size, described)
            and _agrees(expanded, each.file_size, described)
        )
        if not same:
            report.find("inconsistent", each.filename)
        if each.header_offset < reached:
            raise Unreadable("bomb", each.filename)
        if not reached and each.header_offset:
            report.find("polyglot")
        if _hides(file, reached, each.header_offset):
            report.find("hidden-data", each.filename)
        begin = each.header_offset + _LOCAL.size + name_length + extra
        reached = begin + each.compress_size
        if any(begin <= at < reached for at in foreign) and _says_pdf(archive, each):
            foreign = {at for at in foreign if not begin <= at < reached}
    if foreign:
        report.find("polyglot", "PDF")
    if reached > archive.start_dir:
        raise Unreadable("bomb")
    if _hides(file, reached, archive.start_dir):
        report.find("hidden-data")


def _says_pdf(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether a PDF's header stands in what the entry expands to, which is inspected by itself."""
    with reading(archive, entry) as source:
        return any(True for _ in polyglots.headers_in(source.read(_CHUNK_BYTES)))


def _agrees(local: int, central: int, described: bool) -> bool:
    return local in (central, 0xFFFFFFFF) or (described and local == 0)


def _hides(file: BinaryIO, begin: int, end: int) -> bool:
    """Whether more lies between two entries than a data descriptor and padding."""
    if end - begin <= _LONGEST_DESCRIPTOR:
        return False
    file.seek(begin)
    return bool(file.read(min(end - begin, _CHUNK_BYTES)).strip(b"\0"))


def test(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Read an entry to its end without keeping it: length and CRC must hold."""
    with reading(archive, entry) as source:
        while source.read(_CHUNK_BYTES):
            pass


@contextmanager
def reading(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """An entry's bytes; whatever is wrong with them is `Unreadable` with `damaged`."""
    try:
        with archive.open(entry) as source:
            yield source  # type: ignore[misc]
    except _DAMAGES as error:
        raise Unreadable("damaged", entry.filename) from error
