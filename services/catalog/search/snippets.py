"""What of a text answers a query, as HTML: all is escaped, and nothing but ``<mark>`` is added."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from services.catalog.domain.search import Alternative, Field, Unit
from services.catalog.search.pinyin import reading
from services.catalog.search.text import Script, runs

WIDTH = 120
_LEAD = 24
_MOST_MARKS = 20
_LONGEST_LOOKED_THROUGH = 20_000
_LINE_END = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SIGNS = re.compile("[&<>\"']")

Span = tuple[int, int]


class Marks:
    """What to mark in the hits of one query."""

    def __init__(self, units: Sequence[Unit]) -> None:
        alternatives = [each for unit in units for each in unit]
        words = {word for each in alternatives for word in _words(each)}
        longest_first = sorted(words, key=lambda word: (-len(word), word))
        self._words = (
            re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE) if words else None
        )
        self._sounds = [
            "".join(each.terms)
            for each in alternatives
            if each.field in (Field.SYLLABLES, Field.INITIALS)
        ]

    def whole(self, text: str) -> str:
        """All of `text`."""
        return _marked(text, self._spans(text) or list(self._heard(text)))

    def excerpt(self, text: str) -> str | None:
        """About `WIDTH` characters around what is marked first; None where nothing is."""
        spans = self._spans(text[:_LONGEST_LOOKED_THROUGH]) if text else []
        if not spans:
            return None
        if len(text) <= WIDTH:
            return _marked(_LINE_END.sub(" ", text), spans)
        start = max(0, spans[0][0] - _LEAD)
        end = min(len(text), start + WIDTH)
        inside = [(a - start, b - start) for a, b in spans if b <= end]
        told = _marked(_LINE_END.sub(" ", text[start:end]), inside)
        return f"{'…' if start else ''}{told}{'…' if end < len(text) else ''}"

    def _spans(self, text: str) -> list[Span]:
        if self._words is None:
            return []
        found = []
        for each in self._words.finditer(text):
            found.append(each.span())
            if len(found) == _MOST_MARKS:
                break
        return found

    def _heard(self, text: str) -> Iterator[Span]:
        """Where the characters of `text` sound, or begin to sound, as what was typed."""
        if not self._sounds:
            return
        for script, run in runs(text):
            if script is not Script.HAN:
                continue
            start, syllables = text.index(run), reading(run)
            for sound in self._sounds:
                span = _place(sound, syllables)
                if span is not None:
                    yield start + span[0], start + span[1]
                    return


def _words(alternative: Alternative) -> Sequence[str]:
    match alternative.field:
        case Field.WORDS:
            return alternative.terms
        case Field.CHARACTERS:
            return ("".join(alternative.terms),)
        case _:
            return ()


def _pattern(word: str) -> str:
    """Latin words are marked where they begin, not inside another."""
    return rf"\b{re.escape(word)}" if word.isascii() else re.escape(word)


def _place(sound: str, syllables: Sequence[str]) -> Span | None:
    for start in range(len(syllables)):
        whole = letters = ""
        for end in range(start, len(syllables)):
            whole += syllables[end]
            letters += syllables[end][0]
            if sound in (whole, letters):
                return start, end + 1
            if len(letters) > len(sound):
                break
    return None


def _marked(text: str, spans: Sequence[Span]) -> str:
    html = escape if _SIGNS.search(text) else str
    told, end = "", 0
    for start, until in spans:
        told += f"{html(text[end:start])}<mark>{html(text[start:until])}</mark>"
        end = until
    return told + html(text[end:])
