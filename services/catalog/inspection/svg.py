"""SVG pictures inside documents: shapes and nothing that acts or fetches.

An SVG file of its own is not accepted: browsers run what it says in the origin it comes from.
"""

import re
from typing import BinaryIO

from services.catalog.inspection import links, xml
from services.catalog.inspection.report import Report, Unreadable

_ACTIVE = {"script", "foreignObject", "iframe", "embed", "object", "handler", "listener", "use"}
_FETCHING = re.compile(
    r"url\(\s*['\"]?\s*(?!#|data:image/|['\"\s])|@import|expression\(|image-set\(|\bsrc\(",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.IGNORECASE | re.DOTALL)
"""Of a letter in CSS (css-syntax-3 §4.3.7)."""
_STYLE_COMMENT = re.compile(r"/\*.*?(\*/|$)", re.DOTALL)
_ADDRESSES = {"href", "src", "base"}
_LONGEST_STYLE = 1 << 20
_SCRIPTS = ("javascript:", "vbscript:")
_INLINE = re.compile(r"data:image/(png|jpeg|gif|webp)[;,]", re.IGNORECASE)


class _Shapes(xml.Deaf):
    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where
        self._style: list[str] | None = None
        self._length = 0

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if element == "style":
            self._style, self._length = [], 0
        href = xml.attribute(attributes, "href").strip()
        inner = href.startswith("#")
        if element in _ACTIVE and not (element == "use" and (inner or not href)):
            self._report.find("script", self._where)
        if element == "a" and not links.is_link(links.UNSEEN.sub("", href)):
            self._report.find("script", self._where)
        for key, value in attributes.items():
            attribute = xml.local(key).lower()
            bare = links.UNSEEN.sub("", value).lower()
            if attribute.startswith("on") or any(each in bare for each in _SCRIPTS):
                self._report.find("script", self._where)
            if attribute in _ADDRESSES and element != "a" and _fetches(value.strip()):
                self._report.find("external-reference", self._where)
            self._check_style(value)

    def text(self, text: str) -> None:
        if self._style is not None:
            self._length += len(text)
            if self._length > _LONGEST_STYLE:
                raise Unreadable("too-costly", self._where)
            self._style.append(text)

    def end(self, name: str) -> None:
        if xml.local(name) == "style" and self._style is not None:
            self._check_style("".join(self._style))
            self._style = None

    def instruction(self, target: str) -> None:
        if target == "xml-stylesheet":
            self._report.find("external-reference", self._where)

    def _check_style(self, style: str) -> None:
        """As it is read: without comments, its letters as they are meant."""
        if _FETCHING.search(_ESCAPE.sub(_letter, _STYLE_COMMENT.sub("", style))):
            self._report.find("external-reference", self._where)


def _fetches(address: str) -> bool:
    return bool(address) and not address.startswith("#") and not _INLINE.match(address)


def _letter(escape: re.Match[str]) -> str:
    if escape[2]:
        return escape[2]
    code = int(escape[1], 16)
    return chr(code) if code < 0x110000 else ""


def inspect(source: BinaryIO, report: Report, where: str) -> None:
    """Raises `Unreadable` for what is no well-formed XML, or declares entities."""
    xml.read(source, _Shapes(report, where), where)
