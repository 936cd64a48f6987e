"""Questions in the terms of Meilisearch: every way to read a query, merged by its federation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.catalog.domain.search import Alternative, Chosen, Facet, Field, Query, Sort, Unit

FACET_FIELDS = {facet: f"facet_{facet}" for facet in Facet}
_WORDS = ["title_words", "names_words", "description_words", "text_words", "characters"]
_SEARCHED_TOO: Mapping[Field, list[str]] = {
    Field.SYLLABLES: ["syllables"],
    Field.INITIALS: ["initials"],
}
_PREFERENCE = 1.05
"""Scores are between 0 and 1: what is preferred overtakes what answers nearly as well."""


def federated(name: str, query: Query) -> tuple[Sequence[Mapping[str, Any]], dict[str, Any]]:
    """The queries and the federation of one request to ``/multi-search``."""
    filters = ["kind = resource", *_filters(query.filters)]
    if query.excluded:
        filters.append(f"id NOT IN [{_quoted(query.excluded)}]")
    queries = []
    for text, fields, weight in _readings(query.units):
        asked = {
            "indexUid": name,
            "q": text,
            "filter": filters,
            # Meilisearch leaves words out from the end; which of them, it cannot be told.
            "matchingStrategy": "all" if query.required >= len(query.units) else "last",
            "federationOptions": {"weight": weight},
        }
        if fields:
            asked["attributesToSearchOn"] = fields
        if query.sort is Sort.NEWEST:
            asked["sort"] = ["published_at:desc"]
        queries.append(asked)
        for preferred in _filters(query.preferred):
            heavier = {"weight": weight * _PREFERENCE}
            queries.append({**asked, "filter": [*filters, preferred], "federationOptions": heavier})
    federation: dict[str, Any] = {"offset": query.offset, "limit": query.limit}
    if query.facets:
        federation["facetsByIndex"] = {name: [FACET_FIELDS[facet] for facet in query.facets]}
    return queries, federation


def _readings(units: Sequence[Unit]) -> Iterator[tuple[str, list[str], float]]:
    """The query as it was typed; with other words in the place of those; by sound; by initials:
    text, attributes, weight. Those that ask the same are told once."""
    if not units:
        yield "", [], 1.0
        return
    told = set[tuple[str, ...]]()
    for field, heaviest in (
        (None, True),
        (Field.CHARACTERS, True),
        (Field.WORDS, False),
        (Field.SYLLABLES, True),
        (Field.INITIALS, True),
    ):
        chosen = [_alternative(unit, field, heaviest=heaviest) for unit in units]
        text = " ".join(map(_text, chosen))
        fields = [*_WORDS, *(_SEARCHED_TOO.get(field, []) if field else [])]
        if (field and all(each.field is not field for each in chosen)) or (text, *fields) in told:
            continue
        told.add((text, *fields))
        yield text, fields, min(each.weight for each in chosen)


def _alternative(unit: Unit, field: Field | None, *, heaviest: bool) -> Alternative:
    """The one in `field` if there is one, else the first."""
    fitting = [each for each in unit if each.field is field]
    if not fitting:
        return unit[0]
    return fitting[0] if heaviest else fitting[-1]


def _text(alternative: Alternative) -> str:
    """A phrase between quotes; a word alone, so that it may be the beginning of one."""
    if alternative.field is Field.WORDS or len(alternative.terms) == 1:
        return " ".join(alternative.terms)
    if alternative.prefix:
        return " ".join(alternative.terms)
    return f'"{" ".join(alternative.terms)}"'


def _filters(chosen: Chosen) -> Iterator[str]:
    for facet, values in chosen.items():
        yield f"{FACET_FIELDS[facet]} IN [{_quoted(values)}]"


def _quoted(values: Iterable[str]) -> str:
    """Ids, codes and paths: letters, digits, dots, hyphens and underscores alone."""
    return ", ".join(f'"{each}"' for each in values)
