"""What was found for the questions asked last: a class of pupils asks the same."""

from collections import OrderedDict
from collections.abc import Hashable

from services.catalog.domain.search import Chosen, Found, Query

_MOST_ANSWERS = 500
_LONGEST_TEXTS = 100_000
"""In characters: an answer with more is asked for again."""


class Remembered:
    """Answers by the state of the index that gave them, the least recently asked forgotten first.
    For the event loop's thread alone."""

    def __init__(self) -> None:
        self._answers = OrderedDict[tuple[Hashable, ...], Found]()

    def get(self, state: Hashable, query: Query) -> Found | None:
        key = _key(state, query)
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def put(self, state: Hashable, query: Query, found: Found) -> None:
        if sum(len(hit.text) + len(hit.description) for hit in found.hits) > _LONGEST_TEXTS:
            return
        self._answers[_key(state, query)] = found
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)


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
