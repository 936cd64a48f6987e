"""SVG pictures inside documents: shapes and nothing that acts or fetches.

An SVG file of its own is not accepted: browsers run what it says in the origin it comes from.
"""

import re
from typing import BinaryIO

from services.catalog.inspection import xml
from services.catalog.inspection.report import Report

_ACTIVE = {"script", "foreignObject", "iframe", "embed", "object", "handler", "listener", "use"}
_FETCHING = re.compile(r"url\(\s*['\"]?\s*(?!#|data:image/)|@import|expression\(", re.IGNORECASE)
_INLINE = re.compile(r"data:image/(png|jpeg|gif|webp)[;,]", re.IGNORECASE)


class _Shapes(xml.Deaf):
    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where
        self._style = False

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        self._style = element == "style"
        href = xml.attribute(attributes, "href").strip()
        inner = href.startswith("#")
        if element in _ACTIVE and not (element == "use" and (inner or not href)):
            self._report.find("script", self._where)
        if href and not inner and not _INLINE.match(href) and element != "a":
            self._report.find("external-reference", self._where)
        if re.match(r"[\s\x00-\x20]*(javascript|vbscript|data):", href, re.I) and element == "a":
            self._report.find("script", self._where)
        for key, value in attributes.items():
            attribute = xml.local(key).lower()
            if attribute.startswith("on") or "javascript:" in value.lower():
                self._report.find("script", self._where)
            if _FETCHING.search(value):
                self._report.find("external-reference", self._where)

    def text(self, text: str) -> None:
        if self._style and _FETCHING.search(text):
            self._report.find("external-reference", self._where)


def inspect(source: BinaryIO, report: Report, where: str) -> None:
    """Raises `Unreadable` for what is no well-formed XML, or declares entities."""
    xml.read(source, _Shapes(report, where), where)
