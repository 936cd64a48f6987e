"""Rosters (花名册): their columns, and what one line of them may say.

The words in a line are those that schools use; here they become a `Line`, or `LineRefused` with
every defect of the line at once. A defect names the column and the reason, never the value.

What `Line.cells` gives, `parse_line` reads as the same line: an export imports back unchanged.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TypeVar

from services.identity.domain.guardians import Relation
from services.identity.domain.identifiers import (
    IdentifierKey,
    IdentifierKind,
    InvalidIdentifier,
    identify,
)
from services.identity.domain.people import CODE_PREFIX
from services.identity.domain.roster_words import (
    HEADINGS,
    LEAVING,
    LEAVING_BY_WORD,
    RELATION_BY_WORD,
    RELATIONS,
    ROLE_BY_WORD,
    ROLES,
    SEX_BY_WORD,
    SEXES,
    SUBJECT_BY_WORD,
    SUBJECTS,
    Column,
    RosterRole,
    Sex,
)
from shared.chinese_codes import IdNumber
from shared.codes import InvalidCode, parse_code

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong in which column (None: in the line as a whole). ``reason`` is stable."""

    column: Column | None
    reason: str
    detail: str


class LineRefused(ValueError):
    """The line has defects: all of them, in the order in which the columns are read. It is told in
    the import's report, never as an answer."""

    def __init__(self, defects: tuple[Defect, ...]) -> None:
        super().__init__(f"{len(defects)} defects")
        self.defects = defects


