"""What was found for the questions asked last: a class of pupils asks the same."""

from collections.abc import Hashable

from services.catalog.domain.search import Chosen, Found, Query
from services.catalog.search.recent import Recent

_MOST_ANSWERS = 500
_LONGEST_TEXTS = 100_000
"""In characters: an answer with more is asked for again."""


class Remembered:
    """Answers by the state of the index that gave them. For the event loop's thread alone."""

    def __init__(self) -> None:
        self._answers = Recent[tuple[Hashable, ...], Found](_MOST_ANSWERS)

    def get(self, state: Hashable, query: Query) -> Found | None:
        return self._answers.get(_key(state, query))

    def put(self, state: Hashable, query: Query, found: Found) -> None:
        if sum(len(hit.text) + len(hit.description) for hit in found.hits) <= _LONGEST_TEXTS:
            self._answers.put(_key(state, query), found)


def _key(state: Hashable, query: Query) -> tuple[Hashable, ...]:
    return (
        state,
        query.units,
        query.required,
        _items(query.filters),
        _items(query.preferred),
        query.excluded,
        query.facets,
        query.sort,
        query.offset,
        query.limit,
    )


def _items(chosen: Chosen) -> frozenset[Hashable]:
    return frozenset(chosen.items())
