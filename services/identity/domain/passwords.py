"""What a password must be, as a profile of the deployment.

``nist`` follows NIST SP 800-63B-4 §3.1.1: length and a blocklist, no composition rules, no periodic
change. ``djbh3`` follows what GB/T 22239-2019 §8.1.4.1 asks at level 3: complexity, periodic
change, lock-out, idle time-out, two factors for those who administer.
"""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from services.identity.domain.throttle import Limit, Limits
from shared.errors import DomainError

LONGEST = 256
_STRANGE = frozenset({"Cc", "Cn", "Cs"})
_SHORTEST_CONTEXT_WORD = 3
_SHORTEST_STEM = 6
_LEFT_BESIDE_CONTEXT = 9
_WALKS = (
    "0123456789" * 30,
    "abcdefghijklmnopqrstuvwxyz" * 10,
    "qwertyuiopasdfghjklzxcvbnm" * 10,
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p" * 8,
    "q1w2e3r4t5y6u7i8o9p0" * 13,
    "1q2w3e4r5t6y7u8i9o0p" * 13,
)


class Defect(StrEnum):
    """Why a password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    STRANGE_CHARACTER = "strange_character"
    COMMON = "common"
    PATTERN = "pattern"
    CONTAINS_NAME = "contains_name"
    TOO_FEW_CLASSES = "too_few_classes"
    USED_BEFORE = "used_before"


class PasswordRefused(DomainError):
    """The new password breaks rules of the profile; ``defects`` lists every one."""

    def __init__(self, defects: Collection[Defect], shortest: int) -> None:
        super().__init__(
            "Choose another password.",
            zh="请另选密码。",
            defects=[str(each) for each in defects],
            shortest=shortest,
        )
        self.defects = tuple(defects)
        self.shortest = shortest


@dataclass(frozen=True, slots=True)
class Profile:
    """Rules for passwords and sign-in.

    ``classes`` is how many of lower case, upper case, digits and others must occur; ``history``
    how many former passwords may not come back; ``second_factor_roles`` who must have one, by the
    names of `shared.access.Role`.
    """

    name: str
    shortest_alone: int
    shortest_with_factor: int
    limits: Limits
    session_idle: timedelta
    session_life: timedelta
    classes: int = 0
    history: int = 0
    longest_life: timedelta | None = None
    second_factor_roles: frozenset[str] = field(default_factory=frozenset)

    def shortest(self, *, with_factor: bool) -> int:
        return self.shortest_with_factor if with_factor else self.shortest_alone

    def expired(self, changed_at: datetime, now: datetime) -> bool:
        """Whether the password has to be changed at the next sign-in."""
        return self.longest_life is not None and now - changed_at >= self.longest_life


PROFILES: Mapping[str, Profile] = {
    "nist": Profile(
        name="nist",
        shortest_alone=15,
        shortest_with_factor=8,
        limits=Limits(Limit(burst=10, interval=timedelta(minutes=5))),
        session_idle=timedelta(hours=24),
        session_life=timedelta(days=14),
    ),
    "djbh3": Profile(
        name="djbh3",
        shortest_alone=8,
        shortest_with_factor=8,
        limits=Limits(
            Limit(burst=5, interval=timedelta(minutes=2), lock=timedelta(minutes=10)),
        ),
        session_idle=timedelta(minutes=30),
        session_life=timedelta(hours=12),
        classes=3,
        history=5,
        longest_life=timedelta(days=90),
        second_factor_roles=frozenset(
            {"administrator", "security_administrator", "auditor", "reviewer"}
        ),
    ),
}


def normalised(password: str) -> str:
    """The form that is hashed: NFKC (SP 800-63B-4 §3.1.1.2), any space as U+0020 (RFC 8265 §4.2).

    Full-width letters of an input method and their plain forms are thus the same password.
    """
    composed = unicodedata.normalize("NFKC", password)
    return "".join(" " if unicodedata.category(each) == "Zs" else each for each in composed)


def blocklist(words: Iterable[str]) -> frozenset[str]:
    """Common passwords in lower case, with what is left of each without its digits and marks."""
    known = frozenset(words)
    stems = {_stem(word) for word in known}
    return known | {stem for stem in stems if len(stem) >= _SHORTEST_STEM}


def defects(
    profile: Profile,
    password: str,
    *,
    with_factor: bool,
    common: Collection[str],
    context: Collection[str],
) -> list[Defect]:
    """Everything wrong with a normalised password; `context` holds the person's own names and the
    platform's, `common` is a `blocklist`."""
    folded = password.casefold()
    found = {
        Defect.TOO_SHORT: len(password) < profile.shortest(with_factor=with_factor),
        Defect.TOO_LONG: len(password) > LONGEST,
        Defect.STRANGE_CHARACTER: any(unicodedata.category(c) in _STRANGE for c in password),
        Defect.COMMON: folded in common or _stem(folded) in common,
        Defect.PATTERN: _is_pattern(folded, common),
        Defect.CONTAINS_NAME: any(_is_mostly(folded, word) for word in context),
        Defect.TOO_FEW_CLASSES: len({_class(each) for each in password}) < profile.classes,
    }
    return [defect for defect, holds in found.items() if holds]


def _class(character: str) -> str:
    if character.isdecimal():
        return "digit"
    return {"Ll": "lower", "Lu": "upper"}.get(unicodedata.category(character), "other")


def _stem(folded: str) -> str:
    """Without the digits and marks that people put before and after a word."""
    letters = [place for place, each in enumerate(folded) if each.isalpha()]
    return folded[letters[0] : letters[-1] + 1] if letters else folded


def _is_pattern(folded: str, common: Collection[str]) -> bool:
    """One short thing again and again, or a walk over the alphabet, the digits or a keyboard."""
    period = (folded + folded).find(folded, 1)
    unit = folded[:period]
    if period < len(folded) and (period <= 4 or unit in common or _stem(unit) in common):
        return True
    return any(folded in walk or folded[::-1] in walk for walk in _WALKS)


def _is_mostly(folded: str, word: str) -> bool:
    """Whether `word` stands in the password and little else does."""
    needle = word.casefold()
    if len(needle) < _SHORTEST_CONTEXT_WORD or needle not in folded:
        return False
    return len(folded.replace(needle, "")) < _LEFT_BESIDE_CONTEXT
