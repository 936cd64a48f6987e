"""PNG (ISO/IEC 15948), JPEG (ITU-T T.81), GIF89a and WebP (RFC 9649).

Each is walked from its first byte to its last before any decoder sees it: nothing may be missing,
and nothing may stand behind the end.
"""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from services.catalog.inspection import codes, embedded, jpegs, photographs
from services.catalog.inspection.formats import smuggled
from services.catalog.inspection.report import Report, Unreadable

MOST_BYTES = 100 << 20
MOST_PIXELS = 50_000_000
MOST_FRAMES = 1000
MOST_MOVING_PIXELS = 1_000_000_000
PREVIEW_EDGE = 1280
THUMBNAIL_EDGE = 320
_PIL: Final = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP"}
SIGNATURES: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
_MULTIPLE: Final = (b"MPF\0", b"http://ns.adobe.com/hdr-gain-map/1.0/")
"""What announces more pictures (CIPA DC-007; Ultra HDR image format 1.0)."""
_PIXELS: Final = {b"IDAT", b"fdAT"}
_WEBP_CHUNKS: Final = {b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"XMP "}
_GPS_TAG = 0x8825
_EXIF_TAG = 0x8769
_EXIF: Final = {
    0x010E: "description", 0x013B: "artist", 0x8298: "copyright", 0x9286: "comment",
    0xA430: "owner", 0x9C9B: "title", 0x9C9C: "comment", 0x9C9D: "author", 0x9C9E: "keywords",
    0x9C9F: "subject",
}  # fmt: skip
_WINDOWS: Final = range(0x9C9B, 0x9CA0)
_UNICODE: Final = b"UNICODE\0"
_COMMENTS: Final = {"comment", "xmp", "XML:com.adobe.xmp"}


def inspect(path: Path, name: str, report: Report) -> None:
    """Raises `Unreadable`."""
    frames = walk(path, name, report)
    with _opened(path, name) as image:
        report.facts |= {"width": image.width, "height": image.height, "frames": frames}
        if image.width * image.height > MOST_PIXELS:
            raise Unreadable("too-many-pixels")
        if image.width * image.height * frames > MOST_MOVING_PIXELS:
            raise Unreadable("too-costly")
        _load(image)
        report.facts["gps"] = _is_located(image)
        _tell(image, report)


def walk(path: Path, name: str, report: Report) -> int:
    """Its frames; nothing is decoded. Raises `Unreadable`."""
    if path.stat().st_size > MOST_BYTES:
        raise Unreadable("too-large")
    with path.open("rb") as file:
        if name == "jpeg":
            frames, behind = 1, _is_more_than_jpeg(file.read(), report)
        else:
            frames, behind = {"png": _png, "gif": _gif, "webp": _webp}[name](file)
    if behind:
        report.find("hidden-data")
    if frames > MOST_FRAMES:
        raise Unreadable("too-many")
    return frames


