"""Pictures, sounds and films that hold a program where no reader looks, and what real ones have
there."""

import struct
import zlib
from collections.abc import Callable
from functools import partial

from tests.hostile.case import Case
from tests.hostile.images import picture
from tests.hostile.media import box, encoded, mp3, mp4, wav
from tests.hostile.office import odp, pptx, remade

PROGRAM = (
    b"MZ\x90\0" + b"\0" * 56 + struct.pack("<I", 128) + b"\0" * 64 + b"PE\0\0" + b"\x90\1" * 2000
)
"""Of Windows, as far as it matters."""
_LINUX = b"\x7fELF\2\1\1" + b"\0" * 9 + b"\2\0\x3e\0" + b"\x90" * 3000
_JUNK = bytes(range(256)) * 16
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>' * 40


def _boxed(kind: bytes, content: bytes) -> bytes:
    name = bytes(16) if kind == b"uuid" else b""
    return mp4() + box(kind, name + content)


def _indexed(content: bytes) -> bytes:
    """A film with a box behind the others of its index, which stands behind the film."""
    whole = mp4()
    at = whole.index(b"moov") - 4
    length = int.from_bytes(whole[at : at + 4])
    return (
        whole[:at]
        + struct.pack(">I", length + len(content))
        + whole[at + 4 : at + length]
        + content
    )


def _void(content: bytes) -> bytes:
    """Behind the clusters of a segment whose length nobody told."""
    whole = bytearray(encoded("webm", "libvpx", None))
    at = whole.index(b"\x18\x53\x80\x67") + 4
    whole[at : at + 8] = b"\x01" + b"\xff" * 7
    return bytes(whole) + b"\xec" + (len(content) | 1 << 28).to_bytes(4) + content


def _chunked(kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk."""
    whole = picture("PNG")
    chunk = (
        struct.pack(">I", len(content)) + kind + content + zlib.crc32(kind + content).to_bytes(4)
    )
    return whole[:33] + chunk + whole[33:]


def _chunked_web(content: bytes) -> bytes:
    body = picture("WEBP")[8:] + struct.pack("<4sI", b"EXTR", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _said(marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment."""
    whole = picture("JPEG")
    return whole[:2] + struct.pack(">BBH", 255, marker, len(content) + 2) + content + whole[2:]


def _extended(content: bytes) -> bytes:
    """A GIF with one more comment."""
    whole = picture("GIF", "P")
    blocks = b"".join(
        bytes([len(content[i : i + 255])]) + content[i : i + 255]
        for i in range(0, len(content), 255)
    )
    return whole[:-1] + b"\x21\xfe" + blocks + b"\0" + whole[-1:]


def _sounding(kind: bytes, content: bytes) -> bytes:
    """A recording with one more chunk."""
    body = (
        wav()[8:] + struct.pack("<4sI", kind, len(content)) + content + b"\0" * (len(content) % 2)
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tagged(frame: bytes, content: bytes) -> bytes:
    """A song with one more tag."""
    told = frame + struct.pack(">IH", len(content), 0) + content
    length = bytes(len(told) >> 7 * each & 127 for each in (3, 2, 1, 0))
    return b"ID3\3\0\0" + length + told + mp3()


def _aiff(extra: bytes = b"") -> bytes:
    whole = encoded("aiff", None, "pcm_s16be")
    return whole[:4] + struct.pack(">I", len(whole) - 8 + len(extra)) + whole[8:] + extra


def _speech() -> bytes:
    return b"#!AMR\n" + (b"\x3c" + b"\0" * 31) * 60


def _padded() -> bytes:
    """A program in what pads a film's packs."""
    length = struct.pack(">H", len(PROGRAM))
    return encoded("vob", "mpeg2video", None) + b"\0\0\1\xbe" + length + PROGRAM


def _embedding(name: str, make: Callable[[], bytes]) -> bytes:
    return remade(pptx(), add={f"ppt/media/{name}": make()})


def _pictured(name: str, make: Callable[[], bytes]) -> bytes:
    return remade(odp(), add={f"Pictures/{name}": make()})


_FILMS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    *((f"a program in its {kind!r} box", partial(_boxed, kind, PROGRAM)) for kind in (b"free", b"skip", b"uuid")),
    ("a Linux program in a free box", partial(_boxed, b"free", _LINUX)),
    ("a program behind zeros in a free box", partial(_boxed, b"free", b"\0" * 99 + PROGRAM)),
    ("noise in a free box", partial(_boxed, b"free", _JUNK)),
    *((f"a program in its {kind!r} box", partial(_boxed, kind, PROGRAM)) for kind in (b"meta", b"pnot", b"mdat")),
    ("a program in its index", lambda: _indexed(box(b"free", PROGRAM))),
    ("a film in a free box", partial(_boxed, b"free", box(b"mdat", PROGRAM))),
)  # fmt: skip
_HOLDING: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
    ("a web film with a program in a void", "a.webm", lambda: _void(PROGRAM), "hidden-data"),
    ("a picture with a program for a chunk", "a.png", lambda: _chunked(b"prIv", PROGRAM), "hidden-data"),
    ("a web picture with a program for a chunk", "a.webp", lambda: _chunked_web(PROGRAM), "hidden-data"),
    ("a photograph with a program for a comment", "a.jpg", lambda: _said(0xFE, PROGRAM), "hidden-data"),
    ("a photograph with a program for a record", "a.jpg", lambda: _said(0xEB, b"Exif\0\0" + PROGRAM), "polyglot"),
    ("an animation with a program for a comment", "a.gif", lambda: _extended(PROGRAM), "hidden-data"),
    ("a recording with a program for a chunk", "a.wav", lambda: _sounding(b"JUNK", PROGRAM), "hidden-data"),
    ("a recording with a program in a list", "a.wav", lambda: _sounding(b"LIST", b"INFOICMT" + PROGRAM), "polyglot"),
    ("a song with a program in a tag", "a.mp3", lambda: _tagged(b"PRIV", b"a\0" + PROGRAM), "embedded-file"),
)  # fmt: skip
_EMBEDDED: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
    ("a sound of Apple and a program", "a.aif", lambda: _aiff() + PROGRAM, "hidden-data"),
    ("a sound of Apple with a program for a chunk", "a.aif", lambda: _aiff(struct.pack(">4sI", b"APPL", len(PROGRAM)) + PROGRAM), "embedded-file"),
    ("a film of packs and a program", "a.mpg", lambda: encoded("vob", "mpeg2video", None) + PROGRAM, "hidden-data"),
    ("a film of packs padded by a program", "a.mpg", _padded, "embedded-file"),
    ("a film of packets and a program", "a.ts", lambda: encoded("mpegts", "libx264", None) + PROGRAM, "hidden-data"),
    ("speech and a program", "a.amr", lambda: _speech() + PROGRAM, "hidden-data"),
    ("a sound in frames and a program", "a.aac", lambda: encoded("adts", None, "aac") + PROGRAM, "hidden-data"),
    ("a sound of unknown structure", "a.flac", lambda: encoded("flac", None, "flac"), "embedded-file"),
)  # fmt: skip
_PLAYED: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("a.aif", _aiff), ("a.aiff", lambda: _aiff(struct.pack(">4sI", b"NAME", 4) + b"song")),
    ("a.mpg", lambda: encoded("vob", "mpeg2video", "mp2")), ("a.ts", lambda: encoded("mpegts", "libx264", "aac")),
    ("a.amr", _speech), ("a.aac", lambda: encoded("adts", None, "aac")), ("a.avi", lambda: encoded("avi", "mpeg4", "libmp3lame")),
)  # fmt: skip

