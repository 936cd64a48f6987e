"""Pictures, sounds and films that Office embeds though they are not accepted by themselves: where
each ends by its own structure, so that nothing else may stand in its place or behind it."""

import struct
import zlib
from collections.abc import Callable
from struct import Struct
from typing import Final

from services.catalog.inspection.fillings import is_filling
from services.catalog.inspection.formats import smuggled
from services.catalog.inspection.report import Report, Unreadable

_MOST_PARTS = 1 << 20
_MOST_UNPACKED_BYTES = 64 << 20
_GAP_BYTES = 64
_BITMAP = Struct("<2sI4xIIiiHHI")
_BITMAP_HEADERS: Final = {40, 52, 56, 64, 108, 124}
_PLAIN_BITMAPS: Final = {0, 3, 6}
_RECORD = Struct("<II")
_DRAWING_END = 14
_WORDS = Struct("<IH")
_PLACED: Final = b"\xd7\xcd\xc6\x9a"
_TIFF_SIZES: Final = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)
_TIFF_PLACES: Final = {273: 279, 324: 325, 513: 514}
_TIFF_DIRECTORIES: Final = {330, 34665, 34853, 40965}
_ASF = Struct("<16sQ")
_ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_OTHERS: Final = {
    bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c"),
    bytes.fromhex("90080033b1e5cf1189f400a0c90349cb"),
    bytes.fromhex("d329e2d6da35d111903400a0c90349be"),
    bytes.fromhex("f803b1fead12644c840f2a1d2f7ad48c"),
}
_SOUND_CHUNKS: Final = {b"COMM", b"SSND", b"FVER", b"ID3 ", b"CHAN"}
_PACK, _STREAM_END, _PADDING = 0xBA, 0xB9, 0xBE
_SPEECH: Final = b"#!AMR\n"
_SPEECH_BYTES: Final = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
_ASF_COMMANDS: Final = (
    bytes.fromhex("301afb1e620bd011a39b00a0c90348f6"),
    bytes.fromhex("c0cfda59e659d011a3ac00a0c90348f6"),
)
"""Commands beside the film and in a stream: a player opens the address they name (Advanced Systems
Format, §3.6 and §9.4)."""


def check(content: bytes, report: Report) -> None:
    """Whether it is one such medium from its first byte to its last; else `report` says so."""
    try:
        end = _end(content, report)
    except (struct.error, IndexError, zlib.error):
        end = None
    if end is None or end > len(content):
        report.find("embedded-file")
    elif not is_blank(content[end:]):
        report.find("hidden-data")


def is_blank(tail: bytes) -> bool:
    """Whether what stands behind an end is nothing: zeros, or a little padding."""
    return not tail.strip(b"\0") or (len(tail) <= _GAP_BYTES and not tail.strip(b"\0\t\r\n ;\xff"))


def _end(content: bytes, report: Report) -> int | None:
    if content.startswith(b"\x1f\x8b"):
        packed = zlib.decompressobj(wbits=31)
        drawing = packed.decompress(content, _MOST_UNPACKED_BYTES)
        whole = packed.eof and _drawing(drawing) is not None
        if whole and not is_blank(drawing[_drawing(drawing) :]):
            report.find("hidden-data")
        return len(content) - len(packed.unused_data) if whole else None
    if content.startswith(_ASF_HEADER):
        return _windows_media(content, report)
    return next((end(content) for begin, end in _KINDS if content.startswith(begin)), None)


def _drawing(content: bytes) -> int | None:
    """Records up to the last of an enhanced metafile ([MS-EMF] §2.3) or a metafile ([MS-WMF]
    §2.3)."""
    if content[40:44] == b" EMF":
        at = 0
        size: int
        for _ in range(_MOST_PARTS):
            kind, size = _RECORD.unpack_from(content, at)
            at += size
            if kind == _DRAWING_END:
                return at
            if size < _RECORD.size:
                break
        return None
    at = 22 if content.startswith(_PLACED) else 0
    if content[at : at + 4] not in (b"\1\0\x09\0", b"\2\0\x09\0"):
        return None
    at += 18
    words: int
    for _ in range(_MOST_PARTS):
        words, function = _WORDS.unpack_from(content, at)
        at += 2 * words
        if not function:
            return at
        if 2 * words < _WORDS.size:
            break
    return None


def _bitmap(content: bytes) -> int | None:
    """Rows of whole double words behind header and palette ([MS-WMF] §2.2.2)."""
    begin: int
    width: int
    depth: int
    height: int
    _, _, begin, header, width, height, _, depth, packing = _BITMAP.unpack_from(content)
    if header not in _BITMAP_HEADERS or packing not in _PLAIN_BITMAPS:
        return None
    colours = 4 << depth if depth <= 8 else 0
    if not 14 + header <= begin <= 14 + header + max(colours, 16) or width <= 0:
        return None
    return begin + (width * depth + 31) // 32 * 4 * abs(height)


