"""What a person is known by: username, phone, email, 学籍号, staff number, ID number.

Each kind has a canonical form, in which it is compared, hashed and encrypted, and a masked form,
in which it is shown. Official numbers are checked by `shared.chinese_codes`. Values are left out
of `repr` and of every error.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from shared.chinese_codes import (
    InvalidOfficialCode,
    mask_id_number,
    mask_phone,
    parse_id_number,
    parse_student_number,
)
from shared.context import worded
from shared.errors import DomainError


class IdentifierKind(StrEnum):
    USERNAME = "username"
    PHONE = "phone"
    EMAIL = "email"
    STUDENT_NUMBER = "student_number"
    STAFF_NUMBER = "staff_number"
    ID_NUMBER = "id_number"

    @property
    def name_zh(self) -> str:
        return _NAMES_ZH[self]


_NAMES_ZH: Mapping[IdentifierKind, str] = {
    IdentifierKind.USERNAME: "用户名",
    IdentifierKind.PHONE: "手机号",
    IdentifierKind.EMAIL: "电子邮箱",
    IdentifierKind.STUDENT_NUMBER: "学籍号",
    IdentifierKind.STAFF_NUMBER: "工号",
    IdentifierKind.ID_NUMBER: "身份证号",
}

LOGIN_KINDS = (
    IdentifierKind.USERNAME,
    IdentifierKind.PHONE,
    IdentifierKind.EMAIL,
    IdentifierKind.STUDENT_NUMBER,
    IdentifierKind.STAFF_NUMBER,
)
"""What a person may type to sign in, the first that fits being meant."""


class InvalidIdentifier(DomainError, ValueError):
    """The text is no identifier of its kind; ``detail`` says what is wrong, never the text."""

    def __init__(self, detail: str = "", /, *, zh: str = "", **members: Any) -> None:
        super().__init__(detail, zh=zh, **members)
        self.args = (detail, zh)  # as a validator tells a defect


class IdentifierTaken(DomainError):
    """Another account is known by it already."""


@dataclass(frozen=True, slots=True)
class IdentifierKey:
    """A canonical value of one kind: what is compared and hashed."""

    kind: IdentifierKind
    value: str = field(repr=False)

    @property
    def masked(self) -> str:
        """How it is shown."""
        return _MASKS[self.kind](self.value)


@dataclass(frozen=True, slots=True)
class Identifier:
    """One that a person has; ``verified_at`` is when somebody made sure of it."""

    key: IdentifierKey
    verified_at: datetime | None


def identify(kind: IdentifierKind, text: str) -> IdentifierKey:
    """The canonical form of what was typed or imported. Raises `InvalidIdentifier`."""
    value = _FOLDS[kind](text)
    try:
        _CHECKS[kind](value)
    except InvalidOfficialCode as defect:
        raise InvalidIdentifier(str(defect), zh=_MISWRITTEN[kind]) from None
    return IdentifierKey(kind, value)


def login_keys(text: str) -> list[IdentifierKey]:
    """The canonical forms that `text` has as each of `LOGIN_KINDS`, in their order.

    Nothing is checked, so the work is the same whatever was typed.
    """
    return [IdentifierKey(kind, _FOLDS[kind](text)) for kind in LOGIN_KINDS]


def international(phone: str) -> str:
    """A canonical phone number as E.164, which OpenID Connect recommends for ``phone_number``."""
    return phone if phone.startswith("+") else f"+86{phone}"


def twin(key: IdentifierKey) -> IdentifierKey | None:
    """The other identifier of the same holder that `key` foretells: a formal 学籍号 embeds the ID
    number, and the ID number makes the formal 学籍号 (seldom otherwise)."""
    if key.kind is IdentifierKind.ID_NUMBER:
        return IdentifierKey(IdentifierKind.STUDENT_NUMBER, f"G{key.value}")
    if key.kind is IdentifierKind.STUDENT_NUMBER and key.value.startswith("G"):
        return IdentifierKey(IdentifierKind.ID_NUMBER, key.value[1:])
    return None


def rivals(key: IdentifierKey) -> list[IdentifierKey]:
    """By which another person must not be known, so that signing in with `key` is never in
    doubt."""
    return [key, *login_keys(key.value)] if key.kind in LOGIN_KINDS else [key]


def birth_date_in(keys: Iterable[IdentifierKey]) -> date | None:
    """The birth date that an ID number tells, the person's own or the one in the 学籍号."""
    for key in sorted(keys, key=lambda key: key.kind is not IdentifierKind.ID_NUMBER):
        number = twin(key) if key.kind is IdentifierKind.STUDENT_NUMBER else key
        if number is not None and number.kind is IdentifierKind.ID_NUMBER:
            with suppress(InvalidOfficialCode):
                return parse_id_number(number.value).birth_date
    return None


