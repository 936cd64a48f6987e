"""What the fields of a WordprocessingML part would do (ECMA-376 part 1, §17.16.5).

A field may stand in the instruction of another, which then reads the inner one's result: what the
outer would do is known only where its kind, and the target of a link, are written out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from services.catalog.inspection import links
from services.catalog.inspection.report import Report, Unreadable

LONGEST: Final = 1 << 16
"""Characters of the instructions that are open at once."""

_DEEPEST: Final = 1000
_INNER: Final = "\x00"
"""In the place of a field within an instruction; XML cannot contain it."""
_KIND = re.compile(r"\s*(=|\S*)")
_DDE = re.compile(r"DDE(AUTO)?\b", re.I)
_FETCHING = re.compile(r"(INCLUDEPICTURE|INCLUDETEXT|INCLUDE|IMPORT|LINK|DATABASE|RD)\b", re.I)
_HYPERLINK = re.compile(r"HYPERLINK\b", re.I)
_SWITCH = re.compile(r'(?<!\S)\\(?:[lot]\s+(?:"[^"]*"|[^\s"]+)|[a-z](?=\s|$)|\*\s*\w+)', re.I)
_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(slots=True)
class _Open:
    deleted: bool = False
    pieces: list[tuple[str, bool]] = field(default_factory=list)
    """With whether each is deleted, as a change that may yet be taken or not."""
    unread: bool = False
    shows: bool = False
    """Its result has begun."""

    def add(self, piece: str, deleted: bool) -> None:
        self.pieces.append((piece, deleted))
        self.unread = True

    def readings(self) -> set[str]:
        """The instruction before and after its changes."""
        stays = [piece for piece, deleted in self.pieces if not deleted]
        return {"".join(piece for piece, _ in self.pieces), "".join(stays)}

    @property
    def length(self) -> int:
        return sum(len(piece) for piece, _ in self.pieces)


class Fields:
    """Tells `report` what fields in the part named `where` would do."""

    def __init__(self, report: Report, where: str) -> None:
        self._report = report
        self._where = where
        self._stray = _Open()
        """Instructions outside of any field."""
        self._open: list[_Open] = []
        self._length = 0

    @property
    def _last(self) -> _Open:
        return self._open[-1] if self._open else self._stray

    @property
    def instructing(self) -> bool:
        """Whether whatever text follows belongs to an instruction."""
        return bool(self._open) and not self._open[-1].shows

    @property
    def depth(self) -> int:
        """How many fields are open."""
        return len(self._open)

    def add(self, text: str, *, deleted: bool = False) -> None:
        """A piece of an instruction. Raises `Unreadable`."""
        self._length += len(text)
        if self._length > LONGEST:
            raise Unreadable("too-costly", self._where)
        self._last.add(text, deleted)

    def read_otherwise(self) -> None:
        """An instruction may be read as other words than it is here."""
        self._report.find("computed-field", self._where)

    def delimit(self, kind: str, *, deleted: bool = False) -> None:
        """A `w:fldChar`. Raises `Unreadable`."""
        if self._open and kind != "begin" and self._last.deleted != deleted:
            self.read_otherwise()
        if kind == "begin":
            self._nest()
            self._open.append(_Open(deleted))
            if len(self._open) > _DEEPEST:
                raise Unreadable("too-costly", self._where)
        elif kind == "separate" and self._open:
            self._last.shows = True
        elif kind == "end" and self._open:
            ended = self._open.pop()
            self._read(ended)
            self._length -= ended.length

    def simple(self, instruction: str) -> None:
        """A `w:fldSimple`. Raises `Unreadable`."""
        self._nest()
        self._tell(instruction)

    def pause(self) -> None:
        """A paragraph ends; fields go on in the next, or never end."""
        for each in (self._stray, *self._open):
            self._read(each)
        self._length -= self._stray.length
        self._stray = _Open()

    def _nest(self) -> None:
        if self.instructing:
            self.add(_INNER)

    def _read(self, open_: _Open) -> None:
        if open_.unread:
            for reading in open_.readings():
                self._tell(reading)
            open_.unread = False

    def _tell(self, instruction: str) -> None:
        begin = _KIND.match(instruction)
        kind = begin[1] if begin else ""
        if _INNER in kind:
            self._report.find("computed-field", self._where)
        if _DDE.match(kind):
            self._report.find("dde", self._where)
        if _FETCHING.match(kind):
            self._report.find("external-reference", self._where)
        if not (link := _HYPERLINK.match(kind)):
            return
        arguments = instruction[instruction.index(link[0]) + len(link[0]) :]
        if _INNER in arguments:
            self._report.find("computed-field", self._where)
        for target in _targets(arguments.replace(_INNER, "")):
            if not links.is_link(target):
                self._report.find("action", f"{self._where} ({target})")


def _targets(arguments: str) -> Iterator[str]:
    """The words of a HYPERLINK field that are no switches (§17.16.5.25)."""
    for word in _WORD.finditer(_SWITCH.sub(" ", arguments)):
        yield word[1] if word[1] is not None else word[2]