def _tiff(content: bytes) -> int | None:
    """Directories, values and strips, side by side (TIFF 6.0, §2)."""
    order = "<" if content.startswith(b"II") else ">"
    short, long, field = Struct(f"{order}H"), Struct(f"{order}I"), Struct(f"{order}HHI")
    used, waiting, seen = [(0, 8)], [long.unpack_from(content, 4)[0]], set[int]()
    while waiting:
        at = waiting.pop()
        if not at or at in seen:
            continue
        seen.add(at)
        count = short.unpack_from(content, at)[0]
        used.append((at, at + 6 + 12 * count))
        values: dict[int, list[int]] = {}
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, length = field.unpack_from(content, entry)
            size = _TIFF_SIZES[kind] * length
            place = entry + 8 if size <= 4 else long.unpack_from(content, entry + 8)[0]
            used.append((place, place + size))
            if kind in (3, 4, 13) and length <= _MOST_PARTS:
                width = short if kind == 3 else long
                values[tag] = [
                    width.unpack_from(content, place + i * width.size)[0] for i in range(length)
                ]
        for places, sizes in _TIFF_PLACES.items():
            pairs = zip(values.get(places, ()), values.get(sizes, ()), strict=False)
            used += [(begin, begin + size) for begin, size in pairs]
        for tag in _TIFF_DIRECTORIES:
            waiting += values.get(tag, ())
        waiting += long.unpack_from(content, at + 2 + 12 * count)
    reached = 0
    for begin, end in sorted(used):
        if begin - reached > _GAP_BYTES and content[reached:begin].strip(b"\0"):
            return None
        reached = max(reached, end)
    return reached


def _windows_media(content: bytes, report: Report) -> int:
    """Objects, the header first (Advanced Systems Format, §2)."""
    at: int
    size: int
    _, at = _ASF.unpack_from(content)
    if any(each in content[:at] for each in _ASF_COMMANDS):
        report.find("action")
    while at + _ASF.size <= len(content) and content[at : at + 16] in _ASF_OTHERS:
        _, size = _ASF.unpack_from(content, at)
        if size < _ASF.size:
            raise Unreadable("damaged")
        at += size
    return at


def _riff(content: bytes) -> int | None:
    """Of one or more AVI chunks, lists, an index and filling."""
    at = 0
    while content[at : at + 4] == b"RIFF":
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        if content[at + 8 : at + 12] not in (b"AVI ", b"AVIX"):
            return None
        at += 12
        while at + 8 <= end:
            if content[at : at + 4] not in (b"LIST", b"idx1", b"JUNK"):
                return None
            length = int.from_bytes(content[at + 4 : at + 8], "little")
            at += 8 + length + length % 2
        at = end
    return at


def _ogg(content: bytes) -> int:
    """Pages (RFC 3533 §6)."""
    at = 0
    while content[at : at + 4] == b"OggS":
        lengths = content[at + 27 : at + 27 + content[at + 26]]
        at += 27 + len(lengths) + sum(lengths)
    return at


def _flash_video(content: bytes) -> int:
    """Tags, each with its length behind (Adobe Flash Video 10.1, Annex E)."""
    at = int.from_bytes(content[5:9]) + 4
    while at + 11 <= len(content) and content[at] in (8, 9, 18):
        at += 15 + int.from_bytes(content[at + 1 : at + 4])
    return at


def _midi(content: bytes) -> int:
    """A header and tracks (Standard MIDI Files 1.0)."""
    at = 0
    while content[at : at + 4] in (b"MThd", b"MTrk"):
        at += 8 + int.from_bytes(content[at + 4 : at + 8])
    return at


def _interchange(content: bytes) -> int | None:
    """AIFF and AIFF-C: chunks in a form (Audio Interchange File Format 1.3)."""
    if content[8:12] not in (b"AIFF", b"AIFC"):
        return None
    end, at = 8 + int.from_bytes(content[4:8]), 12
    while at + 8 <= end:
        kind, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8])
        begin, at = at + 8, at + 8 + length + length % 2
        if kind not in _SOUND_CHUNKS and not is_filling(content[begin : begin + length]):
            return None
    return max(at, end) if at <= end + 1 else None


def _program_stream(content: bytes) -> int | None:
    """Packs and packets, with zeros between (ISO/IEC 11172-1 §2.4.3, 13818-1 §2.5.3)."""
    at = 0
    while content[at : at + 3] == b"\0\0\1":
        kind = content[at + 3]
        if kind == _PACK:
            at += 14 + (content[at + 13] & 7) if content[at + 4] >> 6 == 1 else 12
        elif kind == _STREAM_END:
            at += 4
        elif kind > _PACK:
            end = at + 6 + int.from_bytes(content[at + 4 : at + 6])
            if kind == _PADDING and smuggled(content[at + 6 : end]):
                return None
            at = end
        else:
            return None
        while content[at : at + 4] == b"\0\0\0\0":
            at += 1
    return at


def _transport_stream(content: bytes) -> int:
    """Packets of 188 bytes (ISO/IEC 13818-1 §2.4.3)."""
    at = 0
    while content[at : at + 1] == b"G":
        at += 188
    return at


def _speech(content: bytes) -> int:
    """Frames, each with its rate (RFC 4867 §5.3)."""
    at = len(_SPEECH)
    while at < len(content) and not content[at] & 0x83 and _SPEECH_BYTES[content[at] >> 3 & 15]:
        at += _SPEECH_BYTES[content[at] >> 3 & 15]
    return at


def _advanced_audio(content: bytes) -> int:
    """Frames of ADTS (ISO/IEC 14496-3 §1.A.2.2)."""
    at = 0
    while content[at : at + 1] == b"\xff" and content[at + 1] & 0xF6 == 0xF0:
        length = int.from_bytes(content[at + 3 : at + 6]) >> 5 & 0x1FFF
        if length < 7:
            break
        at += length
    return at


_KINDS: Final[tuple[tuple[bytes, Callable[[bytes], int | None]], ...]] = (
    (b"BM", _bitmap),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"RIFF", _riff),
    (b"OggS", _ogg),
    (b"FLV\1", _flash_video),
    (b"MThd", _midi),
    (b"FORM", _interchange),
    (b"\0\0\1\xba", _program_stream),
    (b"G", _transport_stream),
    (_SPEECH, _speech),
    (b"\xff\xf1", _advanced_audio),
    (b"\xff\xf9", _advanced_audio),
    (b"", _drawing),
)
