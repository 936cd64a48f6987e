"""MP4 and WebM: the boxes and elements of a film from end to end, before any decoder sees it."""

from struct import Struct
from typing import BinaryIO, Final

from services.catalog.inspection import media_samples
from services.catalog.inspection.fillings import are_boxes, is_filling
from services.catalog.inspection.formats import HEAD_BYTES, smuggled
from services.catalog.inspection.report import Report, Unreadable

_MOST_BOXES = 200_000
_DEEPEST = 16
_MOST_TABLES = 100
_MOST_SPARE_BYTES = 1 << 20
_MOST_TOLD_BYTES = 16 << 20
_MOST_BLANKS = 64
_VERSION_BYTES = 4
_BLANK: Final = b"\0\t\r\n "
_BOXES: Final = {
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"meta", b"udta", b"pdin",
    b"moof", b"mfra", b"sidx", b"ssix", b"styp", b"prft", b"emsg", b"pnot",
}  # fmt: skip
_SPARE_BOXES: Final = {
    **dict.fromkeys((b"free", b"skip", b"wide", b"udta", b"meta", b"pdin", b"prft", b"pnot"), 0),
    b"uuid": 16,
}
"""And how long the name is that stands before what is in them."""
_TOLD: Final = {b"udta", b"meta"}
"""What is said of a film, with its picture."""
_HOLDERS: Final = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref", b"rmra", b"rmda"}
"""Boxes of boxes on the way to where a track's data lies."""
_REFERRING: Final = {b"rmra", b"rmda", b"rdrf"}
"""Of QuickTime: a film that is another file's."""
_REFERENCES = Struct(">LL")
_ITSELF = 1
"""Flag of a data reference: the data lies in the file (ISO/IEC 14496-12 §8.7.2.3)."""


def mp4(file: BinaryIO, size: int, report: Report) -> None:
    """Boxes from end to end (ISO/IEC 14496-12 §4.2); film and data must be there."""
    seen: set[bytes] = set()
    at = spare = 0
    for _ in range(_MOST_BOXES):
        if at == size:
            break
        kind, begin, end = _box(file, at, size)
        if begin > end or kind not in _BOXES:
            file.seek(at)
            if (
                {b"moov", b"mdat"} <= seen
                and size - at <= _MOST_BLANKS
                and not file.read().strip(_BLANK)
            ):
                return
            report.find("hidden-data" if {b"moov", b"mdat"} <= seen else "damaged")
            return
        if end > size:
            raise Unreadable("damaged")
        if kind in _SPARE_BOXES:
            spare += end - at if kind not in _TOLD else 0
            _check_spare(file, begin + _SPARE_BOXES[kind], end, report)
        elif kind == b"mdat" and _begins_program(file, begin, end):
            report.find("hidden-data")
        seen.add(kind)
        if kind in _HOLDERS:
            _check_inside(file, begin, end, size, report)
        at = end
    if at != size or b"moov" not in seen or not seen & {b"mdat", b"moof"}:
        raise Unreadable("damaged")
    if spare > _MOST_SPARE_BYTES:
        report.find("hidden-data")


def _box(file: BinaryIO, at: int, end: int) -> tuple[bytes, int, int]:
    """Its kind, where its content begins and where it ends; that is before the beginning when it is
    none."""
    file.seek(at)
    header = file.read(16)
    length, kind, begin = int.from_bytes(header[:4]), header[4:8], at + 8
    if length == 1:
        length, begin = int.from_bytes(header[8:16]), at + 16
    elif length == 0:
        length = end - at
    return kind, begin, at + length if len(header) >= 8 else at


def _begins_program(file: BinaryIO, begin: int, end: int) -> bool:
    file.seek(begin)
    return smuggled(file.read(min(end - begin, HEAD_BYTES)))


def _check_spare(file: BinaryIO, begin: int, end: int, report: Report) -> None:
    file.seek(begin)
    content = file.read(min(max(end - begin, 0), _MOST_TOLD_BYTES))
    if not (is_filling(content) or are_boxes(content) or are_boxes(content[_VERSION_BYTES:])):
        report.find("hidden-data")


