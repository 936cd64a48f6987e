"""What people search for, and what they are shown.

The index may be ahead of or behind the database: every hit is looked up there before it is shown,
and what was taken down behind the place that the index has reached is neither counted nor told by
its words. So nothing appears that is not published at that moment. All of what is published may be
read by everybody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import Row, SearchIndex, SearchReads, Shown
from services.catalog.application.search_preferences import Preferences
from services.catalog.domain.changes import BEGINNING
from services.catalog.domain.search import (
    FURTHEST,
    Alternative,
    Chosen,
    Facet,
    Field,
    Found,
    Hit,
    Query,
    Sort,
    Unit,
)
from services.catalog.search.queries import Understood
from services.catalog.search.snippets import Marks
from shared.principal import Principal

FEW = 3
"""So few hits, and it is asked whether something else was meant."""

SPARE = 2
"""Hits beyond a page, in the place of those that are published no longer."""
_TERMS_SUGGESTED = 3
_TERMS_TRIED = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for; ``preferred`` adds to what is known of the caller."""

    text: str = ""
    filters: Chosen = field(default_factory=dict)
    preferred: Chosen = field(default_factory=dict)
    facets: tuple[Facet, ...] = ()
    sort: Sort = Sort.RELEVANCE
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Results:
    """``items`` are rows of lists with ``highlights``; ``next`` is the offset of the next page."""

    items: Sequence[Mapping[str, Any]]
    next: int | None
    estimated_total: int
    counts: Mapping[Facet, Mapping[str, int]]
    did_you_mean: str | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``kind`` is ``term`` or ``title``."""

    text: str
    kind: str


class Search:
    """Every method raises `SearchUnavailable` while there is no index."""

    def __init__(self, index: SearchIndex, reads: SearchReads, language: Language) -> None:
        self._index = index
        self._reads = reads
        self._language = language
        self._preferences = Preferences(reads)
        self._taken = frozenset[str]()

    async def page(self, caller: Principal | None, asked: Asked) -> Results:
        """What answers `asked`: one statement, or two for rows not shown lately, and one to four
        questions to the engine, with one more for each facet that is filtered and counted. While
        the index is behind, one statement more; and again where it tells of something that was
        taken down."""
        query = Query(
            filters=asked.filters,
            preferred=await self._preferences.of(caller, asked.preferred),
            excluded=self._taken,
            facets=asked.facets,
            sort=asked.sort,
            offset=asked.offset,
            limit=asked.limit + SPARE,
        )
        found, understood, query = await self._find(asked.text, query)
        shown = await self._shown(found, query)
        if shown.taken != query.excluded:
            self._taken = shown.taken
            query = replace(query, excluded=shown.taken)
            found, understood, query = await self._find(asked.text, query)
            shown = await self._shown(found, query)
        marks, items, seen = Marks(understood.units), list[Mapping[str, Any]](), 0
        for hit in found.hits:
            if len(items) == asked.limit:
                break
            seen += 1
            if (row := shown.rows.get(hit.id)) is not None:
                items.append({**row, "highlights": _highlights(marks, hit, row)})
        following = asked.offset + seen
        more = seen and following < min(found.total, FURTHEST)
        counts = {**found.counts, **await self._alternatives(query)}
        return Results(items, following if more else None, found.total, counts, understood.meant)

    async def suggestions(self, text: str, limit: int) -> Sequence[Suggestion]:
        """Names of terms and titles for what is being typed."""
        reader = self._language.reader
        units = reader.literal(text, unfinished=True).units
        if not units:
            return ()
        query = Query(units, len(units), limit=2 * limit + SPARE)
        found = await self._index.search(query)
        shown = await self._shown(found, query)
        rows = [shown.rows[hit.id] for hit in found.hits if hit.id in shown.rows]
        titles = dict.fromkeys(row["title"] for row in rows)
        terms = await self._answered(
            reader.completed(text, _TERMS_TRIED), Query(limit=0, excluded=shown.taken)
        )
        return [
            *(Suggestion(each, "term") for each in terms[:_TERMS_SUGGESTED]),
            *(Suggestion(each, "title") for each in titles),
        ][:limit]

    async def _shown(self, found: Found, query: Query) -> Shown:
        """Nothing is read where nothing was found of all that there is."""
        if not found.total and not query.excluded:
            return Shown({}, frozenset())
        return await self._reads.live([hit.id for hit in found.hits], found.place)

    async def _answered(self, texts: Sequence[str], query: Query) -> Sequence[str]:
        """Those of `texts` that find anything."""
        readings = [self._language.reader.literal(each).units for each in texts]
        found = await asyncio.gather(
            *(self._index.search(_asking(query, units)) for units in readings)
        )
        return [text for text, each in zip(texts, found, strict=True) if each.total]

    async def _alternatives(self, query: Query) -> Mapping[Facet, Mapping[str, int]]:
        """What the facets that are filtered hold beside what was chosen of them."""
        filtered = [facet for facet in query.facets if facet in query.filters]
        others = {
            facet: {key: values for key, values in query.filters.items() if key is not facet}
            for facet in filtered
        }
        found = await asyncio.gather(
            *(
                self._index.search(
                    replace(query, filters=others[facet], facets=(facet,), offset=0, limit=0)
                )
                for facet in filtered
            )
        )
        return {facet: each.counts[facet] for facet, each in zip(filtered, found, strict=True)}

    async def _find(self, text: str, query: Query) -> tuple[Found, Understood, Query]:
        """What was typed; where that finds few, what was meant, and behind it most of it. With the
        question that found it."""
        literal = self._language.literal(text)
        if not literal.units and text.strip():
            return Found(0, (), {}, BEGINNING), literal, replace(query, facets=())
        asked = _asking(query, literal.units)
        found = await self._index.search(asked)
        place = found.place
        if found.total >= FEW or not literal.units:
            return found, literal, asked
        understood = literal
        corrected = await self._language.corrected(text)
        if corrected is not None:
            mended = _asking(query, corrected.units)
            again = await self._index.search(mended)
            if again.total > found.total:
                found, understood, asked = again, corrected, mended
                if not await self._stand(corrected.told, query):
                    understood = replace(corrected, meant=None)
        units = understood.units
        if len(units) > 1:
            asked = _asking(query, units, spared=max(1, len(units) // 3))
            found = await self._index.search(asked)
        return replace(found, place=place), understood, asked

    async def _stand(self, words: Sequence[str], query: Query) -> bool:
        """Whether a resource that `query` may find has all the words, which may have been learnt
        of one that was taken down since."""
        units = tuple((Alternative(Field.WORDS, (word,)),) for word in words)
        counted = replace(_asking(query, units), facets=(), offset=0, limit=0)
        return (await self._index.search(counted)).total > 0


def _asking(query: Query, units: tuple[Unit, ...], spared: int = 0) -> Query:
    """`query` for documents that have all the units, but for so many."""
    return replace(query, units=units, required=len(units) - spared)


def _highlights(marks: Marks, hit: Hit, row: Row) -> Mapping[str, str]:
    """Of the version that is live, where that is the one indexed."""
    told = {"title": marks.whole(row["title"])}
    if hit.version == row["live_version"]:
        for name, text in (("description", hit.description), ("text", hit.text)):
            if (excerpt := marks.excerpt(text)) is not None:
                told[name] = excerpt
    return told
