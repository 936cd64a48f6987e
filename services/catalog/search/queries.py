"""What a query asks for: literally, and what was probably meant where that finds too little."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from services.catalog.domain.search import Alternative, Field, Unit
from services.catalog.search.lexicon import LONGEST_PINYIN, Lexicon
from services.catalog.search.pinyin import (
    MOST_INITIALS,
    SYLLABLES,
    is_letters,
    reading,
    split,
)
from services.catalog.search.segmentation import STOP_WORDS, Segmenter
from services.catalog.search.synonyms import SYNONYMS
from services.catalog.search.text import Script, fold, runs, spelled_out

LONGEST_QUERY = 200
MOST_UNITS = 16
LONGEST_MENDED = 40
"""A longer run of characters or letters is taken as it stands: to mend it would take too long."""

_IN_TEXTS = 1.2
"""What a syllable of a word costs that stands in texts alone: less than a single syllable, and more
than any word that titles have."""
_SAME_SOUND, _SYNONYM, _CORRECTED = 0.9, 0.8, 0.6
_MOST_SAME = 3
_ENGLISH = 0.9
_MOST_SPANS = 30


@dataclass(frozen=True, slots=True)
class Understood:
    """``meant`` is the query as it should have been written, where that is another; ``told`` are
    the words in it that were not typed, but are known of the index."""

    units: tuple[Unit, ...]
    meant: str | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """What becomes one unit: the words or letters typed, and the word they were mistaken for."""

    script: Script
    typed: tuple[str, ...]
    meant: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.typed)


class Reader:
    """Reads queries with the words of one index."""

    def __init__(self, segmenter: Segmenter, lexicon: Lexicon) -> None:
        self._segmenter = segmenter
        self._lexicon = lexicon

    def literal(self, query: str, *, unfinished: bool = False) -> Understood:
        """The query as it stands; the last word of one that is `unfinished` may be a beginning."""
        pieces = list(islice(self._pieces(query), MOST_UNITS))
        units = [self._unit(piece) for piece in pieces]
        if unfinished and pieces:
            units[-1] = self._beginning(pieces[-1], units[-1])
        return Understood(tuple(units))

    def corrected(self, query: str) -> Understood | None:
        """With what was probably meant beside what stands there; None if nothing seems wrong."""
        mended = (each for run in self._joined(query) for each in self._mended(run))
        pieces = list(islice(mended, MOST_UNITS))
        if not any(piece.meant for piece in pieces):
            return None
        units = []
        for piece in pieces:
            unit = self._unit(piece)
            if piece.meant:
                words = tuple(self._segmenter.cut(piece.meant))
                unit = (*unit, Alternative(Field.WORDS, words, _CORRECTED))
            units.append(unit)
        rewritten = self._rewritten(pieces)
        typed = {each for piece in pieces for each in piece.typed}
        told = tuple(word for word in rewritten if word not in typed)
        return Understood(tuple(units), _written(rewritten), told)

    def words(self, text: str) -> list[str]:
        """The words that tell what a text is about, each once."""
        return [
            word
            for word in dict.fromkeys(self._segmenter.cut(text))
            if word not in STOP_WORDS and len(word) > 1
        ]

    def completed(self, query: str, limit: int) -> list[str]:
        """`query` with its last word completed to the name of a term."""
        folded = fold(query[:LONGEST_QUERY]).strip()
        words = self._segmenter.cut(folded)
        if not words or not folded.endswith(words[-1]):
            return []
        before = folded.removesuffix(words[-1])
        return [before + each for each in self._lexicon.completions(words[-1], limit)]

    def _pieces(self, query: str) -> Iterator[_Piece]:
        """Words; single characters that stand together, as what no dictionary knows is one; Latin
        words; words in pinyin."""
        for piece in self._joined(query):
            yield from (
                _united(piece.typed) if piece.script is Script.HAN else self._spelled(piece)
            )

    def _joined(self, query: str) -> Iterator[_Piece]:
        """Runs: the words of Han characters without those that say nothing, and the Latin words."""
        latin: list[str] = []
        for script, run in runs(spelled_out(fold(query[:LONGEST_QUERY]))):
            if script is Script.LATIN:
                latin.append(run)
                continue
            if latin:
                yield _Piece(Script.LATIN, tuple(latin))
                latin = []
            if words := tuple(self._segmenter.cut(run)):
                yield _Piece(script, words)
        if latin:
            yield _Piece(Script.LATIN, tuple(latin))

    # Pinyin

    def _spelled(self, piece: _Piece) -> Iterator[_Piece]:
        """Latin words each for itself; those in pinyin cut into words that the index has, wherever
        the spaces are: ercihan shukejian is er ci han shu and ke jian."""
        pinyin: list[str] = []
        for token in (*piece.typed, ""):
            if token and self._is_pinyin(token):
                pinyin.append(token)
                continue
            if pinyin:
                yield from self._words_of("".join(pinyin), pinyin)
                pinyin = []
            if token:
                yield _Piece(Script.LATIN, (token,))

    def _is_pinyin(self, token: str) -> bool:
        if not is_letters(token) or self._lexicon.frequency(token) or token in SYNONYMS:
            return False
        found = split(token)
        return found is not None and not found[1]

    def _words_of(self, letters: str, typed: Sequence[str]) -> Iterator[_Piece]:
        """The fewest words of the lexicon, the commonest of as few, with single syllables where it
        has none."""
        cuts = self._covered(letters)
        if cuts is None:
            yield from (_Piece(Script.LATIN, (each,)) for each in typed)
            return
        loose: list[str] = []
        for part in (*cuts, ""):
            if part and part in SYLLABLES and not self._lexicon.sounding(part):
                loose.append(part)
                continue
            if loose:
                yield _Piece(Script.LATIN, tuple(loose))
                loose = []
            if part:
                yield _Piece(Script.LATIN, (part,))

    def _covered(self, letters: str) -> list[str] | None:
        best: list[tuple[float, list[str]] | None] = [(0.0, [])] + [None] * len(letters)
        for end in range(1, len(letters) + 1):
            for start in range(max(0, end - LONGEST_PINYIN), end):
                before, part = best[start], letters[start:end]
                if before is None or (price := self._price(part)) is None:
                    continue
                known = best[end]
                if known is None or before[0] + price < known[0]:
                    best[end] = (before[0] + price, [*before[1], part])
        return best[-1] and best[-1][1]

    def _price(self, part: str) -> float | None:
        words = self._lexicon.sounding(part)
        if words:
            return 1 - math.log10(1 + self._lexicon.frequency(words[0])) / 100
        if part in SYLLABLES:
            return 1.5
        if alone := self._lexicon.sounding_in_texts(part):
            return _IN_TEXTS * len(alone[0])
        return None

    # What was meant

    def _mended(self, run: _Piece) -> Iterator[_Piece]:
        if run.script is Script.HAN:
            long = len(run.text) > LONGEST_MENDED
            yield from _united(run.typed) if long else self._mended_han(run)
            return
        for piece in self._spelled(run):
            letters = piece.text
            if self._lexicon.knows(letters) or len(letters) > LONGEST_MENDED:
                yield piece
                continue
            yield from self._mended_letters(piece)

    def _mended_letters(self, piece: _Piece) -> Iterator[_Piece]:
        """Where one letter is wrong, the words before and after it are whole."""
        letters = piece.text
        covered = cache(self._covered)
        for mistyped in (self._lexicon.mistyped, self._lexicon.mistyped_in_texts):
            if meant := mistyped(letters):
                yield _Piece(piece.script, piece.typed, meant)
                return
            if found := _misspelt(letters, covered, mistyped):
                before, typed, meant, after = found
                yield from (_Piece(piece.script, (each,)) for each in before)
                yield _Piece(piece.script, (typed,), meant)
                yield from (_Piece(piece.script, (each,)) for each in after)
                return
        yield piece

    def _mended_han(self, run: _Piece) -> Iterator[_Piece]:
        """The cheapest cut of the run into words that the lexicon has, or has nearly."""
        text = run.text
        starts, end = set(), 0
        for word in run.typed:
            starts.add((end, end + len(word)))
            end += len(word)
        best: list[tuple[float, list[_Piece]] | None] = [(0.0, [])] + [None] * len(text)
        for end in range(1, len(text) + 1):
            for start in range(max(0, end - 8), end):
                before = best[start]
                if before is None:
                    continue
                price, piece = self._nearest(text[start:end], whole=(start, end) in starts)
                known = best[end]
                if known is None or before[0] + price < known[0]:
                    best[end] = (before[0] + price, [*before[1], piece])
        pieces = best[-1][1] if best[-1] else []
        typed: list[str] = []
        for piece in pieces:
            if piece.meant is None:
                typed += piece.typed
                continue
            yield from _united(typed)
            typed = []
            yield piece
        yield from _united(typed)

    def _nearest(self, word: str, *, whole: bool) -> tuple[float, _Piece]:
        """What it costs to take `word` for one, and what it was meant to be."""
        literal = _Piece(Script.HAN, (word,))
        frequency = self._lexicon.frequency(word)
        if len(word) == 1:
            return 1.5, literal
        if frequency:
            return 1.0 + 0.3 / (1 + frequency), literal
        sound = "".join(reading(word))
        if same := self._lexicon.sounding(sound):
            return 1.6, _Piece(Script.HAN, (word,), same[0])
        said = self._said(word, sound)
        if said and whole:
            return 1.7, said
        if alike := self._lexicon.alike(word):
            return 2.2, _Piece(Script.HAN, (word,), alike)
        if said:
            return 2.3, said
        return (1.8 if whole else 100.0), literal

    def _said(self, word: str, sound: str) -> _Piece | None:
        """`word` where texts alone have it, or one that sounds so."""
        if self._lexicon.in_texts(word):
            return _Piece(Script.HAN, (word,))
        same = self._lexicon.sounding_in_texts(sound)
        return _Piece(Script.HAN, (word,), same[0]) if same else None

    def _rewritten(self, pieces: Sequence[_Piece]) -> list[str]:
        words = list[str]()
        for piece in pieces:
            words += [piece.meant] if piece.meant else map(self._as_word, piece.typed)
        return words

    def _as_word(self, typed: str) -> str:
        """A word in pinyin that stands beside a mended one is told in characters too."""
        if self._lexicon.frequency(typed) or not typed.isascii():
            return typed
        sounding = self._lexicon.sounding(typed) or self._lexicon.sounding_in_texts(typed)
        return next(iter(sounding), typed)

    # Alternatives

    def _unit(self, piece: _Piece) -> Unit:
        if piece.script is Script.HAN:
            return tuple(self._han(piece))
        return tuple(self._latin(piece))

    def _han(self, piece: _Piece) -> Iterator[Alternative]:
        """A word that the index has is found by it; any other may stand within one."""
        text = piece.text
        if len(piece.typed) == 1:
            yield Alternative(Field.WORDS, (text,))
        if len(piece.typed) > 1 or not self._lexicon.frequency(text):
            yield Alternative(Field.CHARACTERS, tuple(text))
        yield from self._synonyms(text)

    def _synonyms(self, text: str) -> Iterator[Alternative]:
        for other in SYNONYMS.get(text, ()):
            yield Alternative(Field.WORDS, tuple(self._segmenter.cut(other)), _SYNONYM)

    def _latin(self, piece: _Piece) -> Iterator[Alternative]:
        """Words that sound so, or, where the index has none, these syllables one after another."""
        letters = piece.text
        syllables = piece.typed if len(piece.typed) > 1 else self._syllables(letters)
        if len(piece.typed) == 1:
            yield Alternative(Field.WORDS, (letters,))
            yield from self._synonyms(letters)
            if not syllables and 2 <= len(letters) <= MOST_INITIALS and is_letters(letters):
                yield Alternative(Field.INITIALS, (letters,), _ENGLISH)
                for word in self._lexicon.abbreviated(letters)[:_MOST_SAME]:
                    yield Alternative(Field.WORDS, (word,), _SAME_SOUND)
        sounding = self._lexicon.sounding(letters)
        for word in (*sounding, *self._lexicon.sounding_in_texts(letters))[:_MOST_SAME]:
            yield Alternative(Field.WORDS, (word,), _SAME_SOUND)
        if syllables and not sounding:
            yield Alternative(Field.SYLLABLES, syllables, _SAME_SOUND)

    def _syllables(self, letters: str) -> tuple[str, ...]:
        found = split(letters) if is_letters(letters) else None
        return found[0] if found and not found[1] else ()

    def _beginning(self, piece: _Piece, unit: Unit) -> Unit:
        letters = piece.text
        if piece.script is Script.HAN or not is_letters(letters):
            return unit if piece.script is Script.HAN else (*unit, _begun(Field.WORDS, letters))
        found = split(letters)
        begun = [_begun(Field.WORDS, letters)]
        if found is not None:
            syllables, rest = found
            begun.append(_begun(Field.SYLLABLES, *syllables, *([rest] if rest else [])))
        return (*unit, *begun)


def _misspelt(
    letters: str,
    covered: Callable[[str], list[str] | None],
    mistyped: Callable[[str], str | None],
) -> tuple[list[str], str, str, list[str]] | None:
    """The one word in `letters` that was mistyped, such that the fewest others are beside it: what
    is before it, it, what was meant, what is behind it."""
    best, fewest, tried = None, len(letters), 0
    for start in range(len(letters)):
        before = covered(letters[:start])
        if before is None:
            continue
        for end in range(min(len(letters), start + LONGEST_PINYIN), start + 3, -1):
            after = covered(letters[end:])
            if after is None or tried > _MOST_SPANS or len(before) + len(after) >= fewest:
                continue
            tried += 1
            if meant := mistyped(letters[start:end]):
                best, fewest = (before, letters[start:end], meant, after), len(before) + len(after)
    return best


def _written(words: Sequence[str]) -> str:
    """Chinese without spaces, as it is written; Latin words between spaces."""
    told = ""
    for word in words:
        if told and (told[-1].isascii() or word[0].isascii()):
            told += " "
        told += word
    return told


def _begun(field: Field, *terms: str) -> Alternative:
    return Alternative(field, terms, _SAME_SOUND, prefix=True)


def _united(words: Sequence[str]) -> Iterator[_Piece]:
    """A typing error breaks a word into single characters, and a new word is no word yet: those
    that stand together are one piece. Words that say nothing are left out, unless all are such."""
    telling = [word for word in words if word not in STOP_WORDS] or list(words)
    loose: list[str] = []
    for word in telling:
        if len(word) == 1:
            loose.append(word)
            continue
        if loose:
            yield _Piece(Script.HAN, tuple(loose))
            loose = []
        yield _Piece(Script.HAN, (word,))
    if loose:
        yield _Piece(Script.HAN, tuple(loose))
