"""The tree of organisations: province, city, county, school, grade, class; and the institutions
(companies, studios, associations) that stand under any of them or beside them all.

What may stand where, which official codes a kind has, and what may happen in which state are the
tables below. A closed organisation stays closed, and so does everything below it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from shared.chinese_codes import (
    InvalidOfficialCode,
    Reason,
    parse_credit_code,
    parse_division_code,
    parse_school_code,
)
from shared.codes import new_code
from shared.context import worded
from shared.errors import DomainError


class Kind(StrEnum):
    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    SCHOOL = "school"
    GRADE = "grade"
    CLASS = "class"
    COMPANY = "company"
    STUDIO = "studio"
    ASSOCIATION = "association"

    @property
    def name_zh(self) -> str:
        return _NAMES_ZH[self]


_NAMES_ZH: Mapping[Kind, str] = {
    Kind.PROVINCE: "省",
    Kind.CITY: "市",
    Kind.COUNTY: "区县",
    Kind.SCHOOL: "学校",
    Kind.GRADE: "年级",
    Kind.CLASS: "班级",
    Kind.COMPANY: "企业",
    Kind.STUDIO: "工作室",
    Kind.ASSOCIATION: "社会团体",
}
CODE_NAMES: Mapping[str, str] = {
    "division_code": "行政区划代码",
    "school_code": "学校(机构)标识码",
    "credit_code": "统一社会信用代码",
}

INSTITUTIONS = frozenset({Kind.COMPANY, Kind.STUDIO, Kind.ASSOCIATION})

_ANYWHERE: frozenset[Kind | None] = frozenset({None, *Kind}) - INSTITUTIONS

PARENTS: Mapping[Kind, frozenset[Kind | None]] = {
    Kind.PROVINCE: frozenset(),  # founded with the deployment, then neither made nor moved
    Kind.CITY: frozenset({Kind.PROVINCE}),
    Kind.COUNTY: frozenset({Kind.CITY, Kind.PROVINCE}),
    Kind.SCHOOL: frozenset({Kind.COUNTY, Kind.CITY, Kind.PROVINCE}),
    Kind.GRADE: frozenset({Kind.SCHOOL}),
    Kind.CLASS: frozenset({Kind.GRADE}),
    Kind.COMPANY: _ANYWHERE,
    Kind.STUDIO: _ANYWHERE,
    Kind.ASSOCIATION: _ANYWHERE,
}
"""Under which kinds a kind may stand; None is the root. Counties and schools may answer to the
province itself (省直管县, 省属学校)."""

CODE_PREFIX: Mapping[Kind, str] = {
    Kind.PROVINCE: "P",
    Kind.CITY: "C",
    Kind.COUNTY: "X",
    Kind.SCHOOL: "S",
    Kind.GRADE: "G",
    Kind.CLASS: "K",
    **dict.fromkeys(INSTITUTIONS, "N"),
}
"""The letter that begins the short code of a kind, and its label in paths."""


class State(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Action(StrEnum):
    ADD_BELOW = "add_below"
    CHANGE = "change"
    MOVE = "move"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.OPEN, Action.ADD_BELOW): State.OPEN,
    (State.OPEN, Action.CHANGE): State.OPEN,
    (State.OPEN, Action.MOVE): State.OPEN,
    (State.OPEN, Action.CLOSE): State.CLOSED,
}
"""What may be done in which state, and the state it leads to; administrators above or at the
organisation do it."""


class OrganisationClosed(DomainError):
    """Nothing more happens to it or below it."""


class KindNotAllowedThere(DomainError):
    """That kind of organisation does not stand under that other kind."""


class MoveIntoItself(DomainError):
    """The new parent is the organisation itself or stands below it."""


class StillInUse(DomainError):
    """It has open organisations below it, or people belong to it or hold office there."""

    @classmethod
    def by(cls, members: int, open_below: int, *, below: bool) -> Self:
        """With what is to be done first: `members` memberships there and below end, and what is
        below closes, unless it is to close along."""
        steps = []
        if members:
            steps.append(
                (
                    "Let the people who belong there or below leave, or transfer them"
                    f" ({members} memberships).",
                    f"请先将该机构及其下级机构的人员转出或办理离开（{members} 条所属关系）。",
                )
            )
        if open_below and not below:
            steps.append(
                (
                    f"Close the {open_below} organisations below it first, or say below: true.",
                    f"请先关闭 {open_below} 个下级机构，或设置 below: true。",
                )
            )
        return cls(
            " ".join(en for en, _ in steps),
            zh="".join(zh for _, zh in steps),
            open_below=open_below,
            members=members,
        )


class CodesRefused(DomainError):
    """Official codes that are malformed or not of this kind; ``errors`` lists them all."""


class CodeTaken(DomainError):
    """Another organisation has that official code."""


class NameTaken(DomainError):
    """An open organisation of that kind has that name under the same parent."""


_SLIPS: Mapping[Reason, str] = {
    "shape": "的长度或字符有误",
    "date": "中的日期不存在",
    "check": "的校验码不符，请核对原件",
    "category": "中的学校类别不存在",
    "province": "中的省份代码不存在",
}


def _division_code(kind: Kind, text: str) -> str:
    code = parse_division_code(text)
    zeros = {Kind.PROVINCE: "0000", Kind.CITY: "00"}.get(kind, "")
    if not code.endswith(zeros):
        raise ValueError(
            f"The division code of a {kind} ends in {zeros} (GB/T 2260).",
            f"{kind.name_zh}的行政区划代码以 {zeros} 结尾（GB/T 2260）。",
        )
    if kind is Kind.COUNTY and code.endswith("00"):
        raise ValueError(
            "The division code of a county does not end in 00 (GB/T 2260).",
            "区县的行政区划代码不以 00 结尾（GB/T 2260）。",
        )
    return code


def _school_code(_kind: Kind, text: str) -> str:
    return parse_school_code(text).code


def _credit_code(_kind: Kind, text: str) -> str:
    return parse_credit_code(text).code


_CHECKS: Mapping[str, tuple[frozenset[Kind], Callable[[Kind, str], str]]] = {
    "division_code": (frozenset({Kind.PROVINCE, Kind.CITY, Kind.COUNTY}), _division_code),
    "school_code": (frozenset({Kind.SCHOOL}), _school_code),
    "credit_code": (frozenset({Kind.SCHOOL, *INSTITUTIONS}), _credit_code),
}
"""Which kinds have which official code, and how it is checked."""


@dataclass(frozen=True, slots=True)
class OfficialCodes:
    """行政区划代码, 学校(机构)标识码 and 统一社会信用代码: attributes, never keys."""

    division_code: str | None = None
    school_code: str | None = None
    credit_code: str | None = None

    def of(self, kind: Kind) -> Self:
        """The codes in canonical form. Raises `CodesRefused` with every defect."""
        checked: dict[str, str] = {}
        defects = []
        for name, (kinds, check) in _CHECKS.items():
            text = getattr(self, name)
            if text is None:
                continue
            try:
                if kind not in kinds:
                    raise ValueError(
                        f"A {kind} has no {name}: leave it out.",
                        f"{kind.name_zh}没有{CODE_NAMES[name]}，请勿填写。",
                    )
                checked[name] = check(kind, text)
            except InvalidOfficialCode as slip:
                zh = f"{CODE_NAMES[name]}{_SLIPS[slip.reason]}。"
                defects.append({"pointer": f"#/{name}", "detail": worded(str(slip), zh)})
            except ValueError as defect:
                defects.append({"pointer": f"#/{name}", "detail": worded(*defect.args)})
        if defects:
            raise CodesRefused(
                "Correct the codes named in errors.",
                zh="请更正 errors 中列出的代码。",
                errors=defects,
            )
        return type(self)(**checked)


@dataclass(frozen=True, slots=True)
class Organisation:
    """``path`` leads from the root down, one `label` an organisation, joined by dots."""

    id: UUID
    code: str
    kind: Kind
    name: str
    parent_id: UUID | None
    path: str
    codes: OfficialCodes
    state: State
    version: int
    created_at: datetime
    closed_at: datetime | None = None

    @classmethod
    def province(cls, id_: UUID, name: str, division_code: str, now: datetime) -> Self:
        """A new root of the tree. Raises `CodesRefused`."""
        return cls._new(id_, Kind.PROVINCE, name, None, OfficialCodes(division_code), now)

    @classmethod
    def under(
        cls,
        parent: "Organisation | None",
        id_: UUID,
        kind: Kind,
        name: str,
        codes: OfficialCodes,
        now: datetime,
    ) -> Self:
        """A new organisation under `parent` (None: at the root).

        Raises `KindNotAllowedThere`, `OrganisationClosed`, `CodesRefused`.
        """
        _check_place(kind, parent)
        organisation = cls._new(id_, kind, name, parent, codes, now)
        _check_division(organisation.codes, parent)
        return organisation

    @classmethod
    def _new(
        cls,
        id_: UUID,
        kind: Kind,
        name: str,
        parent: "Organisation | None",
        codes: OfficialCodes,
        now: datetime,
    ) -> Self:
        code = new_code(CODE_PREFIX[kind])
        return cls(
            id=id_,
            code=code,
            kind=kind,
            name=name,
            parent_id=parent.id if parent else None,
            path=path_below(parent, label_of(code)),
            codes=codes.of(kind),
            state=State.OPEN,
            version=1,
            created_at=now,
        )

    @property
    def label(self) -> str:
        return label_of(self.code)

    @property
    def actions(self) -> list[Action]:
        """What may be done to it: what its state allows, and its kind."""
        impossible = set()
        if not PARENTS[self.kind]:
            impossible.add(Action.MOVE)
        if not any(self.kind in parents for parents in PARENTS.values()):
            impossible.add(Action.ADD_BELOW)
        return [
            each for state, each in TRANSITIONS if state is self.state and each not in impossible
        ]

    @property
    def record(self) -> dict[str, str | None]:
        """What history keeps of a state."""
        return {"name": self.name, "path": self.path, "state": self.state, **asdict(self.codes)}

    def changed(
        self, name: str, codes: OfficialCodes, parent: "Organisation | None" = None
    ) -> Self:
        """With another name and other official codes, under `parent` as before. Raises
        `OrganisationClosed`, `CodesRefused`."""
        self._after(Action.CHANGE)
        changed = replace(self, name=name, codes=codes.of(self.kind), version=self.version + 1)
        _check_division(changed.codes, parent)
        return changed

    def moved(self, parent: "Organisation | None") -> Self:
        """Under another parent; everything below comes along.

        Raises `MoveIntoItself`, `KindNotAllowedThere`, `OrganisationClosed`, `CodesRefused`.
        """
        self._after(Action.MOVE)
        if parent is not None and is_at_or_below(parent.path, self.path):
            raise MoveIntoItself(
                "Choose a parent outside the organisation that moves.",
                zh="上级机构不能在要移动的机构之内。",
            )
        _check_place(self.kind, parent)
        _check_division(self.codes, parent)
        return replace(
            self,
            parent_id=parent.id if parent else None,
            path=path_below(parent, self.label),
            version=self.version + 1,
        )

    def closed(self, now: datetime) -> Self:
        """Closed for good. Raises `OrganisationClosed`."""
        state = self._after(Action.CLOSE)
        return replace(self, state=state, closed_at=now, version=self.version + 1)

    def _after(self, action: Action) -> State:
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise OrganisationClosed(
                f"{self.code} is closed and stays as it is.", zh=f"{self.code} 已关闭，不能再更改。"
            )
        return state


def _check_place(kind: Kind, parent: Organisation | None) -> None:
    allowed = PARENTS[kind]
    if (parent.kind if parent else None) not in allowed:
        places = ", ".join(each or "the root" for each in Kind if each in allowed) or "nothing"
        names = [each.name_zh for each in Kind if each in allowed]
        raise KindNotAllowedThere(
            f"A {kind} stands under: {places}.",
            zh=f"{kind.name_zh}的上级可以是：{'、'.join(names) or '无'}。",
        )
    if parent is not None and (parent.state, Action.ADD_BELOW) not in TRANSITIONS:
        raise OrganisationClosed(
            f"{parent.code} is closed: nothing can be put under it.",
            zh=f"{parent.code} 已关闭，不能在其下设置机构。",
        )


_DIVISION_DIGITS = {Kind.PROVINCE: 2, Kind.CITY: 4}
"""How many leading digits of a division code name the division itself (GB/T 2260)."""


def _check_division(codes: OfficialCodes, parent: Organisation | None) -> None:
    """Raises `CodesRefused` for a division code of another province or city than the parent's, and
    for a school code of another province."""
    own, above = codes.division_code, parent.codes.division_code if parent else None
    if above is None or parent is None:
        return
    if codes.school_code is not None and codes.school_code[2:4] != above[:2]:
        detail = f"Under {above} the third and fourth digits of a school code are {above[:2]}."
        zh = f"{above} 之下的学校标识码第三、四位应为 {above[:2]}"
        raise CodesRefused(
            f"{detail} Correct it, or remove it before a move.",
            zh=f"{zh}：请更正，或先删除。",
            errors=[{"pointer": "#/school_code", "detail": worded(detail, zh)}],
        )
    if own is None:
        return
    begins = above[: _DIVISION_DIGITS[parent.kind]]
    if not own.startswith(begins):
        detail = f"Under {above} a division code begins with {begins} (GB/T 2260)."
        zh = f"{above} 之下的行政区划代码应以 {begins} 开头（GB/T 2260）"
        raise CodesRefused(
            f"{detail} Correct it, or remove it before a move.",
            zh=f"{zh}：请更正，或先删除。",
            errors=[{"pointer": "#/division_code", "detail": worded(detail, zh)}],
        )


def label_of(code: str) -> str:
    """The label in paths of the organisation with this short code."""
    return code.replace("-", "")


def code_of(label: str) -> str:
    """The short code of the organisation with this label."""
    return "-".join((label[0], label[1:5], label[5:9], label[9:]))


def path_below(parent: Organisation | None, label: str) -> str:
    return f"{parent.path}.{label}" if parent else label


def is_province(path: str) -> bool:
    """Whether the organisation at `path` is a province."""
    return path.startswith(CODE_PREFIX[Kind.PROVINCE]) and "." not in path


def is_beside_provinces(path: str) -> bool:
    """Whether it is an institution at the root."""
    return "." not in path and not is_province(path)


def is_at_or_below(path: str, above: str) -> bool:
    """Whether `path` is `above` or leads through it."""
    return path == above or path.startswith(above + ".")
