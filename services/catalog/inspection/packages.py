"""What Office and OpenDocument packages have in common: a ZIP of XML parts and media."""

import re
import zipfile
from typing import Final

from services.catalog.inspection import archives, svg, xml
from services.catalog.inspection.formats import HEAD_BYTES, smuggled
from services.catalog.inspection.report import Report, Unreadable

_MOST_PART_BYTES = 256 << 20
_TEMPORARY = re.compile(r"(^|/)(\.DS_Store|Thumbs\.db|desktop\.ini)$|^__MACOSX/", re.IGNORECASE)
WEB: Final = ("http://", "https://", "mailto:", "tel:")


def is_xml(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels", ".vml", ".rdf"))


def is_leftover(name: str) -> bool:
    """What desktops leave in archives."""
    return bool(_TEMPORARY.search(name))


def read_xml(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, listener: xml.Listener | None = None
) -> None:
    """Raises `Unreadable`."""
    if entry.file_size > _MOST_PART_BYTES:
        raise Unreadable("too-costly", entry.filename)
    with archives.reading(archive, entry) as source:
        xml.read(source, listener or xml.Deaf(), entry.filename)


def check_medium(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, report: Report) -> None:
    """A part that is not XML: read to its end, and neither a program nor an archive by stealth."""
    name = entry.filename
    if name.lower().endswith(".svg"):
        with archives.reading(archive, entry) as source:
            svg.inspect(source, report, name)
        return
    with archives.reading(archive, entry) as source:
        head = source.read(HEAD_BYTES)
        while source.read(1 << 18):
            pass
    if smuggled(head):
        report.find("embedded-file", name)


def opaque(target: str) -> bool:
    """Whether following a link would do more than open a page of the web or a letter."""
    bare = target.strip().lower()
    return bool(bare) and not bare.startswith(("#", *WEB)) and bool(_ACTING.match(bare))


_ACTING = re.compile(
    r"[\s\x00-\x20]*(javascript|vbscript|data|file|smb|ms-\w+|search-ms|mhtml|\\\\)"
)
