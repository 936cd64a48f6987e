"""What the XML of an Office Open XML package would do: relationships, fields, formulas, actions.

A part is read for all of them, whatever its name or its declared type say it holds.
"""

import re
from typing import Final

from services.catalog.inspection import formulas, links, xml
from services.catalog.inspection.ooxml_fields import Fields
from services.catalog.inspection.report import Report, Unreadable

MACROS = re.compile(r"macroenabled|vbaproject|vbadata|wordvbadata|macrosheet", re.I)
OBJECTS = re.compile(r"oleobject|activex|customui/.*macro", re.I)
_NAMED_ACTION = re.compile(r"^ppaction://(program|macro|ole)", re.I)
_LONGEST = 1 << 16
"""Characters of a formula; Excel ends at 8192 (ECMA-376 §18.17)."""

_BASE: Final = "HyperlinkBase"
"""What every relative link is taken from (part 1, §22.2.2.14)."""
_INSTRUCTIONS: Final = {"instrText", "delInstrText"}
_WORD: Final = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
}
_FIELDS: Final = {*_INSTRUCTIONS, "fldChar", "fldSimple"}
_SPACES: Final = {"tab", "ptab", "br", "cr"}
_DELETIONS: Final = {"del", "moveFrom"}
_STORY: Final = "txbxContent"
"""Text of its own within another (§22.9.2.19, part 4 §9.1)."""
_ALTERNATIVES: Final = "AlternateContent"
"""Which of them is read depends on what the application knows (part 3, §10)."""
_DECIDING: Final = {"instr", "fldCharType", "action", "manifestLocation"}
"""Attributes that are there once: of a foreign namespace, one beside it is passed over."""
_FORMULAS: Final = {"f", "formula", "formula1", "formula2", "definedName", "oldFormula"}
_MATHS: Final = "/math f"
"""A fraction (§22.1.2.36) is no workbook's formula, though both are named `f`."""

# Elements that fetch or run by being there: data, of whatever kind the connection is (ECMA-376
# part 1, §18.13; §17.14.8), pictures and films of the web, add-ins ([MS-OWEXML] §2.2.1), ribbons
# ([MS-CUSTOMUI] §2.2.1).
_CODES: Final = {
    **dict.fromkeys(("ddeLink", "oleLink"), "dde"),
    **dict.fromkeys(("control", "oleObj", "OLEObject", "objectEmbed"), "embedded-object"),
    **dict.fromkeys(("connection", "connectString", "DataMashup"), "external-reference"),
    **dict.fromkeys(("webImageSrd", "webVideoPr", "webPublishItem"), "external-reference"),
    "altChunk": "embedded-file",
    "webextension": "action",
    "customUI": "macro",
    "FmlaMacro": "macro",
}
_LINKED = re.compile(r"^(blip|svgBlip) \S*/relationships link$|/relationships href$")
"""A picture that is not kept within (§20.1.8.13, part 4 §19.1.2.11), whatever its relationship says
that it is."""
_LOCAL = re.compile(r"file:///[a-z]:(?!.*%(?:2e|2f|5c))(?:[\\/](?!\.\.?[\\/])[^\\/]+)+$", re.I)
"""What the document was made from lies on its author's computer, and is not needed."""
_MISSING: Final = "NULL"
"""What PowerPoint writes for a picture that it did not find."""
_VML: Final = "urn:schemas-microsoft-com:vml "
_VML_PICTURES: Final = {"imagedata", "fill", "stroke", "image"}
_VML_SOURCES: Final = {"src", "href", "althref"}
_DIGITS: Final = "0123456789"
_TRUE: Final = {"1", "true", "on"}


