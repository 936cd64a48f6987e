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
    pieces: list[str] = field(default_factory=list)
    unread: bool = False
    deleted: set[bool] = field(default_factory=set)
    shows: bool = False
    """Its result has begun."""

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.unread = True


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

    def add(self, text: str) -> None:
        """A piece of an instruction. Raises `Unreadable`."""
        self._length += len(text)
        if self._length > LONGEST:
            raise Unreadable("too-costly", self._where)
        self._last.add(text)

    def begin_piece(self, *, deleted: bool) -> None:
        """Of an instruction; a `deleted` one (`w:delInstrText`) is none once the change is taken,
        and words of both kinds are read in two ways."""
        self._last.deleted.add(deleted)
        if self._open and len(self._last.deleted) > 1:
            self.read_otherwise()

    def read_otherwise(self) -> None:
        """Something stands in an instruction that Word may pass over, or read as other words."""
        self._report.find("computed-field", self._where)

    def delimit(self, kind: str) -> None:
        """A `w:fldChar`. Raises `Unreadable`."""
        if kind == "begin":
            self._nest()
            self._open.append(_Open())
            if len(self._open) > _DEEPEST:
                raise Unreadable("too-costly", self._where)
        elif kind == "separate" and self._open:
            self._last.shows = True
        elif kind == "end" and self._open:
            ended = self._open.pop()
            self._read(ended)
            self._length -= sum(map(len, ended.pieces))

    def simple(self, instruction: str) -> None:
        """A `w:fldSimple`. Raises `Unreadable`."""
        self._nest()
        self._tell(instruction)

    def pause(self) -> None:
        """A paragraph ends; fields go on in the next, or never end."""
        for each in (self._stray, *self._open):
            self._read(each)
        self._length -= sum(map(len, self._stray.pieces))
        self._stray = _Open()

    def _nest(self) -> None:
        if self.instructing:
            self.add(_INNER)

    def _read(self, open_: _Open) -> None:
        if open_.unread:
            self._tell("".join(open_.pieces))
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