@dataclass(frozen=True, slots=True, repr=False)
class RosterGuardian:
    name: str
    phone: str
    relation: Relation


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """One line of a roster. ``school`` is an official or short code, or a name; ``subjects`` are
    codes of ZXXKC. A pupil's phone that is a guardian's is the guardian's alone. With ``ended_on``
    the line tells when the person ceased to be in the class that it names, or to teach there.
    ``phoneless`` are the phone columns of guardians who have none, and are not linked."""

    name: str
    role: RosterRole
    sex: Sex | None
    birth_date: date | None
    keys: tuple[IdentifierKey, ...]
    person_code: str | None = None
    school: str | None = None
    grade: str | None = None
    class_name: str | None = None
    subjects: tuple[str, ...] = ()
    guardians: tuple[RosterGuardian, ...] = ()
    leaving: bool = False
    ended_on: date | None = None
    phoneless: tuple[Column, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether the line tells only of something that is over."""
        return self.leaving or self.ended_on is not None

    def cells(self) -> dict[Column, str]:
        """The line as a roster has it, empty cells left out."""
        first, second, *_ = (*self.guardians, None, None)
        words: dict[Column, str | None] = {
            Column.PERSON_CODE: self.person_code,
            Column.NAME: self.name,
            Column.SEX: self.sex and SEXES[self.sex][0],
            Column.BIRTH_DATE: self.birth_date.isoformat() if self.birth_date else None,
            **{Column(key.kind): key.value for key in self.keys},
            Column.ROLE: ROLES[self.role][0],
            Column.SCHOOL: self.school,
            Column.GRADE: self.grade,
            Column.CLASS: self.class_name,
            Column.SUBJECT: "、".join(SUBJECTS.get(code, (code,))[0] for code in self.subjects),
            Column.STATUS: LEAVING[True][0] if self.leaving else None,
            Column.ENDED_ON: self.ended_on.isoformat() if self.ended_on else None,
        }
        for guardian, columns in zip((first, second), GUARDIAN_COLUMNS, strict=True):
            if guardian is not None:
                relation = RELATIONS[guardian.relation][0]
                words |= zip(columns, (guardian.name, guardian.phone, relation), strict=True)
        return {column: word for column, word in words.items() if word}


class Spoilt(dict[Column, str]):
    """In the place of a line's cells, of which none can be read: why."""

    def __init__(self, defect: Defect) -> None:
        super().__init__()
        self.defect = defect


GUARDIAN_COLUMNS = (
    (Column.GUARDIAN_NAME, Column.GUARDIAN_PHONE, Column.GUARDIAN_RELATION),
    (
        Column.SECOND_GUARDIAN_NAME,
        Column.SECOND_GUARDIAN_PHONE,
        Column.SECOND_GUARDIAN_RELATION,
    ),
)


NO_PHONE = "无"
"""In the place of a guardian's phone: there is none."""

_KEY_COLUMNS = tuple((Column(kind), partial(identify, kind)) for kind in IdentifierKind)


def parse_line(values: Mapping[Column, str]) -> Line:
    """Read the cells of one line. Raises `LineRefused`."""
    if isinstance(values, Spoilt):
        raise LineRefused((values.defect,))
    return _Reading(values).line()


class _Reading:
    """One line while it is read: what a cell says, or one defect more."""

    def __init__(self, values: Mapping[Column, str]) -> None:
        self._values = values
        self._defects: list[Defect] = []
        self._phoneless: list[Column] = []

    def line(self) -> Line:
        person_code = self._read(Column.PERSON_CODE, lambda text: parse_code(text, CODE_PREFIX))
        name = self._required(Column.NAME, _name)
        role = self._role()
        keys = self._keys()
        sex, birth_date = self._sex_and_birth_date(keys.get(IdentifierKind.ID_NUMBER))
        school = self._read(Column.SCHOOL_CODE, _place) or self._read(Column.SCHOOL, _place)
        grade = self._read(Column.GRADE, _place)
        class_name = self._read(Column.CLASS, _place)
        if class_name and not grade:
            grade, class_name = self._split(class_name)
        subjects = self._read(Column.SUBJECT, _subjects) or ()
        guardians = tuple(filter(None, (self._guardian(*each) for each in GUARDIAN_COLUMNS)))
        if len({each.phone for each in guardians}) < len(guardians):
            self._add(Column.SECOND_GUARDIAN_PHONE, "repeated", "两位监护人的手机号相同，请核对")
        leaving = self._read(Column.STATUS, _word_in(LEAVING_BY_WORD, LEAVING)) or False
        ended_on = self._read(Column.ENDED_ON, parse_day)
        if ended_on is not None and (leaving or not (class_name or subjects)):
            self._add(
                Column.ENDED_ON, "not-of-a-class", "离班日期只用于离开某一班级或不再任教某学科"
            )
        if role is RosterRole.STUDENT and subjects:
            self._add(Column.SUBJECT, "not-for-students", "学生不填写任教学科")
        if not keys and person_code is None and not self._defects:
            self._add(
                None,
                "identifier-missing",
                "请至少填写身份证号、学籍号、工号、手机号、用户名、电子邮箱、人员编码中的一项",
            )
        if name is None or role is None or self._defects:
            raise LineRefused(tuple(self._defects))
        own = (
            key
            for key in keys.values()
            if key.kind is not IdentifierKind.PHONE or key.value not in {g.phone for g in guardians}
        )
        return Line(
            name, role, sex, birth_date, tuple(own), person_code, school, grade, class_name,
            subjects, guardians, leaving, ended_on, tuple(self._phoneless),
        )  # fmt: skip

    def _add(self, column: Column | None, reason: str, detail: str) -> None:
        self._defects.append(Defect(column, reason, detail))

    def _read(self, column: Column, parse: Callable[[str], T]) -> T | None:
        text = self._values.get(column)
        if not text:
            return None
        try:
            return parse(text)
        except InvalidIdentifier as error:
            self._add(column, "invalid", _advice(text) or error.detail_zh)
        except InvalidCode:
            self._add(column, "invalid", _advice(text) or "编码不正确，请对照原件核对")
        except ValueError as error:
            self._add(column, "invalid", _advice(text) or str(error))
        return None

    def _required(self, column: Column, parse: Callable[[str], T]) -> T | None:
        if not self._values.get(column):
            self._add(column, "missing", f"请填写{HEADINGS[column][0]}")
        return self._read(column, parse)

    def _role(self) -> RosterRole | None:
        if not self._values.get(Column.ROLE) and self._values.get(Column.STUDENT_NUMBER):
            return RosterRole.STUDENT
        return self._required(Column.ROLE, _word_in(ROLE_BY_WORD, ROLES))

    def _keys(self) -> dict[IdentifierKind, IdentifierKey]:
        found = {}
        for column, parse in _KEY_COLUMNS:
            key = self._read(column, parse)
            if key is not None:
                found[key.kind] = key
        return found

    def _sex_and_birth_date(self, number: IdentifierKey | None) -> tuple[Sex | None, date | None]:
        """What the cells say; where they are empty, what the ID number says."""
        sex = self._read(Column.SEX, _word_in(SEX_BY_WORD, SEXES))
        born = self._read(Column.BIRTH_DATE, parse_day)
        if number is None:
            return sex, born
        told = IdNumber(number.value)
        if born is not None and born != told.birth_date:
            self._add(Column.BIRTH_DATE, "contradicts-id-number", "与身份证号中的出生日期不一致")
        if sex in ("1", "2") and sex != told.sex:
            self._add(Column.SEX, "contradicts-id-number", "与身份证号中的性别不一致")
        return sex or told.sex, born or told.birth_date

    def _split(self, class_name: str) -> tuple[str | None, str | None]:
        """`三年级2班` in one cell."""
        parts = re.fullmatch(r"(.*?(?:年级|级)|[初高][一二三])(.+)", class_name)
        if parts is None:
            self._add(Column.GRADE, "missing", "填写了班级，请同时填写年级")
            return None, class_name
        return parts[1], parts[2]

    def _guardian(self, name: Column, phone: Column, relation: Column) -> RosterGuardian | None:
        if not any(self._values.get(column) for column in (name, phone)):
            return None
        if self._values.get(phone) == NO_PHONE:
            self._phoneless.append(phone)
            return None
        called = self._required(name, _name)
        key = self._required(phone, partial(identify, IdentifierKind.PHONE))
        related = self._read(relation, _word_in(RELATION_BY_WORD, RELATIONS)) or "other"
        return RosterGuardian(called, key.value, related) if called and key else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _advice(text: str) -> str | None:
    """What spreadsheets do to long numbers."""
    if re.fullmatch(r"[0-9]\.?[0-9]*E\+[0-9]+", _folded(text).upper()):
        return "数字被电子表格改成了科学计数法：请把该列设为文本格式后重新填写"
    return None


def _word_in(words: Mapping[str, T], told: Mapping[T, tuple[str, ...]]) -> Callable[[str], T]:
    def read(text: str) -> T:
        meaning = words.get(_folded(text).lower())
        if meaning is None:
            raise ValueError(f"请填写：{'、'.join(each[0] for each in told.values())}")
        return meaning

    return read


def written(name: str) -> str:
    """A name as a line holds it."""
    return re.sub(r"\s+", " ", _folded(name))


def _name(text: str) -> str:
    """As long, and of as many signs, as a name that is entered by hand."""
    name = written(text)
    if len(name) > 100 or not name.isprintable():
        raise ValueError("姓名最多 100 个字，不能含有换行等控制字符")
    return name


def _place(text: str) -> str:
    place = _folded(text)
    if len(place) > 100 or not place.isprintable():
        raise ValueError("最多 100 个字，不能含有换行等控制字符")
    return place


_FIRST_YEAR = 1900
_DAY = re.compile("([0-9]{4})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))")


def parse_day(text: str) -> date:
    """A day as people write it. Raises `ValueError` with what to do."""
    parts = _DAY.fullmatch(_folded(text).removesuffix(" 00:00:00"))
    if parts is None:
        raise ValueError("日期请写成 2015-09-01 的形式")
    numbers = (int(each) for each in parts.groups() if each is not None)
    try:
        day = date(*numbers)
    except ValueError:
        raise ValueError("没有这一天，请核对日期") from None
    if day.year < _FIRST_YEAR:
        raise ValueError("日期在 1900 年以前，请核对")
    return day


_SUBJECT = re.compile("L?[1-9][0-9]{1,3}")


def _subjects(text: str) -> tuple[str, ...]:
    words = [word for word in re.split(r"[、,;，；/\s]+", _folded(text)) if word]
    if not all(word in SUBJECT_BY_WORD or _SUBJECT.fullmatch(word) for word in words):
        raise ValueError("不认识的学科：请填写国家课程名称或代码，多个学科用顿号分隔")
    return tuple(sorted({SUBJECT_BY_WORD.get(word, word) for word in words}))


def class_key(grade: str, class_name: str) -> str:
    """The form in which classes of a grade are compared: `三年级(2)班`, `2班` and `2` are one."""
    bare = re.sub(r"[()\s]", "", _folded(class_name))
    bare = bare.removeprefix(re.sub(r"[()\s]", "", _folded(grade)))
    return bare.removesuffix("班") or bare
