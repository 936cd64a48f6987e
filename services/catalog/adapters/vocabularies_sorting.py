"""The order of Chinese texts, which PostgreSQL has only where it was built with ICU."""

import re
import unicodedata

_DIGITS = {digit: str(value) for value, digit in enumerate("零一二三四五六七八九")}
_NUMERAL = re.compile("[零一二三四五六七八九](?=年级)")


def sort_key(text: str) -> str:
    """Pinyin without tones, a space between syllables; numbers, in Chinese too where they number
    grades, sort by value."""
    # Imported here: its phrases take 58 MB and half a second, and titles change rarely.
    from pypinyin import lazy_pinyin

    folded = unicodedata.normalize("NFKC", text).strip().lower()
    folded = _NUMERAL.sub(lambda digit: _DIGITS[digit[0]], folded)
    syllables = " ".join(" ".join(lazy_pinyin(folded)).split())
    return re.sub("[0-9]+", lambda digits: digits[0].zfill(4), syllables)
