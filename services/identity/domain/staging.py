"""The first reading of a roster's lines: each by itself, and beside those above it."""

from dataclasses import dataclass

from services.identity.domain.identifiers import IdentifierKey, IdentifierKind, twin
from services.identity.domain.imports import RosterLine, Trouble
from services.identity.domain.people import folded_name
from services.identity.domain.roster_words import HEADINGS, Column, RosterRole
from services.identity.domain.rosters import GUARDIAN_COLUMNS, Defect, Line, LineRefused, parse_line


@dataclass(frozen=True, slots=True)
class Staged:
    """``position`` counts the lines from 1. ``line`` is None where `defects` refuse it; with
    `repeats` an earlier line is of the same person."""

    position: int
    number: int
    line: Line | None
    repeats: bool = False
    defects: tuple[Defect, ...] = ()


class Staging:
    """Takes the lines of one roster in their order.

    As a pupil somebody stands in a roster once, but for classes that they have left. As staff they
    may come again, with another class or subject. Nobody has what is somebody else's.
    """

    def __init__(self) -> None:
        self._position = 0
        self._names: list[tuple[int, str, RosterRole | None]] = []
        """Row, name and role of each bearer of an identifier; None as role for guardians."""
        self._bearers: dict[str, int] = {}
        self._pupils: dict[int, int] = {}
        """Bearer to the row that has them as a pupil."""

    def take(self, read: RosterLine) -> Staged:
        self._position += 1
        if read.trouble is not None:
            return Staged(self._position, read.number, None, defects=(_TROUBLES[read.trouble],))
        try:
            line = parse_line(read.cells)
        except LineRefused as refused:
            return Staged(self._position, read.number, None, defects=refused.defects)
        own = [(key, Column(key.kind)) for key in line.keys]
        told = [
            (IdentifierKey(IdentifierKind.PHONE, guardian.phone), column, guardian.name)
            for guardian, (_, column, _) in zip(line.guardians, GUARDIAN_COLUMNS, strict=False)
        ]
        name = folded_name(line.name)
        defects = [*self._clashes(own, name)]
        for key, column, guardian_name in told:
            defects += self._clashes([(key, column)], folded_name(guardian_name))
        earlier = self._earlier(line)
        is_pupil = line.role is RosterRole.STUDENT and line.ended_on is None
        if not defects and is_pupil and earlier in self._pupils:
            row = self._pupils[earlier]
            defects.append(Defect(None, "repeated", f"与第 {row} 行是同一人，请只保留一行"))
        if defects:
            return Staged(self._position, read.number, None, defects=tuple(defects))
        if line.ended_on is not None:
            return Staged(self._position, read.number, line)
        bearer = len(self._names) if earlier is None else earlier
        if is_pupil:
            self._pupils[bearer] = read.number
        self._bear([key for key, _ in own], read.number, name, line.role)
        if line.person_code is not None:
            self._bearers.setdefault(line.person_code, len(self._names) - 1)
        for key, _, guardian_name in told:
            self._bear([key], read.number, folded_name(guardian_name), None)
        return Staged(self._position, read.number, line, repeats=earlier is not None)

    def _clashes(self, keys: list[tuple[IdentifierKey, Column]], name: str) -> list[Defect]:
        """Identifiers that an earlier line gives to another name."""
        defects = []
        for key, column in keys:
            bearer = self._bearers.get(_token(key))
            if bearer is not None and self._names[bearer][1] != name:
                row = self._names[bearer][0]
                detail = f"与第 {row} 行的{HEADINGS[column][0]}相同，但姓名不同，请核对"
                defects.append(Defect(column, "repeated", detail))
        return defects

    def _earlier(self, line: Line) -> int | None:
        """The bearer above who is the line's person, guardians left out."""
        keys = [*line.keys, *filter(None, map(twin, line.keys))]
        tokens = [_token(key) for key in keys]
        if line.person_code is not None:
            tokens.append(line.person_code)
        found = {self._bearers[token] for token in tokens if token in self._bearers}
        return min((each for each in found if self._names[each][2] is not None), default=None)

    def _bear(
        self, keys: list[IdentifierKey], row: int, name: str, role: RosterRole | None
    ) -> None:
        self._names.append((row, name, role))
        for key in keys:
            token = _token(key)
            held = self._bearers.get(token)
            # A person's own line tells more than a guardian's mention above it.
            if held is None or self._names[held][2] is None:
                self._bearers[token] = len(self._names) - 1


_TROUBLES = {
    Trouble.TORN: Defect(None, "torn", "这一行的双引号不成对，无法分清各列：请删去多余的双引号"),
    Trouble.NOT_YET: Defect(Column.ROLE, "not-yet", "该岗位尚未开始：请在开始之日或之后再导入"),
}


def _token(key: IdentifierKey) -> str:
    return f"{key.kind}:{key.value}"
