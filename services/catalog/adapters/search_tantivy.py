"""The index in this process, by tantivy: the engine that a school on one machine needs.

In the directory lies one folder for each generation of the index, and a file that names the one in
use. A rebuild fills a new folder, which may be done by another process, and replaces that file.
The place in the feed of changes is a document of its own, so it is committed with the others.
"""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from services.catalog.adapters.search_remembered import Remembered
from services.catalog.adapters.search_tantivy_queries import ALL_WORDS, FACET_FIELDS, Queries
from services.catalog.application.search_ports import Indexed
from services.catalog.domain.changes import BEGINNING, Place
from services.catalog.domain.search import (
    Facet,
    Found,
    Hit,
    Query,
    SearchUnavailable,
    Sort,
)
from shared.ids import uuid7

if TYPE_CHECKING:
    import tantivy

HEAP_BYTES = 15_000_000
_CURRENT = "current"
_PLACE = "place"
_MOST_BUCKETS = 200
_STORED = ("id", "version", "stored_title", "stored_description", "stored_text")
_TOKENS = ("title", "names", "description", "text", "characters", "syllables", "initials")


class _Generation:
    """One folder, open. Its writer is opened by the first change and closed with it."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        # Imported here: a process that never searches need not load it.
        import tantivy

        self.folder = folder
        if create:
            folder.mkdir(parents=True)
            self.index = tantivy.Index(_schema(), str(folder))
        else:
            self.index = tantivy.Index.open(str(folder))
        words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self.index.register_tokenizer("words", words)
        self.index.config_reader("manual")
        self.queries = Queries(self.index.schema)
        self._writer: tantivy.IndexWriter | None = None
        self.place = None if create else self._placed()

    def write(self, batch: Sequence[Indexed], removals: Sequence[UUID]) -> None:
        writer = self._opened()
        for removed in (*removals, *(each.document.id for each in batch)):
            writer.delete_documents_by_term("id", str(removed))
        for each in batch:
            writer.add_document(_document(each))

    def commit(self, place: Place) -> None:
        import tantivy

        writer, mark = self._opened(), tantivy.Document()
        mark.add_text("id", _PLACE)
        mark.add_text("stored_title", f"{place.transaction} {place.position}")
        writer.delete_documents_by_term("id", _PLACE)
        writer.add_document(mark)
        writer.commit()
        self.index.reload()
        # Last: a query that read it found all that it promises.
        self.place = place

    def _placed(self) -> Place | None:
        searcher = self.index.searcher()
        found = searcher.search(self.queries.identified(_PLACE), 1, count=False).hits
        if not found:
            return None
        told: str = searcher.doc(found[0][1])["stored_title"][0]
        transaction, position = told.split()
        return Place(int(transaction), int(position))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.wait_merging_threads()
            self._writer = None

    def _opened(self) -> "tantivy.IndexWriter":
        if self._writer is None:
            self._writer = self.index.writer(HEAP_BYTES, 1)
        return self._writer


class TantivyIndex:
    """A `SearchIndex` in `directory`, or in one that ends with this object. One process writes;
    what was applied is found again after any kill."""

    def __init__(self, directory: Path | None) -> None:
        self._given = directory
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._open: _Generation | None = None
        self._changing = threading.Lock()
        self._remembered = Remembered()
        # Threads of its own, a core each: queries wait for no slow call to another server.
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "search")

    @property
    def _directory(self) -> Path:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = tempfile.TemporaryDirectory(prefix="shuyuan-search-")
        return Path(self._own.name)

    async def place(self) -> Place | None:
        return await asyncio.to_thread(self._place)

    def _place(self) -> Place | None:
        with self._changing:
            generation = self._current()
            return generation.place if generation else None

    async def apply(self, batch: Sequence[Indexed], removals: Sequence[UUID], place: Place) -> None:
        await asyncio.to_thread(self._apply, batch, removals, place)

    def _apply(self, batch: Sequence[Indexed], removals: Sequence[UUID], place: Place) -> None:
        with self._changing:
            generation = self._current()
            if generation is None:
                raise _unbuilt()
            generation.write(batch, removals)
            generation.commit(place)

    async def search(self, query: Query) -> Found:
        generation = self._open
        if generation is None:
            raise _unbuilt()
        # Read before the index is: what is found then may be newer, never older.
        state = (generation.folder, generation.place)
        found = self._remembered.get(state, query)
        if found is None:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, _search, generation, query)
            self._remembered.put(state, query, found)
        return found

    def ask(self, query: Query) -> Found:
        """Like `search`, in this thread, and always of the engine."""
        generation = self._open
        if generation is None:
            raise _unbuilt()
        return _search(generation, query)

    async def words(self, limit: int, *, texts: bool = False) -> Mapping[str, int]:
        generation = self._open
        if generation is None:
            raise _unbuilt()
        names = ("text",) if texts else ("title", "names", "description")
        return await asyncio.to_thread(_words, generation, names, limit)

    async def build(self) -> "TantivyBuilder":
        folder = self._directory / str(uuid7())
        generation = await asyncio.to_thread(_Generation, folder, create=True)
        return TantivyBuilder(self._directory, generation)

    def close(self) -> None:
        with self._changing:
            if self._open is not None:
                self._open.close()
                self._open = None
        self._threads.shutdown(wait=False)

    def _current(self) -> _Generation | None:
        """The generation that the file names, opened; others are left behind by now."""
        try:
            name = (self._directory / _CURRENT).read_text().strip()
        except FileNotFoundError:
            return None
        if self._open is None or self._open.folder.name != name or not self._open.folder.is_dir():
            before, folder = self._open, self._directory / name
            if not (folder / "meta.json").is_file():
                return None
            self._open = _Generation(folder)
            if before is not None:
                before.close()
            _remove_others(self._directory, name)
        return self._open


class TantivyBuilder:
    """An `IndexBuilder`."""

    def __init__(self, directory: Path, generation: _Generation) -> None:
        self._directory = directory
        self._generation = generation
        self._swapped = False

    async def add(self, batch: Sequence[Indexed]) -> None:
        await asyncio.to_thread(self._generation.write, batch, ())

    async def swap(self, place: Place) -> None:
        await asyncio.to_thread(self._swap, place)

    def _swap(self, place: Place) -> None:
        self._generation.commit(place)
        self._generation.close()
        fresh = self._directory / f"{_CURRENT}.{self._generation.folder.name}"
        fresh.write_text(self._generation.folder.name)
        fresh.replace(self._directory / _CURRENT)
        self._swapped = True

    async def abandon(self) -> None:
        if not self._swapped:
            self._generation.close()
            await asyncio.to_thread(shutil.rmtree, self._generation.folder, ignore_errors=True)


def _remove_others(directory: Path, name: str) -> None:
    """Folders older than the one in use; a newer one is being filled. Names are in time's order."""
    for folder in directory.iterdir():
        if folder.is_dir() and folder.name < name:
            shutil.rmtree(folder, ignore_errors=True)


