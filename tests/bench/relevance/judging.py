"""Which resource answers which query how well, by rules over attributes. See README.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import log2
from uuid import UUID

from tests.bench.relevance.corpus import HERE, Attributes, Resource, Topic, rows, topics

PERFECT = 3
_CORE = ("subject", "topic", "grade", "stage")
_NAMES = [field.name for field in fields(Attributes)]


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """``keyword`` asks for every topic that is described with it."""

    kind: str
    query: str
    wanted: Attributes
    keyword: str


def judged_queries() -> Sequence[JudgedQuery]:
    return [
        JudgedQuery(
            row["kind"],
            row["query"],
            Attributes(**{name: row[name] for name in _NAMES}),
            row["keyword"],
        )
        for row in rows(HERE / "queries.csv")
    ]


class Judge:
    """Tells, for a query, the relevance (1 to `PERFECT`) of every resource that has any."""

    def __init__(self, corpus: Sequence[Resource]) -> None:
        self._corpus = corpus
        self._topics: Mapping[str, Topic] = {each.topic: each for each in topics()}

    def judgements(self, query: JudgedQuery) -> Mapping[UUID, int]:
        told = {}
        for resource in self._corpus:
            relevance = self._relevance(query, resource.attributes)
            if relevance:
                told[resource.document.id] = relevance
        return told

    def _relevance(self, query: JudgedQuery, resource: Attributes) -> int:
        if query.keyword:
            topic = self._topics.get(resource.topic)
            if topic is None or query.keyword not in topic.keywords:
                return 0
        missed = 0
        for name in _NAMES:
            wanted = getattr(query.wanted, name)
            if not wanted or wanted == getattr(resource, name):
                continue
            if name in _CORE:
                return 0
            missed += 1
        return max(0, PERFECT - missed)


def ndcg(found: Sequence[UUID], judgements: Mapping[UUID, int], depth: int = 10) -> float:
    """Normalised discounted cumulative gain, with gains of 2^relevance - 1 (Burges et al. 2005)."""
    ideal = sorted(judgements.values(), reverse=True)
    best = _gain(ideal[:depth])
    return _gain([judgements.get(each, 0) for each in found[:depth]]) / best if best else 0.0


def recall(found: Sequence[UUID], judgements: Mapping[UUID, int], depth: int = 50) -> float:
    """The share of the perfect answers, at most `depth` of them, among the first `depth` hits."""
    perfect = {each for each, relevance in judgements.items() if relevance == PERFECT}
    if not perfect:
        return 0.0
    return len(perfect & set(found[:depth])) / min(depth, len(perfect))


def _gain(relevances: Sequence[int]) -> float:
    return sum((2.0**each - 1) / log2(place + 2) for place, each in enumerate(relevances))
