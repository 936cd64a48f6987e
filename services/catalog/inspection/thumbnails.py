"""`Thumbs.db`: a compound file ([MS-CFB] v. 3) of pictures in small, and of nothing else."""

import re
from collections.abc import Callable
from struct import Struct
from typing import Final

from services.catalog.inspection import embedded, jpegs
from services.catalog.inspection.report import Unreadable

_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096
_HEADER = Struct("<8s16sHHHHH6x4xII4xIIIII")
_SIGNATURE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SHAPE: Final = (3, 0xFFFE, 9, 6)
"""Of the third version, little-endian, in sectors of 2^9 bytes and small ones of 2^6."""
_ENTRY = Struct("<64sHB13x16s20xI4x")
_ENTRY_BYTES = 128
_UNUSED, _STREAM, _ROOT = 0, 2, 5
_MOST_TABLES = 109
_NAME = re.compile(r"Catalog|\d{1,8}|\d{2,4}_[0-9a-f]{16}")
_LONGEST_HEAD = 64
_END = 0xFFFFFFFE


def is_one(content: bytes) -> bool:
    """Raises `struct.error`, `IndexError` or `ValueError` for what is no compound file."""
    signature, class_, _, *shape, tables, first, cutoff, small, _, _, more = _HEADER.unpack_from(
        content
    )
    if signature != _SIGNATURE or class_.strip(b"\0") or tuple(shape) != _SHAPE:
        return False
    if cutoff != _CUTOFF or more or not 0 < tables <= _MOST_TABLES:
        return False
    table = _numbers(
        b"".join(_sector(content, each) for each in _numbers(content[76 : 76 + 4 * tables]))
    )
    if len(content) % _SECTOR or len(content) // _SECTOR - 1 > len(table):
        return False
    directory = _chain(table, first, lambda at: _sector(content, at))
    root, *entries = (
        directory[at : at + _ENTRY_BYTES] for at in range(0, len(directory), _ENTRY_BYTES)
    )
    *_, kind, class_, begin = _ENTRY.unpack_from(root)
    if kind != _ROOT or class_.strip(b"\0"):
        return False
    box = _chain(table, begin, lambda at: _sector(content, at))
    shares = _numbers(_chain(table, small, lambda at: _sector(content, at)))

    def is_known(entry: bytes) -> bool:
        name, length, kind, class_, begin = _ENTRY.unpack_from(entry)
        size = int.from_bytes(entry[120:124], "little")
        if kind == _UNUSED:
            return True
        told = name[: max(length - 2, 0)].decode("utf-16-le")
        if kind != _STREAM or class_.strip(b"\0") or not _NAME.fullmatch(told):
            return False
        if size < _CUTOFF:
            stream = _chain(shares, begin, lambda at: box[at * _SMALL : (at + 1) * _SMALL])
        else:
            stream = _chain(table, begin, lambda at: _sector(content, at))
        return size <= len(stream) and (told == "Catalog" or _is_picture(stream[:size]))

    return all(map(is_known, entries))


def _sector(content: bytes, number: int) -> bytes:
    begin = _SECTOR * (number + 1)
    if begin + _SECTOR > len(content):
        raise ValueError("a sector outside of the file")
    return content[begin : begin + _SECTOR]


def _numbers(content: bytes) -> tuple[int, ...]:
    return Struct(f"<{len(content) // 4}I").unpack(content)


def _chain(table: tuple[int, ...], at: int, sector: Callable[[int], bytes]) -> bytes:
    sectors = []
    while at < _END:
        sectors.append(sector(at))
        at = table[at]
        if len(sectors) > len(table):
            raise ValueError("a chain that does not end")
    return b"".join(sectors)


def _is_picture(stream: bytes) -> bool:
    """A JPEG behind a short head."""
    begin = stream.find(b"\xff\xd8\xff", 0, _LONGEST_HEAD)
    if begin < 0:
        return False
    try:
        return embedded.is_blank(stream[jpegs.end(stream, begin) :])
    except Unreadable:
        return False
