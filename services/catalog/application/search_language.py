"""With which words queries are read: those of the vocabularies, and those that the index holds."""

import asyncio
from collections.abc import Sequence

from services.catalog.application.search_ports import Indexed, Names, Published, SearchIndex
from services.catalog.domain.search import SearchUnavailable
from services.catalog.search.analysis import analyse
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.queries import Reader, Understood
from services.catalog.search.recent import Recent
from services.catalog.search.segmentation import Segmenter

MOST_WORDS = 20_000
"""The commonest words of the index, which a mistyped one may have been: about 15 MB."""
MOST_TEXT_WORDS = 20_000
"""Those of texts alone: about as much again where there are so many."""
_MOST_READINGS = 500


class Language:
    """One for a process: what is indexed and what is asked must be cut into the same words."""

    def __init__(self) -> None:
        self._segmenter = Segmenter()
        self._reader: Reader | None = None
        self._literal = Recent[str, Understood](_MOST_READINGS)
        self._corrected = Recent[str, tuple[Understood | None]](_MOST_READINGS)

    @property
    def reader(self) -> Reader:
        """Raises `SearchUnavailable` before the first `learn`."""
        if self._reader is None:
            raise SearchUnavailable(
                "Search is starting: try again in a moment.", zh="搜索正在启动，请稍后再试。"
            )
        return self._reader

    def literal(self, query: str) -> Understood:
        """`Reader.literal`, remembered. Raises `SearchUnavailable`."""
        found = self._literal.get(query)
        if found is None:
            found = self.reader.literal(query)
            self._literal.put(query, found)
        return found

    async def corrected(self, query: str) -> Understood | None:
        """`Reader.corrected`, beside the event loop and remembered. Raises `SearchUnavailable`."""
        found, reader = self._corrected.get(query), self.reader
        if found is None:
            found = (await asyncio.to_thread(reader.corrected, query),)
            if reader is self._reader:
                self._corrected.put(query, found)
        return found[0]

    async def analyse(self, batch: Sequence[Published]) -> Sequence[Indexed]:
        """What is indexed of each, worked out beside the event loop."""
        documents = [each.document for each in batch]
        return await asyncio.to_thread(
            lambda: [Indexed(each, analyse(each, self._segmenter)) for each in documents]
        )

    async def learn_names(self, names: Names) -> None:
        """Take the names of terms for words, before anything is indexed or asked."""
        told = [each for several in names.values() for each in several]
        await asyncio.to_thread(self._segmenter.learn, told)
        self._forget()

    async def learn(self, index: SearchIndex, names: Names) -> None:
        """Read queries with the words that `index` holds now."""
        frequencies = await index.words(MOST_WORDS)
        texts = await index.words(MOST_TEXT_WORDS, texts=True)
        known = frozenset(each for several in names.values() for each in several if len(each) > 1)
        lexicon = await asyncio.to_thread(Lexicon, frequencies, known, texts)
        self._reader = Reader(self._segmenter, lexicon)
        self._forget()

    def _forget(self) -> None:
        self._literal.clear()
        self._corrected.clear()