def pixels(source: BinaryIO) -> int:
    """How many a picture says that it has; 0 where that cannot be read."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(source, formats=[*_PIL.values(), "JPEG2000"]) as image:
            return image.width * image.height
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        return 0


def derive(path: Path, name: str, report: Report) -> None:
    """A preview and a thumbnail, made of pixels alone: no place, camera or comment is left."""
    from PIL import ImageOps

    with _opened(path, name) as image:
        image.draft("RGB", (PREVIEW_EDGE, PREVIEW_EDGE))
        _load(image)
        upright = ImageOps.exif_transpose(image)
        shown = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        shown.thumbnail((PREVIEW_EDGE, PREVIEW_EDGE))
        report.content_code = codes.of_image(shown)
        for kind, edge in (("preview", PREVIEW_EDGE), ("thumbnail", THUMBNAIL_EDGE)):
            shown.thumbnail((edge, edge))
            target = BytesIO()
            bare = shown.copy()
            bare.info.clear()
            bare.save(target, "WEBP", quality=80, method=3)
            report.make(kind, 1, "image/webp", target.getvalue(), bare.size)


def _opened(path: Path, name: str) -> Any:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # counted here, with an answer of our own
    try:
        return Image.open(path, formats=[_PIL[name]])
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Unreadable("damaged") from error


def _is_located(image: Any) -> bool:
    try:
        return bool(image.getexif().get_ifd(_GPS_TAG))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        return False


def _tell(image: Any, report: Report) -> None:
    """What its Exif (TIFF 6.0, JEITA CP-3451) and its comments say for people."""
    try:
        exif = image.getexif()
        said = {**exif, **exif.get_ifd(_EXIF_TAG)}
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        said = {}
    for tag, place in _EXIF.items():
        report.say(f"Exif {place}", _words(said.get(tag), wide=tag in _WINDOWS))
    for key, value in image.info.items():
        if key in _COMMENTS or (image.format == "PNG" and isinstance(value, str)):
            report.say(str(key)[:80], _words(value))


def _words(value: Any, *, wide: bool = False) -> str:
    """ASCII in name, in practice UTF-8; ``wide`` is UTF-16, in either order of bytes."""
    if isinstance(value, bytes):
        body = value.removeprefix(b"ASCII\0\0\0").removeprefix(_UNICODE)
        if wide or value.startswith(_UNICODE):
            zeros = body[::2].count(0) > body[1::2].count(0)
            return body.decode("utf-16-be" if zeros else "utf-16-le", "replace")
        return body.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    try:  # Pillow takes each byte for a letter of Latin-1
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _load(image: Any) -> None:
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error) as error:
        raise Unreadable("damaged") from error


def _png(file: BinaryIO) -> tuple[int, bool]:
    """Chunks up to IEND (§5.3), each with its CRC; an animation's frames by its acTL."""
    file.seek(8)
    frames, controls, size, holds = 1, 0, 0, False
    while True:
        header = file.read(8)
        if len(header) < 8:
            raise Unreadable("damaged")
        length, kind = int.from_bytes(header[:4]), header[4:]
        if length > MOST_BYTES:
            raise Unreadable("damaged")
        content, crc = file.read(length), file.read(4)
        if len(content) < length or zlib.crc32(kind + content).to_bytes(4) != crc:
            raise Unreadable("damaged")
        if kind == b"IHDR":
            size = int.from_bytes(content[:4]) * int.from_bytes(content[4:8])
            if size > MOST_PIXELS:
                raise Unreadable("too-many-pixels")
        elif kind == b"acTL":
            frames = max(frames, int.from_bytes(content[:4]))
        elif kind == b"fcTL":
            controls += 1
        elif kind in {b"zTXt", b"iCCP", b"iTXt"} and _inflates_far(content):
            raise Unreadable("bomb")
        elif kind == b"IEND":
            return max(frames, controls), holds or _is_more(file)
        elif kind not in _PIXELS:
            holds |= smuggled(content)


def _inflates_far(content: bytes) -> bool:
    begin = content.find(b"\x78")
    if begin < 0:
        return False
    stream = zlib.decompressobj()
    try:
        return len(stream.decompress(content[begin:], 16 << 20)) >= 16 << 20
    except zlib.error:
        return False


def _is_more_than_jpeg(content: bytes, report: Report) -> bool:
    """Segments up to EOI (§B.1); pictures that a multi-picture file adds are walked as well, and
    so is what a telephone puts behind."""
    end = jpegs.end(content, 0)
    head = content[:end]
    multiple = any(mark in head[: 1 << 18] for mark in _MULTIPLE)
    while multiple and content[end : end + 3] == b"\xff\xd8\xff":
        end = jpegs.end(content, end)
    behind = content[end:]
    return not embedded.is_blank(behind) and not photographs.explains(head, behind, report)


def _gif(file: BinaryIO) -> tuple[int, bool]:
    """Blocks up to the trailer (GIF89a, §12 to §27)."""
    file.seek(6)
    screen = _exactly(file, 7)
    if int.from_bytes(screen[:2], "little") * int.from_bytes(screen[2:4], "little") > MOST_PIXELS:
        raise Unreadable("too-many-pixels")
    _skip_table(file, screen[4])
    frames, holds = 0, False
    while (kind := file.read(1)) != b"\x3b" and (kind or not frames):
        if kind == b"\x2c":
            frames += 1
            _skip_table(file, _exactly(file, 9)[8])
            _exactly(file, 1)
        elif kind == b"\x21":
            _exactly(file, 1)
        else:
            raise Unreadable("damaged")
        while length := _exactly(file, 1)[0]:
            holds |= smuggled(_exactly(file, length)) and kind == b"\x21"
    if not frames:
        raise Unreadable("damaged")
    return frames, holds or _is_more(file)


def _skip_table(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        _exactly(file, 3 << ((flags & 7) + 1))


def _webp(file: BinaryIO) -> tuple[int, bool]:
    file.seek(0, 2)
    size = file.tell()
    file.seek(4)
    end = int.from_bytes(_exactly(file, 4), "little") + 8
    if end > size:
        raise Unreadable("damaged")
    file.seek(12)
    frames, holds = 0, False
    while file.tell() + 8 <= end:
        kind, length = _exactly(file, 4), int.from_bytes(_exactly(file, 4), "little")
        frames += kind == b"ANMF"
        after = file.tell() + length
        if after > end:
            raise Unreadable("damaged")
        holds |= kind not in _WEBP_CHUNKS and smuggled(_exactly(file, length))
        file.seek(after + length % 2)
    return max(frames, 1), holds or size > end + end % 2


def _exactly(file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) < length:
        raise Unreadable("damaged")
    return content


def _is_more(file: BinaryIO) -> bool:
    return not embedded.is_blank(file.read())
