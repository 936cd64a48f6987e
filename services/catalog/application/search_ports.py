"""What search needs from outside: an engine, and what the catalogue has published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from services.catalog.domain.changes import Place
from services.catalog.domain.search import Chosen, Document, Found, Query
from services.catalog.search.analysis import Analysed


@dataclass(frozen=True, slots=True)
class Indexed:
    """A document with what is indexed of it."""

    document: Document
    analysed: Analysed


class IndexBuilder(Protocol):
    """An index that is filled beside the one in use."""

    async def add(self, batch: Sequence[Indexed]) -> None: ...

    async def swap(self, place: Place) -> None:
        """Put it in the place of the one in use: it holds all changes up to `place`."""
        ...

    async def abandon(self) -> None:
        """Remove what was built; after `swap`, nothing."""
        ...


class SearchIndex(Protocol):
    """A disposable copy of what is published. Every method raises `SearchUnavailable` where there
    is no index, or its engine cannot be reached."""

    async def place(self) -> Place | None:
        """How far the feed of changes has been followed; None: it must be built."""
        ...

    async def apply(self, batch: Sequence[Indexed], removals: Sequence[UUID], place: Place) -> None:
        """Replace and remove documents, and remember `place` with them. May be repeated."""
        ...

    async def search(self, query: Query) -> Found: ...

    async def words(self, limit: int, *, texts: bool = False) -> Mapping[str, int]:
        """About the `limit` commonest words of titles, names and descriptions, or of `texts`, each
        with the number of documents it stands in."""
        ...

    async def build(self) -> IndexBuilder: ...

    def close(self) -> None: ...


Names = Mapping[tuple[str, str], tuple[str, ...]]
"""What a term is called, by dictionary and code: in Chinese first, then in English, then its
aliases."""


@dataclass(frozen=True, slots=True)
class Published:
    """A live version as it goes into the index, but for the text of its files: ``text_keys`` are
    the objects that hold it."""

    document: Document
    text_keys: tuple[str, ...]


class PublishedResources(Protocol):
    """What is indexed. Each method is one statement."""

    async def horizon(self) -> Place:
        """Behind it stands every change that a later read might miss."""
        ...

    async def names(self) -> Names: ...

    async def after(self, last: UUID | None, limit: int) -> Sequence[UUID]:
        """The ids of live resources behind `last`, in their order."""
        ...

    async def read(self, ids: Sequence[UUID], names: Names) -> Sequence[Published]:
        """Those of `ids` that everybody may read now."""
        ...


@dataclass(frozen=True, slots=True)
class GradeNames:
    """What organisations are called, by label, and what grades are, by code."""

    organisations: Mapping[str, str]
    grades: Mapping[str, tuple[str, ...]]


Row = Mapping[str, Any]
"""A live resource as lists show it, as JSON values: ``id``, ``code``, ``title``, ``stage``,
``subject``, ``grades``, ``edition``, ``types``, ``licence``, ``live_version``, ``updated_at``."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What resources are compared by."""

    title: str
    keywords: tuple[str, ...]
    facets: Chosen


@dataclass(frozen=True, slots=True)
class Shown:
    """``rows`` by id, and the ids of what an index may still hold though it was ``taken`` down."""

    rows: Mapping[str, Row]
    taken: frozenset[str]


class SearchReads(Protocol):
    """What everybody may read at this moment. Each other method is one statement."""

    async def live(self, ids: Sequence[str], place: Place) -> Shown:
        """Those of `ids`, in their usual text form, that are live, and all that was taken down by
        a change behind `place`. One statement; one more for those not shown lately, and one where
        there are such changes."""
        ...

    async def grade_names(self, labels: Sequence[str]) -> GradeNames:
        """Of the open organisations with those labels, and of all grades."""
        ...

    async def likeness(self, resource_id: UUID) -> Likeness | None: ...
