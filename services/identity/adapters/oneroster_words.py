"""The vocabulary of OneRoster 1.2 (1EdTech, CSV Binding 1.2.1), read in any case, and our words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.identity.domain.roster_words import Column

ROLES = {
    "student": "学生",
    "teacher": "教师",
    **dict.fromkeys(
        (
            *("aide", "administrator", "counselor", "principal", "proctor"),
            *("siteAdministrator", "districtAdministrator", "systemAdministrator"),
        ),
        "职工",
    ),
}
GUARDIANS = frozenset({"parent", "guardian", "relative"})
SEXES = {"male": "男", "female": "女", "other": "未说明", "unspecified": "未说明"}
GRADES = {
    **{f"{number:02}": f"{name}年级" for number, name in enumerate("一二三四五六七八九", start=1)},
    **{f"{number:02}": name for number, name in enumerate(("高一", "高二", "高三"), start=10)},
}
"""The codes of the specification's vocabulary; others stand for themselves."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a key, by their folded forms, and the roster's column that they decide."""

    key: str
    column: Column
    by_folded: Mapping[str, str]
    advice: str

    def word(self, cell: str) -> str | None:
        """As the specification writes it; None if it is none of its words."""
        return self.by_folded.get(cell.casefold())


def _vocabulary(
    key: str, column: Column, words: Iterable[str], advice: str = "", *, optional: bool = True
) -> Vocabulary:
    by_folded = {each.casefold(): each for each in words}
    advice = advice or f"{key} 只能是 {'、'.join(by_folded.values())}"
    return Vocabulary(key, column, {**by_folded, "": ""} if optional else by_folded, advice)


_STATUS = _vocabulary("status", Column.STATUS, ("active", "tobedeleted"))
_ROLE = _vocabulary(
    *("role", Column.ROLE, (*ROLES, *GUARDIANS)),
    "role 不是 OneRoster 1.2 的角色，例如 student、teacher",
    optional=False,
)
VOCABULARIES: Mapping[str, tuple[Vocabulary, ...]] = {
    "users": (_STATUS, _vocabulary("enabledUser", Column.STATUS, ("true", "false"))),
    "demographics": (_STATUS, _vocabulary("sex", Column.SEX, SEXES)),
    "classes": (
        _STATUS,
        _vocabulary("classType", Column.CLASS, ("homeroom", "scheduled"), optional=False),
    ),
    "roles": (_STATUS, _ROLE),
    "enrollments": (_STATUS, _ROLE),
}
"""By file, of the keys that decide something here."""


def is_unknown_grade(codes: str) -> bool:
    """Whether they begin with a number of the vocabulary's form that is none of ours."""
    code = codes.split(",")[0].strip()
    return re.fullmatch("[0-9]{1,2}", code) is not None and code not in GRADES


def grade(codes: str) -> str:
    code = codes.split(",")[0].strip()
    return GRADES.get(code, code)
