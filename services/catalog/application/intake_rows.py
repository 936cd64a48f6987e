"""What a row of the table says: names become codes by exact lookup, and nothing is guessed."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.catalog.application import metadata as shape
from services.catalog.application.intake_columns import (
    KEY,
    Column,
    Kind,
    column_at,
    column_of,
    named,
)
from services.catalog.domain.intake import Defect, Named, Reason, Row, UnreadableTable
from services.catalog.domain.metadata import AUTHOR, RELATIONSHIPS, ROLES, merged
from services.catalog.domain.resources import CODE_PREFIX, DraftMalformed, FileRole, Metadata
from services.catalog.domain.textbooks import Chapter
from services.catalog.domain.vocabularies import Lexicon, State, folded
from shared.codes import InvalidCode, parse_code
from shared.context import worded

LONGEST_KEY = 200
SEPARATORS = re.compile(r"[|｜;；\n]")
"""Between several values in one cell."""

_FLAGS = {"是": True, "true": True, "1": True, "否": False, "false": False, "0": False}
_RELATIONSHIPS = {
    **{zh: each for each, zh in RELATIONSHIPS.items()},
    **{e: e for e in RELATIONSHIPS},
}
_ROLES = {**{zh: role for role, zh in ROLES.items()}, **{role: role for role in ROLES}}

Lookup = Callable[[str], Sequence[tuple[str, bool]]]
"""The codes that a text names exactly, each with whether it is retired."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file with its cells by column; outer blanks off, empty ones left out. ``strays``
    are those that stand under no heading."""

    number: int
    cells: Mapping[Column, str]
    strays: Sequence[str] = ()


class Index:
    """Finds codes by code or name; what is in use hides what is retired."""

    def __init__(self, nodes: Iterable[tuple[str, str, State]]) -> None:
        self._found: dict[str, list[tuple[str, bool]]] = {}
        for code, name, state in nodes:
            for text in {folded(code), folded(name)}:
                self._found.setdefault(text, []).append((code, state is State.RETIRED))

    def __call__(self, text: str) -> Sequence[tuple[str, bool]]:
        found = self._found.get(folded(text), [])
        return [each for each in found if not each[1]] or found


def chapter_index(chapters: Iterable[Chapter]) -> Index:
    return Index((each.code, each.title, each.state) for each in chapters)


def lexicon_lookup(lexicon: Lexicon) -> Lookup:
    return lambda text: [(each.code, each.state is State.RETIRED) for each in lexicon.matches(text)]


class FileNames:
    """Finds a file by its full name, or by its last part where one file alone has it."""

    def __init__(self, names: Collection[str]) -> None:
        self._found: dict[str, list[str]] = {}
        for name in names:
            for text in {_nfc(name), _nfc(name.rpartition("/")[2])}:
                self._found.setdefault(text, []).append(name)
        self._full = {_nfc(name): name for name in names}

    def matches(self, text: str) -> Sequence[str]:
        """Several are several: the caller must not choose among them."""
        full = self._full.get(_nfc(text))
        return [full] if full is not None else self._found.get(_nfc(text), [])


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


@dataclass(frozen=True, slots=True)
class Known:
    """What cells may name. ``chapters`` by textbook, ``points`` by the code of the subject,
    ``resources`` by their codes."""

    terms: Mapping[str, Lookup]
    files: FileNames
    chapters: Mapping[UUID, Lookup] = field(default_factory=dict)
    points: Mapping[str, Lookup] = field(default_factory=dict)
    resources: Mapping[str, UUID] = field(default_factory=dict)


def columns_of(headings: Sequence[str]) -> tuple[dict[int, Column], list[str]]:
    """The columns by place, and the headings that are none of ours. Raises `UnreadableTable`."""
    columns = {at: found for at, text in enumerate(headings) if (found := column_of(text))}
    twice = [each.heading for each, times in Counter(columns.values()).items() if times > 1]
    if not columns or twice:
        raise UnreadableTable(
            worded(
                f"Two columns are {twice[0]}: keep one."
                if twice
                else "No heading is known: begin with the template.",
                f"有两列都是“{twice[0]}”，请只保留一列。"
                if twice
                else "找不到已知的表头，请使用模板。",
            )
        )
    return columns, [text for at, text in enumerate(headings) if text and at not in columns]


def textbooks_named(lines: Iterable[Line], defaults: Metadata) -> set[UUID]:
    """The ids of textbooks among cells and defaults; what is no id is left to `read_rows`."""
    texts = {each.cells.get(_TEXTBOOK, "") for each in lines} | {defaults.get("textbook_id", "")}
    return {UUID(text) for text in texts if _UUID.fullmatch(text)}


def resources_named(lines: Iterable[Line]) -> set[str]:
    """The codes of resources among relations."""
    cells = (each.cells.get(_RELATIONS, "") for each in lines)
    targets = (_parted(text)[2] for cell in cells for text in _values(cell))
    return {code for each in targets if (code := resource_code(each.partition("@")[0]))}


def resource_code(text: str) -> str | None:
    """The canonical form of the code of a resource, or None for what is none."""
    try:
        return parse_code(text.strip(), CODE_PREFIX)
    except InvalidCode:
        return None


_UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LIKE_CODE = re.compile(
    r"R\W?[0-9A-Z]{3,5}\W[0-9A-Z]{3,5}(\W[0-9A-Z]{0,2})?|R[0-9A-Z]{9}", re.IGNORECASE
)
_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_UNKNOWN = "unknown"
"""Stands for what a cell should say, so that all else in the row is asked for as well."""
_TITLE, _TEXTBOOK, _RELATIONS = named("title"), named("textbook_id"), named("relations")


def read_rows(lines: Sequence[Line], defaults: Metadata, known: Known) -> list[Row]:
    """Every row, good or with its defects. Where a key repeats, all its rows are refused: which of
    them is meant is not guessed."""
    keys = Counter(key for each in lines if (key := each.cells.get(KEY)))
    return [
        _Reading(line, known).row(position, defaults, keys)
        for position, line in enumerate(lines, start=1)
    ]


class _Reading:
    """One row while it is read."""

    def __init__(self, line: Line, known: Known) -> None:
        self._line = line
        self._known = known
        self._files: list[Named] = []
        self._defects: list[Defect] = []

    def row(self, position: int, defaults: Metadata, keys: Mapping[str, int]) -> Row:
        said: dict[str, Any] = {}
        for column, text in self._line.cells.items():
            if column.kind is Kind.FILES:
                self._name_files(column, text)
            elif column.path:
                place = said
                for step in column.path[:-1]:
                    place = place.setdefault(step, {})
                place[column.path[-1]] = self._value(column, text)
        parsed = self._parsed(self._placed(merged(defaults, said)))
        if self._line.strays:
            shown = "、".join(each[:50] for each in self._line.strays[:5])
            self._defects.append(
                Defect(
                    None,
                    Reason.MALFORMED,
                    worded(
                        f"Cells stand under no heading ({shown}): put a cell that holds a comma in"
                        " quotation marks, or give the column a heading.",
                        f"有单元格不在任何表头之下（{shown}）：含逗号的单元格请加英文双引号，"
                        "或补上表头。",
                    ),
                )
            )
        key = self._line.cells.get(KEY)
        if key is not None and keys[key] > 1:
            self._tell(KEY, Reason.REPEATED, "Several rows have this key.", "有多行使用此编号。")
        if key is not None and len(key) > LONGEST_KEY:
            self._tell(KEY, Reason.MALFORMED, f"At most {LONGEST_KEY} characters.", "编号过长。")
        if _TITLE not in self._line.cells and "title" not in defaults:
            self._tell(_TITLE, Reason.MISSING, "Give a title.", "请填写题名。")
        metadata = {} if self._defects else parsed
        line = self._line.number
        return Row(position, line, key, metadata, tuple(self._files), tuple(self._defects))

    def _value(self, column: Column, text: str) -> Any:
        match column.kind:
            case Kind.FLAG:
                flag = _FLAGS.get(text.casefold())
                if flag is None:
                    self._tell(column, Reason.MALFORMED, "Write 是 or 否.", "请填写“是”或“否”。")
                return flag
            case Kind.DAY:
                day = _DAY.fullmatch(text)
                return "-".join(part.zfill(2) for part in day.groups()) if day else text
            case Kind.CONTRIBUTORS:
                return [self._contributor(column, each) for each in _values(text)]
            case Kind.RELATIONS:
                return [self._relation(column, each) for each in _values(text)]
            case Kind.LIST:
                return list(dict.fromkeys(self._term(column, each) for each in _values(text)))
            case _:
                return self._term(column, text)

    def _term(self, column: Column, text: str) -> str:
        if column.dictionary is None:
            return text
        lookup = self._known.terms.get(column.dictionary)
        return self._code(column, text, lookup(text) if lookup else ())

    def _code(self, column: Column, text: str, found: Sequence[tuple[str, bool]]) -> str:
        shown = text[:64]
        if not found:
            self._tell(
                column, Reason.UNKNOWN, f"Nothing is called {shown!r}.", f"没有“{shown}”这一项。"
            )
        elif len(found) > 1:
            codes = ", ".join(code for code, _ in found[:5])
            self._tell(
                column,
                Reason.AMBIGUOUS,
                f"Several are called {shown!r}: write a code ({codes}).",
                f"“{shown}”有多个，请填写代码（{codes}）。",
            )
        elif found[0][1]:
            self._tell(
                column, Reason.RETIRED, f"{shown} is retired: take another.", f"“{shown}”已停用。"
            )
        return found[0][0] if found else _UNKNOWN

    def _contributor(self, column: Column, text: str) -> dict[str, str]:
        """``name/role/organisation``; a name alone is an author's, as the template says."""
        name, role, organisation = (
            part.strip() for part in (*re.split("[/／]", text, maxsplit=2), "", "")[:3]
        )
        code = _ROLES.get(role or AUTHOR)
        if code is None:
            known = "、".join(ROLES.values())
            self._tell(column, Reason.UNKNOWN, f"A role is one of {known}.", f"角色应为：{known}。")
        told = {"name": name, "role": code or AUTHOR, "organisation": organisation}
        return {field: value for field, value in told.items() if value}

    def _relation(self, column: Column, text: str) -> dict[str, Any]:
        """``relationship:what``, which is a resource here by its code or id, with ``@`` and a
        number for that very version of it; anything else is what it is called elsewhere."""
        said, _, target = (part.strip() for part in _parted(text))
        kind = _RELATIONSHIPS.get(said)
        if kind is None or not target:
            kinds = "、".join(RELATIONSHIPS.values())
            self._tell(
                column,
                Reason.MALFORMED,
                f"Write {kinds}, a colon, and the code of a resource or what it is called.",
                f"请写作“关系：资源”，关系为{kinds}之一，资源为其代码或名称。",
            )
            return {"relationship": "related", "identifier": _UNKNOWN}
        name, pinned, version = target.partition("@")
        code = resource_code(name)
        here = name if _UUID.fullmatch(name) else self._known.resources.get(code or "")
        if here is None and code is not None:
            self._tell(
                column, Reason.UNKNOWN, f"There is no resource {name}.", f"没有资源“{name}”。"
            )
        if here is None and code is None and _LIKE_CODE.fullmatch(name):
            self._tell(
                column,
                Reason.MALFORMED,
                f"{name} looks like the code of a resource, but is none: compare the two.",
                f"“{name}”形似资源代码但有误，请核对。",
            )
        if here is None:
            return {"relationship": kind, "identifier": target}
        told: dict[str, Any] = {"relationship": kind, "resource_id": str(here)}
        if pinned and not re.fullmatch("[0-9]{1,9}", version):
            self._tell(
                column,
                Reason.MALFORMED,
                f"Behind @ stands the number of a version, not {version[:64]!r}.",
                f"@ 之后应为版本号，而非“{version[:64]}”。",
            )
        elif pinned:
            told["version"] = int(version)
        return told

    def _name_files(self, column: Column, text: str) -> None:
        for each in _values(text):
            found = self._known.files.matches(each)
            shown = each[:200]
            if len(found) == 1:
                if any(named.name == found[0] for named in self._files):
                    self._tell(
                        column, Reason.REPEATED, f"{shown} is named twice.", f"“{shown}”重复。"
                    )
                self._files.append(Named(found[0], column.role or FileRole.MAIN, column.heading))
            elif found:
                self._tell(
                    column,
                    Reason.AMBIGUOUS,
                    f"Several files are called {shown}: give the whole path.",
                    f"有多个文件名为“{shown}”，请写完整路径。",
                )
            else:
                self._tell(
                    column, Reason.UNKNOWN, f"There is no file {shown}.", f"没有文件“{shown}”。"
                )

    def _placed(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """With the codes of chapters and knowledge points, which depend on other elements."""
        textbook, subject = metadata.get("textbook_id", ""), metadata.get("subject", "")
        chapters = None
        if _UUID.fullmatch(str(textbook)):
            chapters = self._known.chapters.get(UUID(textbook))
        lookups = {"chapters": chapters, "knowledge_points": self._known.points.get(subject)}
        for name, lookup in lookups.items():
            column = named(name)
            if column in self._line.cells:
                codes = [
                    self._code(column, each, lookup(each) if lookup else ())
                    for each in metadata[name]
                ]
                metadata = {**metadata, name: codes}
        return metadata

    def _parsed(self, metadata: Metadata) -> Metadata:
        try:
            return shape.parse(metadata)
        except DraftMalformed as malformed:
            for error in malformed.members["errors"]:
                column = column_at(error["pointer"])
                heading = column.heading if column else None
                self._defects.append(Defect(heading, Reason.MALFORMED, error["detail"]))
            return {}

    def _tell(self, column: Column, reason: Reason, en: str, zh: str) -> None:
        self._defects.append(Defect(column.heading, reason, worded(en, zh)))


def _parted(text: str) -> tuple[str, str, str]:
    """A relation at its first colon, of either width."""
    return text.replace("：", ":", 1).partition(":")


def _values(text: str) -> list[str]:
    parts = (part.strip() for part in SEPARATORS.split(text))
    return list(dict.fromkeys(part for part in parts if part))
