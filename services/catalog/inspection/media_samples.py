"""Where the samples of an MP4 track lie (ISO/IEC 14496-12 §8.7): the last of them must be there."""

from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO

from services.catalog.inspection.report import Unreadable

_COUNTED = Struct(">LL")
_SIZED = Struct(">LLL")
_RUN = Struct(">LLL")
_MOST_ENTRIES = 4 << 20
_LEAST_TELLING = 16
"""Bytes; a shorter sample may be all zeros, as a subtitle without words is."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the file, in bytes."""

    begin: int
    end: int


def check(file: BinaryIO, tables: dict[bytes, Span], size: int) -> None:
    """Raises `Unreadable` where the chunk of samples that stands last goes beyond `size`, which is
    the file's, or was never written. `tables` are the boxes of a sample table by their kind."""
    wide = b"co64" in tables
    places = _counted(file, tables.get(b"co64" if wide else b"stco"), 8 if wide else 4)
    if not places:
        return
    width = 8 if wide else 4
    offsets = [int.from_bytes(places[at : at + width]) for at in range(0, len(places), width)]
    last = max(range(len(offsets)), key=offsets.__getitem__)
    length, final = _lengths(file, tables, last)
    end = offsets[last] + length
    if end > size:
        raise Unreadable("damaged")
    file.seek(end - final)
    content = file.read(min(final, 1 << 20))
    if len(content) >= _LEAST_TELLING and not content.strip(b"\0"):
        raise Unreadable("damaged")


def _lengths(file: BinaryIO, tables: dict[bytes, Span], chunk: int) -> tuple[int, int]:
    """Of the samples in the chunk of that number, from 0, and of the last of them: 0 where all
    are of one size, as of sound that is not compressed, whose silence is zeros."""
    before, count = _samples(_counted(file, tables.get(b"stsc"), _RUN.size), chunk)
    span = tables.get(b"stsz")
    head = _read(file, span, _SIZED.size)
    if span is None or len(head) < _SIZED.size:
        return 0, 0
    _, same, _ = _SIZED.unpack(head)
    if same:
        return int(same * count), 0
    begin = span.begin + _SIZED.size + 4 * before
    if count > _MOST_ENTRIES or begin + 4 * count > span.end:
        raise Unreadable("damaged")
    sizes = _read(file, Span(begin, span.end), 4 * count)
    lengths = [int.from_bytes(sizes[at : at + 4]) for at in range(0, len(sizes), 4)]
    return sum(lengths), lengths[-1] if lengths else 0


def _samples(runs: bytes, chunk: int) -> tuple[int, int]:
    """How many samples stand before that chunk, and how many in it (§8.7.4)."""
    before, count, since = 0, 0, 1
    for first, samples, _ in _RUN.iter_unpack(runs):
        if first > chunk + 1:
            break
        before += (first - since) * count
        count, since = samples, first
    return before + (chunk + 1 - since) * count, count


def _counted(file: BinaryIO, span: Span | None, width: int) -> bytes:
    """The entries of a table, of so many bytes each, behind its version and their number."""
    head = _read(file, span, _COUNTED.size)
    if span is None or len(head) < _COUNTED.size:
        return b""
    _, count = _COUNTED.unpack(head)
    if count > _MOST_ENTRIES:
        raise Unreadable("too-many")
    entries = _read(file, Span(span.begin + _COUNTED.size, span.end), count * width)
    if len(entries) < count * width:
        raise Unreadable("damaged")
    return entries


def _read(file: BinaryIO, span: Span | None, most: int) -> bytes:
    if span is None:
        return b""
    file.seek(span.begin)
    return file.read(max(min(span.end - span.begin, most), 0))
