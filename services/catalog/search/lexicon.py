"""The words that an index holds: what a mistyped word was meant to be."""

import bisect
from collections.abc import Iterator, Mapping
from string import ascii_lowercase

from services.catalog.search.pinyin import is_letters, reading
from services.catalog.search.text import is_han

LONGEST_PINYIN = 24
_SHORTEST_TYPO = 4


class Lexicon:
    """Words of the index with the number of documents that have each, and their pinyin.

    ``known`` words, the names of terms, may be shown to anybody while typing.
    """

    def __init__(self, frequencies: Mapping[str, int], known: frozenset[str] = frozenset()) -> None:
        self._frequencies = frequencies
        self._by_pinyin: dict[str, list[str]] = {}
        self._by_frame: dict[tuple[int, str, int], list[str]] = {}
        for word in frequencies:
            if len(word) < 2 or not is_han(word):
                continue
            self._by_pinyin.setdefault("".join(reading(word)), []).append(word)
            if len(word) > 2:  # of a word of two, one character says too little
                for place in (0, len(word) - 1):
                    self._by_frame.setdefault((len(word), word[place], place), []).append(word)
        for words in self._by_pinyin.values():
            words.sort(key=lambda word: (-frequencies[word], word))
        self._completions = sorted(
            {(form, word) for word in known for form in (word, "".join(reading(word)))}
        )

    def frequency(self, word: str) -> int:
        """In how many documents `word` stands."""
        return self._frequencies.get(word, 0)

    def sounding(self, pinyin: str) -> list[str]:
        """The words with these syllables, written together, the commonest first."""
        return self._by_pinyin.get(pinyin, [])

    def alike(self, word: str) -> str | None:
        """The commonest word of as many characters, at least three, of which one differs."""
        places = (0, len(word) - 1)
        near = (
            other
            for place in places
            for other in self._by_frame.get((len(word), word[place], place), ())
            if sum(a != b for a, b in zip(word, other, strict=True)) == 1
        )
        return max(near, key=self._rank, default=None)

    def mistyped(self, letters: str) -> str | None:
        """The commonest word whose pinyin, or Latin word, is one letter away from `letters`: put
        in, left out, another, or exchanged with its neighbour."""
        if not _SHORTEST_TYPO <= len(letters) <= LONGEST_PINYIN or not is_letters(letters):
            return None
        found = set()
        for each in _one_letter_away(letters):
            if each in self._frequencies:
                found.add(each)
            found.update(self._by_pinyin.get(each, ())[:1])
        return max(found, key=self._rank, default=None)

    def completions(self, beginning: str, limit: int) -> list[str]:
        """Names of terms that begin, or whose pinyin begins, with `beginning`; the commonest
        first."""
        start = bisect.bisect_left(self._completions, (beginning, ""))
        found = dict[str, None]()
        for form, word in self._completions[start:]:
            if not form.startswith(beginning):
                break
            found[word] = None
        return sorted(found, key=self._rank, reverse=True)[:limit]

    def _rank(self, word: str) -> tuple[int, str]:
        return self._frequencies.get(word, 0), word


def _one_letter_away(letters: str) -> Iterator[str]:
    for place in range(len(letters) + 1):
        before, after = letters[:place], letters[place:]
        for letter in ascii_lowercase:
            yield before + letter + after
        if not after:
            continue
        yield before + after[1:]
        for letter in ascii_lowercase:
            yield before + letter + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
