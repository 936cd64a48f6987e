"""What people search for, and what they are shown.

The index may be ahead of or behind the database: every hit is looked up there before it is shown,
so nothing appears that is not published at that moment. All of what is published may be read by
everybody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import Row, SearchIndex, SearchReads
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
    regions_of,
)
from services.catalog.search.queries import Understood
from services.catalog.search.snippets import Marks
from shared.access import grants_of
from shared.errors import NotFound
from shared.principal import Principal

FEW = 3
"""So few hits, and it is asked whether something else was meant."""

_SPARE = 2
"""Hits beyond a page, in the place of those that are published no longer."""
_MOST_WORDS = 12
_TERMS_SUGGESTED = 3


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

    async def page(self, caller: Principal | None, asked: Asked) -> Results:
        """What answers `asked`, in one statement and one to three questions to the engine."""
        query = Query(
            filters=asked.filters,
            preferred=preferred(caller, asked.preferred),
            facets=asked.facets,
            sort=asked.sort,
            offset=asked.offset,
            limit=asked.limit + _SPARE,
        )
        found, understood = await self._find(asked.text, query)
        live = await self._live(found.hits)
        marks, items, seen = Marks(understood.units), list[Mapping[str, Any]](), 0
        for hit in found.hits:
            if len(items) == asked.limit:
                break
            seen += 1
            if (row := live.get(hit.id)) is not None:
                items.append({**row, "highlights": _highlights(marks, hit, row)})
        following = asked.offset + seen
        more = seen and following < min(found.total, FURTHEST)
        return Results(
            items, following if more else None, found.total, found.counts, understood.meant
        )

    async def suggestions(self, text: str, limit: int) -> Sequence[Suggestion]:
        """Names of terms and titles for what is being typed."""
        reader = self._language.reader
        units = reader.literal(text, unfinished=True).units
        if not units:
            return ()
        terms = [Suggestion(each, "term") for each in reader.completed(text, _TERMS_SUGGESTED)]
        found = await self._index.search(Query(units, len(units), limit=2 * limit + _SPARE))
        live = await self._live(found.hits)
        titles = dict.fromkeys(live[hit.id]["title"] for hit in found.hits if hit.id in live)
        return [*terms, *(Suggestion(each, "title") for each in titles)][:limit]

    async def related(self, resource_id: UUID, limit: int) -> Sequence[Row]:
        """What resembles a live resource: of its subject, words of its title and keywords. Raises
        `NotFound`."""
        likeness = await self._reads.likeness(resource_id)
        if likeness is None:
            raise NotFound("There is no such resource. (没有该资源)")
        words = self._language.reader.words(" ".join((likeness.title, *likeness.keywords)))[
            :_MOST_WORDS
        ]
        facets = likeness.facets
        subject = {key: facets[key] for key in (Facet.SUBJECT,) if key in facets}
        query = Query(
            tuple((Alternative(Field.WORDS, (word,)),) for word in words),
            1 if subject else max(1, len(words) // 3),
            filters=subject,
            preferred={key: facets[key] for key in _RESEMBLING if key in facets},
            limit=limit + _SPARE,
        )
        found = await self._index.search(query)
        hits = [hit for hit in found.hits if hit.id != str(resource_id)]
        live = await self._live(hits)
        return [live[hit.id] for hit in hits if hit.id in live][:limit]

    async def _live(self, hits: Sequence[Hit]) -> Mapping[str, Row]:
        return await self._reads.live([hit.id for hit in hits]) if hits else {}

    async def _find(self, text: str, query: Query) -> tuple[Found, Understood]:
        """What was typed; where that finds few, what was meant, and behind it most of it."""
        reader = self._language.reader
        literal = reader.literal(text)
        if not literal.units and text.strip():
            return Found(0, (), {}), literal
        found = await self._ask(query, literal.units)
        if found.total >= FEW or not literal.units:
            return found, literal
        understood = literal
        corrected = await asyncio.to_thread(reader.corrected, text)
        if corrected is not None:
            again = await self._ask(query, corrected.units)
            if again.total > found.total:
                found, understood = again, corrected
        units = understood.units
        if len(units) > 1:
            found = await self._ask(query, units, spared=max(1, len(units) // 3))
        return found, understood

    async def _ask(self, query: Query, units: tuple[Unit, ...], spared: int = 0) -> Found:
        return await self._index.search(replace(query, units=units, required=len(units) - spared))


_RESEMBLING = (Facet.GRADE, Facet.STAGE, Facet.EDITION)


def preferred(caller: Principal | None, asked: Chosen) -> Chosen:
    """With the regions and subjects in which the caller has a role, where nothing else is asked."""
    grants = grants_of(caller) if caller else ()
    regions = dict.fromkeys(region for each in grants for region in regions_of(each.path))
    subjects = dict.fromkeys(each.subject for each in grants if each.subject)
    known = {Facet.REGION: tuple(regions), Facet.SUBJECT: tuple(subjects)}
    return {facet: values for facet, values in {**known, **asked}.items() if values}


def _highlights(marks: Marks, hit: Hit, row: Row) -> Mapping[str, str]:
    """Of the version that is live, where that is the one indexed."""
    told = {"title": marks.whole(row["title"])}
    if hit.version == row["live_version"]:
        for name, text in (("description", hit.description), ("text", hit.text)):
            if (excerpt := marks.excerpt(text)) is not None:
                told[name] = excerpt
    return told
