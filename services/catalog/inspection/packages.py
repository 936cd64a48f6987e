"""What Office and OpenDocument packages have in common: a ZIP of XML parts and media."""

import re
import zipfile
from collections.abc import Set
from typing import Final

from services.catalog.inspection import archives, images, svg, xml
from services.catalog.inspection.formats import HEAD_BYTES, is_medium, smuggled
from services.catalog.inspection.report import Report, Unreadable

_MOST_PART_BYTES = 256 << 20
_FOLDER_VIEW: Final = b"\0\0\0\1Bud1"
_APPLE_DOUBLE: Final = b"\0\x05\x16\x07"
_LIKE_A_TYPE = re.compile(r"\.[a-z]\w*/$", re.IGNORECASE)
_PDF_REACH = 1024


def is_xml(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels", ".vml", ".rdf"))


def is_leftover(name: str, head: bytes, names: Set[str]) -> bool:
    """Whether a Mac left the entry there: a folder's view, or the AppleDouble file (RFC 1740
    appendix A) that accompanies another of the archive's `names`, which says what opens it."""
    folder, _, last = name.rpartition("/")
    if last == ".DS_Store":
        return head.startswith(_FOLDER_VIEW)
    if not last.startswith("._") or not head.startswith(_APPLE_DOUBLE):
        return False
    companion = "/".join(filter(None, (folder.removeprefix("__MACOSX").strip("/"), last[2:])))
    of_folder = f"{companion}/"
    return companion in names or (
        any(each.startswith(of_folder) for each in names) and not _LIKE_A_TYPE.search(of_folder)
    )


def read_xml(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, listener: xml.Listener | None = None
) -> None:
    """Raises `Unreadable`."""
    if entry.file_size > _MOST_PART_BYTES:
        raise Unreadable("too-costly", entry.filename)
    with archives.reading(archive, entry) as source:
        xml.read(source, listener or xml.Deaf(), entry.filename)


def check_medium(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, report: Report) -> None:
    """A picture, a sound or a film: its first bytes must be those of one."""
    if entry.filename.lower().endswith(".svg"):
        with archives.reading(archive, entry) as source:
            svg.inspect(source, report, entry.filename)
        return
    head = read_head(archive, entry)
    if head and (not is_medium(head) or b"%PDF-" in head[:_PDF_REACH]):
        report.find("embedded-file", entry.filename)
    elif head.startswith(images.SIGNATURES):
        with archives.reading(archive, entry) as source:
            if images.pixels(source) > images.MOST_PIXELS:
                report.find("too-many-pixels", entry.filename)


def check_opaque(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, report: Report) -> None:
    """A part that only its program knows, such as a font: nothing else by stealth."""
    if smuggled(read_head(archive, entry)):
        report.find("embedded-file", entry.filename)


def read_head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The first `HEAD_BYTES`; the rest is read too, and must be whole."""
    with archives.reading(archive, entry) as source:
        head = source.read(HEAD_BYTES)
        while source.read(1 << 18):
            pass
    return head