class Part(xml.Deaf):
    """Tells `report` what acts or fetches in the part named `where`."""

    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where
        self._fields = Fields(report, where)
        self._stories: list[tuple[Fields, list[int]]] = []
        self._alternatives: list[int] = []
        """How many fields were open where each began, of those that are open in this story."""
        self._deletions = 0
        self._formula: list[str] | None = None
        self._filled = False
        self.addresses: set[str] = set()
        """Columns of a sheet whose cells are links."""
        self._within_instruction = False
        self._length = 0

    def start(self, name: str, attributes: xml.Attributes) -> None:
        element = xml.local(name)
        if self._within_instruction or self._formula is not None or _is_ambiguous(attributes):
            # These hold nothing but text: what stands within is passed over, or parts their words.
            self._fields.read_otherwise()
        self._within_instruction = element in _INSTRUCTIONS or (
            element == "t" and self._fields.instructing
        )
        self._structure(name, element)
        if (element in _FORMULAS and not name.endswith(_MATHS)) or element == _BASE:
            self._formula, self._length = [], 0
            self._filled = _spans_columns(attributes.get("ref", ""))
        elif element == "Relationship":
            self._relate(attributes)
        elif element == "fldSimple":
            self._fields.simple(xml.attribute(attributes, "instr"))
        elif element == "fldChar":
            self._fields.delimit(xml.attribute(attributes, "fldCharType"), deleted=self._deleted)
        elif element in {"hlinkClick", "hlinkHover", "hlinkMouseOver"}:
            if _NAMED_ACTION.match(xml.attribute(attributes, "action")):
                self._report.find("action", self._where)
        elif element == "cacheSource" and attributes.get("type") == "external":
            self._report.find("external-reference", self._where)
        if links.leads_elsewhere(xml.attribute(attributes, "manifestLocation")):
            self._report.find("external-reference", self._where)
        if element in _CODES:
            self._report.find(_CODES[element], self._where)
        if any(_LINKED.search(f"{element} {each}") for each in attributes):
            self._report.find("external-reference", self._where)
        if _runs_macro(element, attributes):
            self._report.find("macro", self._where)
        if name.startswith(_VML):
            self._draw(element, attributes)

    @property
    def _deleted(self) -> bool:
        return self._deletions > 0

    def _structure(self, name: str, element: str) -> None:
        """What decides how the instructions of fields are read."""
        if element == _STORY:
            self._stories.append((self._fields, self._alternatives))
            self._fields, self._alternatives = Fields(self._report, self._where), []
        elif element == _ALTERNATIVES:
            self._alternatives.append(self._fields.depth)
        elif element in _DELETIONS:
            self._deletions += 1
        elif element in _FIELDS or self._within_instruction:
            if name.rpartition(" ")[0] not in _WORD or (
                self._alternatives
                and self._within_instruction
                and self._fields.depth == (self._alternatives[-1])
            ):
                self._fields.read_otherwise()
        elif self._fields.instructing and element in _SPACES:
            self._fields.add(" ", deleted=self._deleted)
        elif self._fields.instructing and element == "sym":
            self._fields.add("\ufffd", deleted=self._deleted)
        elif self._fields.instructing and element == "softHyphen":
            self._fields.read_otherwise()

    def _leave(self, element: str) -> None:
        if element == _STORY and self._stories:
            self._fields.pause()
            self._fields, self._alternatives = self._stories.pop()
        elif element == _ALTERNATIVES and self._alternatives:
            self._alternatives.pop()
        elif element in {"Choice", "Fallback"} and self._alternatives:
            if self._fields.depth != self._alternatives[-1]:
                self._fields.read_otherwise()
        elif element in _DELETIONS and self._deletions:
            self._deletions -= 1

    def _draw(self, element: str, attributes: xml.Attributes) -> None:
        """A shape's picture has no relationship where it gives an address."""
        for attribute, value in attributes.items():
            if xml.local(attribute) not in _VML_SOURCES or not value.strip():
                continue
            if element in _VML_PICTURES:
                if links.leads_elsewhere(value):
                    self._report.find("external-reference", self._where)
            elif not links.is_link(value):
                self._report.find("action", self._where)

    def text(self, text: str) -> None:
        if self._within_instruction:
            self._fields.add(text, deleted=self._deleted)
        elif self._formula is not None:
            self._length += len(text)
            if self._length > _LONGEST:
                raise Unreadable("too-costly", self._where)
            self._formula.append(text)

    def end(self, name: str) -> None:
        element = xml.local(name)
        self._within_instruction = False
        self._leave(element)
        if element in _FORMULAS and self._formula is not None:
            columns = formulas.check("".join(self._formula), self._report, self._where)
            if columns and (element != "f" or self._filled):
                self._report.find("action", self._where)
            self.addresses |= columns
            self._formula = None
        elif element == _BASE and self._formula is not None:
            if links.leaves_package("".join(self._formula).strip(), "a"):
                self._report.find("external-reference", self._where)
            self._formula = None
        elif element == "p":
            self._fields.pause()

    def _relate(self, attributes: xml.Attributes) -> None:
        kind = attributes.get("Type", "").rpartition("/")[2]
        target = attributes.get("Target", "")
        if MACROS.search(kind):
            self._report.find("macro", self._where)
        if OBJECTS.search(kind):
            self._report.find("embedded-object", self._where)
        if attributes.get("TargetMode", "").strip().lower() == "external":
            if target == _MISSING or (kind == "attachedTemplate" and _LOCAL.match(target)):
                return
            if kind != "hyperlink":
                self._report.find("external-reference", f"{self._where} ({kind})")
            elif not links.is_link(target):
                self._report.find("action", f"{self._where} ({target})")
        elif links.leads_elsewhere(target):
            self._report.find("external-reference", f"{self._where} ({kind})")


def _is_ambiguous(attributes: xml.Attributes) -> bool:
    named = [local for each in attributes if (local := xml.local(each)) in _DECIDING]
    return len(named) > len(set(named))


def _runs_macro(element: str, attributes: xml.Attributes) -> bool:
    """A shape that is clicked (§20.5.2.29), or a name that stands for a procedure (§18.2.5)."""
    if element == "definedName":
        return any(attributes.get(each) in _TRUE for each in ("xlm", "vbProcedure"))
    return bool(attributes.get("macro", attributes.get("fmlaMacro", "")).strip())


def _spans_columns(filled: str) -> bool:
    """Whether a formula is shared (§18.3.1.40) beyond its column, and names others there."""
    begin, _, end = filled.partition(":")
    return bool(end) and begin.rstrip(_DIGITS) != end.rstrip(_DIGITS)
