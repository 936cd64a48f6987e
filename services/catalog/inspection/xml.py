"""XML read as a stream of elements, without DTDs, entities or anything fetched.

expat knows no network; what is refused here is what makes it expand (XML 1.0 §4.1 entities) and
what nests so deep that other readers fall over.
"""

from collections.abc import Set
from typing import BinaryIO, Final, Protocol
from xml.parsers import expat

from services.catalog.inspection.report import Unreadable

DEEPEST = 256
_CHUNK_BYTES = 1 << 16

_MARKS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "line-break": "\n", "noBreakHyphen": "-"}

Attributes = dict[str, str]


class Listener(Protocol):
    """Hears elements by `namespace local` or `local`, as expat gives names, and for whom processing
    instructions are."""

    def start(self, name: str, attributes: Attributes) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...

    def instruction(self, target: str) -> None: ...


class Deaf:
    """Hears nothing: the document is only proved well-formed."""

    def start(self, name: str, attributes: Attributes) -> None:
        pass

    def end(self, name: str) -> None:
        pass

    def text(self, text: str) -> None:
        pass

    def instruction(self, target: str) -> None:
        pass


def read(source: BinaryIO, listener: Listener, where: str) -> None:
    """Raises `Unreadable`: `xml-entities`, `too-costly` when too deep, `damaged`."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def doctype(*_: object) -> None:
        raise Unreadable("xml-entities", where)

    def start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise Unreadable("too-costly", where)
        listener.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        listener.end(name)

    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = listener.text
    parser.ProcessingInstructionHandler = lambda target, _: listener.instruction(target)
    try:
        while chunk := source.read(_CHUNK_BYTES):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Unreadable("damaged", where) from error


def local(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition(" ")[2]


def attribute(attributes: Attributes, wanted: str) -> str:
    """The first attribute of that local name, or an empty string."""
    return next((value for name, value in attributes.items() if local(name) == wanted), "")


class Paragraphs:
    """Collects the text of some elements, without that of those `skipped` in them; others begin a
    line and end it. No more than `most` characters are kept. Names are local."""

    def __init__(
        self, texts: Set[str], lines: Set[str], most: int, skipped: Set[str] = frozenset()
    ) -> None:
        self._texts = texts
        self._lines = lines
        self._skipped = skipped
        self._within_skipped = 0
        self._left = most
        self._within = 0
        self._parts: list[str] = []

    def start(self, name: str) -> None:
        self._within_skipped += name in self._skipped
        if name in self._lines:
            self.end_line()
        if name in self._texts:
            self._within += 1
        elif name in _MARKS:
            self.add(_MARKS[name])

    def end(self, name: str) -> None:
        self._within_skipped -= name in self._skipped
        if name in self._texts:
            self._within -= 1
        if name in self._lines:
            self.end_line()

    def text(self, text: str) -> None:
        if self._within and not self._within_skipped:
            self.add(text)

    def line(self, text: str) -> None:
        """A line of its own."""
        self.end_line()
        self.add(text)
        self.end_line()

    def end_line(self) -> None:
        if self._parts and not self._parts[-1].endswith("\n"):
            self.add("\n")

    def add(self, text: str) -> None:
        if self._left > 0:
            self._parts.append(text[: self._left])
            self._left -= len(text)

    @property
    def left(self) -> int:
        return self._left

    def taken(self) -> str:
        """What was collected since it was last taken."""
        text = "".join(self._parts)
        self._parts.clear()
        return text.strip()
