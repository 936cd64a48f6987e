"""Short codes that people read aloud, type and scan, closed by a check character.

A code is a kind's letter, eight random symbols and a check character, shown as `R-7K3M-9QXB-D`.
The symbols are Crockford's base 32: digits and letters without I, L, O, U, which look like others
or spell words. The check is ISO 7064 MOD 37-2 over all nine symbols, with the standard's values
(`0`-`9` = 0-9, `A`-`Z` = 10-35). A pure system with a prime modulus catches every substitution of
one symbol and every exchange of two neighbours, which the hybrid MOD 37,36 does not. Bodies whose
check would be `*` or an excluded letter are never drawn.

Eight symbols hold 40 bits. That is not enough to count on: keep a unique constraint, and draw again
when it objects. A code is no secret.
"""

import secrets
import string
import unicodedata
from typing import Literal

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_VALUES = {symbol: value for value, symbol in enumerate(string.digits + string.ascii_uppercase)}
_SYMBOLS = {value: symbol for symbol, value in _VALUES.items() if symbol in ALPHABET}
_LOOKALIKES = str.maketrans("OIL", "011")
_BODY_LENGTH = 8
_MINUS_SIGN = "\N{MINUS SIGN}"


class InvalidCode(ValueError):
    """The text is no code of the kind wanted. ``reason`` is stable; the message is for a person."""

    def __init__(
        self, reason: Literal["length", "symbol", "prefix", "check"], message: str
    ) -> None:
        super().__init__(message)
        self.reason = reason


def new_code(prefix: str) -> str:
    """A random code in its canonical form. `prefix` is the kind's letter, one of `ALPHABET`."""
    _require_prefix(prefix)
    while True:
        drawn = secrets.token_bytes(_BODY_LENGTH)
        body = "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn)  # 32 divides 256: no bias
        check = _check_character(prefix + body)
        if check is not None:
            return _grouped(prefix + body + check)


def parse_code(text: str, prefix: str) -> str:
    """The canonical form of a code that a person gave.

    Letter case, spaces, any hyphen or dash, and full-width forms do not matter; O reads as 0, I and
    L as 1. Raises `InvalidCode`.
    """
    _require_prefix(prefix)
    bare = "".join(each for each in unicodedata.normalize("NFKC", text) if not _is_separator(each))
    code = bare.upper().translate(_LOOKALIKES) if bare.isascii() else bare
    if len(code) != _BODY_LENGTH + 2:
        raise InvalidCode("length", f"A code has {_BODY_LENGTH + 2} letters and digits.")
    if stray := next((each for each in code if each not in ALPHABET), None):
        raise InvalidCode("symbol", f"{stray!r} does not occur in codes.")
    if code[0] != prefix:
        raise InvalidCode("prefix", f"A code of this kind begins with {prefix}.")
    if code[-1] != _check_character(code[:-1]):
        raise InvalidCode("check", "The code has a slip in it: compare it with the original.")
    return _grouped(code)


def _check_character(code: str) -> str | None:
    """ISO 7064 MOD 37-2, or None where the check character is not one of ours."""
    remainder = 0
    for symbol in code:
        remainder = (remainder + _VALUES[symbol]) * 2 % 37
    return _SYMBOLS.get((1 - remainder) % 37)


def _grouped(code: str) -> str:
    return "-".join((code[0], code[1:5], code[5:9], code[9]))


def _is_separator(character: str) -> bool:
    return (
        character.isspace() or unicodedata.category(character) == "Pd" or character == _MINUS_SIGN
    )


def _require_prefix(prefix: str) -> None:
    if len(prefix) != 1 or prefix not in ALPHABET or not prefix.isalpha():
        raise ValueError(f"{prefix!r} is no kind's letter: take one of {ALPHABET[10:]}")
