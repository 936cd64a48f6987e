"""Questions in the terms of tantivy. No text of a caller is ever parsed as a query.

Which documents match is asked of one field that holds every word once; how well they do, of the
single fields, and of those documents alone. Counting facets so costs a quarter of what it would.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

from services.catalog.domain.search import Alternative, Chosen, Facet, Field, Query, Unit

if TYPE_CHECKING:
    import tantivy

FACET_FIELDS = {facet: f"facet_{facet}" for facet in Facet}
ALL_WORDS = "all_words"
_WORD_FIELDS = (("title", 3.0), ("names", 2.0), ("description", 0.7), ("text", 0.4))
_PHRASE_WEIGHT = {Field.CHARACTERS: 2.0, Field.SYLLABLES: 1.5}
_INITIALS_WEIGHT = 2.0
_PREFERENCE = 0.5
"""Added to a score for each preference met: less than a word in a title brings."""
_MOST_WAYS = 20


class Queries:
    def __init__(self, schema: "tantivy.Schema") -> None:
        # Imported here: a process that never searches need not load it.
        import tantivy

        self._schema = schema
        self._query = tantivy.Query
        self._must, self._should = tantivy.Occur.Must, tantivy.Occur.Should
        self._must_not = tantivy.Occur.MustNot
        self._all = self._query.const_score_query(self._term("kind", "resource"), 0.0)

    def identified(self, value: str) -> "tantivy.Query":
        """The document with that id."""
        return self._term("id", value)

    def matching(self, query: Query) -> "tantivy.Query":
        """What answers, without an order."""
        clauses = [(self._must, each) for each in self._filters(query.filters)]
        units = [self._matched(unit) for unit in query.units]
        if query.required >= len(units):
            clauses += [(self._must, each) for each in units]
        else:
            clauses.append((self._must, self._some(units, query.required)))
        clauses = clauses or [(self._must, self._all)]
        if query.excluded:
            excluded = self._query.term_set_query(self._schema, "id", list(query.excluded))
            clauses.append((self._must_not, excluded))
        return self._query.boolean_query(clauses)

    def ranked(self, query: Query, matching: "tantivy.Query") -> "tantivy.Query":
        """The `matching` of `query`, the best first."""
        clauses = [(self._must, self._query.const_score_query(matching, 0.0))]
        clauses += [(self._should, self._scored(unit)) for unit in query.units]
        clauses += [(self._should, each) for each in self._preferences(query.preferred)]
        return self._query.boolean_query(clauses)

    def _some(self, units: Sequence["tantivy.Query"], required: int) -> "tantivy.Query":
        """`required` of `units`. Where there are few ways to have so many, each way is an
        intersection, which takes a third of the time that counting does."""
        if required > 1 and comb(len(units), required) <= _MOST_WAYS:
            units = [self._every(each) for each in combinations(units, required)]
            required = 1
        return self._query.boolean_query([(self._should, each) for each in units], required)

    def _every(self, units: Sequence["tantivy.Query"]) -> "tantivy.Query":
        return self._query.boolean_query([(self._must, each) for each in units])

    def _matched(self, unit: Unit) -> "tantivy.Query":
        found = [self._match(each) for each in unit]
        if len(found) == 1:
            return found[0]
        return self._query.boolean_query([(self._should, each) for each in found])

    def _match(self, alternative: Alternative) -> "tantivy.Query":
        if alternative.field is not Field.WORDS:
            return self._sequence(alternative)
        *whole, last = alternative.terms
        words = [self._term(ALL_WORDS, word) for word in whole]
        words.append(self._word(ALL_WORDS, last, prefix=alternative.prefix))
        return words[0] if len(words) == 1 else self._every(words)

    def _scored(self, unit: Unit) -> "tantivy.Query":
        return self._query.disjunction_max_query([self._score(each) for each in unit], 0.1)

    def _score(self, alternative: Alternative) -> "tantivy.Query":
        if alternative.field is Field.WORDS:
            *_, last = alternative.terms
            fields = [
                self._query.boost_query(
                    self._word(name, last, prefix=alternative.prefix), weight * alternative.weight
                )
                for name, weight in _WORD_FIELDS
            ]
            return self._query.disjunction_max_query(fields, 0.2)
        weight = _PHRASE_WEIGHT.get(alternative.field, _INITIALS_WEIGHT)
        return self._query.boost_query(self._sequence(alternative), weight * alternative.weight)

    def _sequence(self, alternative: Alternative) -> "tantivy.Query":
        name, terms = alternative.field.value, alternative.terms
        if len(terms) == 1:
            return self._word(name, terms[0], prefix=alternative.prefix)
        if alternative.prefix:
            return self._query.phrase_prefix_query(self._schema, name, list(terms))
        return self._query.phrase_query(self._schema, name, list(terms))

    def _word(self, name: str, word: str, *, prefix: bool) -> "tantivy.Query":
        if not prefix:
            return self._term(name, word)
        # Letters and digits alone, as every token of a query: none means anything in a pattern.
        return self._query.regex_query(self._schema, name, f"{word}.*")

    def _filters(self, chosen: Chosen) -> Iterator["tantivy.Query"]:
        for facet, values in chosen.items():
            found = self._query.term_set_query(self._schema, FACET_FIELDS[facet], list(values))
            yield self._query.const_score_query(found, 0.0)

    def _preferences(self, preferred: Chosen) -> Iterator["tantivy.Query"]:
        for facet, values in preferred.items():
            for value in values:
                found = self._term(FACET_FIELDS[facet], value)
                yield self._query.const_score_query(found, _PREFERENCE)

    def _term(self, name: str, value: str) -> "tantivy.Query":
        return self._query.term_query(self._schema, name, value, "freq")
