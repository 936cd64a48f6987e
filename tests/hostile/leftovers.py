"""What systems and programs leave in a folder that is packed: whole and harmless, or a disguise."""

import struct
from functools import partial

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.fillings import PROGRAM
from tests.hostile.images import picture
from tests.hostile.office import pptx, word

_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SECTOR = 512


def _entry(name: str, kind: int, begin: int, size: int) -> bytes:
    told = f"{name}\0".encode("utf-16-le")
    return (
        told.ljust(64, b"\0")
        + struct.pack("<HBB3I", len(told), kind, 1, _FREE, _FREE, 1 if kind == 5 else _FREE)
        + b"\0" * 36
        + struct.pack("<IQ", begin, size)
    )


def thumbnails(streams: dict[str, bytes], *, small: bool = True) -> bytes:
    """A compound file ([MS-CFB]) of one FAT sector; its streams are in small sectors, or great."""
    unit = 64 if small else _SECTOR
    box, table, entries = b"", list[int](), []
    for name, stream in streams.items():
        padded = stream if small else stream.ljust(4096, b"\0")
        first, count = len(table), -(-len(padded) // unit)
        entries.append((name, first, len(padded)))
        table += [*range(first + 1, first + count), _END]
        box += padded.ljust(count * unit, b"\0")
    directory = 1 + -(-(len(entries) + 1) // 4)
    shares = struct.pack(f"<{len(table)}I", *table) if small else b""
    share_sectors = -(-len(shares) // _SECTOR)
    first = directory + share_sectors
    boxes = -(-len(box) // _SECTOR)
    fat = [_FAT, *range(2, directory), _END]
    fat += [*range(directory + 1, first), _END] if share_sectors else []
    fat += (
        [*range(first + 1, first + boxes), _END]
        if small
        else [at + first if at < _END else at for at in table]
    )
    told = [_entry("Root Entry", 5, first if small else _END, len(box) if small else 0)]
    told += [_entry(name, 2, at if small else at + first, size) for name, at, size in entries]
    header = struct.pack(
        "<8s16xHHHHH6xIII4xIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 62, 3, 0xFFFE, 9, 6, 0, 1, 1,
        4096, directory if small else _END, share_sectors, _END, 0,
    )  # fmt: skip
    return (
        header + struct.pack("<109I", 0, *[_FREE] * 108)
        + struct.pack(f"<{len(fat)}I", *fat).ljust(_SECTOR, b"\xff")
        + b"".join(told).ljust((directory - 1) * _SECTOR, b"\0")
        + shares.ljust(share_sectors * _SECTOR, b"\xff")
        + box.ljust(boxes * _SECTOR, b"\0")
    )  # fmt: skip


def _small() -> bytes:
    return struct.pack("<III", 12, 1, 9) + picture("JPEG")


def _view(kind: bytes = b"blob", value: bytes = b"\0\0\0\x10" + b"\0" * 16) -> bytes:
    """A `.DS_Store` of one record."""
    told = "课件".encode("utf-16-be")
    record = struct.pack(">I", 2) + told + b"Iloc" + kind + value
    node = (struct.pack(">II", 0, 1) + record).ljust(2048, b"\0")
    tree = struct.pack(">IIIII", 2, 0, 1, 1, 0x1000).ljust(32, b"\0")
    blocks = [0x1000 | 11, 0x20 | 5, 0x800 | 11]
    root = struct.pack(">II3I", 3, 0, *blocks) + b"\0" * 4 * 253
    root += struct.pack(">IB4sI", 1, 4, b"DSDB", 1) + b"\0" * 128
    head = struct.pack(">I4sIII", 1, b"Bud1", 0x1000, 2048, 0x1000) + b"\0" * 16
    body = head.ljust(4 + 0x20, b"\0") + tree
    return body.ljust(4 + 0x800, b"\0") + node + root.ljust(2048, b"\0")


def _double(value: bytes = b"0083;65f0;Safari;", resources: bytes = b"") -> bytes:
    """An AppleDouble file with an attribute and a resource fork."""
    name = b"com.apple.quarantine\0"
    entry = struct.pack(">IIHB", 200, len(value), 0, len(name)) + name
    attributes = struct.pack(">4sIIII12xHH", b"ATTR", 0, 200 + len(value), 200, len(value), 0, 1)
    finder = (b"\0" * 34 + attributes + entry).ljust(150, b"\0") + value
    head = struct.pack(">II16sH", 0x51607, 0x20000, b"Mac OS X        ", 2)
    places = struct.pack(">6I", 9, 50, len(finder), 2, 50 + len(finder), len(resources))
    return head + places + finder + resources


def _resources(content: bytes = b"") -> bytes:
    data = struct.pack(">I", len(content)) + content if content else b""
    head = struct.pack(">4I", 256, 256 + len(data), len(data), 30)
    return head.ljust(256, b"\0") + data + b"\0" * 30


def _packed(name: str, content: bytes) -> bytes:
    return zipped({"课/教案.docx": word(), "课/a.txt": b"a", f"课/{name}": content})


_LOCK = ",老师,PC-301,22.11.2026 08:00,file:///C:/Users/a/4;".encode()
_HARMLESS: tuple[tuple[str, str, bytes], ...] = (
    ("pictures in small", "Thumbs.db", thumbnails({"Catalog": b"\x10\0\7\0" * 9, "1": _small(), "2": _small()})),
    ("great pictures in small", "Thumbs.db", thumbnails({"256_0123456789abcdef": _small()}, small=False)),
    ("a folder's view", ".DS_Store", _view()),
    ("a folder's view with a name", ".DS_Store", _view(b"ustr", struct.pack(">I", 2) + "备注".encode("utf-16-be"))),
    ("attributes", "._a.txt", _double()),
    ("resources", "._a.txt", _double(resources=_resources(b"icns" + b"\1" * 60))),
    ("a lock of LibreOffice", ".~lock.教案.docx#", _LOCK),
    ("an empty lock", "~$教案.docx", b""),
)  # fmt: skip
_DISGUISED: tuple[tuple[str, str, bytes, str], ...] = (
    ("a program as picture in small", "Thumbs.db", thumbnails({"1": PROGRAM}), "type-not-accepted"),
    ("a program behind a picture in small", "Thumbs.db", thumbnails({"1": _small() + PROGRAM}), "type-not-accepted"),
    ("a macro among pictures in small", "Thumbs.db", thumbnails({"1": _small(), "ThisDocument": b"Shell"}), "type-not-accepted"),
    ("pictures in small and a program", "Thumbs.db", thumbnails({"1": _small()}) + PROGRAM, "type-not-accepted"),
    ("a beginning of pictures in small", "Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1VBA/ThisDocument" + PROGRAM, "type-not-accepted"),
    ("a view and a program", ".DS_Store", _view() + PROGRAM, "type-not-accepted"),
    ("a beginning of a view", ".DS_Store", b"\0\0\0\1Bud1" + PROGRAM, "type-not-accepted"),
    ("a view that holds a program", ".DS_Store", _view(value=struct.pack(">I", len(PROGRAM)) + PROGRAM), "type-not-accepted"),
    ("an attribute that is a program", "._a.txt", _double(PROGRAM), "type-not-accepted"),
    ("a resource that is a program", "._a.txt", _double(resources=_resources(PROGRAM)), "type-not-accepted"),
    ("attributes and a program", "._a.txt", _double() + PROGRAM, "type-not-accepted"),
    ("a lock of nothing", ".~lock.x.docx#", _LOCK, "member-mismatch"),
)  # fmt: skip

HONEST = [
    *(Case(f"a ZIP with {what}", "a.zip", partial(_packed, name, content)) for what, name, content in _HARMLESS),
]  # fmt: skip

HOSTILE = [
    *(Case(f"{what} left in a ZIP", "a.zip", partial(_packed, name, content), code) for what, name, content, code in _DISGUISED),
    Case("a ZIP of leftovers alone", "a.zip", lambda: zipped({".DS_Store": _view()}), "empty"),
    Case("a presentation as view", "a.zip", lambda: zipped({"a.txt": b"a", ".DS_Store": pptx()}), "member-mismatch"),
]  # fmt: skip