def doubts(keys: Iterable[IdentifierKey], birth_date: date | None) -> list[str]:
    """What deserves a second look in what is known of one person, though it is accepted."""
    held = {key.kind: key for key in keys}
    number = held.get(IdentifierKind.ID_NUMBER)
    student = held.get(IdentifierKind.STUDENT_NUMBER)
    embedded = twin(student) if student else None
    found = []
    if number and embedded and embedded != number:
        found.append(
            worded(
                "The 学籍号 holds another ID number than the person's.", "学籍号与身份证号不一致。"
            )
        )
    told = birth_date_in(held.values())
    if birth_date and told and birth_date != told:
        found.append(
            worded("The ID number tells another birth date.", "身份证号与出生日期不一致。")
        )
    return found


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _phone(text: str) -> str:
    number = re.sub(r"[\s().-]", "", _folded(text))
    return re.sub(r"^(?:\+86|0086)(?=1[0-9]{10}$)", "", number)


_FOLDS: Mapping[IdentifierKind, Callable[[str], str]] = {
    IdentifierKind.USERNAME: lambda text: _folded(text).casefold(),
    IdentifierKind.PHONE: _phone,
    IdentifierKind.EMAIL: lambda text: _folded(text).lower(),
    IdentifierKind.STUDENT_NUMBER: lambda text: _folded(text).upper(),
    IdentifierKind.STAFF_NUMBER: lambda text: _folded(text).upper(),
    IdentifierKind.ID_NUMBER: lambda text: _folded(text).upper(),
}

_MOBILE = r"1[3-9][0-9]{9}"
_STUDENT_NUMBER = r"[gjl][0-9]{17}[0-9x]"


_LOOKALIKES = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
"""Whole names in these can be read as Latin ones (Unicode Technical Standard 39, §4)."""


def _scripts(value: str) -> set[str]:
    return {unicodedata.name(each, "?").split()[0] for each in value if each.isalpha()}


def _check_username(value: str) -> None:
    if not re.fullmatch(r"[\w.@+-]{2,64}", value):
        raise InvalidIdentifier(
            "A username has 2 to 64 letters, digits or . _ @ + -",
            zh="用户名为 2 至 64 个字母、数字或 . _ @ + -",
        )
    if len(_scripts(value) - {"CJK"}) > 1 or _scripts(value) & _LOOKALIKES:
        raise InvalidIdentifier(
            "A username is written in one script, Chinese beside it, and in none whose letters "
            "look like Latin ones.",
            zh="用户名只用一种文字的字母（可与汉字混用），且不用西里尔、希腊等与拉丁字母形似的文字。",
        )
    if re.fullmatch(f"{_MOBILE}|{_STUDENT_NUMBER}", value):
        raise InvalidIdentifier(
            "A username does not look like a phone number or a 学籍号: whoever has that number "
            "could not sign in with it.",
            zh="用户名不能与手机号或学籍号相似，否则持有该号码的人将无法用它登录。",
        )


def _check_phone(value: str) -> None:
    if not re.fullmatch(rf"{_MOBILE}|\+[1-9][0-9]{{5,14}}", value):
        raise InvalidIdentifier(
            "Give a mobile number of 11 digits, or + and country code.",
            zh="手机号码格式不正确：请填写 11 位手机号，或 + 加国家代码。",
        )


def _check_email(value: str) -> None:
    if not re.fullmatch(r"(?=.{6,254}$)[^\s@\"<>\x00-\x1f]{1,64}@([\w-]+\.)+[\w-]{2,}", value):
        raise InvalidIdentifier("This is no email address.", zh="电子邮箱格式不正确。")


def _check_staff_number(value: str) -> None:
    if not re.fullmatch(r"[0-9A-Z-]{2,32}", value):
        raise InvalidIdentifier(
            "A staff number has 2 to 32 letters, digits or hyphens.",
            zh="工号为 2 至 32 个字母、数字或连字符。",
        )


_CHECKS: Mapping[IdentifierKind, Callable[[str], object]] = {
    IdentifierKind.USERNAME: _check_username,
    IdentifierKind.PHONE: _check_phone,
    IdentifierKind.EMAIL: _check_email,
    IdentifierKind.STUDENT_NUMBER: parse_student_number,
    IdentifierKind.STAFF_NUMBER: _check_staff_number,
    IdentifierKind.ID_NUMBER: parse_id_number,
}


_MISWRITTEN: Mapping[IdentifierKind, str] = {
    IdentifierKind.STUDENT_NUMBER: "学籍号格式或校验码不正确，请核对。",
    IdentifierKind.ID_NUMBER: "身份证号格式或校验码不正确，请核对。",
}
"""What the official numbers are refused with, whatever is wrong with them."""


def _mask_tail(value: str) -> str:
    shown = min(2, len(value) // 2)
    return value[:shown] + "*" * (len(value) - shown)


def _mask_email(value: str) -> str:
    name, _, domain = value.partition("@")
    return f"{name[0]}***@{domain}"


_MASKS: Mapping[IdentifierKind, Callable[[str], str]] = {
    IdentifierKind.USERNAME: _mask_tail,
    IdentifierKind.PHONE: mask_phone,
    IdentifierKind.EMAIL: _mask_email,
    IdentifierKind.STUDENT_NUMBER: mask_id_number,
    IdentifierKind.STAFF_NUMBER: _mask_tail,
    IdentifierKind.ID_NUMBER: mask_id_number,
}
