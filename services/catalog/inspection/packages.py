"""What Office and OpenDocument packages have in common: a ZIP of XML parts and media."""

import tempfile
import zipfile
from pathlib import Path
from typing import Final

from services.catalog.inspection import archives, embedded, images, media, polyglots, svg, xml
from services.catalog.inspection.formats import HEAD_BYTES, is_film, smuggled, sniff
from services.catalog.inspection.report import Report, Unreadable

_MOST_PART_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 18
_PICTURES: Final = {"png", "jpeg", "gif", "webp"}
_PLAYED: Final = {"mp3", "wav", "webm"}
_MATROSKA: Final = b"\x1a\x45\xdf\xa3"


def is_xml(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels", ".vml", ".rdf"))


def read_xml(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, listener: xml.Listener | None = None
) -> None:
    """Raises `Unreadable`."""
    if entry.file_size > _MOST_PART_BYTES:
        raise Unreadable("too-costly", entry.filename)
    with archives.reading(archive, entry) as source:
        xml.read(source, listener or xml.Deaf(), entry.filename)


def check_medium(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, report: Report) -> None:
    """A picture, a sound or a film: nothing else, from its first byte to its last."""
    if entry.filename.lower().endswith(".svg"):
        with archives.reading(archive, entry) as source:
            svg.inspect(source, report, entry.filename)
        return
    with tempfile.NamedTemporaryFile(dir=report.work) as copy:
        with archives.reading(archive, entry) as source:
            while chunk := source.read(_CHUNK_BYTES):
                copy.write(chunk)
        copy.flush()
        _check_copy(Path(copy.name), report.member(entry.filename))


def _check_copy(path: Path, report: Report) -> None:
    """As it would be by itself, but that it need not be of a format that is played here: one whose
    structure is not known from end to end is refused."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return
    if b"\0" not in head:
        report.find("embedded-file")
        return
    name = sniff(head, b"") or "leftover"
    for other in polyglots.second_formats(path, name):
        report.find("polyglot", other)
    try:
        if name in _PICTURES:
            images.walk(path, name, report)
        elif name in _PLAYED:
            media.walk(path, name, report)
        elif is_film(head):
            media.walk(path, "mp4", report)
        elif head.startswith(_MATROSKA):
            media.walk(path, "webm", report)
        else:
            embedded.check(path.read_bytes(), report)
    except Unreadable as defect:
        report.find(defect.code, defect.where)
    if head.startswith(images.SIGNATURES):
        with path.open("rb") as file:
            if images.pixels(file) > images.MOST_PIXELS:
                report.find("too-many-pixels")


def check_opaque(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, report: Report) -> None:
    """A part that only its program knows, such as a font: nothing else by stealth."""
    if entry.file_size > _MOST_PART_BYTES:
        raise Unreadable("too-costly", entry.filename)
    with archives.reading(archive, entry) as source:
        content = source.read()
    if smuggled(content[:HEAD_BYTES]) or polyglots.is_program(content):
        report.find("embedded-file", entry.filename)


def read_head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The first `HEAD_BYTES`; the rest is read too, and must be whole."""
    with archives.reading(archive, entry) as source:
        head = source.read(HEAD_BYTES)
        while source.read(1 << 18):
            pass
    return head
