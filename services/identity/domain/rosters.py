"""Rosters (花名册): their columns, and what one line of them may say.

The words in a line are those that schools use; here they become a `Line`, or `LineRefused` with
every defect of the line at once. A defect names the column and the reason, never the value.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from services.identity.domain.identifiers import IdentifierKind, InvalidIdentifier, normalised
from shared.chinese_codes import InvalidOfficialCode, parse_id_number
from shared.errors import DomainError

T = TypeVar("T")


class Column(StrEnum):
    """What a column of a roster holds."""

    PERSON_CODE = "person_code"
    NAME = "name"
    SEX = "sex"
    BIRTH_DATE = "birth_date"
    ID_NUMBER = "id_number"
    STUDENT_NUMBER = "student_number"
    STAFF_NUMBER = "staff_number"
    USERNAME = "username"
    PHONE = "phone"
    EMAIL = "email"
    ROLE = "role"
    SCHOOL_CODE = "school_code"
    SCHOOL = "school"
    GRADE = "grade"
    CLASS = "class"
    SUBJECT = "subject"
    GUARDIAN_NAME = "guardian_name"
    GUARDIAN_PHONE = "guardian_phone"
    GUARDIAN_RELATION = "guardian_relation"
    SECOND_GUARDIAN_NAME = "second_guardian_name"
    SECOND_GUARDIAN_PHONE = "second_guardian_phone"
    SECOND_GUARDIAN_RELATION = "second_guardian_relation"
    STATUS = "status"


HEADINGS: Mapping[Column, tuple[str, ...]] = {
    Column.PERSON_CODE: ("人员编码", "人员代码", "person_code"),
    Column.NAME: ("姓名", "学生姓名", "教师姓名", "name"),
    Column.SEX: ("性别", "sex", "gender"),
    Column.BIRTH_DATE: ("出生日期", "出生年月日", "生日", "birth_date"),
    Column.ID_NUMBER: ("身份证号", "身份证号码", "身份证件号", "居民身份证号码", "id_number"),
    Column.STUDENT_NUMBER: ("学籍号", "全国学籍号", "学籍编号", "student_number"),
    Column.STAFF_NUMBER: ("工号", "教工号", "教职工号", "职工号", "staff_number"),
    Column.USERNAME: ("用户名", "登录名", "账号", "username"),
    Column.PHONE: ("手机号", "手机", "手机号码", "移动电话", "联系电话", "phone"),
    Column.EMAIL: ("电子邮箱", "邮箱", "电子邮件", "email"),
    Column.ROLE: ("角色", "身份", "人员类别", "role"),
    Column.SCHOOL_CODE: ("学校标识码", "学校代码", "机构代码", "school_code"),
    Column.SCHOOL: ("学校", "学校名称", "单位", "所属学校", "school"),
    Column.GRADE: ("年级", "年级名称", "grade"),
    Column.CLASS: ("班级", "班级名称", "任教班级", "class"),
    Column.SUBJECT: ("任教学科", "学科", "任课学科", "subject"),
    Column.GUARDIAN_NAME: ("监护人姓名", "监护人1姓名", "家长姓名", "guardian_name"),
    Column.GUARDIAN_PHONE: (
        "监护人手机",
        "监护人手机号",
        "监护人1手机",
        "监护人联系电话",
        "家长手机",
        "guardian_phone",
    ),
    Column.GUARDIAN_RELATION: ("关系", "监护人关系", "监护人1关系", "与学生关系", "relation"),
    Column.SECOND_GUARDIAN_NAME: ("监护人2姓名",),
    Column.SECOND_GUARDIAN_PHONE: ("监护人2手机", "监护人2手机号"),
    Column.SECOND_GUARDIAN_RELATION: ("监护人2关系",),
    Column.STATUS: ("状态", "变动", "在校状态", "status"),
}
"""The headings that a column goes by; the first is the one of the template and of exports."""


def _heading(text: str) -> str:
    """Without blanks, a mark of obligation (*) and what stands in brackets."""
    folded = unicodedata.normalize("NFKC", text).strip().lower()
    return re.sub(r"\s|[*]|\(.*\)", "", folded)


_BY_HEADING = {_heading(name): column for column, names in HEADINGS.items() for name in names}


def column_of(heading: str) -> Column | None:
    """The column under a heading, or None where we know none by that name."""
    return _BY_HEADING.get(_heading(heading))


class RosterRole(StrEnum):
    """As what a line's person belongs to the school."""

    STUDENT = "student"
    TEACHER = "teacher"
    STAFF = "staff"


ROLE_WORDS: Mapping[str, RosterRole] = {
    **dict.fromkeys(("学生", "在校生", "student"), RosterRole.STUDENT),
    **dict.fromkeys(("教师", "老师", "任课教师", "专任教师", "班主任", "teacher"), RosterRole.TEACHER),
    **dict.fromkeys(("职工", "教职工", "行政", "教辅", "工勤", "staff"), RosterRole.STAFF),
}
SEX_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("男", "1", "m", "male"), "1"),
    **dict.fromkeys(("女", "2", "f", "female"), "2"),
    **dict.fromkeys(("未知", "0", "unknown"), "0"),
    **dict.fromkeys(("未说明", "9", "other", "unspecified"), "9"),
}
"""To the digits of GB/T 2261.1."""

RELATION_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("父亲", "父", "爸爸", "父子", "父女", "father"), "father"),
    **dict.fromkeys(("母亲", "母", "妈妈", "母子", "母女", "mother"), "mother"),
    **dict.fromkeys(
        ("祖父", "祖母", "外祖父", "外祖母", "爷爷", "奶奶", "外公", "外婆", "祖父母", "grandparent"),
        "grandparent",
    ),
    **dict.fromkeys(("其他", "其他监护人", "监护人", "other"), "other"),
}
LEAVING_WORDS = frozenset({"离校", "转出", "毕业", "退学", "离职", "调出", "退休", "left"})
STAYING_WORDS = frozenset({"", "在校", "在读", "在职", "在籍", "active"})


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong in which column (None: in the line as a whole). ``reason`` is stable."""

    column: Column | None
    reason: str
    detail: str

    @property
    def heading(self) -> str:
        return HEADINGS[self.column][0] if self.column else ""


class LineRefused(DomainError):
    """The line has defects: all of them, in the order of the columns."""

    def __init__(self, defects: tuple[Defect, ...]) -> None:
        super().__init__()
        self.defects = defects


@dataclass(frozen=True, slots=True)
class RosterGuardian:
    name: str
    phone: str
    relation: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a roster, its values normalised."""

    name: str
    role: RosterRole
    sex: str | None
    birth_date: date | None
    identifiers: Mapping[IdentifierKind, str]
    person_code: str | None = None
    school_code: str | None = None
    school: str | None = None
    grade: str | None = None
    class_name: str | None = None
    subject: str | None = None
    guardians: tuple[RosterGuardian, ...] = ()
    leaving: bool = False

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, for `from_json`."""
        return {
            field: getattr(self, field)
            for field in self.__slots__
            if field not in ("guardians", "identifiers")
        } | {
            "identifiers": dict(self.identifiers),
            "guardians": [[each.name, each.phone, each.relation] for each in self.guardians],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Line":
        born = value["birth_date"]
        return cls(
            **{
                **value,
                "role": RosterRole(value["role"]),
                "birth_date": date.fromisoformat(born) if born else None,
                "identifiers": {
                    IdentifierKind(kind): text for kind, text in value["identifiers"].items()
                },
                "guardians": tuple(RosterGuardian(*each) for each in value["guardians"]),
            }
        )
