"""The form in which texts and queries meet, and the runs that they consist of."""

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum

HAN = "㐀-䶿一-鿿\U00020000-\U0003ffff〇"
_MARKS = "\u0300-\u036f\u064b-\u065f\u0f71-\u0fbc"  # of Cyrillic, Arabic and Tibetan words
_RUN = re.compile(rf"([{HAN}]+)|((?:(?![{HAN}])[^\W_])(?:(?![{HAN}])[^\W_]|[{_MARKS}])*)")
_HAN_FIRST = re.compile(f"[{HAN}]")
_APOSTROPHE = re.compile("(?<=[a-z])['’](?=[a-z])")
_NUMERALS = "零一二三四五六七八九"
_GRADE_DIGIT = re.compile("(?<![0-9])[1-9](?=年级)")
_JUNIOR = re.compile("(?:初中?)([一二三123])(?:年级)?(?![0-9十])")
_SENIOR = re.compile("(?:高中?)([一二三123])(?:年级)?(?![0-9十])")
_SHORTHAND = re.compile(
    f"(?:^|(?<=[^{HAN}]))([一二三四五六七八九])([上下])册?(?=$|[^{HAN}]|[语数英物化生史地政科音美道信体])"
    f"|(?<=[文学语理史物治术乐])([一二三四五六七八九])([上下])册?(?=$|[^{HAN}])"
)


def _plain(code: int) -> str:
    """A Latin letter without its tone or accent; ü is v, as on keyboards."""
    parts = unicodedata.normalize("NFD", chr(code))
    return "v" if parts[0] == "u" and "\N{COMBINING DIAERESIS}" in parts else parts[0]


_PLAIN = {code: _plain(code) for code in range(0xDF, 0x250) if chr(code).islower()}


class Script(Enum):
    """``LATIN`` is all that is no Han character: digits, Cyrillic, Tibetan too."""

    HAN = 1
    LATIN = 2


def fold(text: str) -> str:
    """Width, case, and the several ways to name a grade make no difference: 3年级 is 三年级, 初一
    is 七年级, 高中一年级 is 高一."""
    folded = unicodedata.normalize("NFKC", text).lower().translate(_PLAIN)
    folded = _APOSTROPHE.sub("", folded)
    folded = _GRADE_DIGIT.sub(lambda found: _NUMERALS[int(found[0])], folded)
    folded = _JUNIOR.sub(lambda found: f"{_NUMERALS[6 + _value(found[1])]}年级", folded)
    return _SENIOR.sub(lambda found: f"高{_NUMERALS[_value(found[1])]}", folded)


def _value(numeral: str) -> int:
    return int(numeral) if numeral.isdecimal() else _NUMERALS.index(numeral)


def spelled_out(query: str) -> str:
    """A folded query in which what teachers abbreviate is written out: 三上语文 asks for 三年级 and
    上册."""
    return _SHORTHAND.sub(
        lambda found: f" {found[1] or found[3]}年级 {found[2] or found[4]}册 ", query
    ).strip()


def is_han(word: str) -> bool:
    """Whether a word of one script is of Han characters."""
    return _HAN_FIRST.match(word) is not None


def runs(folded: str) -> Iterator[tuple[Script, str]]:
    """The runs of Han characters, and of other letters and digits; all else separates them."""
    for found in _RUN.finditer(folded):
        if found[1]:
            yield Script.HAN, found[1]
        else:
            yield Script.LATIN, found[2]
