"""The words of rosters (花名册): the headings of columns, and what schools write in them."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeVar

from services.identity.domain.guardians import Relation

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
    ENDED_ON = "ended_on"


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
    Column.ENDED_ON: ("离班日期", "结束日期", "ended_on"),
}
"""The headings that a column goes by; the first is the one of the template and of exports."""


ONEROSTER_HEADINGS: Mapping[Column, str] = {
    Column.NAME: "familyName",
    Column.SEX: "sex",
    Column.BIRTH_DATE: "birthDate",
    Column.ID_NUMBER: "userIds",
    Column.STUDENT_NUMBER: "userMasterIdentifier",
    Column.STAFF_NUMBER: "identifier",
    Column.USERNAME: "username",
    Column.PHONE: "sms",
    Column.EMAIL: "email",
    Column.ROLE: "role",
    Column.SCHOOL: "orgSourcedId",
    Column.GRADE: "grades",
    Column.CLASS: "classSourcedId",
    Column.SUBJECT: "subjects",
    Column.GUARDIAN_NAME: "agentSourcedIds",
    Column.GUARDIAN_PHONE: "sms",
    Column.SECOND_GUARDIAN_NAME: "agentSourcedIds",
    Column.SECOND_GUARDIAN_PHONE: "sms",
    Column.STATUS: "status",
    Column.ENDED_ON: "endDate",
}
"""The columns of OneRoster 1.2 files that ours are read from; a guardian's are of their own row."""


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


Sex = Literal["0", "1", "2", "9"]

ROLES: Mapping[RosterRole, tuple[str, ...]] = {
    RosterRole.STUDENT: ("学生", "在校生"),
    RosterRole.TEACHER: ("教师", "老师", "任课教师", "专任教师", "班主任"),
    RosterRole.STAFF: (
        "职工",
        "教职工",
        "行政",
        "行政人员",
        "教辅",
        "教辅人员",
        "工勤",
        "工勤人员",
    ),
}
SEXES: Mapping[Sex, tuple[str, ...]] = {
    "1": ("男", "1", "male", "m"),
    "2": ("女", "2", "female", "f"),
    "0": ("未知", "0", "unknown"),
    "9": ("未说明", "9", "other", "unspecified"),
}
RELATIONS: Mapping[Relation, tuple[str, ...]] = {
    "father": ("父亲", "父", "爸爸", "父子", "父女"),
    "mother": ("母亲", "母", "妈妈", "母子", "母女"),
    "grandparent": (
        *("祖父母", "祖父", "祖母", "爷爷", "奶奶"),
        *("外祖父母", "外祖父", "外祖母", "外公", "外婆", "姥爷", "姥姥"),
    ),
    "other": ("其他", "其他监护人", "监护人", "亲属"),
}
LEAVING: Mapping[bool, tuple[str, ...]] = {
    True: ("离校", "转出", "毕业", "结业", "退学", "离职", "调出", "退休", "left"),
    False: ("在校", "在读", "在籍", "在职", "active"),
}

# ZXXKC, with the names of the 2022 curriculum beside the older ones.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "11": ("品德与生活", "品德与社会", "品德"),
    "12": ("道德与法治", "思想政治", "思想品德", "政治"),
    "13": ("语文",),
    "14": ("数学",),
    "15": ("科学",),
    "16": ("物理",),
    "17": ("化学",),
    "18": ("生物学", "生物"),
    "19": ("历史与社会",),
    "20": ("地理",),
    "21": ("历史",),
    "22": ("体育与健康", "体育"),
    "23": ("艺术",),
    "24": ("音乐",),
    "25": ("美术",),
    "26": ("信息技术(高中)",),
    "27": ("通用技术",),
    "40": ("外语",),
    "41": ("英语",),
    "42": ("日语",),
    "43": ("俄语",),
    "49": ("其他外国语",),
    "60": ("综合实践活动", "综合实践"),
    "61": ("信息科技", "信息技术"),
    "62": ("劳动", "劳动与技术"),
}


def _by_word(words: Mapping[T, tuple[str, ...]]) -> Mapping[str, T]:
    return {
        word: meaning for meaning, told in words.items() for word in (*told, str(meaning).lower())
    }


ROLE_BY_WORD = _by_word(ROLES)
SEX_BY_WORD = _by_word(SEXES)
RELATION_BY_WORD = _by_word(RELATIONS)
LEAVING_BY_WORD = _by_word(LEAVING)
SUBJECT_BY_WORD = _by_word(SUBJECTS)
