"""Personal data in texts: numbers that prove themselves by their check characters, and those that
have only a shape. What is found is told masked.

    居民身份证号码   GB 11643, date and check
    学籍号           three forms; that with an ID number in it, with its check
    手机号码         11 digits, 13 to 19
    电子邮箱         RFC 5321, the plain form
    银行卡号         ISO/IEC 7812-1, 16 to 19 digits of the great networks, with the Luhn check
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.catalog.domain.checks import Defect, Examined
from shared.chinese_codes import InvalidOfficialCode, parse_id_number, parse_student_number

MOST_TOLD = 20
"""Of one file; how many there are beyond is told as a number."""


@dataclass(frozen=True, slots=True)
class Found:
    """``kind`` ends the code of the defect."""

    kind: str
    masked: str


def find(text: str) -> Iterator[Found]:
    """Personal data in `text`, by kind and then in order."""
    rest = unicodedata.normalize("NFKC", text)
    for kind in _KINDS:
        found, rest = _taken(rest, *kind)
        yield from found


def _taken(
    text: str, kind: str, shape: re.Pattern[str], proven: Callable[[str], bool]
) -> tuple[list[Found], str]:
    """What is found of one kind, and the text without it: an ID number within a 学籍号 is no
    second find."""
    found = []

    def take(match: re.Match[str]) -> str:
        if not proven(match[0]):
            return match[0]
        found.append(Found(kind, _masked(match[0])))
        return " "

    return found, shape.sub(take, text)


def in_metadata(examined: Examined) -> Iterable[Defect]:
    for pointer, text in _texts("#/metadata", examined.metadata):
        for found in find(text):
            values = {"masked": found.masked, "place": "", "place_zh": ""}
            yield Defect(f"personal-{found.kind}", pointer, values)


def in_files(examined: Examined) -> Iterable[Defect]:
    for each in examined.files:
        count = 0
        for number, page in enumerate(each.pages or (), 1):
            for found in find(page):
                count += 1
                if count <= MOST_TOLD:
                    place = f" ({each.filename}, page {number})"
                    place_zh = f"（{each.filename} 第 {number} 页）"
                    values = {"masked": found.masked, "place": place, "place_zh": place_zh}
                    yield Defect(f"personal-{found.kind}", each.pointer, values)
        if count > MOST_TOLD:
            yield Defect("personal-more", each.pointer, {"count": count - MOST_TOLD})


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _texts(pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(f"{pointer}/{name}", each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(f"{pointer}/{index}", each)


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def proven(text: str) -> bool:
        try:
            parse(text)
        except InvalidOfficialCode:
            return False
        return True

    return proven


def _is_student_number(text: str) -> bool:
    number = text.upper()
    return _is_id_number(number[1:]) if number[0] == "G" else _parses(parse_student_number)(number)


def _is_card(text: str) -> bool:
    digits = re.sub("[ -]", "", text)
    return 16 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def _shape(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9A-Za-z.])(?:{pattern})(?![0-9A-Za-z])")


_is_id_number = _parses(parse_id_number)
_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("student-number", _shape(r"[GgJjLl][0-9]{17}[0-9Xx]"), _is_student_number),
    ("id-number", _shape(r"[1-9][0-9]{16}[0-9Xx]"), _is_id_number),
    (
        "bank-card",
        _shape(r"(?:62|4|5[1-5])[0-9]{2,3}(?:[ -]?[0-9]){11,15}"),
        _is_card,
    ),
    ("phone", _shape(r"(?:\+?86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{4}){2}"), lambda _text: True),
    (
        "email",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@"
            r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
        ),
        lambda _text: True,
    ),
)


def _masked(text: str) -> str:
    name, at, domain = text.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return f"{text[:3]}{'*' * (len(text) - 5)}{text[-2:]}"