def _unbuilt() -> SearchUnavailable:
    return SearchUnavailable(
        "The search index is being built: try again in a moment.",
        zh="搜索索引正在建立，请稍后再试。",
    )


def _schema() -> "tantivy.Schema":
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    schema.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    schema.add_integer_field("version", stored=True)
    schema.add_integer_field("published_at", fast=True)
    for name in ("title", "names", "description", "text", "initials"):
        schema.add_text_field(name, tokenizer_name="words", index_option="freq")
    schema.add_text_field(ALL_WORDS, tokenizer_name="words", index_option="basic")
    for name in ("characters", "syllables"):
        schema.add_text_field(name, tokenizer_name="words", index_option="position")
    for name in ("stored_title", "stored_description", "stored_text"):
        schema.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in FACET_FIELDS.values():
        schema.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    return schema.build()


def _document(indexed: Indexed) -> "tantivy.Document":
    import tantivy

    document, analysed = indexed.document, indexed.analysed
    made = tantivy.Document()
    made.add_text("id", str(document.id))
    made.add_text("kind", "resource")
    made.add_integer("version", document.version)
    made.add_integer("published_at", int(document.published_at.timestamp()))
    for name in _TOKENS:
        made.add_text(name, " ".join(getattr(analysed, name)))
    words = {*analysed.title, *analysed.names, *analysed.description, *analysed.text}
    made.add_text(ALL_WORDS, " ".join(words))
    for name in ("title", "description", "text"):
        made.add_text(f"stored_{name}", getattr(document, name))
    for facet, values in document.facets.items():
        for value in values:
            made.add_text(FACET_FIELDS[facet], value)
    return made


def _search(generation: _Generation, query: Query) -> Found:
    place = generation.place or BEGINNING
    searcher = generation.index.searcher()
    matching = generation.queries.matching(query)
    found = searcher.search(
        generation.queries.ranked(query, matching) if query.limit else matching,
        max(query.limit, 1),
        offset=query.offset,
        order_by_field="published_at" if query.sort is Sort.NEWEST else None,
    )
    total: int = found.count  # type: ignore[attr-defined]  # which its stub has not
    counts: Mapping[Facet, Mapping[str, int]] = {facet: {} for facet in query.facets}
    if total and query.facets:
        counts = _counts(searcher, matching, query.facets)
    hits = [_hit(searcher.doc(address)) for _, address in found.hits[: query.limit]]
    return Found(total, hits, counts, place)


def _counts(
    searcher: "tantivy.Searcher", asked: "tantivy.Query", facets: Sequence[Facet]
) -> Mapping[Facet, Mapping[str, int]]:
    wanted = {
        facet.value: {"terms": {"field": FACET_FIELDS[facet], "size": _MOST_BUCKETS}}
        for facet in facets
    }
    told = searcher.aggregate(asked, wanted)
    return {
        facet: {each["key"]: each["doc_count"] for each in told[facet.value]["buckets"]}
        for facet in facets
    }


def _hit(document: "tantivy.Document") -> Hit:
    told = document.to_dict()
    return Hit(*(told[name][0] for name in _STORED))


def _words(generation: _Generation, names: Sequence[str], limit: int) -> Mapping[str, int]:
    searcher = generation.index.searcher()
    found: dict[str, int] = {}
    for name in names:
        for word, documents in searcher.terms_with_prefix(name, "", limit=limit):
            found[word] = max(found.get(word, 0), documents)
    commonest = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return dict(commonest[:limit])
