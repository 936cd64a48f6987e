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

    ``known`` words, the names of terms, may be shown to anybody while typing. Words that stand in
    ``texts`` alone are told apart: what is asked for is looked for in titles first.
    """

    def __init__(
        self,
        frequencies: Mapping[str, int],
        known: frozenset[str] = frozenset(),
        texts: Mapping[str, int] | None = None,
    ) -> None:
        alone = {word: n for word, n in (texts or {}).items() if word not in frequencies}
        self._words, self._texts = _Words(frequencies), _Words(alone)
        self._completions = sorted(
            {(form, word) for word in known for form in (word, "".join(reading(word)))}
        )

    def frequency(self, word: str) -> int:
        """In how many documents `word` stands, if not in texts alone."""
        return self._words.frequencies.get(word, 0)

    def in_texts(self, word: str) -> bool:
        """Whether `word` stands in texts, and nowhere else."""
        return word in self._texts.frequencies

    def knows(self, letters: str) -> bool:
        """Whether they are a word, or how one sounds."""
        return any(
            letters in words.frequencies or letters in words.by_pinyin
            for words in (self._words, self._texts)
        )

    def sounding(self, pinyin: str) -> list[str]:
        """The words with these syllables, written together, the commonest first."""
        return self._words.by_pinyin.get(pinyin, [])

    def sounding_in_texts(self, pinyin: str) -> list[str]:
        """Likewise, of those that stand in texts alone."""
        return self._texts.by_pinyin.get(pinyin, [])

    def abbreviated(self, letters: str) -> list[str]:
        """The words of three characters and more with these initials, in texts alone."""
        return self._texts.by_initials.get(letters, [])

    def alike(self, word: str) -> str | None:
        """The commonest word of as many characters, at least three, of which one differs."""
        return self._words.alike(word)

    def mistyped(self, letters: str) -> str | None:
        """The commonest word whose pinyin, or Latin word, is one letter away from `letters`: put
        in, left out, another, or exchanged with its neighbour."""
        return self._words.mistyped(letters)

    def mistyped_in_texts(self, letters: str) -> str | None:
        """Likewise, of those that stand in texts alone."""
        return self._texts.mistyped(letters)

    def completions(self, beginning: str, limit: int) -> list[str]:
        """Names of terms that begin, or whose pinyin begins, with `beginning`; the commonest
        first."""
        start = bisect.bisect_left(self._completions, (beginning, ""))
        found = dict[str, None]()
        for form, word in self._completions[start:]:
            if not form.startswith(beginning):
                break
            found[word] = None
        return sorted(found, key=self._words.rank, reverse=True)[:limit]


class _Words:
    """Each list begins with the commonest."""

    def __init__(self, frequencies: Mapping[str, int]) -> None:
        self.frequencies = frequencies
        self.by_pinyin: dict[str, list[str]] = {}
        self.by_initials: dict[str, list[str]] = {}
        self._by_frame: dict[tuple[int, str, int], list[str]] = {}
        for word in sorted(frequencies, key=lambda word: (-frequencies[word], word)):
            if len(word) < 2 or not is_han(word):
                continue
            syllables = reading(word)
            self.by_pinyin.setdefault("".join(syllables), []).append(word)
            if len(word) > 2:  # of a word of two, one character says too little
                letters = "".join(each[0] for each in syllables)
                self.by_initials.setdefault(letters, []).append(word)
                for place in (0, len(word) - 1):
                    self._by_frame.setdefault((len(word), word[place], place), []).append(word)

    def rank(self, word: str) -> tuple[int, str]:
        return self.frequencies.get(word, 0), word

    def alike(self, word: str) -> str | None:
        near = (
            other
            for place in (0, len(word) - 1)
            for other in self._by_frame.get((len(word), word[place], place), ())
            if sum(a != b for a, b in zip(word, other, strict=True)) == 1
        )
        return max(near, key=self.rank, default=None)

    def mistyped(self, letters: str) -> str | None:
        if not _SHORTEST_TYPO <= len(letters) <= LONGEST_PINYIN or not is_letters(letters):
            return None
        found = set[str]()
        for each in _one_letter_away(letters):
            if each in self.frequencies:
                found.add(each)
            found.update(self.by_pinyin.get(each, ())[:1])
        return max(found, key=self.rank, default=None)


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
