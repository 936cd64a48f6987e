"""Words of Chinese texts."""

from collections.abc import Iterable, Iterator
from threading import Lock

from services.catalog.search.text import Script, fold, runs

STOP_WORDS = frozenset("的了与和及之在是吗")
_LONGEST_TERM = 16


class Segmenter:
    """Cuts text into words, by the dictionary of jieba and the terms it was given.

    What is no word of theirs falls into single characters, in texts and in queries alike: no word
    is guessed, so both are always cut the same way.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self.learnt = 0
        self._lock = Lock()

    def learn(self, terms: Iterable[str]) -> None:
        """Take each run of Han characters in `terms` for a word from now on."""
        found = {run for term in terms for script, run in runs(fold(term)) if script is Script.HAN}
        new = {run for run in found - self._known if 1 < len(run) <= _LONGEST_TERM}
        # Imported here, as below: its dictionary takes 33 MB and a third of a second.
        import rjieba

        with self._lock:
            for word in new:
                rjieba.add_word(word, None, None)
        self._known |= new
        self.learnt += len(new)

    def cut(self, text: str) -> list[str]:
        """The words of a query: none overlaps another."""
        return [word for run in runs(fold(text)) for word in self._cut(*run)]

    def cut_all(self, text: str) -> Iterator[str]:
        """The words of a text, with the shorter ones inside long ones: 三年级 has 年级 too."""
        import rjieba

        for script, run in runs(fold(text)):
            if script is Script.LATIN:
                yield run
                continue
            with self._lock:
                words = rjieba.cut_for_search(run, False)
            yield from words

    def _cut(self, script: Script, run: str) -> list[str]:
        import rjieba

        if script is Script.LATIN:
            return [run]
        with self._lock:
            return list(rjieba.cut(run, False))
