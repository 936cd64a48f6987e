"""Official codes of China: their shapes and checks. Attributes of our things, never their keys.

Whatever a person typed is first folded: NFKC (full-width forms), outer spaces off, upper case.

    居民身份证号码    GB 11643-1999, check ISO 7064 MOD 11-2
    统一社会信用代码  GB 32100-2015, check modulo 31
    组织机构代码      GB 11714-1997, check modulo 11
    学校(机构)标识码  各级各类学校(机构)代码编制规则, no check character
    学籍号            three forms, no published check
    行政区划代码      GB/T 2260

Codes that name a person are left out of `repr` and of every error.
"""

import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal


class Kind(StrEnum):
    ID_NUMBER = "居民身份证号码"
    CREDIT_CODE = "统一社会信用代码"
    ORGANISATION_CODE = "组织机构代码"
    SCHOOL_CODE = "学校(机构)标识码"
    STUDENT_NUMBER = "学籍号"
    DIVISION_CODE = "行政区划代码"


Reason = Literal["shape", "date", "check", "category", "province"]

_ADVICE: Mapping[Reason, str] = {
    "shape": "has the wrong length or a character that cannot occur (长度或字符有误)",
    "date": "holds a date of birth that does not exist (出生日期不存在)",
    "check": "fails its check character: compare it with the document (校验码不符, 请核对原件)",
    "category": "has an unknown category of school (学校类别不存在)",
    "province": "has an unknown province (省份代码不存在)",
}


class InvalidOfficialCode(ValueError):
    """The text is no code of `kind`. The message names kind and defect, never the text."""

    def __init__(self, kind: Kind, reason: Reason) -> None:
        super().__init__(f"The {kind} {_ADVICE[reason]}.")
        self.kind = kind
        self.reason = reason


PROVINCES: Mapping[str, str] = {
    "11": "北京", "12": "天津", "13": "河北", "14": "山西", "15": "内蒙古",
    "21": "辽宁", "22": "吉林", "23": "黑龙江",
    "31": "上海", "32": "江苏", "33": "浙江", "34": "安徽", "35": "福建", "36": "江西",
    "37": "山东",
    "41": "河南", "42": "湖北", "43": "湖南", "44": "广东", "45": "广西", "46": "海南",
    "50": "重庆", "51": "四川", "52": "贵州", "53": "云南", "54": "西藏",
    "61": "陕西", "62": "甘肃", "63": "青海", "64": "宁夏", "65": "新疆",
    "71": "台湾", "81": "香港", "82": "澳门",
}  # fmt: skip
"""The first two digits of a division code, GB/T 2260."""

SCHOOL_CATEGORIES: Mapping[str, str] = {
    "11": "幼儿园",
    "21": "普通小学",
    "22": "成人小学",
    "31": "普通初中",
    "32": "职业初中",
    "33": "成人初中",
    "34": "普通高中(完全中学)",
    "35": "成人高中",
    "36": "中等职业学校",
    "37": "工读学校",
    "41": "普通高等学校",
    "42": "成人高等学校",
    "51": "特殊教育",
    "91": "培养研究生的科研机构",
    "92": "民办其他高等教育机构",
    "93": "中等职业培训机构",
}
"""The first two digits of a 学校(机构)标识码."""


def _weighted_sum(characters: str, alphabet: str, weights: tuple[int, ...]) -> int:
    """Σ value · weight, where a character's value is its place in `alphabet`."""
    return sum(
        alphabet.index(each) * weight for each, weight in zip(characters, weights, strict=True)
    )


def _folded(text: str, kind: Kind, shape: str) -> str:
    code = unicodedata.normalize("NFKC", text).strip().upper()
    if not re.fullmatch(shape, code):
        raise InvalidOfficialCode(kind, "shape")
    return code


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A checked 居民身份证号码."""

    number: str = field(repr=False)

    @property
    def birth_date(self) -> date:
        return date(int(self.number[6:10]), int(self.number[10:12]), int(self.number[12:14]))

    @property
    def sex(self) -> Literal["1", "2"]:
        """In the terms of GB/T 2261.1: 1 is male, 2 is female."""
        return "1" if int(self.number[16]) % 2 else "2"


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


def parse_id_number(text: str) -> IdNumber:
    """A 居民身份证号码 of 18 characters (GB 11643). Raises `InvalidOfficialCode`.

    The division in its head is not looked up: it is the one of the first registration, often gone
    from GB/T 2260 since, and residence permits of the same layout use numbers outside it.
    """
    number = IdNumber(_folded(text, Kind.ID_NUMBER, "[0-9]{17}[0-9X]"))
    total = _weighted_sum(number.number[:17], string.digits, _ID_WEIGHTS)
    if number.number[17] != _ID_CHECKS[total % 11]:
        raise InvalidOfficialCode(Kind.ID_NUMBER, "check")
    try:
        _ = number.birth_date
    except ValueError:
        raise InvalidOfficialCode(Kind.ID_NUMBER, "date") from None
    return number


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A checked 统一社会信用代码."""

    code: str

    @property
    def organisation_code(self) -> str:
        """The 组织机构代码 inside, nine characters."""
        return self.code[8:17]


