"""The formats that are accepted, and how content tells which one it is.

Only content decides; the name and the declared type must then agree with it.
"""

import re
from dataclasses import dataclass
from typing import Final

HEAD_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Format:
    """``kind`` names the inspector; `declared` are the media types a client may claim."""

    name: str
    kind: str
    media_type: str
    extensions: frozenset[str]
    also: frozenset[str] = frozenset()

    def claims(self, media_type: str) -> bool:
        """Whether a client may declare it so; what knows no better is believed."""
        bare = media_type.partition(";")[0].strip().lower()
        return bare in {"", "application/octet-stream", self.media_type, *self.also}


def _of(name: str, kind: str, media_type: str, extensions: str, also: str = "") -> Format:
    return Format(name, kind, media_type, frozenset(extensions.split()), frozenset(also.split()))


_OOXML = "application/vnd.openxmlformats-officedocument"
_ZIPPED = "application/zip application/x-zip-compressed"

FORMATS: Final = {
    each.name: each
    for each in (
        _of("pdf", "pdf", "application/pdf", "pdf", "application/x-pdf"),
        _of("pptx", "ooxml", f"{_OOXML}.presentationml.presentation", "pptx", _ZIPPED),
        _of("docx", "ooxml", f"{_OOXML}.wordprocessingml.document", "docx", _ZIPPED),
        _of("xlsx", "ooxml", f"{_OOXML}.spreadsheetml.sheet", "xlsx", _ZIPPED),
        _of("odp", "odf", "application/vnd.oasis.opendocument.presentation", "odp", _ZIPPED),
        _of("odt", "odf", "application/vnd.oasis.opendocument.text", "odt", _ZIPPED),
        _of("png", "image", "image/png", "png", "image/apng"),
        _of("jpeg", "image", "image/jpeg", "jpg jpeg jpe jfif", "image/jpg image/pjpeg"),
        _of("gif", "image", "image/gif", "gif"),
        _of("webp", "image", "image/webp", "webp"),
        _of("mp3", "media", "audio/mpeg", "mp3", "audio/mp3 audio/x-mp3 audio/x-mpeg"),
        _of("wav", "media", "audio/wav", "wav wave", "audio/x-wav audio/wave audio/vnd.wave"),
        _of("mp4", "media", "video/mp4", "mp4 m4v", "video/x-m4v application/mp4"),
        _of("webm", "media", "video/webm", "webm", "audio/webm"),
        _of("zip", "zip", "application/zip", "zip", "application/x-zip-compressed"),
        _of("text", "text", "text/plain", "txt text"),
        _of("csv", "text", "text/csv", "csv", "text/plain application/vnd.ms-excel"),
        _of("markdown", "text", "text/markdown", "md markdown", "text/plain text/x-markdown"),
        _of("vtt", "text", "text/vtt", "vtt", "text/plain"),
        _of("srt", "text", "application/x-subrip", "srt", "text/plain text/srt text/x-srt"),
    )
}

