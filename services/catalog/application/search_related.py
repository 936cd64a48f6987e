"""What resembles a published resource."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.catalog.application.search import SPARE
from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import Row, SearchIndex, SearchReads
from services.catalog.domain.notices import TakenDown, Tombstone, taken_down
from services.catalog.domain.search import Alternative, Facet, Field, Query
from shared.errors import NotFound

_MOST_WORDS = 12
_RESEMBLING = (Facet.GRADE, Facet.STAGE, Facet.EDITION)


class Related:
    """`tombstone` tells what is left of a resource that was taken down, or raises `NotFound`."""

    def __init__(
        self,
        index: SearchIndex,
        reads: SearchReads,
        language: Language,
        tombstone: Callable[[UUID], Awaitable[Tombstone]],
    ) -> None:
        self._index = index
        self._reads = reads
        self._language = language
        self._tombstone = tombstone

    async def to(self, resource_id: UUID, limit: int) -> Sequence[Row]:
        """Of the same subject, with words of its title and keywords. Raises `NotFound`,
        `TakenDown`, `SearchUnavailable`."""
        likeness = await self._reads.likeness(resource_id)
        if likeness is None:
            raise await self._absence(resource_id)
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
            limit=limit + SPARE,
        )
        found = await self._index.search(query)
        shown = await self._reads.live([hit.id for hit in found.hits], found.place)
        others = (hit.id for hit in found.hits if hit.id != str(resource_id))
        return [shown.rows[each] for each in others if each in shown.rows][:limit]

    async def _absence(self, resource_id: UUID) -> NotFound | TakenDown:
        try:
            left = await self._tombstone(resource_id)
        except NotFound:
            return NotFound("There is no such resource.", zh="没有该资源。")
        return taken_down(left.code, left.state, left.notice)
