"""Term lists (词表) for machine review: versions with effective dates, and where their terms occur.

Machine review points at places; people judge. Texts are compared in NFKC, case folded, without
spaces, marks and whatever else shows nothing by itself, so that a term is found however it is
spaced or marked; positions are those of the text as it is.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import ahocorasick  # type: ignore[import-not-found]  # it ships no types

from shared.errors import DomainError

_DROPPED = frozenset({"Zs", "Zl", "Zp", "Cf", "Cc", "Mn", "Me"})
_FILLERS = frozenset("\u115f\u1160\u2800")
"""Letters and symbols that are blank; the other two fillers of Hangul (U+3164, U+FFA0) come to
U+1160 in NFKC."""


class TermListRefused(DomainError):
    """Terms that nothing is left of, or dates in the wrong order; ``errors``."""


@dataclass(frozen=True, slots=True)
class ListedTerm:
    """``category`` says what it is about, in the operator's words."""

    term: str
    category: str


@dataclass(frozen=True, slots=True)
class TermList:
    """In effect from ``effective_from`` until, exclusive, ``effective_until`` or, where that is
    None, until a later version is in effect. ``version`` counts from 1."""

    name: str
    version: int
    effective_from: datetime
    effective_until: datetime | None
    terms: Sequence[ListedTerm]


@dataclass(frozen=True, slots=True)
class Hit:
    """A term of a list at ``start`` to ``end`` of a text, in characters from 0, end exclusive."""

    list: str
    version: int
    term: str
    category: str
    start: int
    end: int


def folded(text: str) -> tuple[str, list[int]]:
    """`text` as it is compared, and of which character of it each one comes."""
    kept, places = list[str](), list[int]()
    for place, each in enumerate(text):
        for symbol in _shown(each):
            kept.append(symbol)
            places.append(place)
    return "".join(kept), places


@lru_cache(maxsize=1 << 16)
def _shown(character: str) -> str:
    """What is compared of it. A letter with a mark counts as the letter, whether the mark is part
    of it or follows it."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", character).casefold())
    bare = "".join(
        each
        for each in apart
        if unicodedata.category(each) not in _DROPPED and each not in _FILLERS
    )
    return unicodedata.normalize("NFKC", bare)


class Matcher:
    """Finds the terms of all `lists` in one pass (Aho and Corasick 1975)."""

    def __init__(self, lists: Sequence[TermList]) -> None:
        known = dict[str, list[tuple[TermList, ListedTerm]]]()
        for each in lists:
            for term in each.terms:
                known.setdefault(folded(term.term)[0], []).append((each, term))
        self._automaton = ahocorasick.Automaton()
        for key, meant in known.items():
            if key:
                self._automaton.add_word(key, (len(key), meant))
        self._is_empty = not len(self._automaton)
        if not self._is_empty:
            self._automaton.make_automaton()

    def hits(self, text: str) -> Iterator[Hit]:
        """Every occurrence, in order of its end; one term may lie in another."""
        if self._is_empty:
            return
        compared, places = folded(text)
        for last, (length, meant) in self._automaton.iter(compared):
            start, end = places[last - length + 1], places[last] + 1
            for each, term in meant:
                yield Hit(each.name, each.version, term.term, term.category, start, end)


def texts_of(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every string of the metadata, with its RFC 6901 pointer."""
    yield from _strings("", metadata)


def _strings(pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _strings(f"{pointer}/{escaped}", inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _strings(f"{pointer}/{index}", inner)