def _check_inside(file: BinaryIO, begin: int, end: int, size: int, report: Report) -> None:
    """That the tracks' data lies in the file, whose `size` that is."""
    waiting = [(begin, end, 1)]
    for _ in range(_MOST_BOXES):
        if not waiting:
            return
        at, end, depth = waiting.pop()
        if depth > _DEEPEST:
            raise Unreadable("too-costly")
        if at + 8 > end:
            continue
        kind, begin, after = _box(file, at, end)
        if not begin <= after <= end:
            raise Unreadable("damaged")
        waiting.append((after, end, depth))
        if kind in _SPARE_BOXES:
            _check_spare(file, begin + _SPARE_BOXES[kind], after, report)
        if kind in _REFERRING:
            report.find("external-reference")
        if kind == b"dref":
            _check_references(file, begin, after, report)
        elif kind == b"stbl":
            media_samples.check(file, _tables(file, begin, after), size)
        elif kind in _HOLDERS:
            waiting.append((begin, after, depth + 1))
    raise Unreadable("too-many")


def _tables(file: BinaryIO, at: int, end: int) -> dict[bytes, media_samples.Span]:
    tables: dict[bytes, media_samples.Span] = {}
    while at + 8 <= end and len(tables) < _MOST_TABLES:
        kind, begin, after = _box(file, at, end)
        if not begin <= after <= end:
            raise Unreadable("damaged")
        tables[kind] = media_samples.Span(begin, after)
        at = after
    return tables


def _check_references(file: BinaryIO, begin: int, end: int, report: Report) -> None:
    file.seek(begin)
    head = file.read(_REFERENCES.size)
    if len(head) < _REFERENCES.size:
        raise Unreadable("damaged")
    _, count = _REFERENCES.unpack(head)
    at = begin + _REFERENCES.size
    for _ in range(min(count, _MOST_BOXES)):
        _, inner, after = _box(file, at, end)
        if not inner <= after <= end:
            raise Unreadable("damaged")
        file.seek(inner)
        if not int.from_bytes(file.read(4)) & _ITSELF:
            report.find("external-reference")
        at = after


_SEGMENT, _CLUSTER, _UNKNOWN = 0x18538067, 0x1F43B675, -1
_ATTACHMENTS, _VOID = 0x1941A469, 0xEC
_ELEMENTS: Final = {
    0x1A45DFA3, _SEGMENT, 0x114D9B74, 0x1549A966, 0x1654AE6B, _CLUSTER, 0x1C53BB6B, 0x1043A770,
    0x1254C367, _ATTACHMENTS, _VOID, 0xBF,
}  # fmt: skip
"""Header, segment and what stands in it (RFC 9559 §5.1)."""
_IN_CLUSTERS: Final = {0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0x5854}


def webm(file: BinaryIO, size: int, report: Report) -> None:
    """EBML elements (RFC 8794) of the top level and of the segment, from end to end."""
    at, clusters, spare, end = 0, 0, 0, size
    known = set(_ELEMENTS)
    while at < end:
        file.seek(at)
        element, begin = _vint(file, keep_marker=True)
        length, begin = _vint(file, keep_marker=False)
        if element == _SEGMENT:
            if length != _UNKNOWN and begin + length != size:
                if begin + length > size:
                    raise Unreadable("damaged")
                report.find("hidden-data")
                end = begin + length
            at = begin
            continue
        clusters += element == _CLUSTER
        if length == _UNKNOWN:
            # A live recording does not know its clusters' lengths; their children follow.
            known |= _IN_CLUSTERS
            at = begin
            continue
        if begin + length > size:
            raise Unreadable("damaged")
        if element == _ATTACHMENTS:
            report.find("embedded-file")
        elif element not in known:
            report.find("hidden-data")
        if element == _VOID:
            spare += length
            file.seek(begin)
            if not is_filling(file.read(min(length, _MOST_SPARE_BYTES))):
                report.find("hidden-data")
        at = begin + length
    if not clusters:
        raise Unreadable("damaged")
    if spare > _MOST_SPARE_BYTES:
        report.find("hidden-data")


def _vint(file: BinaryIO, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-length integer (RFC 8794 §4), and where what follows begins."""
    first = file.read(1)
    if not first or not first[0]:
        raise Unreadable("damaged")
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        raise Unreadable("damaged")
    value = int.from_bytes(first + rest)
    marker = 1 << (7 * width)
    if keep_marker:
        return value, file.tell()
    value -= marker
    return (_UNKNOWN if value == marker - 1 else value), file.tell()
