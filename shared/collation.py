"""The order of Chinese texts, which PostgreSQL has only where it was built with ICU."""

import re
import unicodedata

_DIGITS = {digit: str(value) for value, digit in enumerate("零一二三四五六七八九")}
_NUMERAL = re.compile(
    "(?<=[第初高])[一二三四五六七八九十]+|[一二三四五六七八九十]+(?=年级|班|中|小)"
)


def sort_key(name: str) -> str:
    """Pinyin without tones, a space between syllables; numbers, in Chinese too where they number
    grades, classes and schools, sort by value: 第二中学 before 第十中学."""
    # Imported here: its phrases take 58 MB and half a second, and names change rarely.
    from pypinyin import lazy_pinyin

    folded = _NUMERAL.sub(_in_digits, unicodedata.normalize("NFKC", name).strip().lower())
    syllables = " ".join(" ".join(lazy_pinyin(folded)).split())
    return re.sub("[0-9]+", lambda digits: digits[0].zfill(4), syllables)


def _in_digits(numeral: re.Match[str]) -> str:
    tens, ten, units = numeral[0].rpartition("十")
    if not ten:
        return "".join(map(_DIGITS.__getitem__, units))
    return f"{_DIGITS.get(tens, '1')}{_DIGITS.get(units, '0')}"