MARKUP: Final = "HTML, SVG, XML or a script"
_PROGRAMS: Final = (
    (b"MZ", "Windows program"),
    (b"\x7fELF", "Linux program"),
    (b"\xca\xfe\xba\xbe", "Java class or macOS program"),
    (b"\xcf\xfa\xed\xfe", "macOS program"),
    (b"\xce\xfa\xed\xfe", "macOS program"),
    (b"\0asm", "WebAssembly"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office document or OLE file"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\0", "xz archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (b"MSCF", "cabinet archive"),
    (b"L\0\0\0\x01\x14\x02\0", "Windows shortcut"),
    (b"FWS", "Flash"),
    (b"CWS", "Flash"),
    (b"ZWS", "Flash"),
)
_OTHERS: Final = (
    (b"{\\rtf", "RTF document"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"ITSF", "compiled HTML help"),
    (b"SQLite format 3\0", "database"),
    (b"BM", "BMP image"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (b"\0\0\x01\0", "icon"),
    (b"8BPS", "Photoshop image"),
    (b"OggS", "Ogg"),
    (b"fLaC", "FLAC"),
    (b"FLV\x01", "Flash video"),
    (b"0&\xb2u\x8ef\xcf\x11", "Windows Media"),
    (b"#EXTM3U", "playlist"),
    (b"[InternetShortcut]", "shortcut"),
)
_BOXES: Final = {b"ftyp", b"moov", b"mdat", b"wide"}
_STILL_BRANDS: Final = {b"heic", b"heix", b"mif1", b"msf1", b"avif"}
_PROSE = re.compile(rb"[0-9A-Za-z]{2,4}")
"""A signature like this may as well begin a text; only a NUL in what follows tells."""

_MP4_BRANDS = re.compile(rb"(iso[m2-9]|mp4[12]|avc1|M4V[ HP]|dash|MSNV|f4v |3gp[4-7]|hvc1)")
_MARKUP = re.compile(
    rb"\s*(<!--.*?-->\s*|<\?xml[^>]*>\s*|<!doctype\s+(?=svg)[^>]*>\s*)*"
    rb"<(!doctype|html|head|body|script|svg|iframe|\?php|\?xml|%|x:|hta:|job|scriptlet)",
    re.IGNORECASE | re.DOTALL,
)


def sniff(head: bytes, tail: bytes) -> str | None:
    """The name of a format, `package` for any ZIP, or None. `head` is the first `HEAD_BYTES`."""
    if head.lstrip(b"\r\n\t ").startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "webp", b"WAVE": "wav"}.get(head[8:12])
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "package"
    if head[4:8] == b"ftyp":
        return "mp4" if _MP4_BRANDS.match(head, 8) else None
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else None
    if head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] > b"\xe0" and _frame(head)):
        return "mp3"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return "text"
    if _other(head) or b"\0" in head or b"\0" in tail:
        return None
    return "text"


def named_text(extension: str, head: bytes) -> str:
    """Which format of text it is: its name alone tells, but captions for browsers begin as WebVTT
    (W3C, section 4.1) does."""
    if extension == "vtt" and not head.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT"):
        return "text"
    named = ("csv", "markdown", "vtt", "srt")
    return next((each for each in named if extension in FORMATS[each].extensions), "text")


def refused(head: bytes) -> str | None:
    """What a file that is not accepted is, as far as it is known."""
    if begins_markup(head):
        return MARKUP
    if head[4:8] == b"ftyp":
        return "HEIC or AVIF picture" if head[8:12] in _STILL_BRANDS else "film of another kind"
    return "script" if head.startswith(b"#!") else _other(head)


def begins_markup(head: bytes) -> bool:
    return bool(_MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")))


def _other(head: bytes) -> str | None:
    bare = head.removeprefix(b"\xef\xbb\xbf")
    known = (*_PROGRAMS, *_OTHERS)
    return _signed(head, known) or _signed(bare.lstrip(), known)


def smuggled(head: bytes) -> bool:
    """Whether `head` begins a program, an archive or markup: nothing in a document does."""
    return head.startswith(b"PK\x03\x04") or bool(_signed(head, _PROGRAMS) or _MARKUP.match(head))


def is_film(head: bytes) -> bool:
    """Whether `head` begins a film or a sound in boxes, as MP4 and QuickTime are, and no picture
    in such."""
    return head[4:8] in _BOXES and not (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS)


def _signed(head: bytes, known: tuple[tuple[bytes, str], ...]) -> str | None:
    prose = b"\0" not in head
    return next(
        (
            what
            for signature, what in known
            if head.startswith(signature) and not (prose and _PROSE.fullmatch(signature))
        ),
        None,
    )


def _frame(head: bytes) -> bool:
    """Whether `head` begins with the header of an MPEG audio layer III frame."""
    layer, rate = head[1] >> 1 & 3, head[2] >> 2 & 3
    return layer == 1 and rate != 3 and head[2] >> 4 not in (0, 15)