HONEST = [
    *(Case(f"a presentation with {name} of a recorder", "a.pptx", partial(_embedding, name, make)) for name, make in _PLAYED),
    Case("a film with words to spare", "a.mp4", partial(_boxed, b"free", b"IsoMedia File Produced with GPAC" * 9)),
    Case("a film with zeros to spare", "a.mp4", partial(_boxed, b"free", b"\0" * 9000)),
    Case("a film with an index of before", "a.mp4", partial(_boxed, b"free", box(b"moov", _JUNK))),
    Case("a film with a title", "a.mp4", lambda: mp4() + box(b"meta", b"\0" * 4 + box(b"hdlr", b"\0" * 25) + box(b"ilst", _JUNK))),
    Case("a film with a description", "a.mp4", partial(_boxed, b"uuid", _XMP)),
    Case("a web film with a void", "a.webm", lambda: _void(b"\0" * 4000)),
    Case("a picture with a chunk of its program", "a.png", lambda: _chunked(b"vpAg", b"\0\0\0\1\0\0\0\1\0")),
    Case("a photograph with a comment", "a.jpg", lambda: _said(0xFE, "MZ 是程序文件的开头".encode())),
    Case("a recording with filling", "a.wav", lambda: _sounding(b"JUNK", b"\0" * 3000)),
    Case("a recording with a list", "a.wav", lambda: _sounding(b"LIST", b"INFOINAM\x04\0\0\0song")),
    Case("a song with a tag of its program", "a.mp3", lambda: _tagged(b"PRIV", b"WM/Provider\0" + b"A\0M\0G\0")),
]  # fmt: skip

HOSTILE = [
    *(Case(f"a film with {what}", "a.mp4", make, "hidden-data") for what, make in _FILMS),
    *(Case(f"a presentation's film with {what}", "a.pptx", partial(_embedding, "a.mp4", make), "hidden-data") for what, make in _FILMS[:3]),
    *(Case(what, name, make, code) for what, name, make, code in _HOLDING),
    *(Case(f"{what} in a presentation", "a.pptx", partial(_embedding, name, make), code) for what, name, make, code in (*_HOLDING, *_EMBEDDED)),
    *(Case(f"{what} in an OpenDocument", "a.odp", partial(_pictured, name, make), code) for what, name, make, code in _EMBEDDED),
]  # fmt: skip