_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def parse_credit_code(text: str) -> CreditCode:
    """A 统一社会信用代码 of 18 characters (GB 32100), with the 组织机构代码 inside it checked too.

    Raises `InvalidOfficialCode`, whose kind says which of the two failed.
    """
    shape = f"[{_CREDIT_ALPHABET}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET}]{{10}}"
    code = _folded(text, Kind.CREDIT_CODE, shape)
    total = _weighted_sum(code[:17], _CREDIT_ALPHABET, _CREDIT_WEIGHTS)
    # Modulo 31 again at the end, since a total divisible by 31 has the check 0, not 31.
    if code[17] != _CREDIT_ALPHABET[(31 - total % 31) % 31]:
        raise InvalidOfficialCode(Kind.CREDIT_CODE, "check")
    checked = CreditCode(code)
    parse_organisation_code(checked.organisation_code)
    return checked


_ORGANISATION_ALPHABET = string.digits + string.ascii_uppercase
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECKS = "0123456789X"


def parse_organisation_code(text: str) -> str:
    """The nine characters of a 组织机构代码 (GB 11714), written with or without its hyphen.

    Raises `InvalidOfficialCode`.
    """
    code = _folded(text, Kind.ORGANISATION_CODE, "[0-9A-Z]{8}-?[0-9X]").replace("-", "")
    total = _weighted_sum(code[:8], _ORGANISATION_ALPHABET, _ORGANISATION_WEIGHTS)
    if code[8] != _ORGANISATION_CHECKS[-total % 11]:
        raise InvalidOfficialCode(Kind.ORGANISATION_CODE, "check")
    return code


@dataclass(frozen=True, slots=True)
class SchoolCode:
    """A 学校(机构)标识码 whose category and province exist. Its serial has no check."""

    code: str

    @property
    def category(self) -> str:
        return SCHOOL_CATEGORIES[self.code[:2]]

    @property
    def province(self) -> str:
        return PROVINCES[self.code[2:4]]


def parse_school_code(text: str) -> SchoolCode:
    """A 学校(机构)标识码 of 10 digits. Raises `InvalidOfficialCode`."""
    code = _folded(text, Kind.SCHOOL_CODE, "[0-9]{10}")
    if code[:2] not in SCHOOL_CATEGORIES:
        raise InvalidOfficialCode(Kind.SCHOOL_CODE, "category")
    if code[2:4] not in PROVINCES:
        raise InvalidOfficialCode(Kind.SCHOOL_CODE, "province")
    return SchoolCode(code)


@dataclass(frozen=True, slots=True)
class StudentNumber:
    """A 学籍号 of the right shape. It may change: a temporary L becomes a formal G."""

    number: str = field(repr=False)

    @property
    def form(self) -> str:
        """G formal, J formal without an ID card, L temporary and equal in force."""
        return self.number[0]

    @property
    def id_number(self) -> str | None:
        """The ID number inside form G, unchecked: in special cases it is not the holder's own."""
        return self.number[1:] if self.form == "G" else None


def parse_student_number(text: str) -> StudentNumber:
    """A 学籍号 of 19 characters, by its shape alone: a rule to check the rest by is not published.

    Where `id_number` differs from the holder's ID number, warn and accept. Raises
    `InvalidOfficialCode`.
    """
    return StudentNumber(_folded(text, Kind.STUDENT_NUMBER, "G[0-9]{17}[0-9X]|[JL][0-9]{18}"))


def parse_division_code(text: str) -> str:
    """The six digits of a 行政区划代码 (GB/T 2260) whose province exists.

    The list of counties changes yearly and is not looked up. Raises `InvalidOfficialCode`.
    """
    code = _folded(text, Kind.DIVISION_CODE, "[0-9]{6}")
    if code[:2] not in PROVINCES:
        raise InvalidOfficialCode(Kind.DIVISION_CODE, "province")
    return code


def mask_id_number(number: str) -> str:
    """An ID number for display: `110**************X`.

    The tail that is usually shown, the last four, is kept back: a class list knows birth dates and
    divisions, so the tail is all that is missing. A 学籍号 loses its digits the same way.
    """
    return _masked(number, head=3, tail=1)


def mask_phone(phone: str) -> str:
    """A mobile number for display, as `138****8000`; of a number under 11 digits, the last two."""
    return _masked(phone, head=3, tail=4) if len(phone) >= 11 else _masked(phone, head=0, tail=2)


def _masked(text: str, head: int, tail: int) -> str:
    hidden = len(text) - head - tail
    if hidden <= 0:
        return "*" * len(text)
    return text[:head] + "*" * hidden + text[head + hidden :]
